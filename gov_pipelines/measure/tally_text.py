"""A tally as canonical JSON, its digest, and the form of it that may be published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import rfc8785

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.measure.bins import MERGED
from gov_pipelines.measure.tallies import DAYS, TABLES, Tally, cell_schema, moment_schema

FORMAT = "gov_pipelines.tally/2"


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
    try:
        found = json.loads(data)
        tally = Tally(
            days=pl.DataFrame(found["days"], schema=DAYS, orient="row"),
            cells=_frame(found["cells"], cell_schema(found["dimensions"], weighted=found["weighted"])),
            newest=datetime.fromisoformat(found["newest"]) if found["newest"] else None,
            merged_below=found["merged_below"],
            moments=_frame(found["moments"], moment_schema(found["dimensions"]))
            if "moments" in found
            else pl.DataFrame(),
            **{name: _frame(found[name], schema) for name, schema in TABLES.items()},
        )
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise EvidenceError(f"this is not a tally as gov_pipelines writes it ({error}); expected {FORMAT}") from error
    if tally_json(tally) != data:
        raise EvidenceError(f"the tally is not in canonical form ({FORMAT}, RFC 8785); it was edited by hand")
    return tally


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


def _frame(rows: list[list[Any]], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """What `_rows` made lists of."""
    packed = {"bin", "n"} if "bin" in schema else {name for name, dtype in schema.items() if dtype == pl.Int128}
    written = {name: pl.String if name in packed else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(rows, schema=written, orient="row")
    if "bin" in schema:
        split = frame.with_columns(pl.col("bin", "n").str.split(" ")).with_row_index("row").explode("bin", "n")
        steps = split.with_columns(pl.col("bin").replace("-", None).cast(pl.Int64))
        frame = steps.with_columns(pl.col("bin").cum_sum().over("row")).drop("row")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


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
