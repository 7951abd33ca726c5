"""Getting alerts out of the outbox to every receiver: at least once, in order per control, with back-off."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from gov_pipelines import store
from gov_pipelines.notify.channels import Refusal, send, unheard
from gov_pipelines.notify.messages import Message, messages
from gov_pipelines.notify.pages import escalated
from gov_pipelines.notify.routes import Receiver, Routes, receivers_of
from gov_pipelines.notify.settings import AlertSettings

ROUND_SECONDS = 30
"""After so long no further message is sent to a receiver in one round."""

GONE = "it said that it is gone; nothing is sent there"
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


def back_off(attempts: int) -> timedelta:
    """Wait 1, 2, 4 ... minutes after so many attempts, one hour at most."""
    return min(timedelta(minutes=2 ** min(attempts - 1, 10)), store.LONGEST_BACK_OFF)


def deliver(engine: store.Engine, routes: Routes, now: datetime, settings: AlertSettings | None = None) -> Delivery:
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
    if settings.routes:
        with engine.begin() as connection:
            escalated(connection, settings, now)
    with store.reading(engine) as connection:
        rows, stopped = store.pending(connection), store.stopped_receivers(connection)
    if not rows:  # as most minutes are
        return Delivery(0, 0, 0, ())
    for_whom = [_addressed(row, routes, settings) for row in rows]
    receivers = {each for one in for_whom for each in one.left}
    problems = [words for one in for_whom for words in one.nowhere]
    problems += [f"{each.name}: {GONE}" for each in receivers if each.fingerprint in stopped]
    with unheard(), ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        served = [each for each in receivers if each.fingerprint not in stopped]
        answers = list(pool.map(lambda receiver: _serve(engine, receiver, for_whom, now), served))
    refused = {each for _, ids in answers for each in ids}
    with engine.begin() as connection:
        open_now = [_addressed(row, routes, settings) for row in store.pending(connection)]
        done = {each.row.id for each in open_now if not each.left and not each.nowhere}
        store.finish(connection, done, now)
    problems += [words for said, _ in answers for words in said]
    failed = len(refused - done)
    return Delivery(len(done), failed, len(open_now) - len(done) - failed, tuple(dict.fromkeys(problems)))


@dataclass(frozen=True, slots=True)
class _Addressed:
    """An alert, who has not taken it and may from when on, and what to do for routes that lead nowhere."""

    row: store.OutboxRow
    left: Mapping[Receiver, datetime]
    nowhere: Sequence[str]


def _addressed(row: store.OutboxRow, routes: Routes, settings: AlertSettings) -> _Addressed:
    due: dict[Receiver, datetime] = {}
    nowhere: list[str] = []
    for name in settings.routes_of(row.alert):
        receivers, missing = receivers_of((name,), routes)
        at = settings.due(row.alert, name)
        due |= {each: min(at, due.get(each, at)) for each in receivers.values()}
        nowhere += missing
    taken = {each for each, fares in row.deliveries.items() if fares.taken_at is not None}
    return _Addressed(row, {each: at for each, at in due.items() if each.fingerprint not in taken}, nowhere)


def where_waiting(
    connection: store.Connection, routes: Routes, settings: AlertSettings, now: datetime
) -> dict[str, dict[str, str]]:
    """Say of each alert that is not delivered where it is still to go, and why it has not, without addresses.

    Returns:
        By the alert's key: receiver, or route that leads nowhere, to the reason.
    """
    stopped, found = store.stopped_receivers(connection), dict[str, dict[str, str]]()
    for row in store.pending(connection):
        waits = _addressed(row, routes, settings)
        where = found[row.alert.key] = {f"route {words.split()[1]}": words for words in waits.nowhere}
        for each, due in waits.left.items():
            fares, why = row.deliveries.get(each.fingerprint), "not sent yet, or behind an earlier one"
            if each.fingerprint in stopped:
                why = GONE
            elif due > now:
                why = f"for its hour: {due:%Y-%m-%d %H:%M} UTC"
            elif fares and fares.last_error:
                why = f"{fares.last_error}; tried again after {fares.next_attempt_at:%Y-%m-%d %H:%M} UTC"
            where[each.name] = why
    return {key: where for key, where in found.items() if where}


def try_receivers(
    engine: store.Engine, routes: Routes, names: Iterable[str], now: datetime
) -> dict[str, Refusal | None]:
    """Send a test message to each receiver of some routes. One that said it was gone and takes it is served again.

    Returns:
        By the receiver's name, None where it took the message; a route that leads nowhere by its own name.
    """
    body = f"Nothing happened. Sent at {now:%Y-%m-%d %H:%M} UTC."
    message = Message("test", "Test: gov_pipelines can reach you", body)
    found: dict[str, Refusal | None] = {}
    with unheard():
        for name in names:
            receivers, nowhere = receivers_of((name,), routes)
            found |= {f"route {name}": Refusal(words) for words in nowhere}
            for receiver in receivers.values():
                found[receiver.name] = refusal = send(receiver, message, now)
                if refusal is None:
                    with engine.begin() as connection:
                        store.revive(connection, receiver.fingerprint)
    return found


def _serve(
    engine: store.Engine, receiver: Receiver, for_whom: Sequence[_Addressed], now: datetime
) -> tuple[list[str], set[int]]:
    """Send a receiver what it may have now, until it does not answer.

    Returns:
        What it answered where it took nothing, and the alerts that it did not take.
    """
    me, ends = receiver.fingerprint, time.monotonic() + ROUND_SECONDS
    mine = [(each.row, each.left[receiver]) for each in for_whom if receiver in each.left]
    tried = {row.id: row.deliveries[me].attempts for row, _ in mine if me in row.deliveries}
    said, refused, behind = list[str](), set[int](), set[object]()
    for message in messages(mine, me, now):
        if time.monotonic() > ends:
            break
        until = {each: now + back_off(tried.get(each, 0) + 1) for each in message.ids}
        with engine.begin() as connection:
            claimed = not message.threads & behind and store.claim(connection, until, me, message.id, now)
        if not claimed:
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
            store.note_delivery(connection, message.ids, me, **values)
        if refusal and not refusal.alone:
            break
    return said, refused
