"""Checkpoints (c2sp.org/tlog-checkpoint): which log, how many entries, and the root over them."""

from __future__ import annotations

from dataclasses import dataclass

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import lines


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
