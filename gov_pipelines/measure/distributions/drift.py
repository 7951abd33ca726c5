"""A distribution compared with a stored reference: fields, the score, the decision mix, reason codes, the label; by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, NOT_A_NUMBER, PAIR_BITS, POSITIVE_INFINITY, SCORE_BITS
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.distributions.distances import (
    DISTANCES,
    SMALL_EXPECTED,
    Sides,
    homogeneity,
    kolmogorov_smirnov,
    quantile_bins,
    representatives,
    too_coarse,
)
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import Floats
from gov_pipelines.policy.kinds import Drift

Part = tuple[str, str | None]
"""An attribute and one of its values."""
CODES = "reason_codes"
LABEL = "label"
_DECIDED = ("decision", LABEL)
_NONE = "no decision"
_FEWEST, _MOST = 5, 19
_LONG = (1e3, 1e9)
_MOST_CATEGORIES = 1000
_PLAIN = 0.001  # p of a change that even wide bins show
_TOO_MANY = f"more than {_MOST_CATEGORIES:,} values, as an identifier has; name the column (--column) to compare it nevertheless"
_NO_ORDER = "no number: its values have no order; take psi or another distance of categories"


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One column, of everyone or of a group, counted alike in the window and in the reference.

    Attributes:
        row: its measurement, to be completed.
        sides: the counts by category, or by quantile bin of the reference; a missing value is a category of its own.
        fine: the counts of numbers in all bins, missing and infinite values left out; None where it is no number.
        how: how the categories were made.
        left_out: rows of which nothing is said, in words.
        rows: rows now and then, where one can be in several categories; else None.
        labels: of the categories or bins; a bin is named after its highest value.
        coarse: why no distance of them means anything.
    """

    row: Measurement
    sides: Sides
    fine: Sides | None
    how: str
    left_out: str | None = None
    rows: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    coarse: str | None = None

    def of(self, metric: str) -> Sides | None:
        """The counts that a distance is of."""
        return self.fine if DISTANCES[metric].ordered else self.sides

    def shown(self) -> list[tuple[str, int, int]]:
        """Label, count now and then of each bin in order, or of the most frequent categories; small ones and the rest are `others`."""
        rows = list(zip(self.labels, self.sides.now.tolist(), self.sides.then.tolist(), strict=True))
        kept = rows if self.fine else sorted(rows, key=lambda row: -row[2] - row[1])[:_MOST]
        kept = [row for row in kept if not _small(row[1:])]
        n, m = self.sides.sizes
        while _small(others := (n - sum(x for _, x, _ in kept), m - sum(y for _, _, y in kept))) and kept:
            kept.remove(min(kept, key=lambda row: row[1] + row[2]))
        return [*kept, ("others", *others)] if any(others) else kept

    def test(self, metric: str) -> float:
        """The p value that nothing has changed."""
        if DISTANCES[metric].ordered and self.fine:
            return kolmogorov_smirnov(self.fine)[1]
        now, then = self.sides.now, self.sides.then
        if self.rows is None:
            return homogeneity(now, then)
        n, m = self.rows  # rows with several codes are not independent draws of codes; of each code alone they are
        return min(1.0, len(now) * float(np.min(comparisons.fisher(now, n, then, m), initial=1.0)))


def drift_measurements(current: Tally, reference: Tally, control: Drift) -> list[Measurement]:
    """The distance of each column in `of`, of everyone or within each group of `per`, from its reference.

    Numbers are cut at the reference's quantiles (inverted_cdf on the histogram, right-closed), so that ties stay
    together; a missing value is a category of its own. Kolmogorov-Smirnov and Wasserstein distances are of all bins
    without missing values. Tests are adjusted and intervals simultaneous over columns and groups.

    Args:
        current: the window's counts.
        reference: the baseline's counts.
        control: metric, columns, groups, bins, limit, test.

    Returns:
        One measurement a column and group, without system and window. `n` is the current window's rows.

    Raises:
        WrongUse: a column is neither a category nor a number of the tallies, or a tally's small cells are merged.
    """
    compared = compare(current, reference, control.of, control.per, control.bins)
    listed = {each: why for each in compared if each.row.group and (why := _untested(each, control.min_group_size))}
    rows = [
        replace(one.row, metric=control.metric, n=one.sides.sizes[0], tested=False, note=why)
        for one, why in listed.items()
    ]
    confidence, adjust = comparisons.demanded(control.test)
    return measured([each for each in compared if each not in listed], control.metric, confidence, adjust) + rows


def drift_shares(current: Tally, reference: Tally, control: Drift) -> list[dict[str, Any]]:
    """What a control's distances are of: by column and group the shown shares, without groups too small to be tested."""
    compared = compare(current, reference, control.of, control.per, control.bins)
    tested = [each for each in compared if not each.row.group or not _untested(each, control.min_group_size)]
    tested = [each for each in tested if not each.coarse]
    return [{"column": each.row.attribute[0], "group": each.row.group, "shares": each.shown()} for each in tested]


def drift(
    reference: Any,
    current: Any,
    *,
    columns: Sequence[str] = (),
    decision: str | None = None,
    per: Sequence[str] = (),
    metrics: Sequence[str] = (),
    bins: int = 10,
    confidence: float = 0.95,
) -> list[Measurement]:
    """Compare two tables column by column: numbers by all distances, other columns by those of categories.

    Args:
        reference: the table compared with: Polars, pandas or Arrow, lazy or not, or a relation of DuckDB.
        current: the table compared.
        columns: which; none named means all of either.
        decision: the column of the decision, always among them.
        per: columns within whose groups the others are compared too.
        metrics: names in `DISTANCES`; none named means all.
        bins: quantile bins of the reference that numbers are cut into.
        confidence: of the intervals, simultaneous over columns and groups for each metric.

    Returns:
        One row a column, group and metric, everyone first. What cannot be compared has one row with a note.

    Raises:
        WrongUse: a column or metric is not there, or the confidence is none.
    """
    import narwhals as nw  # noqa: PLC0415  (loading the code location does not need it)

    if not 0.5 < confidence < 1:
        raise WrongUse(f"A confidence of {confidence:g} says nothing. Give one above 0.5 and below 1, such as 0.95.")
    frames = [nw.from_native(each).lazy() for each in (reference, current)]
    schemas = [dict(frame.collect_schema()) for frame in frames]
    present = list(dict.fromkeys([*schemas[0], *schemas[1]]))
    asked = list(dict.fromkeys([*(columns or present), *([decision] if decision else []), *per]))
    chosen = metrics or list(DISTANCES)
    for names, known, what in ((asked, present, "column"), (chosen, [*DISTANCES], "metric")):
        if absent := [name for name in names if name not in known]:
            raise WrongUse(f"There is no {what} `{absent[0]}`. There are {', '.join(known)}.")
    kinds = {name: _kind([schema.get(name) for schema in schemas]) for name in asked}
    if unfit := [name for name in per if kinds[name] != "category"]:
        raise WrongUse(f"Groups are made by columns of text in both tables, and `{unfit[0]}` is none.")
    numbers, categories = (tuple(name for name in asked if kinds[name] == kind) for kind in ("number", "category"))
    features = [name for name in asked if name in numbers + categories]
    counted = Columns(
        decision=_NONE,
        favorable=frozenset(),
        attributes=tuple(per),
        numbers=numbers,
        categories=categories,
        pairs=tuple(name for name in features if name not in per) if per else (),
    )
    frames = [frame.with_columns(nw.lit("").alias(_NONE)) for frame in frames]
    then, now = (count(frame.to_native(), counted) for frame in frames)
    if far := [each.row.attribute[0] for each in compare(now, then, numbers, (), bins) if _far(each)]:
        then, now = _moved(frames, (then, now), counted, far)
    compared = compare(now, then, features, (), bins)
    many = [each for each in compared if not each.fine and not columns and len(each.sides.now) > _MOST_CATEGORIES]
    rows = [replace(each.row, metric="drift", n=each.sides.sizes[0], note=_TOO_MANY) for each in many]
    rows += [Measurement("drift", (name,), note=kinds[name]) for name in asked if name not in features]
    compared = [each for each in compared if each not in many]
    if per:
        within = [each.row.attribute[0] for each in compared if each.row.attribute[0] not in per]
        compared += compare(now, then, within, per, bins)
    for metric in chosen:
        rows += measured([each for each in compared if metrics or each.of(metric)], metric, confidence)
    return sorted(rows, key=lambda row: (row.group is not None, asked.index(row.attribute[0])))


def _far(compared: Compared) -> bool:
    """Whether numbers lie so far from zero beside what they span, as years do, that bins by share of a value are too wide."""
    values = compared.fine.values if compared.fine else None
    return (
        values is not None and len(values) > 0 and min(abs(values[0]), abs(values[-1])) > (values[-1] - values[0]) / 4
    )


def _moved(frames: Sequence[Any], counted: Sequence[Tally], columns: Columns, far: Sequence[str]) -> list[Tally]:
    """The same tallies, some numbers counted by how far they are above their least one: no distance changes by that."""
    import narwhals as nw  # noqa: PLC0415  (as above)

    known = [nw.when(nw.col(name).cast(nw.Float64).is_finite()).then(nw.col(name)).min().alias(name) for name in far]
    each_least = [frame.select(known).collect("polars").to_native().row(0, named=True) for frame in frames]
    least = {name: min(one[name] for one in each_least if one[name] is not None) for name in far}
    again = replace(columns, numbers=tuple(far), categories=(), pairs=tuple({*far} & {*columns.pairs}))
    tallies = []
    for frame, tally in zip(frames, counted, strict=True):
        moved = count(frame.with_columns(nw.col(name) - least[name] for name in far).to_native(), again)
        tables = {
            table: pl.concat([getattr(tally, table).filter(~pl.col("column").is_in(far)), getattr(moved, table)])
            for table in ("histograms", "pairs")
        }
        tallies.append(replace(tally, **tables))
    return tallies


def _kind(types: Sequence[Any]) -> str:
    """`number` or `category`; else why a column is neither."""
    if None in types:
        return f"only in the {'current' if types[0] is None else 'reference'} table"
    if all(each.is_numeric() for each in types):
        return "number"
    texts = ("String", "Categorical", "Enum", "Boolean")
    if all(any(str(each).startswith(text) for text in texts) for each in types):
        return "category"
    return f"{' and '.join(dict.fromkeys(map(str, types)))}: neither a number nor text in both"


def compare(
    current: Tally, reference: Tally, of: Sequence[str], per: Sequence[str] = (), bins: int = 10
) -> list[Compared]:
    """Count columns alike in two tallies, of everyone or, where `per` names attributes, within each of their groups.

    Raises:
        WrongUse: as `drift_measurements`.
    """
    if current.merged_below or reference.merged_below:
        raise WrongUse("small cells of a tally are merged; drift needs the full one")
    parts: list[Part | None] = [(name, value) for name in per for value in _values(name, current, reference)]
    return [_compared(current, reference, column, part, bins) for column in of for part in parts or [None]]


def measured(
    compared: Sequence[Compared], metric: str, confidence: float = 0.95, adjust: comparisons.Adjustment = "holm"
) -> list[Measurement]:
    """One distance of each: intervals simultaneous and p values adjusted over all that have one."""
    distance = DISTANCES[metric]
    defined = [each for each in compared if (sides := each.of(metric)) and min(sides.sizes) and not each.coarse]
    single = np.array([each.test(metric) for each in defined])
    p = dict(zip(defined, zip(single, comparisons.adjusted(single, adjust), strict=True), strict=True))
    level, over = (1 - confidence) / max(len(defined), 1), ""
    if len(defined) > 1:
        what = "columns and groups" if any(each.row.group for each in defined) else "columns"
        over = f", simultaneous (Bonferroni), and {comparisons.NAMES[adjust]} over {len(defined)} {what}"
    rows = []
    for each in compared:
        sides = each.of(metric)
        if each not in p or sides is None:
            n, _ = each.sides.sizes
            why = _NO_ORDER if sides is None else each.coarse or _empty(sides)
            rows.append(replace(each.row, metric=metric, n=n, method=f"{each.how}; {distance.how}", note=why))
            continue
        value = distance.value(sides)
        row = replace(
            each.row,
            metric=metric,
            n=each.rows[0] if each.rows else sides.sizes[0],
            method=f"{'all bins' if distance.ordered else each.how}; {distance.how}{over}",
            p_value=float(p[each][0]),
            p_adjusted=float(p[each][1]),
        )
        if not math.isfinite(value):
            rows.append(replace(row, note="the reference does not vary"))
            continue
        row = replace(row, value=value, note=_note(each, sides, metric))
        if not each.rows and distance.interval:
            lower, upper = distance.interval(sides, value, level)
            least = distance.detectable and distance.detectable(sides, level)
            row = replace(row, lower=lower, upper=upper, confidence=confidence, minimum_detectable=least)
        rows.append(row)
    return rows


def value_counts(tally: Tally, column: str, part: Part | None = None) -> pl.DataFrame | None:
    """Counts of one column's values or bins, of a group where one is named; None where the tally has no row of it."""
    if column in tally.dimensions:
        found = _in_cells(tally, column, part)
    elif part is not None:
        found = _of_group(tally, column, part)
    else:
        found = tally.categories.filter(column=column).select("value", "n")
        if found.is_empty():
            found = _numbers(tally.histograms.filter(column=column))
        if found.is_empty() and column in _DECIDED:
            found = _in_cells(tally, column, None)
    return None if found.is_empty() else found


def _in_cells(tally: Tally, column: str, part: Part | None) -> pl.DataFrame:
    cells = tally.cells if part is None else tally.cells.filter(_is(part[0], part[1]))
    return cells.group_by(pl.col(column).alias("value")).agg(pl.col("n").sum())


def _is(column: str, value: str | None) -> pl.Expr:
    return pl.col(column).eq_missing(pl.lit(value, pl.String))


def _numbers(bins: pl.DataFrame, width: float = 1) -> pl.DataFrame:
    """Counts by the bins of `histograms`, from bins of some width in those."""
    value = ((pl.col("bin").abs() * width).floor() * pl.col("bin").sign()).cast(pl.Int64)
    number = pl.when(pl.col("bin").abs() * width < NOT_A_NUMBER).then(value)  # not a number is missing, like null
    return bins.group_by(number.alias("value")).agg(pl.col("n").sum())


def _of_group(tally: Tally, column: str, part: Part) -> pl.DataFrame:
    """Counts, within one group, of a column whose pairs are counted; else of the score, the decision or the label."""
    attribute, group = part
    pairs = tally.pairs.filter(column=column, attribute=attribute)
    if pairs.height:
        pairs = pairs.filter(_is("group", group))
        return (
            _numbers(pairs, 2 ** (PAIR_BITS - HISTOGRAM_BITS)) if pairs["bin"].count() else pairs.select("value", "n")
        )
    if column == "score":
        return _numbers(
            tally.scores.filter(pl.col("attribute") == attribute, _is("value", group)),
            2 ** (SCORE_BITS - HISTOGRAM_BITS),
        )
    if column in _DECIDED or not tally.rows:
        return _in_cells(tally, column if column in _DECIDED else attribute, part)
    raise WrongUse(
        f"the tallies do not count {column} by {attribute}; the decision, the label, the score and features are"
    )


def _values(attribute: str, *tallies: Tally) -> list[str | None]:
    """The values of an attribute, unknown last."""
    for tally in tallies:
        if attribute not in tally.dimensions:
            raise WrongUse(f"the tally is not counted by {attribute}; declare it and audit again")
    found = {value for tally in tallies for value in tally.cells[attribute].unique()}
    return sorted(found, key=lambda value: (value is None, value or ""))


def _compared(current: Tally, reference: Tally, column: str, part: Part | None, bins: int) -> Compared:
    row = Measurement(metric="", attribute=(column,), group=None if part is None else {part[0]: part[1]})
    tables = [value_counts(tally, column, part) for tally in (current, reference)]
    found = [table for table in tables if table is not None]
    if not found:
        if part is None and (current.rows or reference.rows):
            raise WrongUse(f"the tallies count no column {column}; declare it in `fields` and audit again")
        nothing = np.zeros(0, np.int64)
        return Compared(row, Sides(nothing, nothing), None, "no rows")
    number = any(table.schema["value"] == pl.Int64 for table in found)
    now, then = (found[0].clear() if table is None else table for table in tables)
    if number:  # of pairs without any value nothing tells whether they are of numbers
        now, then = (table.cast({"value": pl.Int64}) for table in (now, then))
    how, left_out, rows = "by category, missing its own", None, None
    if column == LABEL:
        unknown = [int(table.filter(pl.col("value").is_null())["n"].sum()) for table in (now, then)]
        now, then, how = now.drop_nulls("value"), then.drop_nulls("value"), "by category"
        left_out = f"without a label and left out: {unknown[0]:,} rows, in the reference {unknown[1]:,}"
    elif column == CODES:
        rows = int(now["n"].sum()), int(then["n"].sum())
        now, then = _by_code(now), _by_code(then)
        how = "by code, each once a row, none its own; Fisher exact test of each code's share of rows, Bonferroni; no interval"
    both = (
        now.join(then, on="value", how="full", coalesce=True, suffix="_then", nulls_equal=True)
        .with_columns(pl.col("n", "n_then").fill_null(0))
        .sort("value", nulls_last=True)
    )
    if not number:
        labels = tuple("missing" if value is None else value for value in both["value"])
        return Compared(row, _sides(both), None, how, left_out, rows, labels)
    how = f"{bins} bins at the reference's quantiles (inverted_cdf, right-closed), missing its own"
    dropped = pl.col("value").is_null() | (pl.col("value").abs() >= POSITIVE_INFINITY)
    gone = both.filter(dropped)
    if gone.height:
        counts = f"{int(gone['n'].sum()):,} rows, in the reference {int(gone['n_then'].sum()):,}"
        left_out = f"missing or infinite and left out: {counts}"
    kept = both.filter(~dropped)
    places, rows_in = kept["value"].to_numpy(), (kept["n"] + kept["n_then"]).to_numpy()
    fine, binned = _sides(kept, representatives(places, HISTOGRAM_BITS)), _binned(both, bins)
    coarse = too_coarse(places, rows_in, HISTOGRAM_BITS if part is None or column == "score" else PAIR_BITS)
    if coarse and min(fine.sizes) and kolmogorov_smirnov(fine)[1] < _PLAIN:
        coarse = None  # wide bins hide changes and make up none
    return Compared(row, _sides(binned), fine, how, left_out, labels=_edges(binned["highest"]), coarse=coarse)


def _sides(both: pl.DataFrame, values: Floats | None = None) -> Sides:
    return Sides(both["n"].to_numpy(), both["n_then"].to_numpy(), values)


def _by_code(counts: pl.DataFrame) -> pl.DataFrame:
    codes = pl.col("value").str.split(";").list.eval(pl.element().str.strip_chars()).list.unique()
    return counts.with_columns(codes).explode("value").group_by("value").agg(pl.col("n").sum())


def _binned(both: pl.DataFrame, bins: int) -> pl.DataFrame:
    """Join histogram bins into quantile bins of the reference; null, sorted last, stays alone."""
    present = both.filter(pl.col("value").is_not_null())
    place = quantile_bins(present["n_then"].to_numpy(), bins)
    joined = present.with_columns(highest="value", value=pl.Series(place, dtype=pl.Int64))
    return (
        pl.concat([joined, both.filter(pl.col("value").is_null())], how="diagonal")
        .group_by("value")
        .agg(pl.col("n", "n_then").sum(), pl.col("highest").max())
        .sort("value", nulls_last=True)
    )


def _edges(highest: pl.Series) -> tuple[str, ...]:
    """Names of the bins that end with these bins of `histograms`; the last one is open."""
    known = highest.drop_nulls().clip(1 - POSITIVE_INFINITY, POSITIVE_INFINITY - 1)
    numbers = [float(f"{x:.4g}") for x in representatives(known.to_numpy(), HISTOGRAM_BITS)]  # no finer than bins are
    ends = [f"{x:,.0f}" if _LONG[0] <= abs(x) < _LONG[1] else f"{x:g}" for x in numbers]
    named = [f"to {end}" for end in ends]
    if len(ends) > 1:
        named[-1] = f"above {ends[-2]}"
    return (*named, *["missing"] * highest.null_count())


def _small(counts: Sequence[int]) -> bool:
    return any(0 < count < _FEWEST for count in counts)


def _empty(sides: Sides) -> str:
    return f"no rows in the {'reference' if sides.sizes[0] else 'window'}"


def _untested(compared: Compared, least: int) -> str | None:
    """Why a group is not tested."""
    if None in (compared.row.group or {}).values():
        return "unknown: listed, not tested"
    n, m = compared.sides.sizes
    return f"{n:,} rows against {m:,}, fewer than {least}: listed, not tested" if min(n, m) < least else None


def _note(compared: Compared, sides: Sides, metric: str) -> str | None:
    words = (
        [compared.left_out] if compared.left_out and (sides is compared.fine or LABEL in compared.row.attribute) else []
    )
    n, m = sides.sizes
    if metric == "psi":
        words.append(f"without drift about {sides.expected:.3g} is expected of {n:,} rows against {m:,}")
    if sides is compared.sides and len(sides.now) > 1:
        least = np.min((sides.now + sides.then) * (min(n, m) / (n + m)))
        words += [f"a category expects fewer than {SMALL_EXPECTED} rows: interval and test are approximate"] * bool(
            least < SMALL_EXPECTED
        )
    return "; ".join(words) or None
