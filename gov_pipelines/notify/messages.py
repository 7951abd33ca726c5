"""From alerts that wait to messages: the pages of one run in one, a digest once a day, the order of a control kept. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from gov_pipelines.notify.settings import DIGESTED
from gov_pipelines.notify.wording import counted, facts_in
from gov_pipelines.store import Alert, OutboxRow

VERSION = 1
"""Of a webhook's JSON body; a field more leaves it, a field less or another meaning raises it."""

Thread = tuple[str, str | None, bool]
"""System, control and whether it is for a digest: what is told in order."""

_TOLD = {
    "failing": "failing",
    "missing": "without result",
    "missed_window": "not audited",
    "recovered": "recovered",
    "audited": "audited after all",
    "due": "due",
    "warning": "warn",
    "undecided": "cannot be decided",
    "settled": "well again",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver gets at once.

    Attributes:
        kind: alerts, digest or test.
        title: one line.
        body: plain text.
        alerts: what is told in it.
        ids: of the alerts, in the outbox.
    """

    kind: str
    title: str
    body: str
    alerts: tuple[Alert, ...] = ()
    ids: tuple[int, ...] = field(default=(), compare=False)

    @property
    def id(self) -> str:
        """The same whenever the same alerts are sent together."""
        return "msg_" + sha256("\n".join([self.title, *(each.key for each in self.alerts)]).encode()).hexdigest()[:32]

    @property
    def colour(self) -> str:
        """Which of Apprise's kinds it is."""
        told = {each.transition for each in self.alerts if each.transition not in {"recovered", "audited"}}
        if not told:
            return "success" if self.alerts else "info"
        if self.kind == "digest":
            return "info"
        return "failure" if any(each.severity == "critical" for each in self.alerts) else "warning"

    @property
    def threads(self) -> set[Thread]:
        """What it must not be sent before others of."""
        return {_thread(each) for each in self.alerts}

    def payload(self, now: datetime) -> dict[str, Any]:
        """What a signed webhook is sent: plain JSON, described in docs/alerts.md."""
        unsaid = {"notify", "body", "raised_at", "partition"}
        alerts = [
            {name: value for name, value in asdict(each).items() if name not in unsaid}
            | {"partition": str(each.partition), "facts": facts_in(each.body)}
            for each in self.alerts
        ]
        said = {"type": f"gov_pipelines.{self.kind}", "version": VERSION, "timestamp": now.isoformat()}
        return said | {"data": {"title": self.title, "alerts": alerts}}


def messages(rows: Iterable[tuple[OutboxRow, datetime]], receiver: str, now: datetime) -> list[Message]:
    """What a receiver is to be sent now, in order.

    Args:
        rows: the alerts it has not taken, in the order they were raised, each with the instant from which it may go.
        receiver: its fingerprint.
        now: the clock.
    """
    ready: list[OutboxRow] = []
    behind: set[Thread] = set()
    for row, due in rows:
        fares = row.deliveries.get(receiver)
        later = due > max(now, row.alert.raised_at)  # a clock that was set back holds up nothing
        if later or (fares is not None and fares.waits(now)) or _thread(row.alert) in behind:
            behind.add(_thread(row.alert))
        else:
            ready.append(row)
    found: list[tuple[int, Message]] = []
    # Of a system, what was raised in one go stands together; a later run of a partition that others came between is
    # another message, or a control's alerts would overtake each other.
    for _, of_one in groupby(sorted(ready, key=lambda row: _run(row)[:2]), key=_run):
        some = list(of_one)
        alone = any(receiver in row.deliveries and row.deliveries[receiver].alone for row in some)
        found += [(together[0].id, _message(together)) for together in ([[row] for row in some] if alone else [some])]
    return [message for _, message in sorted(found, key=lambda each: each[0])]


def _thread(alert: Alert) -> Thread:
    return alert.system, alert.control, alert.transition in DIGESTED


def _run(row: OutboxRow) -> tuple[bool, str, str]:
    alert = row.alert
    digest = alert.transition in DIGESTED
    return digest, "" if digest else alert.system, "" if digest else str(alert.partition)


def _message(rows: Sequence[OutboxRow]) -> Message:
    alerts, ids = tuple(row.alert for row in rows), tuple(row.id for row in rows)
    first = alerts[0]
    if first.transition in DIGESTED:
        return _digest(alerts, ids)
    if len(alerts) == 1:
        return Message("alerts", first.title, first.body, alerts, ids)
    said = counted(_TOLD[each.transition] for each in alerts)
    worst = min((each.severity for each in alerts), key=["critical", "warning", "info"].index)
    body = "\n\n".join([*(f"- {each.title}" for each in alerts), *(f"{each.title}\n{each.body}" for each in alerts)])
    return Message("alerts", f"{first.system} {first.partition}: {said} ({worst})", body, alerts, ids)


def _digest(alerts: tuple[Alert, ...], ids: Collection[int]) -> Message:
    """The last that was said of each control: title, verdict, interval and page."""
    last = {(each.system, each.control): each for each in alerts}
    lines = []
    for each in sorted(last.values(), key=lambda alert: (alert.system, alert.control or "")):
        facts = facts_in(each.body)
        some = (f"  {name}: {facts[name]}" for name in ("Verdict", "Measured", "Interval", "Page") if name in facts)
        lines.append("\n".join([each.title, *some]))
    systems = len({each.system for each in alerts})
    said = counted(_TOLD[each.transition] for each in last.values())
    title = f"Digest: {said} ({systems} system{'s' * (systems != 1)})"
    keys = "Alert keys: " + " ".join(each.key for each in alerts)
    return Message("digest", title, "\n\n".join([*lines, keys]), alerts, tuple(ids))
