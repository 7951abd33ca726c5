"""What was erased and must not come back: rows are known by keyed hashes of their ids, and counted without their content. Pure."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace

import polars as pl

from gov_pipelines.decisions.log import QUARANTINE_SCHEMA, Canonical
from gov_pipelines.decisions.merging import KEY, keyed

ERASED = "erased"
"""The reason of a quarantined row that was erased: nothing else is kept of it."""

_NAMING = ("decision_id", "id", "source_row")


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What was erased of one system.

    Attributes:
        key: of the hashes (HMAC-SHA-256); without it nobody can try ids.
        marks: the hashes, hex.
    """

    key: bytes = field(default=b"", repr=False)
    marks: frozenset[str] = frozenset()

    def mark(self, text: str) -> str:
        """The mark of an id as the log writes it, or of a quarantined row that has none."""
        return hmac.digest(self.key, text.encode(), "sha256").hex()

    def without(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame without the rows that were erased; one whose rows name no decision as it is."""
        key, digest, marks = self.key, hmac.digest, {bytes.fromhex(mark) for mark in self.marks}  # a million a day
        for column in [name for name in _NAMING if name in frame.columns and marks]:
            texts = keyed(frame.select(column), column)[KEY]
            keep = [text is None or digest(key, text.encode(), "sha256") not in marks for text in texts]
            frame = frame.filter(pl.Series(keep, dtype=pl.Boolean))
        return frame

    def set_apart(self, parts: Canonical) -> Canonical:
        """A reading in which what was erased is quarantined without its content: no row is lost."""
        log, others = self.without(parts.log), self.without(parts.quarantine)
        erased = parts.log.height + parts.quarantine.height - log.height - others.height
        rows = {"source_row": [None] * erased, "reason": [ERASED] * erased, "decision_id": [None] * erased}
        return replace(parts, log=log, quarantine=pl.concat([pl.DataFrame(rows, schema=QUARANTINE_SCHEMA), others]))


NOTHING_ERASED = Tombstones()
