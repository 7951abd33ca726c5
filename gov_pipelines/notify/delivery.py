"""Getting alerts out of the outbox to every receiver: at least once, in order per control, with back-off."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gov_pipelines.notify.routes import Receiver, receivers_of
from gov_pipelines.store import Alert, Engine, OutboxRow, claim, note, pending, reading

_TALKATIVE = ("apprise", "urllib3")
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one round of delivery did.

    Attributes:
        delivered: alerts that every receiver now has.
        failed: alerts that a receiver did not take; they are tried again.
        waiting: alerts not finished and not failed: backing off, behind an earlier one, or without a receiver.
        problems: in words, each once, without addresses or tokens.
    """

    delivered: int
    failed: int
    waiting: int
    problems: tuple[str, ...]


def back_off(attempts: int) -> timedelta:
    """Wait 1, 2, 4 ... minutes after so many rounds, one hour at most."""
    return timedelta(minutes=min(2 ** min(attempts - 1, 10), 60))


def deliver(engine: Engine, routes: Mapping[str, Sequence[str]], now: datetime) -> Delivery:
    """Send what waits in the outbox.

    Each receiver gets each alert at least once; twice only where a process died between sending and noting it, and then
    with the same key in its body. A receiver gets the alerts of one control in the order they were raised: a later one
    waits until it has taken the earlier. Processes that deliver at the same time do not send the same alert.

    Args:
        engine: of the store.
        routes: route to Apprise URLs, from `routes_from`.
        now: when the round begins.
    """
    with reading(engine) as connection:
        rows = pending(connection)
    counts = {"delivered": 0, "failed": 0, "waiting": 0}
    problems: dict[str, None] = {}
    behind: set[tuple[str, str | None, str]] = set()
    for row in rows:
        thread = (row.alert.system, row.alert.control)
        receivers, nowhere = receivers_of(row.alert.notify, routes)
        ready = [receivers[name] for name in receivers if name not in row.reached and (*thread, name) not in behind]
        reached, refused = _round(engine, row, ready, now) if ready else (row.reached, [])
        problems.update(dict.fromkeys([*nowhere, *refused]))
        left = receivers.keys() - reached
        behind.update((*thread, name) for name in left)
        if done := not left and not nowhere:
            with engine.begin() as connection:
                note(connection, row.id, delivered_at=now, last_error=None)
        counts["delivered" if done else "failed" if refused else "waiting"] += 1
    return Delivery(**counts, problems=tuple(problems))


def _round(
    engine: Engine, row: OutboxRow, receivers: Sequence[Receiver], now: datetime
) -> tuple[frozenset[str], list[str]]:
    """Try an alert once with each receiver that may have it.

    Returns:
        The fingerprints of all that have it now, and what the others answered.
    """
    with engine.begin() as connection:
        claimed = claim(connection, row.id, now, now + back_off(row.attempts + 1))
    if claimed is None:  # its time has not come, or another process has it
        return row.reached, []
    reached, refused = claimed.reached, list[str]()
    for receiver in receivers:
        if receiver.fingerprint in reached:
            continue
        if refusal := _send(receiver, row.alert):
            refused.append(refusal)
        else:
            reached |= {receiver.fingerprint}
        with engine.begin() as connection:
            note(connection, row.id, reached=sorted(reached), last_error="; ".join(refused) or None)
    return reached, refused


def _send(receiver: Receiver, alert: Alert) -> str | None:
    """Send one alert to one receiver.

    Returns:
        None where it was taken, else why not, in words that hold no address.
    """
    with _unheard() as heard:
        import apprise  # noqa: PLC0415  (loads 180 services; wanted only when something is sent)

        asset = apprise.AppriseAsset(app_id="gov_pipelines", app_desc="gov_pipelines", app_url="", async_mode=False)
        channel = apprise.Apprise(asset=asset)
        if not channel.add(receiver.url):
            return f"{receiver.name}: Apprise cannot read its URL"
        kind = "success" if alert.transition == "recovered" else "failure"
        if kind == "failure" and alert.severity != "critical":
            kind = "warning"
        if channel.notify(title=alert.title, body=alert.body, notify_type=kind, body_format="text"):
            return None
    return f"{receiver.name}: {heard.answer}"


class _Listener(logging.Handler):
    """Keeps the one thing that Apprise says only in its log and that holds no secret: the HTTP status."""

    answer = "not reached, or it did not take the message"

    def emit(self, record: logging.LogRecord) -> None:
        status = re.search(r"\berror=(\d{3})\b", record.getMessage())
        if record.levelno >= logging.WARNING and status:
            self.answer = f"answered with HTTP status {status[1]}"


@contextmanager
def _unheard() -> Iterator[_Listener]:
    """Keep Apprise's log, and that of the HTTP library under it, to ourselves: both write addresses with their tokens."""
    listener = _Listener()
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    with _one_at_a_time:
        before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
        for logger in loggers:
            logger.handlers, logger.propagate = [listener], False
        try:
            yield listener
        finally:
            for logger, handlers, propagate in before:
                logger.handlers, logger.propagate = handlers, propagate
