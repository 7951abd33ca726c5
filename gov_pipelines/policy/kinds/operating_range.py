"""`operating_range`: what outputs and volumes are expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from gov_pipelines.policy.declaration import Range
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Nights, Past, each_once


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
