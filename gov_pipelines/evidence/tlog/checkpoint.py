"""Checkpoints (c2sp.org/tlog-checkpoint): which log, how many entries, and the root over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.tlog import lines
from gov_pipelines.evidence.tlog.notes import Note, Signed, Verifier, parse_note, verified


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the text of a checkpoint says.

    Attributes:
        origin: which log.
        size: number of entries.
        root: root of the tree over them, 32 bytes.
        extensions: further lines; no witness vouches for them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Write the text that is signed, final newline included."""
        return "\n".join((self.origin, str(self.size), lines.encoded(self.root), *self.extensions, ""))


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; it has one spelling.

    Args:
        text: a note's text, whose signatures the caller has verified.

    Raises:
        EvidenceError: fewer than three lines, an empty line, or another spelling of a number or of base64.
    """
    written = text.split("\n")
    if written.pop() or len(written) < 3 or "" in written:
        raise EvidenceError("a checkpoint is an origin, a size, a root and perhaps more, each a line that is not empty")
    origin, size, root, *extensions = written
    return Checkpoint(origin, lines.number(size, "tree size"), lines.digest(root, "root"), tuple(extensions))


def read_checkpoint(path: Path) -> tuple[Note, Checkpoint]:
    """Read the file of a signed checkpoint: the note, not verified, and what it says.

    Raises:
        EvidenceError: no plain file, no note, or no checkpoint.
    """
    try:
        note = parse_note(read_plain(path, lines.MAX_BYTES))
        return note, parse_checkpoint(note.text)
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error}") from error


def verify_checkpoint(
    note: Note, logs: Iterable[Verifier], witnesses: Iterable[Verifier] = ()
) -> tuple[Checkpoint, list[Signed]]:
    """Verify that a log signed a checkpoint, and who cosigned it. Whether those suffice, `policy.satisfied` says.

    Args:
        note: the checkpoint.
        logs: keys of the log, each under its origin; those of other logs do not count.
        witnesses: known witnesses.

    Returns:
        What the checkpoint says, and who signed it.

    Raises:
        EvidenceError: no checkpoint, no known log of its origin signed it, or a known key's signature is bad.
    """
    checkpoint, known = parse_checkpoint(note.text), list(logs)
    own = [log for log in known if log.name == checkpoint.origin]
    signed = verified(note, [*own, *witnesses]) if own else []
    if not any(each.verifier in own for each in signed):
        names = ", ".join(sorted({log.name for log in known})) or "none"
        raise EvidenceError(f"no known log named {checkpoint.origin} signed the checkpoint; known: {names}")
    return checkpoint, signed
