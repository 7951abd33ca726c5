"""Pages that are open, who has seen them, and whom they go to when nobody has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from gov_pipelines.notify.settings import AlertSettings
from gov_pipelines.store import Ack, Alert, Connection, acks, enqueue, finish, pending, put_ack, told


@dataclass(frozen=True, slots=True)
class Page:
    """A failure that was told and is not over.

    Attributes:
        alert: as it was told.
        ack: who has seen it; None for nobody.
    """

    alert: Alert
    ack: Ack | None


def open_pages(connection: Connection) -> list[Page]:
    """Read the failures that were told and are not over, in the order they were raised."""
    seen = acks(connection)
    raised = told(connection, "failing", "missing", "missed_window", "recovered", "audited")
    return [Page(each, seen.get(each.key)) for each in still_open(raised)]


def still_open(alerts: Iterable[Alert]) -> list[Alert]:
    """The pages that no recovery followed: of the same control, or of a missed window the same partition. Pure."""
    found: dict[object, list[Alert]] = {}
    for each in alerts:
        about = (each.system, each.control, None if each.control else each.partition)
        if each.transition in {"recovered", "audited"}:
            found.pop(about, None)
        elif each.escalates is None:
            found.setdefault(about, []).append(each)
    return sorted(chain(*found.values()), key=lambda alert: (alert.raised_at, alert.key))


def escalated(connection: Connection, settings: AlertSettings, now: datetime) -> None:
    """Tell the next routes of pages that nobody acknowledged in time, and nobody any more of those that are seen or over."""
    unseen = {page.alert.key: page.alert for page in open_pages(connection) if page.ack is None}
    enqueue(connection, (alert for page in unseen.values() for alert in escalations(page, settings, now)))
    late = (row for row in pending(connection) if row.alert.escalates is not None)
    finish(connection, [row.id for row in late if row.alert.escalates not in unseen], now)


def escalations(page: Alert, settings: AlertSettings, now: datetime) -> list[Alert]:
    """The alerts to the routes that an unacknowledged page has gone to by now. Pure."""
    return [
        replace(
            page,
            key=f"{page.key}|to {step.route}",
            notify=(step.route,),
            title=f"{page.title}: nobody acknowledged it",
            body=f"{page.body}\nEscalated: to {step.route}, for `gov ack` was not called in {_words(step.at - page.raised_at)}",
            raised_at=step.at,
            escalates=page.key,
        )
        for step in settings.escalations(page)
        if step.at <= now
    ]


def _words(span: timedelta) -> str:
    hours = round(span / timedelta(hours=1))
    return f"{hours} hour{'s' * (hours != 1)}"


def acknowledge(
    connection: Connection, pages: Iterable[Page], person: str, why: str, now: datetime, act: str | None
) -> None:
    """Keep that somebody has seen pages and sees to them: their escalation stops, their recovery is told all the same.

    Args:
        connection: of the store.
        pages: that are open.
        person: who, by their own word or by their signature.
        why: in their words.
        now: the clock.
        act: id of the signed act; None where it is only said.
    """
    for page in pages:
        put_ack(connection, Ack(alert=page.alert.key, at=now, person=person, why=why, act=act))
