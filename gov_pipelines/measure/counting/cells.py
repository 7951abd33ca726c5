"""What is counted by grouping, written once for Polars, DuckDB and Spark.

An engine groups by the values of the log in its own types. What they mean is said of the few groups, in Polars, so that no
two engines differ in how they write a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import narwhals as nw
import polars as pl

from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.tallies import LARGEST, OUTCOMES, TABLES, cell_schema, moment_schema, summed
from gov_pipelines.measure.statistics.means import UNIT

Lazy = nw.LazyFrame[Any]
_SQUARES = {"sum": "squares", "weight": "weight_squares"}
_INFINITE = float.fromhex("0x1.ffffffp127")  # rounded to 32 bits it is infinite
_LEAST_NORMAL = 1.5 * 2.0**-126  # what is smaller has the same exponent


def queries(frame: Lazy, columns: Columns, nulls: Iterable[str]) -> list[Lazy]:
    """What is asked of a log in any engine: cells, missing values of `nulls`, each category, moments of each number."""
    told = {"decision": columns.decision, "label": columns.label, "proposed": columns.proposed}
    keys = _numbered(columns) | {name: nw.col(column) for name, column in told.items() if column}
    reviewed = ~nw.col(columns.reviewed).is_null() if columns.reviewed else nw.lit(value=False)
    weight = {"weight": _millionths(frame, columns.weight)} if columns.weight else {}
    return [
        grouped(frame, keys | {"reviewed": reviewed}, weight),
        frame.select(nw.col(*nulls).is_null().cast(nw.Int64).sum()),
        *(grouped(frame, {"value": nw.col(name)}) for name in columns.categories),
        *(_moments(frame, columns, name) for name in columns.moments),
    ]


def tables(answers: Iterable[pl.DataFrame], columns: Columns) -> dict[str, Any]:
    """The tables of a tally that the answers to `queries` are."""
    groups, empty, *found = answers
    categories = zip(columns.categories, found, strict=False)
    moments = zip(columns.moments, found[len(columns.categories) :], strict=True)
    return {
        "cells": summed([_settled(groups, columns)], cell_schema(columns.dimensions, weighted=bool(columns.weight))),
        "nulls": nulls(empty, int(groups["n"].sum())),
        "categories": summed(
            (each.select("n", value=text(each, "value"), column=pl.lit(name)) for name, each in categories),
            TABLES["categories"],
        ),
        "moments": summed(
            (_named(each, columns).with_columns(column=pl.lit(name)) for name, each in moments),
            moment_schema(columns.dimensions),
        )
        if columns.moments
        else pl.DataFrame(),
    }


def nulls(empty: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The table of missing values, of one row that says how many each column has."""
    missing = pl.DataFrame({"column": empty.columns, "n": [int(n) for n in empty.row(0)], "missing": True})
    return summed([missing, missing.with_columns(missing=False, n=rows - pl.col("n"))], TABLES["nulls"])


def grouped(frame: Lazy, keys: Mapping[str, nw.Expr], sums: Mapping[str, nw.Expr] = MappingProxyType({})) -> Lazy:
    """Rows by some keys (`n`), and of each whole number its sum and that of its squares, exact in 128 bits."""
    added = [nw.col(name).sum() for name in sums]
    squares = [(nw.col(name) * nw.col(name)).sum().alias(_SQUARES[name]) for name in sums]
    counts = [nw.len().cast(nw.Int64).alias("n"), *added, *squares]
    narrow = frame.select(**keys, **sums)
    return narrow.group_by(*keys).agg(*counts) if keys else narrow.select(*counts)


def binned(frame: Lazy, column: str, dropped: int, keys: Mapping[str, nw.Expr]) -> Lazy:
    """Rows by some keys and the `bin` of a number: its float32 bits without the last `dropped`, as `bins` has them.

    By arithmetic, for engines that do not show bits. They are, in units of the exponent, (exponent + 127) + (mantissa - 1)
    where |x| is mantissa * 2^exponent. At a power of two, where a logarithm may be rounded down, either exponent gives the
    same bits; nowhere else is a float32 near enough to one. In steps, since engines repeat an expression for each use.
    """
    value = nw.col(column).cast(nw.Float64)
    known = nw.when(value.is_nan()).then(nw.lit(1.5 * 2.0**128)).when(value.abs() >= _INFINITE).then(nw.lit(2.0**128))
    size = known.otherwise(value.abs().cast(nw.Float32).cast(nw.Float64))  # the bits go on beyond the largest exponent
    sized = frame.select(**keys, below=value < 0.0, size=size)
    normal = nw.when(nw.col("size") > _LEAST_NORMAL).then(nw.col("size")).otherwise(nw.lit(_LEAST_NORMAL))
    logs = sized.with_columns(exponent=normal).with_columns(exponent=nw.col("exponent").log(2.0).floor())
    mantissa = nw.col("size") * 2.0 ** (nw.col("exponent") * -1.0)
    bits = (nw.col("exponent") + 126.0 + mantissa) * 2.0 ** (23 - dropped)
    whole = logs.with_columns(size=bits.floor().cast(nw.Int64))
    signed = nw.when(nw.col("below")).then(nw.col("size") * -1).otherwise(nw.col("size"))
    return grouped(whole, {**{key: nw.col(key) for key in keys}, "bin": signed})


def label(groups: pl.DataFrame, columns: Columns) -> pl.Expr:
    """What a label means: positive, negative, null where it is missing."""
    value = text(groups, "label")
    known = pl.when(value.is_in(sorted(columns.label_positive))).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    return pl.when(value.is_not_null()).then(known)


def text(groups: pl.DataFrame, column: str) -> pl.Expr:
    """A column of groups as text; null where there is no such column. Minus zero is zero."""
    if column not in groups.columns:
        return pl.lit(None, pl.String)
    value = pl.col(column)
    zero = pl.when(value == 0).then(0.0).otherwise(value)
    return (zero if groups.schema[column].is_float() else value).cast(pl.String)


def _moments(frame: Lazy, columns: Columns, name: str) -> Lazy:
    inside = frame.filter(nw.col(name).cast(nw.Float64).abs() <= LARGEST)
    return grouped(inside, _numbered(columns), {"sum": _millionths(frame, name)})


def _numbered(columns: Columns) -> dict[str, nw.Expr]:
    """The dimensions as `0`, `1`, ...: names that no engine finds ambiguous."""
    return {str(number): nw.col(name) for number, name in enumerate(columns.dimensions)}


def _named(groups: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    texts = (text(groups, str(number)).alias(name) for number, name in enumerate(columns.dimensions))
    return groups.select(*texts, *groups.columns[len(columns.dimensions) :])


def _settled(groups: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Groups as cells, several of a kind. A decision that is none of the declared ones has no outcome (null)."""
    decision, proposed = text(groups, "decision"), text(groups, "proposed")
    return _named(groups, columns).with_columns(
        decision=decision,
        outcome=_outcome(decision, columns),
        label=label(groups, columns),
        proposed=pl.when(proposed.is_not_null()).then(_outcome(proposed, columns)),
    )


def _millionths(frame: Lazy, column: str) -> nw.Expr:
    """A number in whole millionths; null beyond `LARGEST`."""
    value = nw.col(column).cast(nw.Float64)
    whole = nw.when(value.abs() <= LARGEST).then((value * UNIT + 0.5).floor()).cast(nw.Int64)
    return whole.cast(nw.Decimal(38, 0) if frame.implementation.is_spark_like() else nw.Int128())


def _outcome(decision: pl.Expr, columns: Columns) -> pl.Expr:
    values = {"favorable": columns.favorable, "undecided": columns.undecided, "unfavorable": columns.unfavorable or ()}
    meanings = {value: outcome for outcome in OUTCOMES for value in values[outcome]}
    other = "unfavorable" if columns.unfavorable is None else None
    found = decision.replace_strict(meanings, default=other, return_dtype=pl.String)
    return pl.when(decision.is_null()).then(pl.lit("undecided")).otherwise(found)
