"""`access_pattern`: who reads, what, why, when and how much, against how it was before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from gov_pipelines.policy.declaration import Range
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Nights, Past, each_once

Watched = Literal["principal", "role", "field", "table", "purpose", "hour"]
Counted = Literal["reads", "rows"]


class AccessPattern(BoundControl):
    """Values in the access log that the reference days do not have: at most `at_most_new` of each watched column.

    `hour` is the local hour of the read. `reads` is the range allowed for the day's reads as a multiple of the reference's
    daily mean, such as `[0.5, 2]`. `usual` compares the `reads`, or the `rows` they returned, of everybody together and
    of each principal with those of the same weekdays of `reference`; `one_false_alarm_in` is how many nights may pass, at
    least, between two alarms by chance alone.
    """

    judges: ClassVar[Judges] = "access"

    kind: Literal["access_pattern"]
    watch: Annotated[list[Watched], Field(min_length=1), AfterValidator(each_once)] = ["principal", "field", "purpose"]
    reference: Past = Field(examples=["{from: 2026-09-01, until: 2026-10-01}", "{weeks: 8}"])
    at_most_new: int = Field(default=0, ge=0, le=1_000_000)
    reads: Range | None = None
    usual: Annotated[list[Counted], AfterValidator(each_once)] = []
    one_false_alarm_in: Nights = 5000
