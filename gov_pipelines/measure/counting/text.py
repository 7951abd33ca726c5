"""A tally as canonical JSON, its digest, and the form of it that may be published."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import rfc8785
from numpy.typing import NDArray

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.measure.counting.bins import MERGED
from gov_pipelines.measure.counting.tallies import (
    DAYS,
    TABLES,
    Tally,
    accounted,
    addable,
    cell_schema,
    moment_schema,
    summed,
)

FORMAT = "gov_pipelines.tally/3"
BULKY = {"histograms": "merged_below", "pairs": "ranges", "scores": "weighted"}
"""Nine tenths of a tally, and what follows each in its JSON."""
_NEXT = {"cells": "days", **BULKY}
_HALF = 1 << 31  # beyond every bin, on both sides of zero


def tally_json(tally: Tally) -> bytes:
    """RFC 8785 JSON: the same counts give the same bytes on any machine."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "dimensions": list(tally.dimensions),
        "days": _rows(tally.days),
        "newest": tally.newest.isoformat() if tally.newest else None,
        "merged_below": tally.merged_below,
        "weighted": "weight" in tally.cells.columns,
        "cells": _rows(tally.cells),
    }
    if tally.moments.width:  # most tallies have none
        document["moments"] = _rows(tally.moments)
    return rfc8785.dumps(document | {name: _rows(getattr(tally, name)) for name in TABLES})


def tally_from_json(data: bytes) -> Tally:
    """Read what `tally_json` wrote.

    Raises:
        EvidenceError: it is not a tally, or not in the canonical form.
    """
    tally = total_from_json([data])
    if tally_json(tally) != data:
        raise EvidenceError(f"the tally is not in canonical form ({FORMAT}, RFC 8785); it was edited by hand")
    return tally


def total_from_json(written: Sequence[bytes], without: Collection[str] = ()) -> Tally:
    """The sum of what `tally_json` wrote, at a fraction of what reading and adding each would cost; the form is not checked.

    Args:
        written: of the same dimensions, at least one.
        without: tables of `BULKY` to leave empty; they are not even parsed.

    Raises:
        EvidenceError: one is no tally.
        WrongUse: they do not add up, as in `total`.
    """
    try:
        parts = [_cut(data, ["cells", *sorted(without)]) for data in written]
        found = [json.loads(rest) for rest, _ in parts]
        shape = addable([(tuple(each["dimensions"]), each["weighted"], each["merged_below"]) for each in found])
        dimensions, weighted, merged_below = shape
        schemas = {"cells": cell_schema(dimensions, weighted=weighted), **TABLES}
        if any("moments" in each for each in found):
            schemas["moments"] = moment_schema(dimensions)
        rows = {name: [row for each in found for row in each.get(name, ())] for name in {"days", *schemas}}
        rows["cells"] = _cells([cells for _, (cells, *_) in parts])
        newest = [datetime.fromisoformat(each["newest"]) for each in found if each["newest"]]
        return Tally(
            days=accounted(pl.DataFrame(rows["days"], schema=DAYS, orient="row")),
            newest=max(newest, default=None),
            merged_below=merged_below,
            **{name: _frame(rows[name], schema) for name, schema in schemas.items()},
        )
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise EvidenceError(f"this is not a tally as gov_pipelines writes it ({error}); expected {FORMAT}") from error


def _cut(data: bytes, names: Sequence[str]) -> tuple[bytes, list[bytes]]:
    """Without some tables, which are in order, and these. Within a table no text is followed by a colon, so a key is found by its text."""
    rest, tables, end = [], [], 0
    for name in names:
        key = f',"{name}":'.encode()
        start = data.index(key, end)
        rest.append(data[end:start])
        end = data.index(f',"{_NEXT[name]}":'.encode(), start)
        tables.append(data[start + len(key) : end])
    return b"".join([*rest, data[end:]]), tables


def _cells(tables: Sequence[bytes]) -> list[list[Any]]:
    """Rows of all tables. Most return each day; so they are added as text, and each is parsed once.

    All are parsed as they are where rows are weighted, for then they do not end in a count; and where a text holds what parts
    two rows, for then there are fewer rows than parts.
    """
    added = defaultdict[bytes, int](int)
    try:
        for table in tables:
            for row in table[2:-2].split(b"],[") if table != b"[]" else ():
                key, _, n = row.rpartition(b",")
                added[key] += int(n)
        rows = json.loads(b"[[" + b"],[".join(added) + b"]]") if added else []
        return [[*row, n] for row, n in zip(rows, added.values(), strict=True)]
    except ValueError:
        return [row for table in tables for row in json.loads(table)]


def tally_digest(tally: Tally) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(tally_json(tally)).hexdigest()


def _rows(frame: pl.DataFrame) -> list[list[Any]]:
    """Rows as lists. Sums of 128 bits are text, for they pass the largest integer of JSON.

    Rows that differ in `bin` alone are one: bins and counts as text, each bin but the first as its distance from the one
    before, `-` where there is none.
    """
    if "bin" in frame.columns:
        steps = pl.col("bin").diff().fill_null(pl.col("bin")).cast(pl.String).fill_null("-")
        keys = [name for name in frame.columns if name not in {"bin", "n"}]
        texts = (steps.str.join(" "), pl.col("n").cast(pl.String).str.join(" "))
        frame = frame.group_by(keys, maintain_order=True).agg(*texts)
    return [list(row) for row in frame.cast({pl.Int128: pl.String}).iter_rows()]


def _frame(rows: Sequence[Sequence[Any]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The sum of what `_rows` made lists of."""
    if "bin" in schema:
        return _binned(rows, schema)
    written = {name: pl.String if dtype == pl.Int128 else dtype for name, dtype in schema.items()}
    return summed([pl.DataFrame(rows, schema=written, orient="row")], schema)


def _binned(rows: Sequence[Sequence[Any]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """Added by number of the keys and bin: texts would take most of the time."""
    names = [name for name in schema if name not in {"bin", "n"}]
    keys = pl.DataFrame([row[:-2] for row in rows], schema={name: schema[name] for name in names}, orient="row")
    unlike = keys.unique().sort(names, nulls_last=False).with_row_index("key")
    key = keys.join(unlike, on=names, how="left", nulls_equal=True, maintain_order="left")["key"].to_numpy()
    counts = _numbers(row[-1] for row in rows)
    steps = _numbers(row[-2] for row in rows)
    sizes = np.array([row[-1].count(" ") + 1 for row in rows], np.int64)
    first = np.cumsum(sizes) - sizes
    reached = np.cumsum(steps)
    bins = reached - np.repeat(reached[first] - steps[first], sizes)
    bins[first[[row[-2].split(" ", 1)[0] == "-" for row in rows]]] = -_HALF
    code = np.repeat(key.astype(np.int64) * 2 * _HALF, sizes) + bins + _HALF
    added = pl.DataFrame({"code": code, "n": counts}).group_by("code").agg(pl.col("n").sum()).sort("code")
    place = pl.col("code") % (2 * _HALF)
    bins_added = added.select(bin=pl.when(place > 0).then(place - _HALF), n="n")
    return unlike[added["code"] // (2 * _HALF)].drop("key").hstack(bins_added)


def _numbers(texts: Iterable[str]) -> NDArray[np.int64]:
    return np.fromstring(" ".join(texts).replace("- ", "0 "), np.int64, sep=" ")


def disclosed(tally: Tally, minimum: int = 5) -> Tally:
    """The tally with small cells merged, so that no count in it points at fewer than `minimum` people.

    In each table (for columns: each column of it) the rows below `minimum` become one row labelled `(merged)`, in the
    histograms bin `MERGED`; where they are still too few together, the next smallest join them. Totals stay. Scores, pairs,
    moments and weights are left out: bins of one person each would tell of that person. Groups, scores, drift, proxies and
    ranges can no longer be recomputed from the result.

    Raises:
        WrongUse: `minimum` is below 2, or the tally is merged already.
    """
    if minimum < 2 or tally.merged_below:
        raise WrongUse("disclose a full tally, with a minimum of 2 or more")
    label = f"(merged, fewer than {minimum})"
    return Tally(
        days=tally.days,
        cells=_merged(tally.cells.select(list(cell_schema(tally.dimensions))), [], minimum, label),
        categories=_merged(tally.categories, ["column"], minimum, label),
        histograms=_merged(tally.histograms, ["column"], minimum, MERGED),
        ranges=_merged(tally.ranges, ["column", "low", "high"], minimum, label),
        nulls=_merged(tally.nulls, ["column"], minimum, None),
        newest=tally.newest,
        merged_below=minimum,
    )


def _merged(frame: pl.DataFrame, within: Sequence[str], minimum: int, label: str | int | None) -> pl.DataFrame:
    keys = [name for name in frame.columns if name != "n"]
    by_size = frame.sort(["n", *keys], nulls_last=False)
    before = pl.col("n").cum_sum() - pl.col("n")
    small = (pl.col("n") < minimum) | ((before > 0) & (before < minimum))
    marked = by_size.with_columns(small=small.over(within) if within else small)
    kept = marked.filter(~pl.col("small")).drop("small")
    free = [name for name in keys if name not in within]
    merged = (
        marked.filter("small")
        .with_columns(
            pl.lit(None if frame.schema[name] == pl.Boolean else label, frame.schema[name]).alias(name) for name in free
        )
        .group_by(keys)
        .agg(pl.col("n").sum())
        .select(frame.columns)
    )
    return pl.concat([kept, merged]).sort(keys, nulls_last=False)
