"""`data_access`: what the system may read, is granted, and reads."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.kinds.bound import BoundControl, Judges


class DataAccess(BoundControl):
    """Fields that a system may declare, be granted and read: those of `may_read`, by default any, and none of `never`.

    Four sets, each within the one before: permitted by this control, declared in `intake.may_read` (where that is empty,
    this control's), granted by the PostgreSQL database to `intake.database_role`, read in the access log.
    """

    judges: ClassVar[Judges] = "access"

    kind: Literal["data_access"]
    may_read: list[str] | None = None
    never: list[str] = []
