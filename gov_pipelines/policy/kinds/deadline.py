"""`deadline`: one moment follows another in time."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class Deadline(BoundControl):
    """`to` is at most `within` after `from`. A moment after the audit's `as_of` has not happened yet."""

    judges: ClassVar[Judges] = "decision"

    kind: Literal["deadline"]
    from_: str = Field(alias="from", examples=["completed_at"])
    to: str = Field(examples=["notice_sent_at"])
    within: DurationField = Field(examples=["30 days"])
    when: str | None = None
