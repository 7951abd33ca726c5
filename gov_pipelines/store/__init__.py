"""Keep it: the tables (SQLite by default, PostgreSQL by URL) and the files of a home.

Exported lazily: paths and files need no SQLAlchemy, and `gov --help` needs neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gov_pipelines.store.artifacts import Home, read_frame, write_atomic, write_frame
    from gov_pipelines.store.audits import AuditRow, audits_of, finish_audit, miss_audit, start_audit
    from gov_pipelines.store.engine import Connection, Engine, open_store, reading
    from gov_pipelines.store.locking import lock
    from gov_pipelines.store.outbox import (
        Alert,
        OutboxRow,
        claim,
        enqueue,
        mark_delivered,
        mark_failed,
        mark_reached,
        pending,
        pending_count,
    )
    from gov_pipelines.store.policies import record_policy
    from gov_pipelines.store.snapshots import SnapshotRow, all_snapshots, last_snapshot, record_snapshot, snapshot_of
    from gov_pipelines.store.verdicts import (
        VerdictRow,
        drop_verdicts,
        last_verdicts,
        put_verdicts,
        standing_verdicts,
        verdict_history,
        verdicts_of,
    )

_HOME_OF = {
    name: module
    for module, names in {
        "artifacts": "Home read_frame write_atomic write_frame",
        "audits": "AuditRow audits_of finish_audit miss_audit start_audit",
        "engine": "Connection Engine open_store reading",
        "locking": "lock",
        "outbox": "Alert OutboxRow claim enqueue mark_delivered mark_failed mark_reached pending pending_count",
        "policies": "record_policy",
        "snapshots": "SnapshotRow all_snapshots last_snapshot record_snapshot snapshot_of",
        "verdicts": "VerdictRow drop_verdicts last_verdicts put_verdicts standing_verdicts verdict_history verdicts_of",
    }.items()
    for name in names.split()
}

__all__ = [
    "Alert",
    "AuditRow",
    "Connection",
    "Engine",
    "Home",
    "OutboxRow",
    "SnapshotRow",
    "VerdictRow",
    "all_snapshots",
    "audits_of",
    "claim",
    "drop_verdicts",
    "enqueue",
    "finish_audit",
    "last_snapshot",
    "last_verdicts",
    "lock",
    "mark_delivered",
    "mark_failed",
    "mark_reached",
    "miss_audit",
    "open_store",
    "pending",
    "pending_count",
    "put_verdicts",
    "read_frame",
    "reading",
    "record_policy",
    "record_snapshot",
    "snapshot_of",
    "standing_verdicts",
    "start_audit",
    "verdict_history",
    "verdicts_of",
    "write_atomic",
    "write_frame",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
