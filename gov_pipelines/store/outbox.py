"""Alerts that are to be told: written in the transaction of the verdicts they speak of, delivered later, never lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import UtcDateTime, columns_of, metadata

LONGEST_BACK_OFF = timedelta(hours=1)

Transition = Literal[
    "failing", "missing", "missed_window", "recovered", "audited", "due", "warning", "undecided", "settled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person must hear. Nothing personal is in it.

    Attributes:
        key: the idempotency key, such as `system|control|partition|revision|transition`: never told twice on purpose.
        system: the audited system.
        control: None where the whole window is meant.
        partition: the local day, or the hour.
        transition: what happened. `failing`, `missing` and `missed_window` are pages, open until `recovered` or `audited`;
            `due` is told once; `warning`, `undecided` and `settled` go into a digest.
        severity: critical, warning or info.
        notify: names of routes; empty for what the project's alerts.yaml says.
        title: one line.
        body: plain text, one `Name: fact` a line.
        raised_at: when the verdict was recorded.
        escalates: the key of the page that nobody acknowledged and that this one tells somebody else of.
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
    escalates: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """How one alert fares with one receiver.

    Attributes:
        outbox_id: of the alert.
        receiver: fingerprint of its address.
        attempts: how often it was sent.
        next_attempt_at: not before this; None for at once.
        taken_at: when the receiver took it; None for not yet.
        message: id of the last message that held it.
        stopped_at: when the receiver said that it is gone: nothing is sent there any more.
        last_error: what it last answered, without addresses or tokens.
        alone: whether it was refused for what it holds, and so travels without others.
    """

    outbox_id: int
    receiver: str
    attempts: int = 0
    next_attempt_at: datetime | None = None
    taken_at: datetime | None = None
    message: str | None = None
    stopped_at: datetime | None = None
    last_error: str | None = None
    alone: bool = False

    def waits(self, now: datetime) -> bool:
        """Whether its time has not come. One further off than any back-off was set by a clock that was set back since."""
        return self.next_attempt_at is not None and now < self.next_attempt_at <= now + LONGEST_BACK_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An alert on its way.

    Attributes:
        id: rising; the order in which alerts were raised.
        alert: what is told.
        deliveries: how it fares, by receiver; none of those never tried.
    """

    id: int
    alert: Alert
    deliveries: Mapping[str, DeliveryRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Somebody says that they have seen a page and see to it.

    Attributes:
        alert: key of the page.
        at: when.
        person: who, by their own word.
        why: in their words.
        act: id of the signed act; None where it is only said.
    """

    alert: str
    at: datetime
    person: str
    why: str
    act: str | None = None


outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *columns_of(Alert),
    sa.Column("delivered_at", UtcDateTime, index=True),
    sa.UniqueConstraint("key"),
)
_deliveries = sa.Table("deliveries", metadata, *columns_of(DeliveryRow, "outbox_id", "receiver"))
_acks = sa.Table("acks", metadata, *columns_of(Ack, "alert", "at"))


def enqueue(connection: Connection, alerts: Iterable[Alert]) -> int:
    """Put alerts into the outbox; one whose key is known is ignored.

    Returns:
        How many are new.
    """
    return sum(insert_if_absent(connection, outbox, asdict(each)) for each in alerts)


def pending(connection: Connection) -> list[OutboxRow]:
    """Read all alerts not delivered yet, in the order they were raised, also those whose time has not come."""
    waiting = outbox.c.delivered_at.is_(None)
    found: dict[int, dict[str, DeliveryRow]] = {}
    query = sa.select(_deliveries).join(outbox, outbox.c.id == _deliveries.c.outbox_id).where(waiting)
    for row in connection.execute(query).mappings():
        found.setdefault(row["outbox_id"], {})[row["receiver"]] = DeliveryRow(**row)
    rows = connection.execute(sa.select(outbox).where(waiting).order_by(outbox.c.id)).mappings()
    return [OutboxRow(id=row["id"], alert=_alert(row), deliveries=found.get(row["id"], {})) for row in rows]


def pending_count(connection: Connection) -> int:
    """Count the alerts not delivered yet."""
    query = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.delivered_at.is_(None))
    return connection.execute(query).scalar_one()


def told(connection: Connection, *transitions: Transition) -> list[Alert]:
    """Read the alerts ever raised, in that order, delivered or not: those of some transitions, or all."""
    query = sa.select(outbox).order_by(outbox.c.id)
    query = query.where(outbox.c.transition.in_(transitions)) if transitions else query
    return [_alert(row) for row in connection.execute(query).mappings()]


def claim(connection: Connection, until: Mapping[int, datetime], receiver: str, message: str, now: datetime) -> bool:
    """Take alerts for one message to a receiver; nobody else sends them there before the instants in `until`, by id.

    The back-off is written before the message is sent: a process that dies in between leaves alerts that are tried again.

    Returns:
        False where another process has one of them, or has sent it; those taken before that one wait for their instant.
    """
    at = _deliveries.c.next_attempt_at
    for each, instant in sorted(until.items()):
        insert_if_absent(connection, _deliveries, asdict(DeliveryRow(outbox_id=each, receiver=receiver)))
        free = sa.and_(
            _of(each, receiver),
            _deliveries.c.taken_at.is_(None),
            sa.or_(at.is_(None), at <= now, at > now + LONGEST_BACK_OFF),
        )
        tried = sa.update(_deliveries).values(
            attempts=_deliveries.c.attempts + 1, next_attempt_at=instant, message=message
        )
        if not connection.execute(tried.where(free)).rowcount:
            return False
    return True


def note_delivery(connection: Connection, ids: Iterable[int], receiver: str, **values: object) -> None:
    """Write down how alerts fare with a receiver: `taken_at`, `stopped_at`, `alone`, `last_error` without addresses."""
    for each in ids:
        connection.execute(sa.update(_deliveries).where(_of(each, receiver)).values(**values))


def finish(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Write down that alerts need nothing more."""
    connection.execute(sa.update(outbox).where(outbox.c.id.in_(list(ids))).values(delivered_at=now))


def stopped_receivers(connection: Connection) -> set[str]:
    """Read the fingerprints of receivers that said they are gone."""
    return set(connection.scalars(sa.select(_deliveries.c.receiver).where(_deliveries.c.stopped_at.is_not(None))))


def revive(connection: Connection, receiver: str) -> None:
    """Forget that a receiver said it is gone."""
    connection.execute(sa.update(_deliveries).filter_by(receiver=receiver).values(stopped_at=None))


def put_ack(connection: Connection, ack: Ack) -> None:
    """Keep an acknowledgement."""
    connection.execute(sa.insert(_acks).values(asdict(ack)))


def acks(connection: Connection) -> dict[str, Ack]:
    """Read the first acknowledgement of each page, by its key."""
    rows = connection.execute(sa.select(_acks).order_by(_acks.c.at.desc())).mappings()
    return {row["alert"]: Ack(**row) for row in rows}


def _of(outbox_id: int, receiver: str) -> sa.ColumnElement[bool]:
    return sa.and_(_deliveries.c.outbox_id == outbox_id, _deliveries.c.receiver == receiver)


_FIELDS: Sequence[str] = tuple(each.name for each in fields(Alert))


def _alert(row: Mapping[Any, Any]) -> Alert:
    return Alert(**{name: row[name] for name in _FIELDS} | {"notify": tuple(row["notify"])})
