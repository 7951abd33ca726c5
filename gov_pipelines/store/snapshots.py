"""The ledger: one row per signed snapshot, in signing order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gov_pipelines.errors import EvidenceError
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """One signed snapshot.

    Attributes:
        system: the audited system.
        partition: the local day.
        revision: from 1, within the partition.
        sequence: place in the system's signing order.
        previous_sha256: payload digest of the snapshot signed before; None for a system's first.
        payload_sha256: of the signed payload, hex.
        content_digest: of the logical content, hex; the same for the same results.
        path: of the package, relative to the home.
        key_id: of the signing key.
        signed_at: when it was signed.
        as_of: the instant the audit speaks from.
        retroactive: a policy it used was recorded after the window's end.
    """

    system: str
    partition: date
    revision: int
    sequence: int
    previous_sha256: str | None
    payload_sha256: str
    content_digest: str
    path: str
    key_id: str
    signed_at: datetime
    as_of: datetime
    retroactive: bool


# A snapshot follows one that exists and that no other follows: the chain cannot fork.
snapshots = sa.Table(
    "snapshots",
    metadata,
    *columns_of(SnapshotRow, "system", "partition", "revision"),
    *(sa.UniqueConstraint("system", name) for name in ("sequence", "payload_sha256", "previous_sha256")),
    sa.ForeignKeyConstraint(["system", "previous_sha256"], ["snapshots.system", "snapshots.payload_sha256"]),
)


def record_snapshot(connection: Connection, row: SnapshotRow) -> None:
    """Append a signed snapshot to the ledger.

    Raises:
        EvidenceError: the revision or the sequence is taken, or the snapshot does not follow one that exists and that
            nothing follows yet. The transaction is void.
    """
    try:
        connection.execute(sa.insert(snapshots).values(**asdict(row)))
    except IntegrityError as error:
        raise EvidenceError(
            f"snapshot {row.sequence} of {row.system} ({row.partition}, revision {row.revision}) does not continue the "
            "ledger: its revision or sequence is taken, or what it names as previous is unknown or already followed. "
            f"Another run signed in between; run `gov audit {row.system} --date {row.partition}` again"
        ) from error


def last_snapshot(connection: Connection, system: str) -> SnapshotRow | None:
    """Read the snapshot of a system that was signed last, whatever its partition."""
    return next(_rows(connection, snapshots.c.sequence.desc(), system=system), None)


def snapshot_of(connection: Connection, system: str, partition: date) -> SnapshotRow | None:
    """Read the latest revision signed for a partition."""
    return next(_rows(connection, snapshots.c.revision.desc(), system=system, partition=partition), None)


def all_snapshots(connection: Connection, system: str) -> list[SnapshotRow]:
    """Read the ledger of a system in signing order."""
    return [*_rows(connection, snapshots.c.sequence, system=system)]


def _rows(connection: Connection, order: sa.ColumnElement[int], **where: object) -> Iterator[SnapshotRow]:
    found = connection.execute(sa.select(snapshots).filter_by(**where).order_by(order)).mappings().all()
    return (SnapshotRow(**row) for row in found)
