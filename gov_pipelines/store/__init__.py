"""Keep it: the tables (SQLite by default, PostgreSQL by URL) and the files of a home."""

from __future__ import annotations

from gov_pipelines.store.acts import ActRow, Opening, act_rows, forget, note_opening, opened_at, put_act
from gov_pipelines.store.artifacts import Home, as_written, read_frame, write_atomic, write_frame
from gov_pipelines.store.backup import dump_store, dumped, load_store
from gov_pipelines.store.engine import Connection, Engine, open_store, reading, server_clock
from gov_pipelines.store.erasures import ErasureRow, close_erasure, erasures, put_erasure, settle_log, tombstones
from gov_pipelines.store.findings import FindingEvent, findings_recorded, record_findings
from gov_pipelines.store.ledger_entries import (
    LedgerEntryRow,
    entries_waiting,
    note_entry,
    noted_acts,
    noted_positions,
    place_entries,
    snapshots_gone,
)
from gov_pipelines.store.locking import lock
from gov_pipelines.store.outbox import (
    LONGEST_BACK_OFF,
    Ack,
    Alert,
    DeliveryRow,
    OutboxRow,
    Transition,
    acks,
    claim,
    enqueue,
    finish,
    note_delivery,
    pending,
    pending_count,
    put_ack,
    revive,
    stopped_receivers,
    told,
)
from gov_pipelines.store.policies import edited_in_place, record_policy
from gov_pipelines.store.snapshots import SnapshotRow, all_snapshots, last_snapshot, record_snapshot, snapshot_of
from gov_pipelines.store.verdicts import (
    NOT_AUDITED,
    VerdictRow,
    drop_verdicts,
    judged,
    put_verdicts,
    verdict_history,
    verdicts_of,
)

__all__ = [
    "LONGEST_BACK_OFF", "NOT_AUDITED", "Ack", "ActRow", "Alert", "Connection", "DeliveryRow", "Engine", "ErasureRow", "FindingEvent", "Home", "LedgerEntryRow", "Opening",
    "OutboxRow", "SnapshotRow", "Transition", "VerdictRow", "acks", "act_rows", "all_snapshots", "as_written", "claim", "close_erasure", "drop_verdicts", "dump_store", "dumped",
    "edited_in_place", "enqueue", "entries_waiting", "erasures", "findings_recorded", "finish", "forget", "judged", "last_snapshot", "load_store", "lock", "note_delivery", "note_entry", "note_opening", "noted_acts", "noted_positions",
    "open_store", "opened_at", "pending", "pending_count", "place_entries", "put_ack", "put_act", "put_erasure", "put_verdicts", "read_frame", "reading", "record_findings",
    "record_policy", "record_snapshot", "revive", "server_clock", "settle_log", "snapshot_of", "snapshots_gone", "stopped_receivers", "told", "tombstones", "verdict_history", "verdicts_of",
    "write_atomic", "write_frame",
]  # fmt: skip
