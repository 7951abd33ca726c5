"""`drift`: how far a distribution has moved from its reference."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Past, Test, each_once, over_year

ORDERED = frozenset({"ks", "wasserstein", "wasserstein_normed"})
"""Metrics of numbers only."""
UNBOUNDED = frozenset({"psi", "wasserstein", "wasserstein_normed"})
"""Metrics that can be above 1."""


class Drift(BoundControl):
    """A limit on how far columns have moved; `decision` is the decision mix, `label` the outcome that matures later.

    `per` names protected attributes: each column is then compared within each of their groups.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal[
        "psi",
        "ks",
        "wasserstein",
        "wasserstein_normed",
        "jensen_shannon_distance",
        "jensen_shannon_divergence",
        "hellinger",
        "total_variation",
        "l_infinity",
        "cramers_v",
    ] = "psi"
    of: Annotated[list[str], Field(min_length=1, examples=["[score, decision]"]), AfterValidator(each_once)]
    per: Annotated[list[str], AfterValidator(each_once)] = []
    at_most: float | None = Field(default=None, gt=0)
    reference: Past = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    bins: int = Field(default=10, ge=2, le=100)
    min_group_size: int = Field(default=30, ge=1, le=1_000_000_000)
    test: Test | Literal["none"] = Test()

    @model_validator(mode="after")
    def _evidence_of_nights(self) -> Drift:
        if over_year(self) and (self.reference.weeks or "reason_codes" in self.of):
            what = "`reason_codes`" if "reason_codes" in self.of else "the `weeks` before"
            raise ValueError(f"`error_over: year` needs fixed days and one value a decision, not {what}; leave it out")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Drift:
        if self.at_most is not None and self.at_most >= 1 and self.metric not in UNBOUNDED:
            raise ValueError(f"`at_most: {self.at_most:g}` can never be passed: {self.metric} is at most 1; write less")
        return self
