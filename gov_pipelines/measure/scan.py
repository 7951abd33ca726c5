"""The scan: a decision log read once, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import cells
from gov_pipelines.measure.bins import in_order, upper_half
from gov_pipelines.measure.columns import Columns, columns_of
from gov_pipelines.measure.engines import as_lazy, count_there
from gov_pipelines.measure.tallies import ACCOUNTS, DAYS, HOURS, TABLES, Tally, summed
from gov_pipelines.policy.calendar import Partition, partition_key
from gov_pipelines.policy.declaration import ROWS, Range, SystemDeclaration

_COUNT = pl.len().cast(pl.Int64).alias("n")


def tally(
    log: pl.DataFrame | pl.LazyFrame,
    declaration: SystemDeclaration,
    rows: Mapping[str, int],
    partition: Partition,
    ranges: Iterable[tuple[str, Range]] = (),
    moments: Iterable[str] = (),
) -> Tally:
    """Count one partition of a decision log in one scan.

    Args:
        log: accepted rows. It must have `decided_at`, `decision`, the protected attributes, strata and fields of the
            declaration; of the canonical columns `amount`, `score`, `model_version` and `product` those it has are counted.
        declaration: names the columns, the outcomes and the operating ranges.
        rows: the partition's row accounting: source_count, accepted, quarantined, duplicate, undated.
        partition: the local day.
        ranges: further ranges to count, such as a control's own, as (column, (low, high)).
        moments: numbers whose sums are wanted for each cell, such as a control's own.

    Raises:
        WrongUse: a column is missing, a decision has no declared outcome, or `accepted` is not the number of rows.
    """
    lazy = log.lazy()
    present = lazy.collect_schema()
    columns = columns_of(declaration, present, moments)
    asked = {name: limits for name, limits in declaration.operating_range.items() if name not in ROWS}
    limits = sorted({*asked.items(), *ranges}, key=repr)
    absent = sorted({"decided_at", *columns.all, *(column for column, _ in limits)} - set(present))
    if absent:
        raise WrongUse(f"the decision log of {declaration.system} lacks {', '.join(absent)}; map it in `columns`")
    hour = pl.col("decided_at").dt.convert_time_zone(declaration.zone).dt.strftime("%H")
    queries = [
        lazy.select(pl.col("decided_at").max()),
        lazy.group_by(value=hour).agg(_COUNT).with_columns(column=pl.lit(HOURS)),
    ]
    for name, (low, high) in limits:
        sides = lazy.drop_nulls(name).group_by(side=_side(pl.col(name).cast(pl.Float64), low, high)).agg(_COUNT)
        queries.append(sides.with_columns(column=pl.lit(name), low=pl.lit(low), high=pl.lit(high)))
    counted, (newest, hours, *outside) = _scan(lazy, columns, present, queries)
    _check(counted, rows, declaration)
    return replace(
        counted,
        days=pl.DataFrame(
            [{"partition": partition_key(partition)} | {name: rows[name] for name in ACCOUNTS}], schema=DAYS
        ),
        newest=newest.item(),
        categories=summed([counted.categories, hours], TABLES["categories"]),
        ranges=summed(outside, TABLES["ranges"]),
    )


def count(log: Any, columns: Columns) -> Tally:
    """Count the rows of any log: no days, no ranges, nulls of the named columns only.

    A decision that is none of the declared ones has no outcome (null).

    Args:
        log: a frame as `as_lazy` takes them. DuckDB and Spark count for themselves, to the same numbers.
        columns: what is counted.

    Raises:
        WrongUse: a column is missing, or no such frame can be counted.
    """
    lazy = as_lazy(log)
    absent = sorted({*columns.all} - set(lazy.collect_schema()))
    if absent:
        raise WrongUse(f"the log has no column {', '.join(absent)}")
    if isinstance(lazy, nw.LazyFrame):
        return count_there(lazy, columns)
    return _scan(lazy, columns, columns.all, [])[0]


def _scan(
    lazy: pl.LazyFrame, columns: Columns, nulls: Iterable[str], more: list[pl.LazyFrame]
) -> tuple[Tally, list[pl.DataFrame]]:
    """The counts of `columns`, the missing values of `nulls`, and the answers to further queries."""
    queries = [query.to_native() for query in cells.queries(nw.from_native(lazy), columns, nulls)]
    for name in columns.numbers:
        halves = lazy.group_by(half=upper_half(name)).agg(_COUNT)
        more.append(halves.select("n", bin=in_order(pl.col("half")), column=pl.lit(name)))
    found = pl.collect_all([*queries, *more], engine="streaming")
    bins = found[len(found) - len(columns.numbers) :]
    return Tally(
        days=pl.DataFrame(schema=DAYS),
        histograms=summed(bins, TABLES["histograms"]),
        ranges=pl.DataFrame(schema=TABLES["ranges"]),
        **cells.tables(found[: len(queries)], columns),
    ), found[len(queries) : len(found) - len(bins)]


def _check(counted: Tally, rows: Mapping[str, int], declaration: SystemDeclaration) -> None:
    unknown = int(counted.cells.filter(pl.col("outcome").is_null() | pl.col("decision").is_null())["n"].sum())
    if unknown:
        words = "rows have a decision that `outcomes` does not name; they belong in quarantine"
        raise WrongUse(f"{declaration.system}: {unknown} {words}")
    if counted.rows != rows["accepted"]:
        raise WrongUse(f"the log holds {counted.rows} rows but its accounting says {rows['accepted']} were accepted")


def _side(value: pl.Expr, low: float | None, high: float | None) -> pl.Expr:
    below = value < low if low is not None else pl.lit(value=False)
    above = value > high if high is not None else pl.lit(value=False)
    return pl.when(below).then(pl.lit("below")).when(above).then(pl.lit("above")).otherwise(pl.lit("inside"))
