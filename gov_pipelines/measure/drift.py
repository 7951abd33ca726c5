"""A distribution compared with a stored reference: the population stability index of fields and of the decision mix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import comparisons
from gov_pipelines.measure.bins import NOT_A_NUMBER
from gov_pipelines.measure.intervals import noncentrality, stability_index_interval
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.tallies import Tally
from gov_pipelines.policy.kinds import Drift

Counts = NDArray[np.int64]
_ZERO_RULE = "0.5 added to every count of both where a category is empty in one"
_SMALL_EXPECTED = 5


def stability_index(current: ArrayLike, reference: ArrayLike) -> float:
    """PSI, the sum of (a - e) ln(a / e) over categories, with a and e the shares of the current and reference counts.

    Zero rule: where a category is empty in one of the two, 0.5 is added to every count of both.

    Source: Siddiqi (2006), Credit Risk Scorecards, for the index; it is Jeffreys' divergence (1946).
    """
    a, e = np.asarray(current, float), np.asarray(reference, float)
    if np.any((a == 0) | (e == 0)):
        a, e = a + 0.5, e + 0.5
    a, e = a / a.sum(), e / e.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def homogeneity(current: ArrayLike, reference: ArrayLike) -> float:
    """The p value of Pearson's chi-square test that two samples have the same shares; 1 where there is one category only.

    Source: Pearson (1900), Philosophical Magazine 50, 157-175. The tests simulate its level as used here.
    """
    from scipy.special import chdtrc  # noqa: PLC0415  (loading the code location must not import SciPy)

    table = np.array([current, reference], float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(chdtrc(table.shape[1] - 1, np.sum((table - expected) ** 2 / expected)))


def drift_measurements(current: Tally, reference: Tally, control: Drift) -> list[Measurement]:
    """The population stability index of each column in `of`; `decision` is the decision mix.

    Numbers are cut at the reference's quantiles (inverted_cdf on the histogram, right-closed), so that ties stay
    together; a missing value is a category of its own. Tests are adjusted and intervals simultaneous over the columns.

    Args:
        current: the window's counts.
        reference: the baseline's counts.
        control: columns, bins, limit, test.

    Returns:
        One measurement a column, without system and window. `n` is the current window's rows.

    Raises:
        WrongUse: a column is neither a category nor a number of the tallies, or a tally's small cells are merged.
    """
    if current.merged_below or reference.merged_below:
        raise WrongUse("small cells of a tally are merged; drift needs the full one")
    compared = {column: _compared(current, reference, column, control.bins) for column in control.of}
    confidence, adjust = comparisons.demanded(control.test)
    defined = [column for column, (now, then, _) in compared.items() if now.sum() and then.sum()]
    single = np.array([homogeneity(*compared[column][:2]) for column in defined])
    p = dict(zip(defined, zip(single, comparisons.adjusted(single, adjust), strict=True), strict=True))
    level, over = (1 - confidence) / max(len(defined), 1), ""
    if len(defined) > 1:
        over = f", simultaneous (Bonferroni), and {adjust.capitalize()} over {len(defined)} columns"
    rows = []
    for column, (now, then, how) in compared.items():
        n, m, categories = int(now.sum()), int(then.sum()), len(now)
        method = f"{how}; {_ZERO_RULE}; noncentral chi-square interval; chi-square homogeneity test{over}"
        row = Measurement(metric=control.metric, attribute=(column,), n=n, method=method)
        if column not in p:
            rows.append(replace(row, note=f"no rows in the {'window' if not n else 'reference'}"))
            continue
        value = stability_index(now, then)
        lower, upper = stability_index_interval(value, categories, n, m, 1 - level)
        rows.append(
            replace(
                row,
                value=value,
                lower=float(lower),
                upper=float(upper),
                confidence=confidence,
                p_value=float(p[column][0]),
                p_adjusted=float(p[column][1]),
                minimum_detectable=_detectable(categories, level) * (1 / n + 1 / m),
                note=_note(now, then),
            )
        )
    return rows


def _compared(current: Tally, reference: Tally, column: str, bins: int) -> tuple[Counts, Counts, str]:
    """Counts of the same categories in both, each in at least one, and how the categories were made."""
    tables = [value_counts(tally, column) for tally in (current, reference)]
    found = [table for table in tables if table is not None]
    if not found:
        if current.rows or reference.rows:
            raise WrongUse(f"the tallies count no column {column}; declare it in `fields` and audit again")
        return np.zeros(0, np.int64), np.zeros(0, np.int64), "no rows"
    now, then = (found[0].clear() if table is None else table for table in tables)
    both = (
        now.join(then, on="value", how="full", coalesce=True, suffix="_then", nulls_equal=True)
        .with_columns(pl.col("n", "n_then").fill_null(0))
        .sort("value", nulls_last=True)
    )
    how = "by category, missing its own"
    if both.schema["value"] == pl.Int64:
        both = _binned(both, bins)
        how = f"{bins} bins at the reference's quantiles (inverted_cdf, right-closed), missing its own"
    return both["n"].to_numpy(), both["n_then"].to_numpy(), how


def value_counts(tally: Tally, column: str) -> pl.DataFrame | None:
    """Counts of one column's values or bins; None where the tally has no row of it."""
    if column in tally.dimensions:
        found = tally.cells.group_by(pl.col(column).alias("value")).agg(pl.col("n").sum())
    else:
        found = tally.categories.filter(pl.col("column") == column).select("value", "n")
    if found.is_empty():
        bins = tally.histograms.filter(pl.col("column") == column)
        value = pl.when(pl.col("bin") != NOT_A_NUMBER).then(pl.col("bin"))  # not a number is missing, like null
        found = bins.group_by(value.alias("value")).agg(pl.col("n").sum())
    return None if found.is_empty() else found


def _binned(both: pl.DataFrame, bins: int) -> pl.DataFrame:
    """Join histogram bins into quantile bins of the reference; null, sorted last, stays alone."""
    present = both.filter(pl.col("value").is_not_null())
    codes, then = present["value"].to_numpy(), present["n_then"].to_numpy()
    below = np.cumsum(then)
    ranks = np.arange(1, bins) * (below[-1] if len(below) else 0)
    # The k-th edge is the first value with at least k of `bins` parts at or below it; integers, so nothing is rounded.
    edges = np.unique(codes[np.searchsorted(below * bins, ranks, side="left")]) if len(codes) else codes
    place = np.searchsorted(edges, codes, side="left")
    joined = present.with_columns(value=pl.Series(place, dtype=pl.Int64))
    return (
        pl.concat([joined, both.filter(pl.col("value").is_null())])
        .group_by("value")
        .agg(pl.col("n", "n_then").sum())
        .sort("value", nulls_last=True)
    )


def _detectable(categories: int, level: float) -> float:
    """The noncentrality that a chi-square test finds with 80 % power."""
    from scipy.special import chdtri  # noqa: PLC0415  (loading the code location must not import SciPy)

    freedom = max(categories - 1, 1)
    return float(noncentrality(chdtri(freedom, level), freedom, 1 - comparisons.POWER))


def _note(now: Counts, then: Counts) -> str:
    n, m, categories = int(now.sum()), int(then.sum()), len(now)
    note = f"without drift about {(categories - 1) * (1 / n + 1 / m):.3g} is expected of {n:,} rows against {m:,}"
    if categories > 1 and np.min((now + then) * (min(n, m) / (n + m))) < _SMALL_EXPECTED:
        note += f"; a category expects fewer than {_SMALL_EXPECTED} rows: interval and test are approximate"
    return note
