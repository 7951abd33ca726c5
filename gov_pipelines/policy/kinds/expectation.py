"""`expectation`: one of Great Expectations' own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class Expectation(BoundControl):
    """A native expectation: `expect` is its snake-case name, `arguments` its keywords. The table has one row a measurement."""

    judges: ClassVar[Judges] = "population"

    kind: Literal["expectation"]
    expect: str = Field(pattern=r"^expect_[a-z0-9_]+$", examples=["expect_column_values_to_be_between"])
    arguments: dict[str, Any] = {}
