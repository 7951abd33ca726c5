"""What was erased: how many decisions of which day, by whose order, and tombstones; nothing that names one.

An order is kept before it is carried out, so that what a crash interrupts is finished by whoever comes next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """Decisions of one day that one order erases.

    Attributes:
        system: the audited system.
        partition: their day, or hour.
        act_sha256: id of the signed act that orders it.
        reason: `erasure`, asked for, or `retention`, kept as long as the policies say.
        count: how many.
        erased_at: when it was ordered.
        done: whether no file of the day holds them any more.
    """

    system: str
    partition: date
    act_sha256: str
    reason: Literal["erasure", "retention"]
    count: int
    erased_at: datetime
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """By which the source's own copy of what was erased is known: a keyed hash, of which nobody reads a name."""

    system: str
    mark: str
    erased_at: datetime


_erasures = sa.Table("erasures", metadata, *columns_of(ErasureRow, "system", "partition", "act_sha256"))
_tombstones = sa.Table("tombstones", metadata, *columns_of(Tombstone, "system", "mark"))


def put_erasure(connection: Connection, row: ErasureRow, marks: Iterable[str] = ()) -> bool:
    """Keep an order to erase, and the tombstones of what it erases; the same order again changes nothing.

    Returns:
        Whether it is new.
    """
    for mark in marks:
        stone = Tombstone(system=row.system, mark=mark, erased_at=row.erased_at)
        insert_if_absent(connection, _tombstones, asdict(stone))
    return insert_if_absent(connection, _erasures, asdict(row))


def erasures(connection: Connection, system: str | None = None, partition: date | None = None) -> list[ErasureRow]:
    """Read what was erased, of one system and day or of all, oldest first."""
    asked = {name: value for name, value in (("system", system), ("partition", partition)) if value is not None}
    order = (_erasures.c.erased_at, _erasures.c.act_sha256, _erasures.c.partition)
    query = sa.select(_erasures).filter_by(**asked).order_by(*order)
    return [ErasureRow(**row) for row in connection.execute(query).mappings()]


def close_erasure(connection: Connection, row: ErasureRow) -> None:
    """Note that an order was carried out."""
    named = {"system": row.system, "partition": row.partition, "act_sha256": row.act_sha256}
    connection.execute(sa.update(_erasures).filter_by(**named).values(done=True))


def tombstones(connection: Connection, system: str) -> dict[str, datetime]:
    """Read the marks of what was erased of a system, and when each was."""
    found = connection.execute(sa.select(_tombstones.c.mark, _tombstones.c.erased_at).filter_by(system=system))
    return {row.mark: row.erased_at for row in found}


def settle_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, in which earlier states of pages stand; other databases do it by themselves."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # an open connection has one
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
