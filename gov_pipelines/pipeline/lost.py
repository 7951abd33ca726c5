"""What the ledger holds and the store has lost: rows that somebody deleted, or a store that is an older copy."""

from __future__ import annotations

from gov_pipelines.evidence.history import CHECKPOINT
from gov_pipelines.evidence.tlog import notes, tiles
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.people import Roster, acts_of
from gov_pipelines.store import Connection, Home, noted_and_gone, noted_leaves


def lost(home: Home, connection: Connection, roster: Roster) -> str:
    """Compare the store with the ledger's own tiles, which whoever deletes rows cannot change unseen.

    Args:
        home: whose ledger.
        connection: of the store.
        roster: who may order that acts are erased; those are not missed.

    Returns:
        What is gone, in words; empty where all is there, or nothing was signed yet.

    Raises:
        EvidenceError: the ledger cannot be read.
    """
    checkpoint = home.ledger_dir / CHECKPOINT
    if not checkpoint.exists():
        return ""
    size = parse_checkpoint(notes.parse_note(checkpoint.read_bytes()).text).size
    unknown = {leaf.hex() for leaf in tiles.read_hashes(home.ledger_dir, size)} - noted_leaves(connection)
    acts, signed = noted_and_gone(connection)
    for order in (*acts_of(connection, roster, "erase"), *acts_of(connection, roster, "expire")):
        acts -= {*order.act.subject.get("acts", [])}
    counts = {"signed acts of people": acts, "signed snapshots": signed, "entries that it never noted": unknown}
    return ", ".join(f"{len(gone)} {what}" for what, gone in counts.items() if gone)
