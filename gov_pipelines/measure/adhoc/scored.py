"""Scores in any table: rates above the median of everyone, and what the scores are worth, of few rows without rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from gov_pipelines.measure.adhoc.gaps import gap_rows, ratio_rows
from gov_pipelines.measure.adhoc.tables import Table, rate_rows
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.rates.scores import Scores, score_measurements
from gov_pipelines.policy.kinds.rates import SHAPES

_SCORE = "score, exact"  # no column of a file that is counted besides
_EVERY_SCORE, _SCORED = 100_000, 40  # rows up to which no score is rounded; groups up to which they are compared
_INFINITE = 3.4e38  # as in the tally, where scores have 32 bits


def scored_above(lazy: nw.LazyFrame[Any], columns: Columns, score: str) -> Tally:
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


def score_rows(
    scored: Tally, by: tuple[str, ...], named: Mapping[str, str], confidence: float, least: int
) -> list[Measurement]:
    """What the scores of each group of few are worth, and how groups differ in them."""
    few = [name for name in by if scored.cells[name].n_unique() <= _SCORED]
    many = f"more than {_SCORED} groups: metrics of their scores are not worked out"
    rows = [Measurement("mean_score", (name,), n=scored.rows, note=many) for name in by if name not in few]
    if _SCORE not in scored.dimensions:
        return rows + score_measurements(scored, few, named, confidence, least=least)
    exact = score_measurements(scored, few, named, confidence, least=least, read=_every_score)
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


def scoring_rows(table: Table, confidence: float) -> list[Measurement]:
    """The rates above the median, their ratios to the best and the smallest of those."""
    rates = rate_rows(table, "selection_rate", confidence, "scoring_rate")
    least = gap_rows(table, [SHAPES["scoring_impact_ratio"]], confidence)[SHAPES["scoring_impact_ratio"]]
    ratios = ratio_rows(table, "scoring_impact_ratio", confidence)
    return [*rates, *ratios, replace(least, metric="scoring_impact_ratio")]
