"""Rows of the store for tests: a verdict, a signed snapshot and an alert, of which a test says only what it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from gov_pipelines.store import Alert, SnapshotRow, VerdictRow

NOW = datetime(2026, 11, 5, 7, 30, 15, 123456, tzinfo=UTC)
DAY = date(2026, 11, 4)


def verdict_row(**more: Any) -> VerdictRow:
    fields = {
        "system": "lending",
        "partition": DAY,
        "revision": 1,
        "control": "house/FL-1",
        "policy": "house",
        "policy_version": 3,
        "clause": "FL-1",
        "level": "runtime",
        "kind": "fairness",
        "acts": "detects",
        "severity": "critical",
        "verdict": "pass",
        "reason": "in words",
        "window_start": datetime(2026, 8, 7, 4, tzinfo=UTC),
        "window_end": datetime(2026, 11, 5, 5, tzinfo=UTC),
        "as_of": NOW,
        "recorded_at": NOW,
    }
    return VerdictRow(**(fields | more))


def snapshot_row(sequence: int, **more: Any) -> SnapshotRow:
    """The snapshot at a place of a system's chain, linked to the one before."""
    fields = {
        "system": "lending",
        "partition": DAY,
        "revision": 1,
        "sequence": sequence,
        "previous_sha256": f"{sequence - 1:064x}" if sequence > 1 else None,
        "payload_sha256": f"{sequence:064x}",
        "content_digest": "c" * 64,
        "path": "evidence/lending",
        "key_id": "k" * 64,
        "signed_at": NOW,
        "as_of": NOW,
        "retroactive": False,
    }
    return SnapshotRow(**(fields | more))


def alert(key: str, **more: Any) -> Alert:
    fields = {
        "key": key,
        "system": "lending",
        "control": "house/FL-1",
        "partition": DAY,
        "transition": "failing",
        "severity": "critical",
        "notify": (),
        "title": key,
        "body": f"in words\nAlert key: {key}",
        "raised_at": NOW,
    }
    return Alert(**(fields | more))
