"""`log_quality`: how much of the log is missing, quarantined or doubled."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class LogQuality(BoundControl):
    """A share of rows, at most. `missing_share` names its columns in `of`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["log_quality"]
    metric: Literal["missing_share", "quarantined_share", "duplicate_share"]
    of: list[str] = []
    at_most: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _of_what(self) -> LogQuality:
        if (self.metric == "missing_share") != bool(self.of):
            raise ValueError(
                "`of` and missing_share belong together; list columns for a missing_share, and for nothing else"
            )
        return self
