"""`drift`: how far a distribution has moved from its reference."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from gov_pipelines.policy.kinds.bound import BoundControl, Judges, Reference, Test, each_once


class Drift(BoundControl):
    """A limit on the population stability index of columns; `decision` is the decision mix."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["drift"]
    metric: Literal["psi"] = "psi"
    of: Annotated[list[str], Field(min_length=1, examples=["[score, decision]"]), AfterValidator(each_once)]
    at_most: float | None = Field(default=None, gt=0)
    reference: Reference = Field(examples=["{from: 2026-09-01, until: 2026-10-01}"])
    bins: int = Field(default=10, ge=2, le=100)
    test: Test | Literal["none"] = Test()
