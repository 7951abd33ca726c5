"""Which turns of events are told, and in which words: the one form of everything that goes into the outbox. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gov_pipelines.notify import wording
from gov_pipelines.notify.turns import PAGED, Judged, news
from gov_pipelines.store import Alert, VerdictRow


def alerts_for(
    history: Mapping[str, Sequence[Judged]],
    current: Sequence[VerdictRow],
    *,
    texts: Mapping[str, str],
    notify: Mapping[str, Sequence[str]],
    clean: Callable[[VerdictRow], int],
    links: Mapping[str, str] | None = None,
    note: str | None = None,
) -> list[Alert]:
    """Turn the verdicts of one partition into alerts. Enqueue them in the transaction that keeps the verdicts.

    Args:
        history: what was signed before, by control: `store.judged`.
        current: the verdicts of one system, partition and revision.
        texts: clause text of each control in force. Of a row without one nothing is told: a control that is no longer
            in force did not recover.
        notify: names of routes by control; absent or empty for what alerts.yaml says.
        clean: how many windows without failure make a recovery.
        links: address of the control's page in the report, by control.
        note: what the reader must know of the data, such as which of it is synthetic.
    """
    alerts = []
    for row in (each for each in current if each.control in texts):
        before = history.get(row.control, ())
        known = [each for each in before if each[1] not in {None, "insufficient"} and each[0] <= row.partition]
        failed = [each for each in known if each[1] in PAGED]
        for happened in news(before, row.partition, row.verdict, clean(row)):
            last = failed if happened == "recovered" else known
            facts = {"Clause": texts[row.control], **wording.facts(row, happened, last[-1] if last else None)}
            facts |= {"Page": (links or {}).get(row.control), "About the data": note}
            key = f"{row.system}|{row.control}|{row.partition}|{row.revision}|{happened}"
            fields = {"control": row.control, "severity": row.severity, "notify": tuple(notify.get(row.control, ()))}
            title = wording.title(row, happened)
            alerts.append(told(key, title, facts, transition=happened, **_of(row), **fields))
    if not any((row.partition, None) in history.get(row.control, ()) for row in current):
        return alerts
    row, routes = current[0], tuple(sorted({name for names in notify.values() for name in names}))
    title, key = f"{row.system}: {row.partition} was audited after all", f"{row.system}||{row.partition}|{row.revision}"
    facts = {"Verdict": wording.counted(sorted(one.verdict for one in current)), "What to do": "nothing more for this"}
    return [told(f"{key}|audited", title, facts, transition="audited", notify=routes, **_of(row)), *alerts]


def missed_window(system: str, partition: date, *, reason: str, notify: Sequence[str], raised_at: datetime) -> Alert:
    """Tell that a partition was not audited. Told once a partition, however often it is tried.

    Args:
        system: the audited system.
        partition: the local day, or the hour.
        reason: why, in words; no addresses, nothing personal.
        notify: names of routes; empty for what alerts.yaml says.
        raised_at: when it was found.
    """
    facts = {
        "Verdict": f"none: every control of {partition} is missing",
        "Reason": reason,
        "What to do": f"make the source answer again, then run `gov audit {system} --date {partition}`",
    }
    where = {"system": system, "partition": partition, "notify": tuple(notify), "raised_at": raised_at}
    title = f"{system}: {partition} was not audited"
    return told(f"{system}||{partition}|0|missed_window", title, facts, transition="missed_window", **where)


def told(key: str, title: str, facts: Mapping[str, str | None], **fields: Any) -> Alert:
    """Make an alert of facts, one a line; a fact that is not known has no line.

    Args:
        key: told once under it.
        title: one line.
        facts: name to fact, in the words of docs/alerts.md. Nothing personal.
        fields: the others of `Alert`: `system`, `partition` and `raised_at` at least. Unless said otherwise it is `due`,
            of no control, critical, and for the routes that alerts.yaml says.
    """
    usual: dict[str, Any] = {"control": None, "transition": "due", "severity": "critical", "notify": ()}
    return Alert(**usual | fields, key=key, title=title, body=wording.lines({**facts, "Alert key": key}))


def _of(row: VerdictRow) -> dict[str, Any]:
    return {"system": row.system, "partition": row.partition, "raised_at": row.recorded_at}
