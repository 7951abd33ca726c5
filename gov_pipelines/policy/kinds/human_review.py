"""`human_review`: which decisions a person looks at first."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, OnFail


class HumanReview(BoundControl):
    """Decisions that meet `when` (default: the declaration's `needs_review`) are reviewed by `role` no later than `before`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["human_review"]
    when: str | None = None
    role: str = Field(examples=["senior_underwriter"])
    before: str | None = None
