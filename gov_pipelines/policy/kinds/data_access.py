"""`data_access`: what the system may read, is granted, and reads."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class DataAccess(BoundControl):
    """Fields the system's role may read; default: the declaration's `intake.may_read`. `never` is refused even if declared."""

    judges: ClassVar[Judges] = "access"

    kind: Literal["data_access"]
    may_read: list[str] | None = None
    never: list[str] = []
