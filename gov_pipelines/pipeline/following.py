"""What a signed night does to findings: opened, joined, reopened and closed in the transaction that records the snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from gov_pipelines.notify import told
from gov_pipelines.people import Authority, Finding, events_of_night, finding_id, is_red, known_findings, roster_of
from gov_pipelines.pipeline.kept import vanished_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import Partition, partition_key
from gov_pipelines.store import (
    Alert,
    Connection,
    SnapshotRow,
    Transition,
    VerdictRow,
    enqueue,
    record_findings,
    verdict_history,
)


def follow_findings(
    connection: Connection, night: Night, snapshot: SnapshotRow, verdicts: Sequence[VerdictRow], authority: Authority
) -> None:
    """Open, join, reopen and close findings by the verdicts of a snapshot that was just recorded.

    Args:
        connection: of the transaction that recorded it.
        night: that was signed.
        snapshot: as it was recorded.
        verdicts: that it states.
        authority: whose keys enrol people: acceptances count only from those.
    """
    known = known_findings(connection, roster_of(connection, authority), night.system)
    bound = {each.key: each for each in night.bound}
    for row in verdicts:
        finding = known.get(finding_id(night.system, row.control))
        if not is_red(row) and (finding is None or finding.state == "closed"):
            continue
        clause, history = bound.get(row.control), verdict_history(connection, night.system, row.control)
        about: dict[str, Any] = (
            {"incident": clause.control.incident, "holidays": clause.policy.holidays} if clause else {}
        )
        judges = clause.control.judges if clause else None
        record_findings(connection, events_of_night(finding, row, history, judges, **_signed(night, snapshot), **about))
    _follow_vanished(connection, night, snapshot, known.get(finding_id(night.system, _vanished(night.system))))


def _signed(night: Night, snapshot: SnapshotRow) -> dict[str, Any]:
    """What every event of a night says: whose finding it opens, by which snapshot, and when."""
    now, zone = snapshot.signed_at, ZoneInfo(night.declaration.zone)
    said = {"owner": night.declaration.owner, "snapshot": snapshot.payload_sha256}
    return said | {"now": now, "today": now.astimezone(zone).date()}


def _vanished(system: str) -> str:
    """What the finding of decisions that are gone from the source calls its control; no policy has it."""
    return f"{system}/vanished_decisions"


def _follow_vanished(connection: Connection, night: Night, snapshot: SnapshotRow, finding: Finding | None) -> None:
    """Open, join and close the finding of vanished decisions, and tell of it how many, never which."""
    days = {night.partition, *(finding.red if finding else ())}
    history = [_counted(night, snapshot, day) for day in sorted(days)]
    row = next(each for each in history if each.partition == night.partition)
    if not row.breaches and (finding is None or finding.state == "closed"):
        return
    events = events_of_night(finding, row, history, "decision", **_signed(night, snapshot))
    record_findings(connection, events)
    if "closed" in (kinds := [event.event for event in events]):
        enqueue(connection, [_alert(row, "recovered", "the decisions that had vanished are back, or accepted as gone")])
    elif kinds and row.breaches > (finding.red.get(row.partition, 0) if finding else 0):
        # One page, on entering: a source that was restored from a copy loses decisions of thirty days in one night.
        happened: Transition = "warning" if finding and finding.state == "open" else "failing"
        told = f"{row.breaches} decisions that were signed are gone from the source"
        enqueue(connection, [_alert(row, happened, told)])


def _counted(night: Night, snapshot: SnapshotRow, day: Partition) -> VerdictRow:
    """The decisions of a day that have vanished, as the verdict of a control that every system has."""
    start, end = night.declaration.calendar.span(day)
    name, count = _vanished(night.system), vanished_of(night, day)
    reason = f"{count} decisions that were signed are gone from the source."
    return VerdictRow(
        system=night.system, partition=day, revision=snapshot.revision, control=name, policy=night.system,
        policy_version=0, clause="vanished_decisions", level="output", kind="vanished_decisions", acts="detects",
        severity="critical", verdict="fail" if count else "pass", reason=reason, breaches=count, threshold="none",
        window_start=start, window_end=end, as_of=snapshot.as_of, recorded_at=snapshot.signed_at,
    )  # fmt: skip


def _alert(row: VerdictRow, happened: Transition, what: str) -> Alert:
    day = partition_key(row.partition)
    do = (
        f"ask who deletes from the source; `gov findings show {finding_id(row.system, row.control)}` says since when. Their "
        f"ids are in artifacts/{row.system}/{day}/changes.parquet of the home. Accept the finding with a signature where they "
        "may be gone"
    )
    facts = {"Found": what, "What to do": "nothing at once" if happened == "recovered" else do}
    key, title = f"{row.system}|vanished_decisions|{day}|{row.revision}|{happened}", f"{row.system} {day}: {what}"
    where = {"system": row.system, "control": row.control, "partition": row.partition, "severity": row.severity}
    told_at = {"transition": happened, "raised_at": row.recorded_at}
    return told(key, f"{title} ({row.severity})", facts, **where, **told_at)
