"""Proofs that an entry is in a log (c2sp.org/tlog-proof), each a file that needs nothing but trusted keys."""

from __future__ import annotations

from dataclasses import dataclass

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint
from gov_pipelines.evidence.tlog.notes import Note, parse_note

HEADER = "c2sp.org/tlog-proof@v1"
"""First line of a proof."""

MAX_HASHES = 64
"""Most hashes of a path that are read."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof, unverified.

    Attributes:
        extra: what the application needs to compute the entry anew; nothing vouches for it.
        index: 0-based place of the entry in the log.
        hashes: from the leaf's sibling upwards, 32 bytes each.
        note: the checkpoint.
    """

    extra: bytes | None
    index: int
    hashes: tuple[bytes, ...]
    note: Note

    def to_bytes(self) -> bytes:
        """Write the proof as files hold it."""
        extra = [] if self.extra is None else [f"extra {lines.encoded(self.extra)}"]
        head = [HEADER, *extra, f"index {self.index}", *map(lines.encoded, self.hashes)]
        return "\n".join([*head, "", ""]).encode() + self.note.to_bytes()

    def includes(self, leaf: bytes, checkpoint: Checkpoint) -> bool:
        """Tell whether the path leads from an entry to the root of a checkpoint.

        Args:
            leaf: SHA-256 of 0x00 and the entry, computed by the caller.
            checkpoint: what the proof's own note says, once its signatures are verified.
        """
        return merkle.verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)


def parse_proof(data: bytes) -> TlogProof:
    """Read a proof; it has one spelling.

    Args:
        data: the whole file, at most 1 MiB, with at most 64 hashes.

    Raises:
        EvidenceError: no such proof.
    """
    if len(data) > lines.MAX_BYTES:
        raise EvidenceError(f"the proof has {len(data)} bytes; at most {lines.MAX_BYTES} are read")
    head, _, note = data.partition(b"\n\n")
    match head.decode("ascii", "replace").split("\n"):
        case [first, extra, index, *hashes] if first == HEADER and extra.startswith("extra "):
            opaque: bytes | None = lines.blob(extra.removeprefix("extra "), "extra data")
        case [first, index, *hashes] if first == HEADER:
            opaque = None
        case _:
            raise EvidenceError(f"a proof begins with the line {HEADER}, perhaps one of extra data, and the index")
    if not index.startswith("index "):
        raise EvidenceError(f"not the line of the index: {index[:40]!r}")
    place = lines.number(index.removeprefix("index "), "index")
    return TlogProof(opaque, place, parse_hashes(hashes), parse_note(note))


def parse_hashes(written: list[str]) -> tuple[bytes, ...]:
    """Read the hashes of a path or a consistency proof, one a line.

    Raises:
        EvidenceError: more than 64, or one of another form.
    """
    if len(written) > MAX_HASHES:
        raise EvidenceError(f"the proof has {len(written)} hashes; at most {MAX_HASHES} are read")
    return tuple(lines.digest(line, "hash of a proof") for line in written)
