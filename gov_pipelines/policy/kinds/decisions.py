"""The kinds that judge each decision for itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.declaration import ApprovedModel as ModelApproval
from gov_pipelines.policy.declaration import MayDecide
from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, OnFail


class ApprovedModel(BoundControl):
    """Each decision was made by a version approved on that date; default: the declaration's `intake.models`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["approved_model"]
    models: list[ModelApproval] = []


class Deadline(BoundControl):
    """`to` is at most `within` after `from`. A moment after the audit's `as_of` has not happened yet."""

    judges: ClassVar[Judges] = "decision"

    kind: Literal["deadline"]
    from_: str = Field(alias="from", examples=["completed_at"])
    to: str = Field(examples=["notice_sent_at"])
    within: DurationField = Field(examples=["30 days"])
    when: str | None = None


class DecisionRule(BoundControl):
    """`must` holds for each decision that meets `when`. Both are SQL predicates over canonical columns."""

    judges: ClassVar[Judges] = "decision"

    kind: Literal["decision_rule"]
    must: str = Field(examples=['"amount <= 500000"'])
    when: str | None = None


class DecisionScope(BoundControl):
    """Products and amounts the system may decide on; default: the declaration's `intake.may_decide`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["decision_scope"]
    may_decide: MayDecide | None = None


class HumanReview(BoundControl):
    """Decisions that meet `when` (default: the declaration's `needs_review`) are reviewed by `role` no later than `before`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["human_review"]
    when: str | None = None
    role: str = Field(examples=["senior_underwriter"])
    before: str | None = None
