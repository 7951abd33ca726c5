"""`freshness`: the newest decision of a partition is not older than expected."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class Freshness(BoundControl):
    """Hours between the newest decision and the end of the partition, at most `within`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["freshness"]
    within: DurationField = Field(examples=["24 hours"])
