"""`log_quality`: whether the log is good enough to judge by."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, each_once


class LogQuality(BoundControl):
    """A share of rows missing, quarantined or doubled, at most. `missing_share` names its columns in `of`."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["log_quality"]
    metric: Literal["missing_share", "quarantined_share", "duplicate_share"]
    of: Annotated[list[str], AfterValidator(each_once)] = []
    at_most: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _of_what(self) -> LogQuality:
        if (self.metric == "missing_share") != bool(self.of):
            raise ValueError(
                "`of` and missing_share belong together; list columns for a missing_share, and for nothing else"
            )
        return self
