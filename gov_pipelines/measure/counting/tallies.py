"""The tally: integer counts of a decision log. Adding two gives the tally of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from gov_pipelines.errors import WrongUse

ACCOUNTS = ("source_count", "accepted", "quarantined", "duplicate", "undated")
OUTCOMES = ("favorable", "unfavorable", "undecided")
DAYS = {"partition": pl.String, **dict.fromkeys(ACCOUNTS, pl.Int64)}
TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    "categories": {"column": pl.String, "value": pl.String, "n": pl.Int64},
    "histograms": {"column": pl.String, "bin": pl.Int64, "n": pl.Int64},
    "ranges": {"column": pl.String, "low": pl.Float64, "high": pl.Float64, "side": pl.String, "n": pl.Int64},
    "nulls": {"column": pl.String, "missing": pl.Boolean, "n": pl.Int64},
    "scores": {**dict.fromkeys(["attribute", "value", "label"], pl.String), "bin": pl.Int64, "n": pl.Int64},
    "pairs": {
        **dict.fromkeys(["column", "attribute", "group", "value"], pl.String),
        **dict.fromkeys(["bin", "n"], pl.Int64),
    },
}
DECIDED = ("decision", "outcome", "label", "proposed")
SUMS = frozenset({"n", "sum", "squares", "weight", "weight_squares"})
LARGEST = 1e9  # of a number whose moments are summed: 10^8 squares of it, in millionths, fit into 128 bits
Shape = tuple[tuple[str, ...], bool, int]
HOURS = "decided_at, local hour"  # beside the log's columns among `categories`; no declared name has a comma


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts of accepted rows over one or more partitions. Every `n` is positive: what is absent is zero.

    Attributes:
        days: one row a partition: `partition` (its key), then the row accounting (`source_count` = `accepted` + `quarantined`
            + `duplicate`; `undated`).
        cells: protected attributes and strata (text, null where unknown), `decision` (as in the log), `outcome`, `label`
            (positive, negative, null where unknown), `proposed` (an outcome, null where nothing was), `reviewed`, `n`; and
            where rows are weighted `weight` and `weight_squares`, sums in millionths and their squares.
        categories: `column`, `value` (null where missing), `n`, for the decision and each category; and `HOURS`.
        histograms: `column`, `bin` (see `bins`; null where missing), `n`, for each number.
        ranges: `column`, `low`, `high` (inclusive, null where open), `side` (below, inside, above), `n`.
        nulls: `column`, `missing`, `n`, for every column of the log.
        scores: `attribute`, `value` (null where unknown), `label`, `bin` (of `SCORE_BITS`, null without a score), `n`, for
            each attribute alone; attribute "" is everyone.
        pairs: `column`, `attribute`, `group`, `value` (of a category) or `bin` (of a number, of `PAIR_BITS`), `n`, for each
            feature beside each attribute; null is unknown in all three.
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
    scores: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TABLES["scores"]))
    pairs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TABLES["pairs"]))
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
        return tuple(self.cells.columns[: self.cells.columns.index("decision")])

    def __add__(self, other: Tally) -> Tally:
        return total([self, other])


def total(tallies: Sequence[Tally]) -> Tally:
    """The tally of all of them; the order does not matter.

    The same partition in two of them is the sum of its parts, so give each part once.

    Raises:
        WrongUse: there is none to add, they were counted over different attributes, or cells of one are merged.
    """
    addable([(one.dimensions, "weight" in one.cells.columns, one.merged_below) for one in tallies])
    newest = [one.newest for one in tallies if one.newest is not None]
    tables = {
        name: summed([getattr(one, name) for one in tallies], dict(getattr(tallies[0], name).schema))
        for name in ("cells", *TABLES)
    }
    moments = [one.moments for one in tallies if one.moments.width]
    if moments:
        tables["moments"] = summed(moments, dict(moments[0].schema))
    days = accounted(pl.concat([one.days for one in tallies]))
    return Tally(days=days, newest=max(newest, default=None), merged_below=tallies[0].merged_below, **tables)


def accounted(days: pl.DataFrame) -> pl.DataFrame:
    """Rows of `days`, one a partition."""
    return days.group_by("partition").sum().sort("partition")


def addable(shapes: Sequence[Shape]) -> Shape:
    """The one shape of all tallies that are added: their dimensions, whether they are weighted, what cells are merged below.

    Raises:
        WrongUse: as in `total`.
    """
    if not shapes:
        raise WrongUse("there is no tally to add: audit at least one partition of the window first")
    if len({weighted for _, weighted, _ in shapes}) > 1:
        raise WrongUse("weighted and plain tallies do not add up; count all of them with the same weight")
    if len({*shapes}) > 1:
        told = " and ".join(
            sorted({", ".join(names) + (f" (merged below {low})" if low else "") for names, _, low in shapes})
        )
        raise WrongUse(f"tallies counted over {told} do not add up; audit the older partitions again")
    return shapes[0]


def cell_schema(dimensions: Iterable[str], *, weighted: bool = False) -> dict[str, type[pl.DataType]]:
    """The columns of `cells`."""
    texts = dict.fromkeys([*dimensions, *DECIDED], pl.String)
    weights = dict.fromkeys(["weight", "weight_squares"], pl.Int128) if weighted else {}
    return {**texts, "reviewed": pl.Boolean, "n": pl.Int64, **weights}


def moment_schema(dimensions: Iterable[str]) -> dict[str, type[pl.DataType]]:
    """The columns of `moments`."""
    whole = {"n": pl.Int64, "sum": pl.Int128, "squares": pl.Int128}
    return {**dict.fromkeys([*dimensions, "column"], pl.String), **whole}


def summed(frames: Iterable[pl.DataFrame], schema: Mapping[str, type[pl.DataType] | pl.DataType]) -> pl.DataFrame:
    """One frame of the given columns, a row a key, counts added, in the order of the keys."""
    keys = [name for name in schema if name not in SUMS]
    typed = [frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()) for frame in frames]
    everything = pl.concat(typed) if typed else pl.DataFrame(schema=schema)
    added = everything.group_by(keys).agg(pl.col(name).sum() for name in schema if name in SUMS)
    return added.filter(pl.col("n") > 0).sort(keys, nulls_last=False)
