"""`drift`: a distribution compared with a stored reference."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.kinds.bound import BoundControl, Judges
from gov_pipelines.policy.kinds.fairness import Test
from gov_pipelines.policy.strict import Strict


class Reference(Strict):
    """The partitions whose tallies are the baseline: from inclusive, until exclusive, local dates."""

    from_: date = Field(alias="from")
    until: date


class Drift(BoundControl):
    """A limit on the population stability index of columns; `decision` is the decision mix."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal["psi"] = "psi"
    of: list[str] = Field(min_length=1)
    at_most: float | None = Field(default=None, gt=0)
    reference: Reference
    bins: int = Field(default=10, ge=2, le=100)
    test: Test | Literal["none"] = Test()
