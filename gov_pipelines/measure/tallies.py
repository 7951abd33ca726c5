"""The tally: integer counts of a decision log, made in one scan. Adding two gives the tally of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.bins import in_order, upper_half
from gov_pipelines.measure.means import UNIT
from gov_pipelines.policy.calendar import Partition, partition_key
from gov_pipelines.policy.declaration import ROWS, Range, SystemDeclaration

ACCOUNTS = ("source_count", "accepted", "quarantined", "duplicate", "undated")
OUTCOMES = ("favorable", "unfavorable", "undecided")
DAYS = {"partition": pl.String, **dict.fromkeys(ACCOUNTS, pl.Int64)}
TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    "categories": {"column": pl.String, "value": pl.String, "n": pl.Int64},
    "histograms": {"column": pl.String, "bin": pl.Int64, "n": pl.Int64},
    "ranges": {"column": pl.String, "low": pl.Float64, "high": pl.Float64, "side": pl.String, "n": pl.Int64},
    "nulls": {"column": pl.String, "missing": pl.Boolean, "n": pl.Int64},
}
LARGEST = 1e9  # of a number whose moments are summed: 10^8 squares of it, in millionths, fit into 128 bits
HOURS = "decided_at, local hour"  # beside the log's columns among `categories`; no declared name has a comma
_CANONICAL_NUMBERS = ("amount", "score")
_CANONICAL_CATEGORIES = ("decision", "model_version", "product")


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts of accepted rows over one or more partitions. Every `n` is positive: what is absent is zero.

    Attributes:
        days: one row a partition: `partition` (its key), then the row accounting (`source_count` = `accepted` + `quarantined`
            + `duplicate`; `undated`).
        cells: protected attributes and strata (text, null where unknown), `outcome`, `n`.
        categories: `column`, `value` (null where missing), `n`, for the decision and each category; and `HOURS`.
        histograms: `column`, `bin` (see `bins`; null where missing), `n`, for each number.
        ranges: `column`, `low`, `high` (inclusive, null where open), `side` (below, inside, above), `n`.
        nulls: `column`, `missing`, `n`, for every column of the log.
        newest: the latest `decided_at`, UTC; None where there are no rows.
        merged_below: cells smaller than this are merged (see `disclosed`); 0 in a full tally.
        moments: for each number that was asked for: protected attributes and strata, `column`, `n` (rows with a value),
            `sum` and `squares` in millionths and their squares. Values beyond `LARGEST` are not among them. Empty where
            none was asked for, or cells are merged.
    """

    days: pl.DataFrame
    cells: pl.DataFrame
    categories: pl.DataFrame
    histograms: pl.DataFrame
    ranges: pl.DataFrame
    nulls: pl.DataFrame
    newest: datetime | None = None
    merged_below: int = 0
    moments: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def accounting(self) -> dict[str, int]:
        """The row accounting summed over the partitions."""
        return {name: int(self.days[name].sum()) for name in ACCOUNTS}

    @property
    def rows(self) -> int:
        """Accepted rows."""
        return int(self.cells["n"].sum())

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The protected attributes and strata that the cells are counted over."""
        return tuple(self.cells.columns[:-2])

    def __add__(self, other: Tally) -> Tally:
        return total([self, other])


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
    dimensions = list(dict.fromkeys([*declaration.protected_attributes, *declaration.strata]))
    numbers = _columns(declaration, "number", _CANONICAL_NUMBERS, present)
    categories = _columns(declaration, "category", _CANONICAL_CATEGORIES, present)
    asked = {**declaration.operating_range}
    asked = {name: limits for name, limits in asked.items() if name not in ROWS}
    limits = sorted({*asked.items(), *ranges}, key=repr)
    summed = sorted({*moments})
    needed = ["decided_at", *dimensions, *numbers, *categories, *summed, *(column for column, _ in limits)]
    absent = sorted(set(needed) - set(present))
    if absent:
        raise WrongUse(f"the decision log of {declaration.system} lacks {', '.join(absent)}; map it in `columns`")
    own = {"outcome", "n"} | ({"column", "sum", "squares"} if summed else set())
    if taken := sorted(own & set(dimensions)):
        raise WrongUse(
            f"no protected attribute or stratum can be called {', '.join(taken)}: the tally's own columns are"
        )

    count = pl.len().cast(pl.Int64).alias("n")
    hour = pl.col("decided_at").dt.convert_time_zone(declaration.zone).dt.strftime("%H")
    queries = [
        lazy.with_columns(outcome=_outcome(declaration)).group_by([*dimensions, "outcome"]).agg(count),
        lazy.null_count(),
        lazy.select(pl.col("decided_at").max()),
        lazy.group_by(value=hour).agg(count).with_columns(column=pl.lit(HOURS)),
    ]
    for name in categories:
        values = lazy.group_by(value=pl.col(name).cast(pl.String)).agg(count)
        queries.append(values.with_columns(column=pl.lit(name)))
    for name in numbers:
        halves = lazy.group_by(half=upper_half(name)).agg(count)
        queries.append(halves.select("n", bin=in_order(pl.col("half")), column=pl.lit(name)))
    for name, (low, high) in limits:
        sides = lazy.drop_nulls(name).group_by(side=_side(pl.col(name).cast(pl.Float64), low, high)).agg(count)
        queries.append(sides.with_columns(column=pl.lit(name), low=pl.lit(low), high=pl.lit(high)))
    for name in summed:
        value = pl.col(name).cast(pl.Float64)
        whole = (value * UNIT).round().cast(pl.Int64, strict=False).cast(pl.Int128)
        counted = lazy.filter(value.abs() <= LARGEST).select(*dimensions, squares=whole).group_by(dimensions)
        sums = counted.agg(count, sum=pl.col("squares").sum(), squares=(pl.col("squares") ** 2).sum())
        queries.append(sums.with_columns(column=pl.lit(name)))
    cells, empty, newest, *found = pl.collect_all(queries, engine="streaming")
    _check(cells, rows, declaration)
    each = iter(found)
    missing = empty.unpivot(variable_name="column", value_name="n").with_columns(missing=True)
    nulls = [missing, missing.with_columns(missing=False, n=rows["accepted"] - pl.col("n"))]
    return Tally(
        days=pl.DataFrame(
            [{"partition": partition_key(partition)} | {name: rows[name] for name in ACCOUNTS}], schema=DAYS
        ),
        cells=_summed([cells], cell_schema(dimensions)),
        nulls=_summed(nulls, TABLES["nulls"]),
        newest=newest.item(),
        categories=_summed(islice(each, len(categories) + 1), TABLES["categories"]),
        histograms=_summed(islice(each, len(numbers)), TABLES["histograms"]),
        ranges=_summed(islice(each, len(limits)), TABLES["ranges"]),
        moments=_summed_moments(each, moment_schema(dimensions)) if summed else pl.DataFrame(),
    )


def total(tallies: Sequence[Tally]) -> Tally:
    """The tally of all of them; the order does not matter.

    The same partition in two of them is the sum of its parts, so give each part once.

    Raises:
        WrongUse: there is none to add, they were counted over different attributes, or cells of one are merged.
    """
    if not tallies:
        raise WrongUse("there is no tally to add: audit at least one partition of the window first")
    shapes = {(one.dimensions, one.merged_below) for one in tallies}
    if len(shapes) > 1:
        told = " and ".join(
            sorted(", ".join(names) + (f" (merged below {low})" if low else "") for names, low in shapes)
        )
        raise WrongUse(f"tallies counted over {told} do not add up; audit the older partitions again")
    newest = [one.newest for one in tallies if one.newest is not None]
    summed = {
        name: _summed([getattr(one, name) for one in tallies], dict(getattr(tallies[0], name).schema))
        for name in ("cells", *TABLES)
    }
    moments = [one.moments for one in tallies if one.moments.width]
    if moments:
        summed["moments"] = _summed_moments(moments, dict(moments[0].schema))
    days = pl.concat([one.days for one in tallies]).group_by("partition").sum().sort("partition")
    return Tally(days=days, newest=max(newest, default=None), merged_below=tallies[0].merged_below, **summed)


def cell_schema(dimensions: Iterable[str]) -> dict[str, type[pl.DataType]]:
    """The columns of `cells`."""
    return {**dict.fromkeys([*dimensions, "outcome"], pl.String), "n": pl.Int64}


def moment_schema(dimensions: Iterable[str]) -> dict[str, type[pl.DataType]]:
    """The columns of `moments`."""
    whole = {"n": pl.Int64, "sum": pl.Int128, "squares": pl.Int128}
    return {**dict.fromkeys([*dimensions, "column"], pl.String), **whole}


def _columns(declaration: SystemDeclaration, kind: str, canonical: Iterable[str], present: Iterable[str]) -> list[str]:
    declared = {name for name, field in declaration.fields.items() if field.type == kind}
    return sorted(declared | (set(canonical) & set(present)))


def _outcome(declaration: SystemDeclaration) -> pl.Expr:
    meanings = {value: name for name in OUTCOMES for value in getattr(declaration.outcomes, name)}
    return pl.col("decision").cast(pl.String).replace_strict(meanings, default=None, return_dtype=pl.String)


def _check(cells: pl.DataFrame, rows: Mapping[str, int], declaration: SystemDeclaration) -> None:
    unknown = int(cells.filter(pl.col("outcome").is_null())["n"].sum())
    if unknown:
        words = "rows have a decision that `outcomes` does not name; they belong in quarantine"
        raise WrongUse(f"{declaration.system}: {unknown} {words}")
    counted = int(cells["n"].sum())
    if counted != rows["accepted"]:
        raise WrongUse(f"the log holds {counted} rows but its accounting says {rows['accepted']} were accepted")


def _side(value: pl.Expr, low: float | None, high: float | None) -> pl.Expr:
    below = value < low if low is not None else pl.lit(value=False)
    above = value > high if high is not None else pl.lit(value=False)
    return pl.when(below).then(pl.lit("below")).when(above).then(pl.lit("above")).otherwise(pl.lit("inside"))


def _summed(frames: Iterable[pl.DataFrame], schema: Mapping[str, type[pl.DataType] | pl.DataType]) -> pl.DataFrame:
    """One frame of the given columns, a row a key, in the order of the keys."""
    keys = [name for name in schema if name != "n"]
    typed = [frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()) for frame in frames]
    everything = pl.concat(typed) if typed else pl.DataFrame(schema=schema)
    return everything.group_by(keys).agg(pl.col("n").sum()).filter(pl.col("n") > 0).sort(keys, nulls_last=False)


def _summed_moments(
    frames: Iterable[pl.DataFrame], schema: Mapping[str, type[pl.DataType] | pl.DataType]
) -> pl.DataFrame:
    keys = [name for name in schema if name not in {"n", "sum", "squares"}]
    typed = [frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()) for frame in frames]
    return pl.concat(typed).group_by(keys).agg(pl.col("n", "sum", "squares").sum()).sort(keys, nulls_last=False)
