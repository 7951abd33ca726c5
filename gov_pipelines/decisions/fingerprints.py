"""Sameness: of source rows without reading them again, and of frames whatever the writer, the chunks or the order of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5, sha256

import numpy as np
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


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 (hex) over the named, typed columns of a frame, its rows sorted by `decision_id`.

    Columns are taken by name; rows by `decision_id` where that is unique, else by all columns. Types are kinds (text,
    integer, number, moment ...), so an Int32 of 7 is an Int64 of 7. Each column is a validity bitmap and its values in
    little-endian bytes; text is lengths and UTF-8. -0.0 is 0.0, and all NaN are one.

    Raises:
        TypeError: a column is nested; logs hold none.
    """
    names = sorted(frame.columns)
    unique = "decision_id" in names and frame["decision_id"].n_unique() == frame.height
    by = ["decision_id"] if unique else sorted(names, key=lambda name: (name != "decision_id", name))
    ordered = frame.select(names).sort(by) if names else frame
    kinds = [[name, _kind(ordered.schema[name])] for name in names]
    digest = sha256(json.dumps([frame.height, kinds]).encode())
    for name, kind in kinds:
        for block in _blocks(ordered[name], kind):
            digest.update(block)
    return digest.hexdigest()


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        wide = isinstance(dtype, pl.UInt64 | pl.Int128 | pl.UInt128)
        return "decimal" if wide else "integer"
    if dtype.is_float():
        return "number"
    if isinstance(dtype, pl.Datetime):
        return "moment" if dtype.time_zone else "local time"
    known = {
        "text": pl.String | pl.Categorical | pl.Enum | pl.Null,
        "boolean": pl.Boolean,
        "date": pl.Date,
        "decimal": pl.Decimal,
    }
    for kind, types in known.items():
        if isinstance(dtype, types):
            return kind
    raise TypeError(f"a column of type {dtype} has no canonical bytes; cast it to text first")


def _blocks(column: pl.Series, kind: str) -> Iterator[bytes]:
    yield np.packbits(column.is_not_null().to_numpy(), bitorder="little").tobytes()
    if kind in {"text", "decimal"}:
        text = column.cast(pl.String).fill_null("")
        yield text.str.len_bytes().to_numpy().astype("<u4").tobytes()
        yield "".join(text.to_list()).encode()
    elif kind == "number":
        values = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
        yield np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()
    else:
        if kind in {"moment", "local time"}:
            column = column.dt.cast_time_unit("us")
        yield column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()
