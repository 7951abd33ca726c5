"""`fairness`: outcomes of groups compared over a window."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges
from gov_pipelines.policy.strict import Strict

Metric = Literal[
    "selection_rate",
    "impact_ratio",
    "adverse_impact_ratio",
    "demographic_parity_difference",
    "demographic_parity_ratio",
]


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
    metric: Metric
    by: list[str | list[str]] = []
    at_least: float | None = None
    at_most: float | None = None
    test: Test | Literal["none"] = Test()
    min_group_size: int = Field(default=30, ge=1)
    reference: dict[str, str] | None = None
    among: dict[str, str] = {}

    @model_validator(mode="after")
    def _reference_where_needed(self) -> Fairness:
        if self.metric == "adverse_impact_ratio" and self.reference is None:
            raise ValueError(
                "adverse_impact_ratio compares with a declared group; add one, such as `reference: {race: white}`"
            )
        return self
