"""`decision_rule`: what holds for each decision."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class DecisionRule(BoundControl):
    """`must` holds for each decision that meets `when`. Both are SQL predicates over canonical columns."""

    judges: ClassVar[Judges] = "decision"

    kind: Literal["decision_rule"]
    must: str = Field(examples=['"amount <= 500000"'])
    when: str | None = None
