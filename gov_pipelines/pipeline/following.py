"""What a signed night does to findings: opened, joined, reopened and closed in the transaction that records the snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gov_pipelines.evidence import PublicKey
from gov_pipelines.people import events_of_night, finding_id, is_red, known_findings, roster_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.store import Connection, SnapshotRow, VerdictRow, record_findings, verdict_history


def follow_findings(
    connection: Connection, night: Night, snapshot: SnapshotRow, verdicts: Sequence[VerdictRow], authority: PublicKey
) -> None:
    """Open, join, reopen and close findings by the verdicts of a snapshot that was just recorded.

    Args:
        connection: of the transaction that recorded it.
        night: that was signed.
        snapshot: as it was recorded.
        verdicts: that it states.
        authority: the home's signing key, which enrols people: acceptances count only from those.
    """
    known = known_findings(connection, roster_of(connection, authority), night.system)
    bound = {each.key: each for each in night.bound}
    now = snapshot.signed_at
    for row in verdicts:
        finding = known.get(finding_id(night.system, row.control))
        if not is_red(row) and (finding is None or finding.state == "closed"):
            continue
        clause = bound.get(row.control)
        events = events_of_night(
            finding,
            row,
            verdict_history(connection, night.system, row.control),
            clause.control if clause else None,
            owner=night.declaration.owner,
            snapshot=snapshot.payload_sha256,
            now=now,
            today=now.astimezone(ZoneInfo(night.declaration.zone)).date(),
            holidays=clause.policy.holidays if clause else (),
        )
        record_findings(connection, events)
