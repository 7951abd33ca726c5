"""Frames of other libraries: in memory they become Polars', and what lies in DuckDB or Spark is counted there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import narwhals as nw
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting import cells
from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, PAIR_BITS, SCORE_BITS
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.tallies import DAYS, TABLES, Tally, summed

_LAZY = frozenset({"polars", "duckdb", "pyspark", "pyspark[connect]"})


def as_lazy(frame: Any) -> pl.LazyFrame | cells.Lazy:
    """Any frame that can be counted: as one of Polars, or as a query of DuckDB or Spark, which is not run.

    Args:
        frame: of Polars (eager or lazy), pandas, Arrow, DuckDB (a relation), PySpark (classic or Connect), or Narwhals'
            wrapper of one. In a pandas frame NaN is a missing value.

    Raises:
        WrongUse: it is none of these, has two columns of one name, or a column of several types.
    """
    try:
        known: Any = nw.from_native(nw.to_native(frame, pass_through=True))
    except TypeError:
        known = None
    except nw.exceptions.DuplicateError as error:
        raise WrongUse(f"the frame has several columns of one name: {error}") from None
    if known is None or (isinstance(known, nw.LazyFrame) and known.implementation.value not in _LAZY):
        told = "Polars, pandas, Arrow, DuckDB (a relation) or PySpark"
        raise WrongUse(f"got {type(frame).__name__}; give a frame of {told}")
    if isinstance(known, nw.LazyFrame):
        lazy: pl.LazyFrame | cells.Lazy = known.to_native() if known.implementation.is_polars() else known
        return lazy
    try:
        eager: pl.DataFrame = known.to_polars()
    except (ImportError, AttributeError):  # Polars asks nothing of pyarrow, and says nothing
        raise WrongUse("pandas and Arrow frames are read through pyarrow. Run: pip install pyarrow") from None
    except (TypeError, ValueError):  # their text holds a value
        raise WrongUse("a column of the frame holds values of several types; make each column of one type") from None
    return eager.lazy()


def count_there(frame: cells.Lazy, columns: Columns) -> Tally:
    """Count the rows of a query where they lie, and fetch the counts; any engine gives the same, bit for bit.

    Raises:
        WrongUse: rows came or went while they were counted.
    """
    shared, further = cells.queries(frame, columns, columns.all), [*_further(frame, columns)]
    answers = _fetched([*shared, *(query for _, _, query in further)])
    counted = cells.tables(answers[: len(shared)], columns)
    rows = int(counted["cells"]["n"].sum())
    parts = defaultdict[str, list[pl.DataFrame]](list)
    for (table, told, _), found in zip(further, answers[len(shared) :], strict=True):
        if int(found["n"].sum()) != rows:
            raise WrongUse("rows came or went while they were counted; count a version of the table that stays")
        known = {name: pl.lit(value) for name, value in told.items()}
        known |= {"label": cells.label(found, columns), "n": pl.col("n"), "bin": cells.text(found, "bin")}
        parts[table].append(
            found.select(known.get(name, cells.text(found, name)).alias(name) for name in TABLES[table])
        )
    counted |= {name: summed(parts[name], schema) for name, schema in TABLES.items() if name not in counted}
    return Tally(days=pl.DataFrame(schema=DAYS), **counted)


def _further(frame: cells.Lazy, columns: Columns) -> Iterator[tuple[str, dict[str, str], cells.Lazy]]:
    """The tables beyond those of `cells.queries`, part by part: what is true of all its rows, and the query."""
    for name in columns.numbers:
        yield "histograms", {"column": name}, cells.binned(frame, name, HISTOGRAM_BITS, {})
    for attribute in ("", *columns.attributes) if columns.score else ():
        keys = {"value": attribute, "label": columns.label or ""}
        by = {name: nw.col(column) for name, column in keys.items() if column}
        yield "scores", {"attribute": attribute}, cells.binned(frame, columns.score or "", SCORE_BITS, by)
    schema = frame.collect_schema()
    for name, attribute in product(columns.pairs, columns.attributes):
        by = {"group": nw.col(attribute)}
        feature = cells.grouped(frame, by | {"value": nw.col(name)})
        if schema[name].is_numeric():
            feature = cells.binned(frame, name, PAIR_BITS, by)
        yield "pairs", {"column": name, "attribute": attribute}, feature


def _fetched(queries: Sequence[cells.Lazy]) -> list[pl.DataFrame]:
    engine = queries[0].implementation
    native: list[Any] = [query.to_native() for query in queries]
    if engine.is_polars():
        return pl.collect_all(native, engine="streaming")
    return [pl.DataFrame(each.toArrow() if engine.is_spark_like() else each) for each in native]
