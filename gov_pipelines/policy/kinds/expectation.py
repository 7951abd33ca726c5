"""`expectation`: a native Great Expectations expectation over the measurements of the window."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class Expectation(BoundControl):
    """`expect` is the snake-case name, `arguments` its keywords. The table has one row a measurement."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["expectation"]
    expect: str
    arguments: dict[str, Any] = {}
