"""`drift`: a distribution compared with a stored reference."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gov_pipelines.policy.kinds.bound import BoundControl, Judges
from gov_pipelines.policy.kinds.fairness import Test
from gov_pipelines.policy.strict import Strict


class Reference(Strict):
    """The partitions whose tallies are the baseline: from inclusive, until exclusive, local dates."""

    from_: date = Field(alias="from", examples=["2026-09-01"])
    until: date = Field(examples=["2026-10-01"])

    @model_validator(mode="after")
    def _forward(self) -> Reference:
        if self.until <= self.from_:
            raise ValueError(f"until ({self.until}) is not after from ({self.from_}); exchange them")
        return self


class Drift(BoundControl):
    """A limit on the population stability index of columns; `decision` is the decision mix."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal["psi"] = "psi"
    of: list[str] = Field(min_length=1, examples=["[score, decision]"])
    at_most: float | None = Field(default=None, gt=0)
    reference: Reference = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    bins: int = Field(default=10, ge=2, le=100)
    test: Test | Literal["none"] = Test()
