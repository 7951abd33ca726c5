"""Alerts that are to be told: written in the transaction of the verdicts they speak of, delivered later, never lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import outbox, outbox_reached

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

    def is_due(self, now: datetime) -> bool:
        """Tell whether its time to be tried has come."""
        return self.next_attempt_at is None or self.next_attempt_at <= now


def enqueue(connection: Connection, alerts: Iterable[Alert]) -> int:
    """Put alerts into the outbox; one whose key is known is ignored.

    Returns:
        How many are new.
    """
    return sum(
        insert_if_absent(connection, outbox, asdict(alert) | {"notify": list(alert.notify), "attempts": 0})
        for alert in alerts
    )


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


def mark_reached(connection: Connection, row_id: int, receiver: str, now: datetime) -> None:
    """Note that one receiver has taken the alert.

    Args:
        connection: of the store.
        row_id: of the alert.
        receiver: the fingerprint of its address, 8 hex digits.
        now: when.
    """
    insert_if_absent(connection, outbox_reached, {"outbox_id": row_id, "receiver": receiver, "reached_at": now})


def mark_delivered(connection: Connection, row_id: int, now: datetime) -> None:
    """Note that every receiver has the alert."""
    connection.execute(sa.update(outbox).filter_by(id=row_id).values(delivered_at=now, last_error=None))


def mark_failed(connection: Connection, row_id: int, error: str, next_attempt_at: datetime) -> None:
    """Note that a round failed, why, and when the next may begin.

    Args:
        connection: of the store.
        row_id: of the alert.
        error: in words, without addresses or tokens.
        next_attempt_at: not before this.
    """
    connection.execute(sa.update(outbox).filter_by(id=row_id).values(last_error=error, next_attempt_at=next_attempt_at))


def _rows(connection: Connection, query: sa.Select[Any]) -> list[OutboxRow]:
    rows = connection.execute(query.order_by(outbox.c.id)).mappings().all()
    reached: dict[int, set[str]] = {row["id"]: set() for row in rows}
    if rows:
        took = sa.select(outbox_reached).where(outbox_reached.c.outbox_id.in_(list(reached)))
        for receipt in connection.execute(took).mappings():
            reached[receipt["outbox_id"]].add(receipt["receiver"])
    return [
        OutboxRow(
            id=row["id"],
            alert=_alert(row),
            reached=frozenset(reached[row["id"]]),
            attempts=row["attempts"],
            next_attempt_at=row["next_attempt_at"],
            last_error=row["last_error"],
        )
        for row in rows
    ]


def _alert(row: sa.RowMapping) -> Alert:
    return Alert(
        key=row["key"],
        system=row["system"],
        control=row["control"],
        partition=row["partition"],
        transition=row["transition"],
        severity=row["severity"],
        notify=tuple(row["notify"]),
        title=row["title"],
        body=row["body"],
        raised_at=row["raised_at"],
    )
