"""The kinds that judge the decisions of a window together, apart from `fairness`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from gov_pipelines.policy.declaration import Range
from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Nights, Past, Test, each_once, over_year

ORDERED = frozenset({"ks", "wasserstein", "wasserstein_normed"})
"""Metrics of numbers only."""
UNBOUNDED = frozenset({"psi", "wasserstein", "wasserstein_normed"})
"""Metrics that can be above 1."""
ACCESS_LOG = "access_log"


class Drift(BoundControl):
    """A limit on how far columns have moved; `decision` is the decision mix, `label` the outcome that matures later.

    `per` names protected attributes: each column is then compared within each of their groups.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal[
        "psi", "ks", "wasserstein", "wasserstein_normed", "jensen_shannon_distance", "jensen_shannon_divergence", "hellinger",
        "total_variation", "l_infinity", "cramers_v",
    ] = "psi"  # fmt: skip
    of: Annotated[list[str], Field(min_length=1, examples=["[score, decision]"]), AfterValidator(each_once)]
    per: Annotated[list[str], AfterValidator(each_once)] = []
    at_most: float | None = Field(default=None, gt=0)
    reference: Past = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    bins: int = Field(default=10, ge=2, le=100)
    min_group_size: int = Field(default=30, ge=1, le=1_000_000_000)
    test: Test | Literal["none"] = Test()

    def wrong(self) -> Iterator[str]:
        """Evidence over nights of what changes or has several values; a limit beyond what its metric can be."""
        if over_year(self) and (self.reference.weeks or "reason_codes" in self.of):
            what = "`reason_codes`" if "reason_codes" in self.of else "the `weeks` before"
            yield f"`error_over: year` needs fixed days and one value a decision, not {what}; leave it out"
        if self.at_most is not None and self.at_most >= 1 and self.metric not in UNBOUNDED:
            yield f"`at_most: {self.at_most:g}` can never be passed: {self.metric} is at most 1; write less"


class Expectation(BoundControl):
    """A native expectation: `expect` is its snake-case name, `arguments` its keywords. The table has one row a measurement."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["expectation"]
    expect: str = Field(pattern=r"^expect_[a-z0-9_]+$", examples=["expect_column_values_to_be_between"])
    arguments: dict[str, Any] = {}


class Freshness(BoundControl):
    """Time between the newest decision and the end of the partition, at most `within`.

    `of: access_log` asks for the newest read instead. Any other name is one of the declaration's `documents`: its date is
    at most `within` before the partition.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["freshness"]
    of: str | None = Field(default=None, examples=["bias_audit"])
    within: DurationField = Field(examples=["24 hours"])

    @property
    def document(self) -> str | None:
        """The document whose date is asked for; None where decisions or reads are."""
        return None if self.of == ACCESS_LOG else self.of


class LogQuality(BoundControl):
    """A share of rows missing, quarantined or doubled, at most. `missing_share` names its columns in `of`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["log_quality"]
    metric: Literal["missing_share", "quarantined_share", "duplicate_share"]
    of: Annotated[list[str], AfterValidator(each_once)] = []
    at_most: float | None = Field(default=None, ge=0, lt=1)

    def wrong(self) -> Iterator[str]:
        """Columns without a share of what they miss, or such a share without columns."""
        if (self.metric == "missing_share") != bool(self.of):
            yield "`of` and missing_share belong together; list columns for a missing_share, and for nothing else"


class OperatingRange(BoundControl):
    """Inclusive ranges by column, and `rows_per_day`; default: the declaration's `operating_range`.

    `usual` lists what is compared with the same weekdays of `reference`: `volume`, `hours` (the share of decisions in
    each local hour), or the shares of a category such as `decision`. Of `new`'s categories no value may be one that
    `reference` lacks. `one_false_alarm_in` is how many nights may pass, at least, between two alarms by chance alone.
    """

    judges: ClassVar[Judges] = "population"

    kind: Literal["operating_range"]
    ranges: dict[str, Range] = {}
    usual: Annotated[list[str], AfterValidator(each_once)] = []
    new: Annotated[list[str], AfterValidator(each_once)] = []
    reference: Past = Past(weeks=8)
    one_false_alarm_in: Nights = 5000

    @property
    def own(self) -> bool:
        """Whether it says for itself what to hold outputs against."""
        return bool(self.ranges or self.usual or self.new)

    def ranges_of(self, declared: Mapping[str, Range]) -> Mapping[str, Range]:
        """Its own ranges; the declared ones where it says nothing of its own."""
        return self.ranges if self.own else declared
