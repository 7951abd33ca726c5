"""The kinds of control a clause can be bound to: what each may say, how it acts by default, what it looks at."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gov_pipelines.policy.declaration import ApprovedModel as ModelApproval
from gov_pipelines.policy.declaration import MayDecide, Range
from gov_pipelines.policy.durations import DurationField, Window, WindowField
from gov_pipelines.policy.strict import Strict

Acts = Literal["prevents", "holds", "detects"]
OnFail = Literal["alert", "hold_decision", "hold_all", "suspend"]
Severity = Literal["critical", "warning", "info"]
Judges = Literal["decision", "population", "access"]


_NO_AT_MOST = {"impact_ratio", "demographic_parity_ratio"}


def _each_once(entries: list[Any]) -> list[Any]:
    """Refuse an empty entry, and what stands twice: `sex` and `[sex]` are one, and so are `[a, b]` and `[b, a]`."""
    seen = set[frozenset[str]]()
    for entry in entries:
        names = frozenset([entry] if isinstance(entry, str) else entry)
        if not names or names in seen or (isinstance(entry, list) and len(entry) > len(names)):
            raise ValueError(f"{entry} is empty or stands twice; name each once")
        seen.add(names)
    return entries


class BoundControl(Strict):
    """Fields shared by all kinds.

    `judges` says what the control looks at: each decision, the population of a window, or the access log.
    `approver` is the person or role that releases what `on_fail: hold_all` holds.
    """

    judges: ClassVar[Judges]
    default_on_fail: ClassVar[OnFail] = "alert"

    acts: Acts | None = None
    on_fail: OnFail | None = None
    approver: str | None = None
    severity: Severity = "warning"
    notify: list[str] = []
    window: WindowField = Window("partition")


class ApprovedModel(BoundControl):
    """Each decision was made by a version approved on that date; default: the declaration's `intake.models`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["approved_model"]
    models: list[ModelApproval] = []


class DataAccess(BoundControl):
    """Fields the system's role may read; default: the declaration's `intake.may_read`. `never` is refused even if declared."""

    judges: ClassVar[Judges] = "access"

    kind: Literal["data_access"]
    may_read: list[str] | None = None
    never: list[str] = []


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


class Test(Strict):
    """Which hypothesis a failure must reject, and how many comparisons are paid for."""

    against: Literal["equality", "threshold"] = "equality"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    adjust: Literal["holm", "bonferroni"] = "holm"


class Fairness(BoundControl):
    """A limit on a metric of groups. No limit at all reports only.

    `by` lists attributes; a list inside it is their intersection. Without it: every protected attribute declared.
    `reference` declares the group to compare with; without it the data choose the best group and every pair is paid
    for. `among` keeps the cells whose stratum has the given value, such as `{credit_history_meets_guidelines: "1"}`.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["fairness"]
    metric: Literal[
        "selection_rate",
        "impact_ratio",
        "adverse_impact_ratio",
        "demographic_parity_difference",
        "demographic_parity_ratio",
    ]
    by: Annotated[list[str | list[str]], AfterValidator(_each_once)] = []
    at_least: float | None = Field(default=None, gt=0, le=1)
    at_most: float | None = None
    test: Test | Literal["none"] = Test()
    min_group_size: int = Field(default=30, ge=1, le=1_000_000_000)
    reference: dict[str, str] | None = None
    among: dict[str, str] = {}

    @model_validator(mode="after")
    def _reference_where_needed(self) -> Fairness:
        if self.metric == "adverse_impact_ratio" and self.reference is None:
            raise ValueError(
                "adverse_impact_ratio compares with a declared group; add one, such as `reference: {race: white}`"
            )
        return self

    @model_validator(mode="after")
    def _limits_of_the_metric(self) -> Fairness:
        if self.metric == "demographic_parity_difference" and self.at_least is not None:
            raise ValueError(f"`{self.metric}` is good when small; write `at_most`, such as 0.05")
        if self.at_most is None:
            return self
        if self.metric in _NO_AT_MOST:
            raise ValueError(f"`{self.metric}` is good when large and never above 1; write `at_least`, such as 0.8")
        if self.metric == "adverse_impact_ratio" and self.at_most <= 1:
            raise ValueError("at most 1 would refuse equality; write `at_least`, or an `at_most` above 1, such as 1.25")
        if self.metric != "adverse_impact_ratio" and not (self.at_least or 0) <= self.at_most < 1:
            raise ValueError(
                f"no {self.metric} can be held to {self.at_most:g}; write `at_most` below 1, not under `at_least`"
            )
        return self


class Reference(Strict):
    """The partitions whose tallies are the baseline: from inclusive, until exclusive, local dates."""

    from_: date = Field(alias="from", examples=["2026-09-01"])
    until: date = Field(examples=["2026-10-01"])

    @model_validator(mode="after")
    def _forward(self) -> Reference:
        if self.until <= self.from_:
            raise ValueError(f"until ({self.until}) is not after from ({self.from_}); exchange them")
        return self


class Drift(BoundControl):
    """A limit on the population stability index of columns; `decision` is the decision mix."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal["psi"] = "psi"
    of: Annotated[list[str], Field(min_length=1, examples=["[score, decision]"]), AfterValidator(_each_once)]
    at_most: float | None = Field(default=None, gt=0)
    reference: Reference = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    bins: int = Field(default=10, ge=2, le=100)
    test: Test | Literal["none"] = Test()


class LogQuality(BoundControl):
    """A share of rows missing, quarantined or doubled, at most. `missing_share` names its columns in `of`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["log_quality"]
    metric: Literal["missing_share", "quarantined_share", "duplicate_share"]
    of: Annotated[list[str], AfterValidator(_each_once)] = []
    at_most: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _of_what(self) -> LogQuality:
        if (self.metric == "missing_share") != bool(self.of):
            raise ValueError(
                "`of` and missing_share belong together; list columns for a missing_share, and for nothing else"
            )
        return self


class OperatingRange(BoundControl):
    """Inclusive ranges by column, and `rows_per_day`; default: the declaration's `operating_range`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["operating_range"]
    ranges: dict[str, Range] = {}


class Freshness(BoundControl):
    """Hours between the newest decision and the end of the partition, at most `within`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["freshness"]
    within: DurationField = Field(examples=["24 hours"])


class Expectation(BoundControl):
    """A native expectation: `expect` is its snake-case name, `arguments` its keywords. The table has one row a measurement."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["expectation"]
    expect: str = Field(pattern=r"^expect_[a-z0-9_]+$", examples=["expect_column_values_to_be_between"])
    arguments: dict[str, Any] = {}


Control = (
    ApprovedModel
    | DataAccess
    | Deadline
    | DecisionRule
    | DecisionScope
    | Drift
    | Expectation
    | Fairness
    | Freshness
    | HumanReview
    | LogQuality
    | OperatingRange
)
