"""What goes into the ledger: noted in the transaction of the row it speaks of, appended later, in order, never twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.snapshots import snapshots
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntryRow:
    """One entry of the ledger.

    Attributes:
        leaf: SHA-256 of 0x00 and the entry, hex: its leaf hash in the ledger's tree.
        entry: canonical JSON.
        kind: of the entry.
        subject: digest of what it is about: a snapshot's payload, an act's envelope, a text.
        noted_at: when it was noted; entries are appended in this order.
        position: its index in the ledger; None while it waits.
    """

    leaf: str
    entry: str
    kind: str
    subject: str
    noted_at: datetime
    position: int | None = None


_entries = sa.Table("ledger_entries", metadata, *columns_of(LedgerEntryRow, "leaf"))


def note_entry(connection: Connection, entry: bytes, now: datetime) -> None:
    """Note an entry that is to be appended; the same again changes nothing."""
    said = json.loads(entry)
    row = LedgerEntryRow(
        leaf=sha256(b"\x00" + entry).hexdigest(),
        entry=entry.decode(),
        kind=said["kind"],
        subject=said.get("payloadSha256") or said["sha256"],
        noted_at=now,
    )
    insert_if_absent(connection, _entries, asdict(row))


def entries_waiting(connection: Connection) -> list[LedgerEntryRow]:
    """Read what is noted and not yet known to be in the ledger, in the order of appending."""
    query = sa.select(_entries).where(_entries.c.position.is_(None)).order_by(_entries.c.noted_at, _entries.c.leaf)
    return [LedgerEntryRow(**row) for row in connection.execute(query).mappings()]


def place_entries(connection: Connection, rows: Sequence[LedgerEntryRow], positions: Sequence[int]) -> None:
    """Note where in the ledger entries are."""
    for row, position in zip(rows, positions, strict=True):
        connection.execute(sa.update(_entries).where(_entries.c.leaf == row.leaf).values(position=position))


def noted_positions(connection: Connection) -> dict[str, int | None]:
    """Read the leaf hashes of all that was ever noted, hex, and where in the ledger the store knows each to be."""
    return {row.leaf: row.position for row in connection.execute(sa.select(_entries.c.leaf, _entries.c.position))}


def noted_acts(connection: Connection) -> dict[str, str]:
    """Read the acts that were ever noted: id and kind."""
    query = sa.select(_entries.c.subject, _entries.c.entry).where(_entries.c.kind == "act")
    return {row.subject: json.loads(row.entry)["act"] for row in connection.execute(query)}


def snapshots_gone(connection: Connection) -> int:
    """Count the snapshots that were noted and have no row any more."""
    absent = _entries.c.subject.not_in(sa.select(snapshots.c.payload_sha256))
    query = sa.select(sa.func.count()).where(_entries.c.kind.in_(["snapshot", "missed"]), absent)
    return connection.execute(query).scalar_one()
