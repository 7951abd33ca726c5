"""`freshness`: how old the newest decision, or a document, may be."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import BoundControl, Judges

ACCESS_LOG = "access_log"


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
