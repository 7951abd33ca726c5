"""`access_pattern`: who reads, what, why and when, against how it was before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from gov_pipelines.policy.declaration import Range
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Reference, each_once

Watched = Literal["principal", "role", "field", "table", "purpose", "hour"]


class AccessPattern(BoundControl):
    """Values in the access log that the reference days do not have: at most `at_most_new` of each watched column.

    `hour` is the local hour of the read. `reads` is the range allowed for the day's reads as a multiple of the reference's
    daily mean, such as `[0.5, 2]`.
    """

    judges: ClassVar[Judges] = "access"

    kind: Literal["access_pattern"]
    watch: Annotated[list[Watched], Field(min_length=1), AfterValidator(each_once)] = ["principal", "field", "purpose"]
    reference: Reference = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    at_most_new: int = Field(default=0, ge=0, le=1_000_000)
    reads: Range | None = None
