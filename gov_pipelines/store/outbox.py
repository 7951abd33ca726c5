"""Alerts that are to be told: written in the transaction of the verdicts they speak of, delivered later, never lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import UtcDateTime, columns_of, metadata

Transition = Literal["failing", "missing", "recovered", "missed_window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person must hear. Nothing personal is in it.

    Attributes:
        key: the idempotency key, `system|control|partition|revision|transition`: never told twice on purpose.
        system: the audited system.
        control: None where the whole window is meant.
        partition: the local day.
        transition: what happened.
        severity: critical, warning or info.
        notify: names of routes; empty for the default route.
        title: one line.
        body: plain text.
        raised_at: when the verdict was recorded.
    """

    key: str
    system: str
    control: str | None
    partition: date
    transition: Transition
    severity: str
    notify: tuple[str, ...]
    title: str
    body: str
    raised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An alert on its way.

    Attributes:
        id: rising; the order in which alerts were raised.
        alert: what is told.
        reached: fingerprints of the receivers that have it.
        attempts: rounds tried.
        next_attempt_at: not before this; None for at once.
        last_error: of the last round, without addresses or tokens.
    """

    id: int
    alert: Alert
    reached: frozenset[str]
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None


outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *columns_of(Alert),
    sa.Column("reached", sa.JSON, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("delivered_at", UtcDateTime, index=True),
    sa.Column("last_error", sa.Text),
    sa.UniqueConstraint("key"),
)


def enqueue(connection: Connection, alerts: Iterable[Alert]) -> int:
    """Put alerts into the outbox; one whose key is known is ignored.

    Returns:
        How many are new.
    """
    return sum(insert_if_absent(connection, outbox, asdict(each) | {"reached": [], "attempts": 0}) for each in alerts)


def pending(connection: Connection) -> list[OutboxRow]:
    """Read all alerts not delivered yet, in the order they were raised, also those whose time has not come."""
    return _rows(connection, sa.select(outbox).where(outbox.c.delivered_at.is_(None)))


def pending_count(connection: Connection, system: str | None = None) -> int:
    """Count the alerts not delivered yet, of one system or of all."""
    query = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.delivered_at.is_(None))
    if system is not None:
        query = query.where(outbox.c.system == system)
    return connection.execute(query).scalar_one()


def claim(connection: Connection, row_id: int, now: datetime, until: datetime) -> OutboxRow | None:
    """Take an alert for one round of delivery; nobody else gets it before `until`.

    The back-off is written before the message is sent: a process that dies in between leaves an alert that is tried again.

    Returns:
        The alert as it stands now; None where another process has it, or has delivered it.
    """
    open_now = sa.and_(
        outbox.c.id == row_id,
        outbox.c.delivered_at.is_(None),
        sa.or_(outbox.c.next_attempt_at.is_(None), outbox.c.next_attempt_at <= now),
    )
    taken = connection.execute(
        sa.update(outbox).where(open_now).values(attempts=outbox.c.attempts + 1, next_attempt_at=until)
    )
    return _rows(connection, sa.select(outbox).where(outbox.c.id == row_id))[0] if taken.rowcount else None


def note(connection: Connection, row_id: int, **values: object) -> None:
    """Write down how an alert fares: `reached`, `delivered_at`, `last_error` without addresses, `next_attempt_at`."""
    connection.execute(sa.update(outbox).filter_by(id=row_id).values(**values))


def _rows(connection: Connection, query: sa.Select[Any]) -> list[OutboxRow]:
    return [
        OutboxRow(
            id=row["id"],
            alert=Alert(**{each.name: row[each.name] for each in fields(Alert)} | {"notify": tuple(row["notify"])}),
            reached=frozenset(row["reached"]),
            attempts=row["attempts"],
            next_attempt_at=row["next_attempt_at"],
            last_error=row["last_error"],
        )
        for row in connection.execute(query.order_by(outbox.c.id)).mappings()
    ]
