"""What was erased: how many decisions of which day, by whose order; never which."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """Decisions of one day that were erased by one order.

    Attributes:
        system: the audited system.
        partition: their day, or hour.
        act_sha256: id of the signed act that ordered it.
        reason: `erasure`, asked for, or `retention`, kept as long as the policy says.
        count: how many.
        erased_at: when.
    """

    system: str
    partition: date
    act_sha256: str
    reason: str
    count: int
    erased_at: datetime


_erasures = sa.Table("erasures", metadata, *columns_of(ErasureRow, "system", "partition", "act_sha256"))


def put_erasure(connection: Connection, row: ErasureRow) -> bool:
    """Keep what was erased; the same order again changes nothing.

    Returns:
        Whether it is new.
    """
    return insert_if_absent(connection, _erasures, asdict(row))


def erasures(connection: Connection, system: str | None = None) -> list[ErasureRow]:
    """Read what was erased, of one system or of all, oldest first."""
    asked = {"system": system} if system else {}
    query = sa.select(_erasures).filter_by(**asked).order_by(_erasures.c.erased_at, _erasures.c.partition)
    return [ErasureRow(**row) for row in connection.execute(query).mappings()]
