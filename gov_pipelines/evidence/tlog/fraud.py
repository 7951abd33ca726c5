"""Proof that a log told two stories: two checkpoints that its key signed, and that no one log can have.

Of one size, two roots suffice. Of two sizes, a consistency proof computed from the larger tree shows which root its
first entries have; it is another than the one that was signed for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, Verifier, parse_note
from gov_pipelines.evidence.tlog.proof import parse_hashes

_MAX_BYTES = 4 * lines.MAX_BYTES


@dataclass(frozen=True, slots=True)
class Fraud:
    """Two checkpoints of one log, unverified.

    Attributes:
        older: of the smaller size, or the one that was seen first.
        newer: of the larger size.
        beginning: root of the larger tree's first entries, as many as the smaller one has; None where sizes are equal.
        proof: that this is so, by a consistency proof; empty where sizes are equal.
    """

    older: Note
    newer: Note
    beginning: bytes | None
    proof: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Write the proof as canonical JSON."""
        return canonical.dumps(
            {
                "beginning": self.beginning and lines.encoded(self.beginning),
                "kind": "fraud",
                "newer": self.newer.to_bytes().decode(),
                "older": self.older.to_bytes().decode(),
                "proof": [lines.encoded(each) for each in self.proof],
                "v": 1,
            }
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a fraud proof has proven.

    Attributes:
        older: a checkpoint that the log signed.
        newer: another one that it signed, of which the first is no beginning.
    """

    older: Checkpoint
    newer: Checkpoint


def fraud_between(older: Note, newer: Note, hashes: list[bytes] | None) -> Fraud | None:
    """Find out whether two checkpoints of one log contradict each other.

    Args:
        older: signed by the log.
        newer: signed by the log, of the same size or a larger one.
        hashes: leaf hashes of the newer one's tree; without them only equal sizes can be compared.

    Returns:
        The proof; None where they agree, or nothing can be shown.
    """
    first, second = parse_checkpoint(older.text), parse_checkpoint(newer.text)
    if first.size == second.size and first.root != second.root:
        return Fraud(older, newer, None, ())
    if hashes is not None and 0 < first.size < second.size:
        beginning = merkle.root(hashes[: first.size])
        if beginning != first.root:
            return Fraud(older, newer, beginning, tuple(merkle.consistency_proof(hashes, first.size)))
    return None


def parse_fraud(data: bytes) -> Fraud:
    """Read a proof of fraud.

    Raises:
        EvidenceError: no such proof, or not in canonical form.
    """
    match canonical.loads(data, max_bytes=_MAX_BYTES):
        case {
            "beginning": str() | None as beginning,
            "kind": "fraud",
            "newer": str(newer),
            "older": str(older),
            "proof": [*proof],
            "v": 1,
            **rest,
        } if not rest and all(isinstance(each, str) for each in proof):
            root = None if beginning is None else lines.digest(beginning, "root of the beginning")
            return Fraud(parse_note(older.encode()), parse_note(newer.encode()), root, parse_hashes(proof))
    raise EvidenceError("a proof of fraud holds beginning, kind, newer, older, proof and v, and nothing else")


def proven(fraud: Fraud, logs: Iterable[Verifier]) -> Conflict:
    """Verify a proof of fraud.

    Args:
        fraud: as read.
        logs: keys that the log signed with, those of earlier versions of its root of trust too.

    Raises:
        EvidenceError: a checkpoint is not signed by the log, they are of two logs, or do not contradict each other.
    """
    known = [*logs]
    found = Conflict(*(verify_checkpoint(note, known)[0] for note in (fraud.older, fraud.newer)))
    older, newer = found.older, found.newer
    if older.origin != newer.origin:
        raise EvidenceError(f"the checkpoints are of two logs: {older.origin} and {newer.origin}")
    if fraud.beginning is None:
        contradict = older.size == newer.size and not fraud.proof
        beginning = newer.root
    else:
        beginning = fraud.beginning
        shown = (older.size, beginning, newer.size, newer.root, fraud.proof)
        contradict = older.size < newer.size and merkle.verify_consistency(*shown)
    if not contradict or beginning == older.root:
        raise EvidenceError("the two checkpoints may well be of one log: nothing here shows that they contradict")
    return found
