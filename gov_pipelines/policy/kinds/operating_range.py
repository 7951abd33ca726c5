"""`operating_range`: what outputs and volumes are expected."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.declaration import Range
from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class OperatingRange(BoundControl):
    """Inclusive ranges by column, and `rows_per_day`; default: the declaration's `operating_range`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["operating_range"]
    ranges: dict[str, Range] = {}
