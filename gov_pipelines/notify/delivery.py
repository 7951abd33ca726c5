"""Getting alerts out of the outbox to every receiver: at least once, in order per control, with back-off."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gov_pipelines.notify.routes import Receiver, receivers_of
from gov_pipelines.store import (
    Alert,
    Engine,
    OutboxRow,
    claim,
    mark_delivered,
    mark_failed,
    mark_reached,
    pending,
    reading,
)

FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=1)

_KIND = {"failing": "failure", "missing": "failure", "recovered": "success", "missed_window": "failure"}
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
    doubled: timedelta = FIRST_BACK_OFF * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_BACK_OFF)


def deliver(
    engine: Engine, routes: Mapping[str, Sequence[str]], now: datetime, clock: Callable[[], datetime] | None = None
) -> Delivery:
    """Send what waits in the outbox.

    Each receiver gets each alert at least once; twice only where a process died between sending and noting it, and then
    with the same key in its body. A receiver gets the alerts of one control in the order they were raised: a later one
    waits until it has taken the earlier. Processes that deliver at the same time do not send the same alert.

    Args:
        engine: of the store.
        routes: route to Apprise URLs, from `routes_from`.
        now: when the round begins.
        clock: read again for every alert; None keeps `now` for the whole round.
    """
    time = clock or (lambda: now)
    with reading(engine) as connection:
        rows = pending(connection)
    counts = {"delivered": 0, "failed": 0, "waiting": 0}
    problems: dict[str, None] = {}
    behind: set[tuple[str, str | None, str]] = set()
    for row in rows:
        thread = (row.alert.system, row.alert.control)
        receivers, nowhere = receivers_of(row.alert.notify, routes)
        problems.update(dict.fromkeys(nowhere))
        ready = [name for name in receivers if name not in row.reached and (*thread, name) not in behind]
        reached, refused = row.reached, list[str]()
        if ready:
            reached, refused = _round(engine, row, [receivers[name] for name in ready], time)
        problems.update(dict.fromkeys(refused))
        left = set(receivers) - reached
        behind.update((*thread, name) for name in left)
        if not left and not nowhere:
            with engine.begin() as connection:
                mark_delivered(connection, row.id, time())
            counts["delivered"] += 1
        else:
            counts["failed" if refused else "waiting"] += 1
    return Delivery(**counts, problems=tuple(problems))


def _round(
    engine: Engine, row: OutboxRow, receivers: Sequence[Receiver], time: Callable[[], datetime]
) -> tuple[frozenset[str], list[str]]:
    """Try an alert once with each receiver that may have it.

    Returns:
        The fingerprints of all that have it now, and what the others answered.
    """
    began = time()
    if not row.is_due(began):
        return row.reached, []
    with engine.begin() as connection:
        claimed = claim(connection, row.id, began, began + back_off(row.attempts + 1))
    if claimed is None:  # another process has it
        return row.reached, []
    reached, refused = set(claimed.reached), []
    for receiver in receivers:
        if receiver.fingerprint in reached:
            continue
        refusal = _send(receiver, row.alert)
        if refusal is None:
            reached.add(receiver.fingerprint)
            with engine.begin() as connection:
                mark_reached(connection, row.id, receiver.fingerprint, time())
        else:
            refused.append(refusal)
    if refused:
        with engine.begin() as connection:
            mark_failed(connection, row.id, "; ".join(refused), time() + back_off(claimed.attempts))
    return frozenset(reached), refused


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
        if channel.notify(
            title=alert.title,
            body=alert.body,
            notify_type="warning" if _is_mild(alert) else _KIND[alert.transition],
            body_format="text",
        ):
            return None
    return f"{receiver.name}: {heard.answer}"


def _is_mild(alert: Alert) -> bool:
    return alert.severity != "critical" and _KIND[alert.transition] == "failure"


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
