"""Getting alerts out of the outbox to every receiver: at least once, in order per control, with back-off."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from gov_pipelines.notify.channels import Refusal, send, unheard
from gov_pipelines.notify.messages import Message, messages
from gov_pipelines.notify.pages import escalated
from gov_pipelines.notify.routes import Receiver, receivers_of
from gov_pipelines.notify.settings import AlertSettings
from gov_pipelines.store import (
    Engine,
    OutboxRow,
    claim,
    finish,
    note_delivery,
    pending,
    reading,
    revive,
    stopped_receivers,
)

ROUND_SECONDS = 30
"""After so long no further message is sent to a receiver in one round."""

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one round of delivery did.

    Attributes:
        delivered: alerts that every receiver now has.
        failed: alerts that a receiver did not take; they are tried again.
        waiting: alerts not finished and not failed: for their hour, backing off, behind an earlier one, or without a
            receiver.
        problems: in words, each once, without addresses or tokens.
    """

    delivered: int
    failed: int
    waiting: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Addressed:
    """An alert and who is to have it, each from when on."""

    row: OutboxRow
    due: Mapping[str, datetime]
    nowhere: Sequence[str]


def back_off(attempts: int) -> timedelta:
    """Wait 1, 2, 4 ... minutes after so many attempts, one hour at most."""
    return timedelta(minutes=min(2 ** min(attempts - 1, 10), 60))


def deliver(
    engine: Engine, routes: Mapping[str, Sequence[str]], now: datetime, settings: AlertSettings | None = None
) -> Delivery:
    """Send what waits in the outbox, after adding what nobody acknowledged in time.

    Each receiver gets each alert at least once; twice only where a process died between sending and noting it, and then
    with the same key in its body. A receiver gets the alerts of one control in the order they were raised: a later one
    waits until it has taken the earlier. Processes that deliver at the same time do not send the same alert. Receivers
    are served side by side; one that does not answer costs one attempt a round.

    Args:
        engine: of the store.
        routes: route to URLs, from `routes_from`.
        now: when the round begins.
        settings: of the project's alerts.yaml; None for the usual ones.
    """
    settings = settings or AlertSettings()
    with engine.begin() as connection:
        escalated(connection, settings, now)
    with reading(engine) as connection:
        rows, stopped = pending(connection), stopped_receivers(connection)
    addressed, receivers = _addressed(rows, routes, settings)
    problems = dict.fromkeys(each for one in addressed for each in one.nowhere)
    problems |= {
        f"{receivers[each].name}: it said that it is gone; nothing is sent there": None
        for each in receivers.keys() & stopped
    }
    with unheard(), ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        serving = [
            pool.submit(_serve, engine, receiver, addressed, now)
            for fingerprint, receiver in receivers.items()
            if fingerprint not in stopped
        ]
        answers = [each.result() for each in serving]
    problems |= {words: None for said, _ in answers for words in said}
    return _finished(engine, addressed, {each for _, refused in answers for each in refused}, tuple(problems), now)


def try_receivers(
    engine: Engine, routes: Mapping[str, Sequence[str]], names: Iterable[str], now: datetime
) -> dict[str, Refusal | None]:
    """Send a test message to each receiver of some routes. One that said it was gone and takes it is served again.

    Returns:
        By the receiver's name, None where it took the message; a route that leads nowhere by its own name.
    """
    message = Message(
        "test", "Test: gov_pipelines can reach you", f"Nothing happened. Sent at {now:%Y-%m-%d %H:%M} UTC."
    )
    found: dict[str, Refusal | None] = {}
    with unheard():
        for name in names:
            receivers, nowhere = receivers_of((name,), routes)
            found |= {f"route {name}": Refusal(words) for words in nowhere}
            for receiver in receivers.values():
                found[receiver.name] = refusal = send(receiver, message, now)
                if refusal is None:
                    with engine.begin() as connection:
                        revive(connection, receiver.fingerprint)
    return found


def _addressed(
    rows: Iterable[OutboxRow], routes: Mapping[str, Sequence[str]], settings: AlertSettings
) -> tuple[list[_Addressed], dict[str, Receiver]]:
    found, known = [], dict[str, Receiver]()
    for row in rows:
        due: dict[str, datetime] = {}
        nowhere = []
        for name in settings.routes_of(row.alert):
            receivers, missing = receivers_of((name,), routes)
            at = settings.due(row.alert, name)
            due |= {each: min(at, due.get(each, at)) for each in receivers}
            nowhere += missing
            known |= {each: receivers[each] for each in receivers.keys() - known.keys()}
        found.append(_Addressed(row, due, nowhere))
    return found, known


def _serve(
    engine: Engine, receiver: Receiver, addressed: Sequence[_Addressed], now: datetime
) -> tuple[list[str], set[int]]:
    """Send a receiver what it may have now, until it does not answer.

    Returns:
        What it answered where it took nothing, and the alerts that it did not take.
    """
    me, ends = receiver.fingerprint, time.monotonic() + ROUND_SECONDS
    mine = [(each.row, each.due[me]) for each in addressed if me in each.due and not _taken(each.row, me)]
    tried = {row.id: row.deliveries[me].attempts for row, _ in mine if me in row.deliveries}
    said, refused, behind = list[str](), set[int](), set[object]()
    for message in messages(mine, me, now):
        if time.monotonic() > ends:
            break
        until = {each: now + back_off(tried.get(each, 0) + 1) for each in message.ids}
        if message.threads & behind or not _claimed(engine, until, me, message, now):
            behind |= message.threads
            continue
        refusal = send(receiver, message, now)
        values: dict[str, object] = {"taken_at": now, "last_error": None}
        if refusal:
            said.append(f"{receiver.name}: {refusal.words}")
            refused |= set(message.ids)
            behind |= message.threads
            values = {"last_error": refusal.words, "alone": refusal.alone, "stopped_at": now if refusal.gone else None}
        with engine.begin() as connection:
            note_delivery(connection, message.ids, me, **values)
        if refusal and not refusal.alone:
            break
    return said, refused


def _claimed(engine: Engine, until: Mapping[int, datetime], me: str, message: Message, now: datetime) -> bool:
    with engine.connect() as connection, connection.begin() as transaction:
        if claim(connection, until, me, message.id, now):
            return True
        transaction.rollback()
    return False


def _finished(
    engine: Engine, addressed: Sequence[_Addressed], refused: set[int], problems: tuple[str, ...], now: datetime
) -> Delivery:
    """Write down which alerts every receiver has, and count the others."""
    with engine.begin() as connection:
        rows = {row.id: row for row in pending(connection)}
        open_now = [each for each in addressed if each.row.id in rows]
        done = {
            each.row.id
            for each in open_now
            if each.due and not each.nowhere and all(_taken(rows[each.row.id], one) for one in each.due)
        }
        finish(connection, done, now)
    failed = len(refused - done)
    return Delivery(len(done), failed, len(open_now) - len(done) - failed, problems)


def _taken(row: OutboxRow, receiver: str) -> bool:
    return receiver in row.deliveries and row.deliveries[receiver].taken_at is not None
