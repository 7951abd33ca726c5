"""`fairness`: how groups of people fare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Test, each_once, over_year
from gov_pipelines.policy.kinds.rates import GOOD, SHAPES

RATES = frozenset(name for name, shape in SHAPES.items() if shape.form == "rate")
DIFFERENCES = frozenset(name for name, shape in SHAPES.items() if shape.form == "difference")
SIGNED = frozenset({"standardized_mean_difference", "availability_z"})
REFERENCED = frozenset({"adverse_impact_ratio", "common_odds_ratio", "standardized_mean_difference"})
_NOT_BY_NIGHT = RATES | SIGNED | {"scoring_impact_ratio", "common_odds_ratio"}
_ABOVE_ONE = frozenset({"adverse_impact_ratio", "common_odds_ratio"})
_OWN = {
    "common_odds_ratio": {"over": "`over: [requisition]`, the strata"},
    "standardized_mean_difference": {
        "of": "`of: score`, the number whose means are compared",
        "denominator": "`denominator: population`, the standard deviation it is divided by",
    },
    "availability_z": {"availability": "`availability: {sex: {female: 0.45}}`, the shares of the pool"},
}

METRICS = (*SHAPES, "common_odds_ratio", "standardized_mean_difference", "availability_z")

Share = Annotated[float, Field(gt=0, lt=1)]


def _known(metric: str) -> str:
    if metric not in METRICS:
        raise PydanticCustomError("literal_error", "unknown", {"expected": ", ".join(map(repr, METRICS))})
    return metric


class Fairness(BoundControl):
    """A limit on a metric of groups. No limit at all reports only.

    `by` lists attributes; a list inside it is their intersection. Without it: every protected attribute declared.
    `reference` declares the group to compare with; without it the data choose the best group and every pair is paid
    for. `among` keeps the cells whose stratum has the given value, such as `{credit_history_meets_guidelines: "1"}`.
    `over` (strata), `of` and `denominator` (a number, and the standard deviation its means are divided by) and
    `availability` (each group's share of those who could have been chosen) belong to one metric each.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["fairness"]
    metric: Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(METRICS), "type": "string"})] = Field(
        examples=["impact_ratio"]
    )
    by: Annotated[list[str | list[str]], AfterValidator(each_once)] = []
    at_least: float | None = None
    at_most: float | None = None
    test: Test | Literal["none"] = Test()
    min_group_size: int = Field(default=30, ge=1, le=1_000_000_000)
    reference: dict[str, str] | None = None
    among: dict[str, str] = {}
    over: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)] | None = None
    of: str | None = None
    denominator: Literal["population", "pooled", "reference"] | None = None
    availability: dict[str, dict[str, Share]] | None = None

    @property
    def rates(self) -> tuple[str, ...]:
        """What is compared, by the names of `GOOD`; of several the worst counts."""
        return SHAPES[self.metric].rates if self.metric in SHAPES else ("selection_rate",)

    @property
    def each_alone(self) -> bool:
        """Whether each group is compared with the declared one for itself: a ratio that falls behind by rising."""
        ratio = self.metric in SHAPES and SHAPES[self.metric].form == "ratio"
        return ratio and self.reference is not None and GOOD[self.rates[0]] == "small"

    def of_rate(self, rate: str) -> str:
        """The name of this metric for one of its rates."""
        return f"{rate}_{SHAPES[self.metric].form}" if len(self.rates) > 1 else self.metric

    @field_validator("at_least")
    @classmethod
    def _lowest(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None:
            return None
        if info.data.get("metric") in SIGNED:
            if value >= 0:
                raise ValueError(f"`{value:g}` would refuse equality; write a limit below 0, such as -0.3")
        elif value <= 0:
            raise ValueError(f"`{value:g}` should be greater than 0; nothing could be below it")
        elif value > 1:
            raise ValueError(f"`{value:g}` should be less than or equal to 1; equality is 1")
        return value

    def wrong(self) -> Iterator[str]:
        """Parameters that are another metric's, and limits that a metric cannot be held to."""
        if self.metric in REFERENCED and self.reference is None:
            yield f"{self.metric} compares with a declared group; add one, such as `reference: {{race: white}}`"
        if self.reference is not None and len(self.rates) > 1:
            yield f"{self.metric} compares every group with every other; leave `reference` out"
        for metric, fields in _OWN.items():
            for field, example in fields.items():
                if (self.metric == metric) != (getattr(self, field) is not None):
                    yield f"`{field}` and {metric} belong together; write {example}, or neither"
        if self.availability is not None and self.by:
            yield "`availability` names its attributes; leave `by` out"
        if over_year(self) and self.metric in _NOT_BY_NIGHT:
            yield f"`error_over: year` compares two groups' counts; {self.metric} is none, so leave it out"
        small = self.metric in DIFFERENCES or GOOD.get(self.metric) == "small" or self.each_alone
        if small and self.at_least is not None:
            most = 1.25 if self.each_alone else 0.05
            yield f"`{self.metric}` is good when small; write `at_most`, such as {most}"
        if self.at_most is not None:
            yield from self._above(self.at_most)

    def _above(self, most: float) -> Iterator[str]:
        if GOOD.get(self.metric) == "large":
            yield f"`{self.metric}` is good when large; write `at_least`, such as 0.8"
        if self.metric in SIGNED:
            if most <= 0:
                yield f"at most {most:g} would refuse equality; write a limit above 0, such as 0.3"
        elif self.metric in _ABOVE_ONE or self.each_alone:
            if most <= 1:
                yield "at most 1 would refuse equality; write `at_least`, or an `at_most` above 1, such as 1.25"
        elif self.metric not in RATES | DIFFERENCES:
            yield f"`{self.metric}` is good when large and never above 1; write `at_least`, such as 0.8"
        elif not (self.at_least or 0) <= most < 1:
            yield f"no {self.metric} can be held to {most:g}; write `at_most` below 1, not under `at_least`"
