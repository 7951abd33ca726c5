"""Where a snapshot stands in the ledger: its entry, and the way from there to the checkpoint that says most of it."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence.decision_proof import DayProof
from gov_pipelines.evidence.entries import parse_entry
from gov_pipelines.evidence.history import CHECKPOINT, COSIGNED, ROOTS, TIMESTAMPS, by_size
from gov_pipelines.evidence.roots import SNAPSHOT, current_roots
from gov_pipelines.evidence.tlog import merkle, tiles
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, Verifier, log_verifier


def place_of(ledger: Path, payload_sha256: str) -> DayProof:
    """Find the entry of a snapshot.

    Args:
        ledger: its folder.
        payload_sha256: digest of the signed payload, hex.

    Raises:
        WrongUse: it is not there yet.
        EvidenceError: the ledger is not what its keys signed.
    """
    if not (ledger / CHECKPOINT).exists():
        raise WrongUse(f"There is no ledger in this home yet: {ledger} holds no {CHECKPOINT}. Run `gov audit SYSTEM`.")
    _, newest = read_checkpoint(ledger / CHECKPOINT)
    entries = tiles.read_entries(ledger, newest.size)
    wanted = payload_sha256.encode()
    found = (place for place, entry in enumerate(entries) if wanted in entry and payload_of(entry) == payload_sha256)
    index = next(found, None)
    if index is None:
        raise WrongUse("That snapshot is not in the ledger yet; the next `gov audit` of any system puts it there.")
    note, checkpoint, log = _checkpoint_over(ledger, index)
    levels = merkle.subtrees(merkle.leaf_hashes(entries))
    if checkpoint.size > len(entries) or merkle.root_at(levels, checkpoint.size) != checkpoint.root:
        raise EvidenceError(f"the entries in {ledger} do not give the root of its checkpoint; run `gov verify`")
    hashes = merkle.inclusion_proof(levels[0][: checkpoint.size], index)
    return DayProof(entries[index], index, tuple(hashes), note, log)


def payload_of(entry: bytes) -> str | None:
    """The digest of the payload of the snapshot that an entry is about; None where it is about something else."""
    payload: str | None = parse_entry(entry).get("payloadSha256")
    return payload


def _checkpoint_over(ledger: Path, index: int) -> tuple[Note, Checkpoint, Verifier]:
    """The checkpoint that says most of an entry, and whose it is: cosigned before not, stamped before not, large before small.

    Only those that keys of the newest root of trust signed; the ledger's own is one of them.
    """
    root = current_roots(ledger / ROOTS)[-1]
    logs = [log_verifier(root.origin, key) for key in root.keys_of(SNAPSHOT)]
    known = {log.key_id for log in logs}
    found = []
    for path in (*by_size(ledger / COSIGNED).values(), ledger / CHECKPOINT):
        note, checkpoint = read_checkpoint(path)
        if checkpoint.size > index and any(each.key_id in known for each in note.signatures):
            stamped = (ledger / TIMESTAMPS / f"{checkpoint.size}.tsr").exists()
            found.append(((path.name != CHECKPOINT, stamped, checkpoint.size), note))
    if not found:
        raise EvidenceError(
            f"{ledger} has no checkpoint signed by a key of root version {root.version}; run `gov audit`"
        )
    _, note = max(found, key=itemgetter(0))
    checkpoint, (signed, *_) = verify_checkpoint(note, logs)
    return note, checkpoint, signed.verifier
