"""Which turns of events are told, and in which words: the one form of everything that goes into the outbox. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from gov_pipelines.notify import wording
from gov_pipelines.notify.turns import PAGED, Judged, news
from gov_pipelines.store import Alert, Transition, VerdictRow


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
    for row in current:
        if row.control not in texts:
            continue
        before = history.get(row.control, ())
        known = [each for each in before if each[1] not in {None, "insufficient"} and each[0] <= row.partition]
        failed = [each for each in known if each[1] in PAGED]
        for happened in news(before, row.partition, row.verdict, clean(row)):
            key = f"{row.system}|{row.control}|{row.partition}|{row.revision}|{happened}"
            last = failed if happened == "recovered" else known
            link = (links or {}).get(row.control)
            alerts.append(
                Alert(
                    key=key,
                    system=row.system,
                    control=row.control,
                    partition=row.partition,
                    transition=happened,
                    severity=row.severity,
                    notify=tuple(notify.get(row.control, ())),
                    title=wording.title(row, happened),
                    body=wording.body(row, happened, last[-1] if last else None, texts[row.control], link, note, key),
                    raised_at=row.recorded_at,
                )
            )
    return [*_audited_after_all(history, current, notify), *alerts]


def _audited_after_all(
    history: Mapping[str, Sequence[Judged]], current: Sequence[VerdictRow], notify: Mapping[str, Sequence[str]]
) -> list[Alert]:
    if not any((row.partition, None) in history.get(row.control, ()) for row in current):
        return []
    row, routes = current[0], sorted({name for names in notify.values() for name in names})
    facts = {
        "Verdict": wording.counted(each.verdict for each in current),
        "What to do": "nothing for the missed window",
    }
    return [
        told(
            f"{row.system}||{row.partition}|{row.revision}|audited",
            f"{row.system}: {row.partition} was audited after all",
            facts,
            system=row.system,
            partition=row.partition,
            transition="audited",
            notify=routes,
            raised_at=row.recorded_at,
        )
    ]


def missed_window(
    system: str, partition: date, *, reason: str, notify: Sequence[str], raised_at: datetime, note: str | None = None
) -> Alert:
    """Tell that a partition was not audited. Told once a partition, however often it is tried.

    Args:
        system: the audited system.
        partition: the local day, or the hour.
        reason: why, in words; no addresses, nothing personal.
        notify: names of routes; empty for what alerts.yaml says.
        raised_at: when it was found.
        note: what the reader must know of the data.
    """
    facts = {
        "Verdict": f"none: every control of {partition} is missing",
        "Reason": reason,
        "What to do": f"make the source answer again, then run `gov audit {system} --date {partition}`",
        "About the data": note,
    }
    return told(
        f"{system}||{partition}|0|missed_window",
        f"{system}: {partition} was not audited",
        facts,
        system=system,
        partition=partition,
        transition="missed_window",
        notify=notify,
        raised_at=raised_at,
    )


def told(
    key: str,
    title: str,
    facts: Mapping[str, str | None],
    *,
    system: str,
    partition: date,
    raised_at: datetime,
    control: str | None = None,
    transition: Transition = "due",
    severity: str = "critical",
    notify: Sequence[str] = (),
) -> Alert:
    """Make an alert of facts, one a line; a fact that is not known has no line.

    Args:
        key: told once under it.
        title: one line.
        facts: name to fact, in the words of docs/alerts.md. Nothing personal.
        system: the audited system.
        partition: the local day, or the hour.
        raised_at: when it was found.
        control: the control or clause it is about.
        transition: what happened; `due` for something that was owed.
        severity: critical, warning or info.
        notify: names of routes; empty for what alerts.yaml says.
    """
    return Alert(
        key=key,
        system=system,
        control=control,
        partition=partition,
        transition=transition,
        severity=severity,
        notify=tuple(notify),
        title=title,
        body=wording.lines({**facts, "Alert key": key}),
        raised_at=raised_at,
    )
