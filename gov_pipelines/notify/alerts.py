"""Which turns of events are told: a control that begins to fail or to be missing, and its recovery. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from gov_pipelines.notify import wording
from gov_pipelines.store import Alert, Transition, VerdictRow

__all__ = ["Alert", "alerts_for", "missed_window", "transition"]

_FAILING: dict[str, Transition] = {"fail": "failing", "missing": "missing"}
_WELL = frozenset({"pass", "warn", "report_only", "not_applicable"})


def transition(before: str | None, now: str) -> Transition | None:
    """Tell what happened between two verdicts of a control.

    `warn` and `insufficient` never page; after a failure `insufficient` is no recovery, for the data cannot tell.

    Args:
        before: the verdict that stood; None for a control that has none yet.
        now: the new verdict.

    Returns:
        None where there is nothing to tell.
    """
    if now in _FAILING:
        return None if before == now else _FAILING[now]
    return "recovered" if before in _FAILING and now in _WELL else None


def alerts_for(
    previous: Mapping[str, VerdictRow],
    current: Sequence[VerdictRow],
    *,
    texts: Mapping[str, str],
    notify: Mapping[str, Sequence[str]],
    links: Mapping[str, str] | None = None,
    note: str | None = None,
) -> list[Alert]:
    """Turn the verdicts of one partition into alerts. Enqueue them in the transaction that keeps the verdicts.

    Args:
        previous: what stood before, by control: `store.standing_verdicts`, which looks past `insufficient`.
        current: the verdicts of one system, partition and revision.
        texts: clause text of each control in force. Of a row without one nothing is told: a control that is no longer
            in force did not recover.
        notify: names of routes by control; absent or empty for the default route.
        links: address of the control's page in the report, by control.
        note: what the reader must know of the data, such as which of it is synthetic.
    """
    alerts = []
    for row in current:
        before = previous.get(row.control)
        happened = transition(before.verdict if before else None, row.verdict)
        if happened is None or row.control not in texts:
            continue
        key = f"{row.system}|{row.control}|{row.partition.isoformat()}|{row.revision}|{happened}"
        alert = Alert(
            key=key,
            system=row.system,
            control=row.control,
            partition=row.partition,
            transition=happened,
            severity=row.severity,
            notify=tuple(notify.get(row.control, ())),
            title=wording.title(row, happened),
            body=wording.body(row, happened, before, texts[row.control], (links or {}).get(row.control), note, key),
            raised_at=row.recorded_at,
        )
        alerts.append(alert)
    return alerts


def missed_window(
    system: str, partition: date, *, reason: str, notify: Sequence[str], raised_at: datetime, note: str | None = None
) -> Alert:
    """Tell that a partition was not audited. Told once a partition, however often it is tried.

    Args:
        system: the audited system.
        partition: the local day.
        reason: why, in words; no addresses, nothing personal.
        notify: names of routes; empty for the default route.
        raised_at: when it was found.
        note: what the reader must know of the data.
    """
    key = f"{system}||{partition.isoformat()}|0|missed_window"
    return Alert(
        key=key,
        system=system,
        control=None,
        partition=partition,
        transition="missed_window",
        severity="critical",
        notify=tuple(notify),
        title=f"{system}: {partition.isoformat()} was not audited",
        body=wording.missed(system, partition, reason, note, key),
        raised_at=raised_at,
    )
