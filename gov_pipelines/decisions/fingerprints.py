"""Sameness of source rows without reading them again: a fingerprint a row, and a digest of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5

import polars as pl

PARTS, PART = 4, 7  # sums of 4 x 28 bits: none overflows 63 bits below 2**35 rows, in any database
SCHEMA = {"id": pl.String(), "fingerprint": pl.String()}


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows there are, and sums of their fingerprints, which no order of rows changes."""

    rows: int
    value: str

    @classmethod
    def of(cls, fingerprints: pl.DataFrame) -> Digest:
        """The digest of a frame that `Sources.fingerprints` gave, the same as its database would compute."""
        parts = (pl.col("fingerprint").str.slice(PART * n, PART).alias(str(n)) for n in range(PARTS))
        sums = fingerprints.select(part.str.to_integer(base=16, dtype=pl.Int64).sum() for part in parts)
        return cls.summed(fingerprints.height, sums.row(0))

    @classmethod
    def summed(cls, rows: int, sums: Sequence[int]) -> Digest:
        """The digest of so many rows whose parts sum to these numbers."""
        return cls(rows, "-".join(f"{part:x}" for part in sums) if rows else "")


def fingerprint(names: Sequence[str]) -> pl.Expr:
    """The fingerprint of a row of a frame; each value with its length, so that no two rows are written alike."""
    texts = (pl.col(name).cast(pl.String) for name in sorted(set(names)))
    parts = (pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text).fill_null("-") for text in texts)
    return pl.concat_str(*parts).map_batches(_hashed, return_dtype=pl.String).alias("fingerprint")


def _hashed(texts: pl.Series) -> pl.Series:
    hashed = [md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]
    return pl.Series(texts.name, hashed, dtype=pl.String)
