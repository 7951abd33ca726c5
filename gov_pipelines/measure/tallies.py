"""The tally: integer counts of a decision log, made in one scan. Adding two gives the tally of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.bins import in_order, upper_half

if TYPE_CHECKING:
    from gov_pipelines.policy.declaration import Range, SystemDeclaration

ACCOUNTS = ("source_count", "accepted", "quarantined", "duplicate", "undated")
OUTCOMES = ("favorable", "unfavorable", "undecided")
DAYS = {"partition": pl.Date, **dict.fromkeys(ACCOUNTS, pl.Int64)}
TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    "categories": {"column": pl.String, "value": pl.String, "n": pl.Int64},
    "histograms": {"column": pl.String, "bin": pl.Int64, "n": pl.Int64},
    "ranges": {"column": pl.String, "low": pl.Float64, "high": pl.Float64, "side": pl.String, "n": pl.Int64},
    "nulls": {"column": pl.String, "missing": pl.Boolean, "n": pl.Int64},
}
_CANONICAL_NUMBERS = ("amount", "score")
_CANONICAL_CATEGORIES = ("decision", "model_version", "product")


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts of accepted rows over one or more partitions. Every `n` is positive: what is absent is zero.

    Attributes:
        days: one row a partition: `partition`, then the row accounting (`source_count` = `accepted` + `quarantined`
            + `duplicate`; `undated`).
        cells: protected attributes and strata (text, null where unknown), `outcome`, `n`.
        categories: `column`, `value` (null where missing), `n`, for the decision and each category.
        histograms: `column`, `bin` (see `bins`; null where missing), `n`, for each number.
        ranges: `column`, `low`, `high` (inclusive, null where open), `side` (below, inside, above), `n`.
        nulls: `column`, `missing`, `n`, for every column of the log.
        newest: the latest `decided_at`, UTC; None where there are no rows.
        merged_below: cells smaller than this are merged (see `disclosed`); 0 in a full tally.
    """

    days: pl.DataFrame
    cells: pl.DataFrame
    categories: pl.DataFrame
    histograms: pl.DataFrame
    ranges: pl.DataFrame
    nulls: pl.DataFrame
    newest: datetime | None = None
    merged_below: int = 0

    @property
    def partitions(self) -> tuple[date, ...]:
        """The local days counted, oldest first."""
        return tuple(self.days["partition"])

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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return all(_same(getattr(self, part.name), getattr(other, part.name)) for part in fields(self))

    __hash__ = None  # type: ignore[assignment]  # frames have none; use `tally_digest`


def _same(one: object, other: object) -> bool:
    if isinstance(one, pl.DataFrame) and isinstance(other, pl.DataFrame):
        return one.schema == other.schema and one.equals(other)
    return one == other


def tally(
    log: pl.DataFrame | pl.LazyFrame,
    declaration: SystemDeclaration,
    rows: Mapping[str, int],
    partition: date,
    ranges: Iterable[tuple[str, Range]] = (),
) -> Tally:
    """Count one partition of a decision log in one scan.

    Args:
        log: accepted rows. It must have `decided_at`, `decision`, the protected attributes, strata and fields of the
            declaration; of the canonical columns `amount`, `score`, `model_version` and `product` those it has are counted.
        declaration: names the columns, the outcomes and the operating ranges.
        rows: the partition's row accounting: source_count, accepted, quarantined, duplicate, undated.
        partition: the local day.
        ranges: further ranges to count, such as a control's own, as (column, (low, high)).

    Raises:
        WrongUse: a column is missing, a decision has no declared outcome, or `accepted` is not the number of rows.
    """
    lazy = log.lazy()
    present = lazy.collect_schema()
    dimensions = list(dict.fromkeys([*declaration.protected_attributes, *declaration.strata]))
    numbers = _columns(declaration, "number", _CANONICAL_NUMBERS, present)
    categories = _columns(declaration, "category", _CANONICAL_CATEGORIES, present)
    asked = {**declaration.operating_range}
    asked.pop("rows_per_day", None)
    limits = sorted({*asked.items(), *ranges}, key=repr)
    needed = ["decided_at", *dimensions, *numbers, *categories, *(column for column, _ in limits)]
    absent = sorted(set(needed) - set(present))
    if absent:
        raise WrongUse(f"the decision log of {declaration.system} lacks {', '.join(absent)}; map it in `columns`")
    if {"outcome", "n"} & set(dimensions):
        raise WrongUse(
            "a protected attribute or stratum cannot be called `outcome` or `n`: the tally's own columns are"
        )

    count = pl.len().cast(pl.Int64).alias("n")
    queries = [lazy.with_columns(outcome=_outcome(declaration)).group_by([*dimensions, "outcome"]).agg(count)]
    queries += [lazy.group_by(value=pl.col(name).cast(pl.String)).agg(count) for name in categories]
    queries += [lazy.group_by(bin=upper_half(name)).agg(count) for name in numbers]
    queries.append(lazy.select(_scalars(list(present), limits)))
    cells, *marginals, scalars = pl.collect_all(queries, engine="streaming")
    _check(cells, rows, declaration)

    named = zip([*categories, *numbers], marginals, strict=True)
    columns = [frame.select(pl.lit(name).alias("column"), pl.all()) for name, frame in named]
    one = scalars.row(0, named=True)
    histograms = [frame.with_columns(bin=in_order(pl.col("bin"))) for frame in columns[len(categories) :]]
    return Tally(
        days=pl.DataFrame([{"partition": partition} | {name: rows[name] for name in ACCOUNTS}], schema=DAYS),
        cells=_summed([cells], {**dict.fromkeys([*dimensions, "outcome"], pl.String), "n": pl.Int64}),
        categories=_summed(columns[: len(categories)], TABLES["categories"]),
        histograms=_summed(histograms, TABLES["histograms"]),
        ranges=_summed([_range_rows(one, limits)], TABLES["ranges"]),
        nulls=_summed([_null_rows(one, list(present))], TABLES["nulls"]),
        newest=one["newest"],
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
    days = pl.concat([one.days for one in tallies]).group_by("partition").sum().sort("partition")
    return Tally(days=days, newest=max(newest, default=None), merged_below=tallies[0].merged_below, **summed)


def _columns(declaration: SystemDeclaration, kind: str, canonical: Iterable[str], present: Iterable[str]) -> list[str]:
    declared = {name for name, field in declaration.fields.items() if field.type == kind}
    return sorted(declared | (set(canonical) & set(present)))


def _outcome(declaration: SystemDeclaration) -> pl.Expr:
    meanings = {value: name for name in OUTCOMES for value in getattr(declaration.outcomes, name)}
    return pl.col("decision").cast(pl.String).replace_strict(meanings, default=None, return_dtype=pl.String)


def _check(cells: pl.DataFrame, rows: Mapping[str, int], declaration: SystemDeclaration) -> None:
    missing = [name for name in ACCOUNTS if name not in rows]
    if missing:
        raise WrongUse(f"the row accounting lacks {', '.join(missing)}")
    unknown = int(cells.filter(pl.col("outcome").is_null())["n"].sum())
    if unknown:
        raise WrongUse(
            f"{unknown} rows of {declaration.system} have a decision that `outcomes` does not name; they belong in quarantine"
        )
    counted = int(cells["n"].sum())
    if counted != rows["accepted"]:
        raise WrongUse(f"the log holds {counted} rows but its accounting says {rows['accepted']} were accepted")


def _scalars(columns: list[str], limits: list[tuple[str, Range]]) -> list[pl.Expr]:
    found = [pl.col("decided_at").max().alias("newest"), pl.len().alias("rows")]
    found += [pl.col(name).null_count().alias(f"null:{name}") for name in columns]
    for at, (column, (low, high)) in enumerate(limits):
        value = pl.col(column).cast(pl.Float64)
        below = value < low if low is not None else pl.lit(value=False)
        above = value > high if high is not None else pl.lit(value=False)
        found += [below.cast(pl.Int64).sum().alias(f"below:{at}"), above.cast(pl.Int64).sum().alias(f"above:{at}")]
    return found


def _range_rows(one: Mapping[str, int], limits: list[tuple[str, Range]]) -> pl.DataFrame:
    rows = []
    for at, (column, (low, high)) in enumerate(limits):
        below, above = one[f"below:{at}"], one[f"above:{at}"]
        inside = one["rows"] - one[f"null:{column}"] - below - above
        rows += [(column, low, high, side, n) for side, n in (("below", below), ("inside", inside), ("above", above))]
    return pl.DataFrame(rows, schema=TABLES["ranges"], orient="row")


def _null_rows(one: Mapping[str, int], columns: list[str]) -> pl.DataFrame:
    rows = [
        (name, missing, one[f"null:{name}"] if missing else one["rows"] - one[f"null:{name}"])
        for name in columns
        for missing in (False, True)
    ]
    return pl.DataFrame(rows, schema=TABLES["nulls"], orient="row")


def _summed(frames: Sequence[pl.DataFrame], schema: Mapping[str, type[pl.DataType] | pl.DataType]) -> pl.DataFrame:
    """One frame of the given columns, a row a key, in the order of the keys."""
    keys = [name for name in schema if name != "n"]
    typed = [frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()) for frame in frames]
    everything = pl.concat(typed) if typed else pl.DataFrame(schema=schema)
    return everything.group_by(keys).agg(pl.col("n").sum()).filter(pl.col("n") > 0).sort(keys, nulls_last=False)
