"""Measurements of any table of decisions, without set-up: every metric of its groups, and what the law compares."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.adhoc.compared import Table, common_rows, rate_rows, tables
from gov_pipelines.measure.adhoc.gaps import gap_rows, ratio_rows
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.engines import as_lazy
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, OF_PAIR, Metric, bases
from gov_pipelines.measure.rates.confusion import RATES, Key, Values
from gov_pipelines.measure.rates.scores import Scores, score_measurements
from gov_pipelines.measure.statistics import resampling
from gov_pipelines.measure.statistics.means import UNIT
from gov_pipelines.measure.statistics.pairwise import INTERVAL, MOST_PAIRS, extreme
from gov_pipelines.policy.kinds.rates import SHAPES

_FEW = 10  # values of a column that a message lists
_SCORE = "score, exact"  # no column of a file that is counted besides
_EVERY_SCORE, _SCORED = 100_000, 40  # rows up to which no score is rounded; groups up to which they are compared
_INFINITE = 3.4e38  # as in the tally, where scores have 32 bits
_DRAWS = 1_000  # of metrics that no closed interval serves
_NO_ENDS = (math.nan, math.nan)
Ends = tuple[float, float]
_UNLABELLED = np.array([[0, 0, 0, 0, 2, 3], [0, 0, 0, 0, 4, 4]])


def metrics(
    frame: Any,
    *,
    decision: str,
    favorable: Iterable[str],
    protected: Sequence[str],
    undecided: Iterable[str] = (),
    intersections: bool = False,
    label: str | None = None,
    label_positive: Iterable[str] = (),
    score: str | None = None,
    stratify: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    weight: str | None = None,
    confidence: float = 0.95,
) -> list[Measurement]:
    """Measure the decisions in a table.

    Values compare as text. A missing or undecided decision is left out everywhere, a missing label only where one is
    needed; notes count both. A missing group is measured, and never the best group, the reference or part of an
    aggregate. What is undefined is None, and its note says why.

    Args:
        frame: one row a decision, in any frame that `as_lazy` takes.
        decision: the column of the decision.
        favorable: its values that a person wants; other values are unfavorable.
        protected: the columns whose groups are compared.
        undecided: values of the decision that are none yet.
        intersections: also the groups of every combination of protected columns.
        label: the column of the outcome that matured later.
        label_positive: its values that are positive; others are negative.
        score: the column of a number; rates above its median are compared too.
        stratify: columns within whose values the groups are compared too.
        reference: the group of a protected column that others are compared with, besides the best one.
        weight: the column of how many a row stands for; what is missing or infinite weighs nothing.
        confidence: of intervals, above 0.5 and below 1.

    Returns:
        For each attribute and intersection one row a group and metric, and one a gap between groups (`group` None); then
        the same of each stratum, and over strata.

    Raises:
        WrongUse: a column is not there, a weight is negative, a value occurs nowhere, or the confidence is none.
    """
    if not 0.5 < confidence < 1:
        raise WrongUse(f"A confidence of {confidence:g} says nothing. Give one above 0.5 and below 1, such as 0.95.")
    lazy = nw.from_native(as_lazy(frame))
    schema = lazy.collect_schema()
    by = tuple(dict.fromkeys(protected))
    strata = tuple(dict.fromkeys(stratify))
    _present([decision, *by, *strata, *filter(None, (label, score, weight)), *(reference or ())], schema.names())
    if overlapping := {*by} & {*strata} or {*(reference or ())} - {*by}:
        raise WrongUse(
            f"{', '.join(sorted(overlapping))}: strata are other columns than the protected ones, references are of these."
        )
    columns = Columns(
        decision=decision, attributes=by, strata=strata, label=label, weight=weight, categories=(label,) if label else (),
        favorable=_written(favorable, schema[decision]), undecided=_written(undecided, schema[decision]),
        label_positive=_written(label_positive, schema[label]) if label else frozenset(),
    )  # fmt: skip
    floats = [
        name for name in dict.fromkeys([decision, *by, *strata, *filter(None, [label])]) if schema[name].is_float()
    ]
    lazy = lazy.with_columns(nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in floats)
    lazy, unit = _weighed(lazy, weight)
    tally = count(lazy.to_native(), columns)
    named = {name: next(iter(_written([value], schema[name]))) for name, value in (reference or {}).items()}
    _all_occur(tally, columns, named)
    scored = None if score is None else _scored(lazy, columns, score)
    rows: list[Measurement] = []
    for each in (names for depth in range(1, len(by) + 1 if intersections else 2) for names in combinations(by, depth)):
        base = named if {*each} <= {*named} else None
        for table in tables(tally, each, (), unit):
            rows += _core(table, confidence, base, labelled=label is not None)
            rows += _rest(table, confidence, base, labelled=label is not None)
        for table in tables(scored, each, (), unit, "a score or decision") if scored else ():
            rows += _scoring(table, confidence)
        for table in tables(tally, each, strata, unit) if strata else ():
            rows += _core(table, confidence, base, labelled=label is not None)
        rows += common_rows(tally, each, strata, confidence, base) if strata else []
    return rows + (_of_scores(scored, by, named, confidence) if scored else [])


def _scoring(table: Table, confidence: float) -> list[Measurement]:
    """The rates above the median, their ratios to the best and the smallest of those."""
    rates = rate_rows(table, "selection_rate", confidence, "scoring_rate")
    least = gap_rows(table, [SHAPES["scoring_impact_ratio"]], confidence)[SHAPES["scoring_impact_ratio"]]
    ratios = ratio_rows(table, "scoring_impact_ratio", confidence)
    return [*rates, *ratios, replace(least, metric="scoring_impact_ratio")]


def _core(table: Table, confidence: float, base: Mapping[str, str] | None, *, labelled: bool) -> Iterator[Measurement]:
    """The rates of the groups, their gaps with intervals and tests, and the ratios that the law names."""
    rates = [name for name in RATES if labelled or not (RATES[name].labelled or name == "labelled_rate")]
    for name in rates:
        yield from rate_rows(table, name, confidence)
    shapes = {metric: shape for metric, shape in SHAPES.items() if metric in OF_GROUPS and {*shape.rates} <= {*rates}}
    gaps = gap_rows(table, [*dict.fromkeys(shapes.values())], confidence)
    yield from (replace(gaps[shape], metric=metric) for metric, shape in shapes.items())
    yield from ratio_rows(table, "impact_ratio", confidence)
    if base is not None:
        yield from ratio_rows(table, "adverse_impact_ratio", confidence, base)


def _rest(table: Table, confidence: float, base: Mapping[str, str] | None, *, labelled: bool) -> Iterator[Measurement]:
    """Every other metric of counts: of each group, of the groups together, and against the reference.

    Of a group, of a group and another, and of the extremes of groups there are intervals from bootstrap draws.
    """
    draws = table.draws[:_DRAWS] if table.draws is not None and resampling.enough(confidence, _DRAWS) else None
    row, counts = partial(_row, table, confidence), table.weighed
    known = np.flatnonzero(table.known & (table.counts.sum(-1) > 0))
    own, keys = counts[known], [table.keys[at] for at in known]
    of_groups: dict[str, tuple[Values, Values]] = {}
    for name, of in _told(OF_GROUP, _UNLABELLED, labelled=labelled):
        values, drawn = of.compute(counts), None if draws is None else _drawn(of.compute(draws))
        if drawn is not None:
            of_groups[name] = values[known], drawn[:, known]
        ends = _alone(values, drawn, confidence)
        yield from (row(name, of, value, at, ends[at]) for at, value in enumerate(values.tolist()))
    for name, of in _told(OF_GROUPS, _UNLABELLED, labelled=labelled):
        group, _, form = name.rpartition("_")
        ends_of = _extreme(form, *of_groups[group], confidence) if group in of_groups and form in INTERVAL else _NO_ENDS
        yield row(name, of, float(of.compute(own)) if len(known) > 1 else math.nan, None, ends_of)
    key: Key = () if base is None else tuple(base[name] for name in table.attributes)
    pairs = {name: of for name, of in OF_PAIR.items() if name not in OF_GROUPS and keys and (of.against or key in keys)}
    for name, of in _told(pairs, *_UNLABELLED, labelled=labelled):
        against, reference = of.against or keys.index(key), None if of.against else key
        values = of.compute(own, bases(own, against))
        drawn = None if draws is None else _drawn(of.compute(draws[:, known], bases(draws[:, known], against)))
        for at, value, each in zip(known.tolist(), values.tolist(), _alone(values, drawn, confidence), strict=True):
            if table.keys[at] != reference:
                yield row(name, of, value, at, each, reference)


def _row(
    table: Table, confidence: float, metric: str, of: Metric, value: float, at: int | None, ends: Ends, reference: Key | None = None
) -> Measurement:  # fmt: skip
    decided = table.counts.sum(-1)
    found = Measurement(
        metric, table.attributes, None if at is None else table.group(at), table.of(reference) if reference else None,
        value=finite(value), n=int(decided[table.known].sum() if at is None else decided[at]),
        method=f"from {'counts' if table.sums is None else 'sums of weights'}: {of.meaning}",
        note=None if math.isfinite(value) else "undefined: too few groups, or rows, have what it is made of",
    )  # fmt: skip
    if not ends[0] <= value <= ends[1]:  # nor where the draws leave out what decides: a ratio to 0 has no logarithm
        return found
    low, high = np.clip(ends, *of.bounds) if of.bounds != (None, None) else ends
    how = "simultaneous over all pairs of groups" if at is None else "alone"
    method = f"{found.method}; interval of {_DRAWS:,} bootstrap draws, {how}"
    return replace(found, lower=float(low), upper=float(high), confidence=confidence, method=method, recomputable=False)


def _told(each: Mapping[str, Metric], *unlabelled: Any, labelled: bool) -> Iterator[tuple[str, Metric]]:
    """Those that say something where nobody has a label, and are not told with a closed interval already."""
    for name, of in each.items():
        speaks = labelled or ("labelled_rate" not in name and np.isfinite(of.compute(*unlabelled)).any())
        if name not in SHAPES and speaks:
            yield name, of


def _alone(values: Values, drawn: Values | None, confidence: float) -> list[Ends]:
    if drawn is None:
        return [_NO_ENDS] * len(values)
    each = [resampling.band(values[[at]], drawn[:, [at]], confidence) for at in range(len(values))]
    return [(float(low[0]), float(high[0])) for low, high in each]


def _drawn(values: Values) -> Values:
    return np.where(np.isfinite(values), values, np.nan)


def _extreme(form: str, values: Values, drawn: Values, confidence: float) -> Ends:
    """Limits of the largest difference or the smallest ratio of what is in the draws, all pairs together (see `band`)."""
    one, other = np.triu_indices(len(values), 1)
    if not 0 < len(one) <= MOST_PAIRS:
        return _NO_ENDS
    if form == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            values, drawn = _drawn(np.log(values)), _drawn(np.log(drawn))
    low, high = resampling.band(values[one] - values[other], drawn[:, one] - drawn[:, other], confidence)
    there = np.isfinite(low)
    if not there.any():
        return _NO_ENDS
    if form == "ratio":
        return extreme("ratio", np.exp(low[there]), np.exp(high[there]))
    return extreme("difference", low[there], high[there])


def _weighed(lazy: nw.LazyFrame[Any], weight: str | None) -> tuple[nw.LazyFrame[Any], float]:
    """Weights scaled by a power of two, so that whole millionths of them are exact to 15 digits, and what one then is."""
    if weight is None:
        return lazy, 1.0
    number = nw.col(weight).cast(nw.Float64)
    number = nw.when(number.is_finite()).then(number).otherwise(nw.lit(0.0))
    least, most = lazy.select(least=number.min(), most=number.max()).collect("polars").to_native().row(0)
    if (least or 0) < 0:
        raise WrongUse(f"{weight} holds {least:g}, and no row stands for fewer than none. Give weights from 0 on.")
    scale = math.ldexp(1.0, min(29 - math.frexp(most or 1.0)[1], 1000))  # the largest below 2^29, so below `LARGEST`
    told = (
        1e-100 < (most or 1.0) < 1e100
    )  # beyond, squares of weights are no numbers: they then are told in their own scale
    return lazy.with_columns((number * scale).alias(weight)), scale * UNIT if told else UNIT


def _scored(lazy: nw.LazyFrame[Any], columns: Columns, score: str) -> Tally:
    """Decided rows with a score, favorable above the median of all of them; of a few rows every score is a stratum."""
    number = nw.col(score).cast(nw.Float64)
    decided = ~nw.col(columns.decision).is_null() & ~nw.col(columns.decision).cast(nw.String).is_in(
        [*columns.undecided]
    )
    number = nw.when(decided & ~number.is_nan()).then(number)
    median, rows = lazy.select(median=number.median(), rows=nw.len()).collect("polars").to_native().row(0)
    side = nw.when(number > (math.nan if median is None else median)).then(nw.lit("above"))
    outcome = nw.when(~number.is_null()).then(nw.when(side.is_null()).then(nw.lit("not above")).otherwise(side))
    above = replace(columns, favorable=frozenset({"above"}), undecided=frozenset(), categories=(), score=score)
    if rows <= _EVERY_SCORE:
        above = replace(above, strata=(*columns.strata, _SCORE), score=None)
    told = {columns.decision: outcome, score: number, _SCORE: number}
    return count(lazy.with_columns(**told).to_native(), above)


def _of_scores(scored: Tally, by: tuple[str, ...], named: Mapping[str, str], confidence: float) -> list[Measurement]:
    few = [name for name in by if scored.cells[name].n_unique() <= _SCORED]
    many = f"more than {_SCORED} groups: metrics of their scores are not worked out"
    rows = [Measurement("mean_score", (name,), n=scored.rows, note=many) for name in by if name not in few]
    if _SCORE not in scored.dimensions:
        return rows + score_measurements(scored, few, named, confidence)
    exact = score_measurements(scored, few, named, confidence, read=_every_score)
    return rows + [replace(row, method=row.method.replace("histogram of scores", "every score")) for row in exact]


def _every_score(scored: Tally, attribute: str) -> dict[str | None, Scores]:
    """The scores of each group from a tally whose strata they are."""
    group = pl.col(attribute) if attribute else pl.lit(None, pl.String)
    told = scored.cells.select("label", "n", group=group, score=pl.col(_SCORE).cast(pl.Float64)).filter(
        pl.col("score").abs() < _INFINITE
    )
    values, at = np.unique(told["score"].to_numpy(), return_inverse=True)
    found = {}
    for each in sorted({*told["group"]}, key=lambda name: (name is None, name or "")):
        own = told["group"].eq_missing(each).to_numpy()
        labels = (own & told["label"].eq_missing(label).to_numpy() for label in ("positive", "negative", None))
        n = told["n"].to_numpy()
        found[each] = Scores(values, *(np.bincount(at[kept], n[kept], len(values)).astype(np.int64) for kept in labels))
    return found


def _present(names: Iterable[str], there: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = (
                f"Did you mean `{near[0]}`?" if near else f"It has {', '.join(there[:30])}{' ...' * (len(there) > 30)}."
            )
            raise WrongUse(f"There is no column `{name}`. {hint}")


def _written(values: Iterable[str], dtype: nw.dtypes.DType) -> frozenset[str]:
    """Given values as a column of this type writes them: 1 as 1.0 among floats, True as true."""
    texts = pl.Series([*values], dtype=pl.String)
    if isinstance(dtype, nw.Boolean):
        texts = texts.str.to_lowercase()
    elif dtype.is_numeric():
        kind = pl.Float64 if dtype.is_float() else pl.Int64
        texts = texts.cast(kind, strict=False).cast(pl.String).fill_null(texts)
    return frozenset(texts)


def _all_occur(tally: Tally, columns: Columns, named: Mapping[str, str]) -> None:
    if both := sorted(columns.favorable & columns.undecided):
        raise WrongUse(f"{', '.join(both)} cannot be both favorable and undecided. Say which it is.")
    held = tally.cells["decision"].unique()
    _occurs(columns.decision, columns.favorable, held, columns.undecided)
    _occurs(columns.decision, columns.undecided, held, columns.favorable, least=math.inf)
    if columns.label:
        _occurs(columns.label, columns.label_positive, tally.categories.filter(column=columns.label)["value"])
    for name, value in named.items():
        _occurs(name, {value}, tally.cells[name].unique(), least=1)


def _occurs(name: str, values: Iterable[str], held: pl.Series, apart: Iterable[str] = (), least: float = 2) -> None:
    """Refuse values none of which a column holds, unless it holds so few that they may well be absent; and near misses."""
    wanted, known = {*values}, {*held.drop_nulls()} - {*apart}
    unseen, others = wanted - known, sorted(known - wanted)
    missed = {text.strip().casefold() for text in unseen} & {text.strip().casefold() for text in others}
    if missed or (unseen == wanted and len(known) >= least):
        told = f"It holds {', '.join(others)}." if len(others) <= _FEW else f"It holds {len(others):,} other values."
        raise WrongUse(f"`{name}` never holds {' or '.join(sorted(unseen))}. {told}")
