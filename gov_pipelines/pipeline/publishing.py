"""What the store has noted goes into the ledger: one writer, in order, once.

Whatever must not be changed unseen is noted in the transaction of the row it speaks of (`store.note_entry`). Here it is
appended, and the store learns where it stands. A crash between the two is made up for by the next call: appending what
is there gives its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import Signer
from gov_pipelines.evidence.entries import parse_entry, root_entry
from gov_pipelines.evidence.roots import SNAPSHOT, current_roots
from gov_pipelines.evidence.tlog.ledger import Appended, append
from gov_pipelines.pipeline.lost import torn
from gov_pipelines.store import Engine, Home, LedgerEntryRow, entries_waiting, lock, note_entry, place_entries


def publish(home: Home, engine: Engine, signer: Signer, now: datetime) -> Appended:
    """Append what waits, and the versions of the root of trust that are new; see `append_noted`."""
    with ledger_lock(home, engine):
        return append_noted(home, engine, signer, now)


def ledger_lock(home: Home, engine: Engine) -> AbstractContextManager[None]:
    """The only right to write the ledger."""
    return lock(home, "ledger", engine=engine)


def append_noted(home: Home, engine: Engine, signer: Signer, now: datetime) -> Appended:
    """Append what waits, and the versions of the root of trust that are new. The caller holds the ledger's lock.

    Args:
        home: whose ledger.
        engine: of the store.
        signer: may sign checkpoints by the newest version of the root of trust.
        now: noted beside new versions of the root.

    Returns:
        The ledger as it stands, and where what waited is in it.

    Raises:
        WrongUse: the key may not sign checkpoints.
        EvidenceError: the ledger or the root of trust was changed by somebody, or the store is of another time; nothing
            is signed over it.
    """
    roots = current_roots(home.roots_dir)
    newest = roots[-1]
    if signer.public.keyid not in newest.roles[SNAPSHOT].keyids:
        raise WrongUse(
            f"the key {signer.public.name} ({signer.public.keyid[:12]}...) may not sign the ledger: version "
            f"{newest.version} of the root of trust names others. `gov keys root` says which"
        )
    with engine.begin() as connection:
        for root in roots:
            note_entry(connection, root_entry(root.version, root.sha256), now)
        waiting = _in_order(entries_waiting(connection))
        if gone := torn(home, connection):
            raise EvidenceError(
                f"the store has lost what the ledger in {home.ledger_dir} holds, or one of them is an older copy: "
                f"{', '.join(gone)}. Nothing is signed over that. Restore the home from a backup"
            )
    earlier = [key for root in roots for key in root.keys_of(SNAPSHOT)]
    entries = [row.entry.encode() for row in waiting]
    appended = append(home.ledger_dir, newest.origin, entries, signer, earlier)
    with engine.begin() as connection:
        place_entries(connection, waiting, appended.indices)
    return appended


def _in_order(rows: Sequence[LedgerEntryRow]) -> list[LedgerEntryRow]:
    """The ledger begins with the first root; a later one comes after what was signed before it held."""

    def place(row: LedgerEntryRow) -> int:
        entry = parse_entry(row.entry.encode())
        return 1 if entry["kind"] != "root" else entry["version"] if entry["version"] > 1 else 0

    return sorted(rows, key=place)
