"""`fairness`: how groups of people fare."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Test, each_once

_NO_AT_MOST = {"impact_ratio", "demographic_parity_ratio"}


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
    by: Annotated[list[str | list[str]], AfterValidator(each_once)] = []
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
