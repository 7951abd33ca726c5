"""The scan: a decision log read once, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting import cells
from gov_pipelines.measure.counting.columns import Columns, columns_of
from gov_pipelines.measure.counting.engines import as_lazy, count_there
from gov_pipelines.measure.counting.kernel import TooWideError, counted
from gov_pipelines.measure.counting.tallies import ACCOUNTS, DAYS, HOURS, TABLES, Tally, summed
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
    *,
    scored: bool = False,
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
        scored: whether scores are wanted by group.

    Raises:
        WrongUse: a column is missing, a decision has no declared outcome, or `accepted` is not the number of rows.
    """
    lazy = log.lazy()
    present = lazy.collect_schema()
    columns = columns_of(declaration, present, moments, scored=scored)
    asked = {name: limits for name, limits in declaration.operating_range.items() if name not in ROWS}
    limits = sorted({*asked.items(), *ranges}, key=repr)
    absent = sorted({"decided_at", *columns.all, *(column for column, _ in limits)} - set(present))
    if absent:
        raise WrongUse(f"the decision log of {declaration.system} lacks {', '.join(absent)}; map it in `columns`")
    hour = pl.col("decided_at").dt.convert_time_zone(declaration.zone).dt.strftime("%H")
    queries = [
        lazy.null_count(),
        lazy.select(pl.col("decided_at").max()),
        lazy.group_by(value=hour).agg(_COUNT).with_columns(column=pl.lit(HOURS)),
    ]
    for name, (low, high) in limits:
        sides = lazy.drop_nulls(name).group_by(side=_side(pl.col(name).cast(pl.Float64), low, high)).agg(_COUNT)
        queries.append(sides.with_columns(column=pl.lit(name), low=pl.lit(low), high=pl.lit(high)))
    found, (empty, newest, hours, *outside) = _scan(lazy, columns, queries)
    _check(found, rows, declaration)
    return replace(
        found,
        days=pl.DataFrame(
            [{"partition": partition_key(partition)} | {name: rows[name] for name in ACCOUNTS}], schema=DAYS
        ),
        newest=newest.item(),
        nulls=cells.nulls(empty, found.rows),
        categories=summed([found.categories, hours], TABLES["categories"]),
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
    return _scan(lazy, columns)[0]


def _scan(lazy: pl.LazyFrame, columns: Columns, more: Sequence[pl.LazyFrame] = ()) -> tuple[Tally, list[pl.DataFrame]]:
    """The counts of `columns`, and the answers to further queries."""
    log = nw.from_native(lazy)
    cell_query, _, *others = (query.to_native() for query in cells.queries(log, columns, columns.all))
    weighted, moments = [cell_query] if columns.weight else [], others[len(columns.categories) :]
    found = pl.collect_all([*weighted, *moments, *more], engine="streaming")
    told = found[len(weighted) + len(moments) :]
    try:
        answers, binned = counted(lazy, columns)
    except TooWideError:
        return count_there(log, columns), told
    answers[: len(weighted)] = found[: len(weighted)]
    tables = cells.tables([*answers, *found[len(weighted) : len(found) - len(told)]], columns)
    for name, schema in TABLES.items():
        tables.setdefault(
            name, pl.concat([pl.DataFrame(schema=schema), *(each.select(*schema) for each in binned[name])])
        )
    return Tally(days=pl.DataFrame(schema=DAYS), **tables), told


def _check(found: Tally, rows: Mapping[str, int], declaration: SystemDeclaration) -> None:
    unknown = int(found.cells.filter(pl.col("outcome").is_null() | pl.col("decision").is_null())["n"].sum())
    if unknown:
        words = "rows have a decision that `outcomes` does not name; they belong in quarantine"
        raise WrongUse(f"{declaration.system}: {unknown} {words}")
    if found.rows != rows["accepted"]:
        raise WrongUse(f"the log holds {found.rows} rows but its accounting says {rows['accepted']} were accepted")


def _side(value: pl.Expr, low: float | None, high: float | None) -> pl.Expr:
    below = value < low if low is not None else pl.lit(value=False)
    above = value > high if high is not None else pl.lit(value=False)
    return pl.when(below).then(pl.lit("below")).when(above).then(pl.lit("above")).otherwise(pl.lit("inside"))
