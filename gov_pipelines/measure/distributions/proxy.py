"""Proxies: how much each feature tells of each protected attribute, from the tally's pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, PAIR_BITS, POSITIVE_INFINITY
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.distributions.distances import (
    Counts,
    chi_square,
    homogeneity,
    quantile_bins,
    representatives,
)
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import Floats

_INFINITE = POSITIVE_INFINITY >> (PAIR_BITS - HISTOGRAM_BITS)
_TENTHS = 10


def proxy_measurements(tally: Tally) -> list[Measurement]:
    """The association of each feature with each attribute: Cramer's V, mutual information, of numbers the correlation ratio.

    A missing feature is a value of its own; people of unknown groups are left out, and missing and infinite numbers out of
    the correlation ratio. P values are adjusted (Holm) over all of one metric. Where there are many rows the smallest
    association is beyond chance: what counts is its size.

    Returns:
        For each feature and attribute two or three rows, `attribute` naming both.

    Source: Bergsma (2013), J. Korean Statistical Society 42, 323-328, for the correction of V.
    """
    rows: list[Measurement] = []
    known = tally.pairs.filter(pl.col("group").is_not_null())
    for names, table in known.group_by("column", "attribute", maintain_order=True):
        wide = table.sort("bin", "value").pivot("group", index=["bin", "value"], values="n").fill_null(0)
        counts, bins = wide.drop("bin", "value").to_numpy().astype(np.int64), wide["bin"]
        shown = replace(Measurement("", tuple(map(str, names))), n=int(counts.sum()))
        how = "by value, missing its own"
        if bins.count():
            finite = (bins.abs() < _INFINITE).fill_null(value=False).to_numpy()
            numbers = representatives(bins.filter(finite).to_numpy(), PAIR_BITS)
            ratio, p = correlation_ratio(numbers, counts[finite])
            rows.append(
                _row(shown, "correlation_ratio", ratio, p, "share of the variance between groups, from bins; F test")
            )
            place = quantile_bins(counts.sum(axis=1), _TENTHS)
            counts = np.stack([np.bincount(place, each) for each in counts.T], axis=1).astype(np.int64)
            how = "by tenths of everyone"
        rows += _of_table(shown, counts, how)
    for metric in dict.fromkeys(row.metric for row in rows):
        mine = [at for at, row in enumerate(rows) if row.metric == metric and row.p_value is not None]
        for at, p in zip(mine, comparisons.adjusted([rows[at].p_value or 0.0 for at in mine]), strict=True):
            rows[at] = replace(rows[at], p_adjusted=float(p))
    return rows


def _of_table(row: Measurement, counts: Counts, how: str) -> list[Measurement]:
    counts = counts[counts.sum(axis=1) > 0]
    n, (r, c) = int(counts.sum()), counts.shape
    statistic, p = chi_square(*counts.T)[0], homogeneity(*counts.T)
    value = math.nan
    if n > max(r, c) and min(r, c) > 1:  # where each row has a value of its own, the correction leaves nothing
        excess = max(statistic / n - (r - 1) * (c - 1) / (n - 1), 0)
        value = math.sqrt(excess / (min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1))
    information, entropy = mutual_information(counts)
    told = information / entropy if entropy else math.nan
    return [
        _row(row, "cramers_v_corrected", value, p, f"{how}; corrected for bias (Bergsma); chi-square test"),
        _row(row, "mutual_information", told, p, f"{how}; by the attribute's entropy, so from 0 to 1; chi-square test"),
    ]


def _row(row: Measurement, metric: str, value: float, p: float, how: str) -> Measurement:
    row = replace(row, metric=metric, method=how)
    if not math.isfinite(value):
        return replace(row, note="one value or one group only, or too few rows for their number")
    return replace(row, value=value, p_value=p)


def mutual_information(counts: Counts) -> tuple[float, float]:
    """The mutual information of rows and columns of a table, and the entropy of the columns, in nats."""
    from scipy.special import entr  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    shares = counts / max(counts.sum(), 1)
    by_row, by_column = (float(entr(shares.sum(axis=axis)).sum()) for axis in (1, 0))
    return max(by_row + by_column - float(entr(shares).sum()), 0.0), by_column


def correlation_ratio(values: Floats, counts: NDArray[np.int64]) -> tuple[float, float]:
    """The share of a number's variance that lies between groups (eta squared), and p of the analysis of variance.

    Args:
        values: of each bin, [B].
        counts: by bin and group, [B, G].

    Source: Pearson (1905); Fisher (1925) for the test.
    """
    from scipy.special import fdtrc  # noqa: PLC0415  (as above)

    counts = counts[:, counts.sum(axis=0) > 0]
    sizes, groups = counts.sum(axis=0), counts.shape[1]
    n = int(sizes.sum())
    if groups < 2 or n <= groups:
        return math.nan, math.nan
    means = values @ counts / sizes
    mean = means @ sizes / n
    between = float(sizes @ (means - mean) ** 2)
    within = float(np.sum(counts * (values[:, None] - means) ** 2))
    if not between + within:
        return math.nan, math.nan
    p = float(fdtrc(groups - 1, n - groups, between / (groups - 1) / (within / (n - groups)))) if within else 0.0
    return between / (between + within), p
