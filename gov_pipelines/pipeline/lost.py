"""What the ledger holds and the store has lost: rows that somebody deleted, or a store or a ledger that is an older copy."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256

from gov_pipelines.evidence.history import CHECKPOINT
from gov_pipelines.evidence.tlog import tiles
from gov_pipelines.evidence.tlog.checkpoint import read_checkpoint
from gov_pipelines.people import Roster, acts_of
from gov_pipelines.store import ActRow, Connection, Home, act_rows, noted_acts, noted_positions, snapshots_gone


def lost(home: Home, connection: Connection, roster: Roster) -> str:
    """Compare the store with the ledger's own tiles, which whoever deletes rows cannot change unseen.

    Args:
        home: whose ledger.
        connection: of the store.
        roster: who may order that reviews are erased; those are not missed.

    Returns:
        What is gone, in words; empty where all is there, or nothing was signed yet.

    Raises:
        EvidenceError: the ledger cannot be read.
    """
    # A revocation that counts for nothing brings somebody back: a date written beside it can do that.
    revoked = {each.id for each in acts_of(connection, roster, "revoke")}
    counted = (
        row.id for row in act_rows(connection) if _as_recorded(row) and (row.kind != "revoke" or row.id in revoked)
    )
    kept = {*counted}
    gone = {act: kind for act, kind in noted_acts(connection).items() if act not in kept}
    orders = [order for kind in ("erase", "expire") for order in acts_of(connection, roster, kind)] if gone else []
    erased = {act for order in orders for act in order.act.subject.get("acts", [])}
    # No order makes anything but a review forgotten: who holds the home's key could sign one over what revokes a person.
    missed = sum(act not in erased or kind != "review" for act, kind in gone.items())
    people = [f"{missed} signed acts of people"] if missed else []
    return ", ".join([*people, *torn(home, connection)])


def _as_recorded(row: ActRow) -> bool:
    """Whether a row holds what its id is the digest of, under the kind and system by which it is looked for."""
    if sha256(row.envelope.encode()).hexdigest() != row.id:
        return False
    said = json.loads(b64decode(json.loads(row.envelope)["payload"]))  # it was an act when it got this id
    return (said["kind"], said["system"]) == (row.kind, row.system)


def torn(home: Home, connection: Connection) -> list[str]:
    """What shows that store and ledger are not of one time, so that signing would give one number or size away twice.

    A row and its note are written together, and before the entry is appended: no crash explains any of it.

    Returns:
        What is gone, in words.

    Raises:
        EvidenceError: the ledger cannot be read.
    """
    checkpoint = home.ledger_dir / CHECKPOINT
    size = read_checkpoint(checkpoint)[1].size if checkpoint.exists() else 0
    leaves = [leaf.hex() for leaf in tiles.read_hashes(home.ledger_dir, size)]
    noted = noted_positions(connection)
    counts = {
        "signed snapshots": snapshots_gone(connection),
        "entries that it never noted": sum(leaf not in noted for leaf in leaves),
        "entries of its own that are not in the ledger where they were": sum(
            place is not None and leaves[place : place + 1] != [leaf] for leaf, place in noted.items()
        ),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]
