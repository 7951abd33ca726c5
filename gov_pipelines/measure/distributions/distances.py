"""Distances between two samples from their counts: what is computed, its interval, its test, and what it could find.

The counts are of categories, or of numbers in bins that rise. No draws are made: intervals are analytic, so a tally
recomputes them. Two kinds of distance are told apart. The divergences (PSI, Jensen-Shannon, Hellinger, Cramer's V) are
multiples of Pearson's chi-square where they are small, and their intervals invert the noncentral one. The norms (total
variation, L-infinity, Kolmogorov-Smirnov, Wasserstein) differ from the truth by no more than the norm of the sampling
error, and their intervals are the value plus or minus a bound on that: they hold everywhere, and are wide.

SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import (
    Floats,
    clopper_pearson,
    noncentrality,
    normal_quantile,
    stability_index_interval,
)

Counts = NDArray[np.int64]
SMALL_EXPECTED = 5
_FEWEST_BINS = 20
_POWER_QUANTILE = 0.8416212335729143  # of the normal distribution at comparisons.POWER


@dataclass(frozen=True, slots=True)
class Sides:
    """Two samples counted alike.

    Attributes:
        now, then: counts of the current and of the reference sample, [C]; each category is in at least one.
        values: what a number in each bin is taken for, rising, [C]; None where the categories have no order.
    """

    now: Counts
    then: Counts
    values: Floats | None = None

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows now and then."""
        return int(self.now.sum()), int(self.then.sum())

    @property
    def scatter(self) -> float:
        """1/n + 1/m."""
        return sum(1 / size for size in self.sizes)

    @property
    def expected(self) -> float:
        """The PSI that chance alone makes: degrees of freedom times scatter."""
        return (len(self.now) - 1) * self.scatter

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """The shares of each category now and then."""
        n, m = self.sizes
        return self.now / n, self.then / m


def representatives(bins: NDArray[np.int64], dropped: int) -> Floats:
    """What the values of each bin are taken for: its middle, or of whole numbers the mean of those it can hold.

    Args:
        bins: rising float32 bins without infinities, [C].
        dropped: bits left off by the bin: 16 in `histograms`, 14 in `scores`, 19 in `pairs`.
    """
    edges = np.stack([np.abs(bins), np.abs(bins) + 1]) << dropped
    low, high = edges.astype(np.uint32).view(np.float32).astype(float)
    width = high - low
    whole = np.all((low == np.floor(low)) | (width > 1))
    return np.asarray(np.where(bins < 0, -1, 1) * (low + (np.maximum(width - 1, 0) if whole else width) / 2), float)


def too_coarse(bins: NDArray[np.int64], counts: Counts, dropped: int) -> str | None:
    """Why numbers are too close together, for how far they are from zero, for their bins to show a change.

    Bins are shares of a value: years, and seconds since 1970, fall into a few of them. Of whole numbers below 256 each has
    bins of its own, and numbers that are not whole fill the bins between; else nine tenths of the values other than zero
    must span twenty.

    Args:
        bins: rising bins of `histograms` without infinities, [C].
        counts: rows in each, [C].
        dropped: bits of a float32 left off when they were counted.
    """
    other = np.flatnonzero((bins != 0) & (counts > 0))
    if not other.size:
        return None
    step = 1 << (dropped - HISTOGRAM_BITS)
    lowest = np.abs(bins[other]) // step * step
    low, high = (np.stack([lowest, lowest + step]) << HISTOGRAM_BITS).astype(np.uint32).view(np.float32).astype(float)
    if np.all((low == np.floor(low)) & (high - low < 1)):
        return None
    below = np.cumsum(counts[other]) / counts[other].sum()
    first, last = bins[other][np.searchsorted(below, [0.05, 0.95])]
    spanned = int(last - first) // step + 1
    if spanned >= _FEWEST_BINS:
        return None
    told = f"nine tenths of its values lie within {spanned} of the bins that numbers are counted in"
    what = "declare it a category if it has few values, or have it logged as the distance from a number near them"
    return f"{told}, fewer than {_FEWEST_BINS}: {what}"


def quantile_bins(counts: Counts, bins: int) -> NDArray[np.int64]:
    """Which of so many bins of equal counts each of the rising values falls in, ties together (inverted_cdf, right-closed).

    The k-th edge is the first value with at least k of `bins` parts at or below it; integers, so nothing is rounded.
    """
    below = np.cumsum(counts)
    ranks = np.arange(1, bins) * (below[-1] if len(below) else 0)
    edges = np.unique(np.searchsorted(below * bins, ranks, side="left")) if len(counts) else counts
    return np.searchsorted(edges, np.arange(len(counts)), side="left")


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


def jensen_shannon(sides: Sides) -> float:
    """The Jensen-Shannon divergence in bits, from 0 to 1.

    Source: Lin (1991), IEEE Transactions on Information Theory 37, 145-151.
    """
    from scipy.special import rel_entr  # noqa: PLC0415  (see the module)

    p, q = sides.shares
    middle = (p + q) / 2
    return max(float(np.sum(rel_entr(p, middle) + rel_entr(q, middle))) / (2 * math.log(2)), 0.0)


def _hellinger_squared(sides: Sides) -> float:
    p, q = sides.shares
    return float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / 2


def chi_square(*samples: ArrayLike) -> tuple[float, float]:
    """Pearson's chi-square that samples have the same shares, and its p value; 0 and 1 where there is one category only.

    Source: Pearson (1900), Philosophical Magazine 50, 157-175. The tests simulate its level as used here.
    """
    from scipy.special import chdtrc  # noqa: PLC0415  (see the module)

    table = np.array(samples, float)
    table = table[:, table.sum(axis=0) > 0]
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if freedom < 1:
        return 0.0, 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return statistic, float(chdtrc(freedom, statistic))


def homogeneity(*samples: ArrayLike) -> float:
    """P that samples have the same shares: Pearson's; where a category expects few rows, by the exact moments if more.

    Where many categories are rare and one sample is small, the statistic scatters far more than a chi-square. It is then
    taken for a gamma variable with the mean and variance it has given all margins, if that says the larger p.

    Source: Lewis, Saunders and Westcott (1984), Biometrika 71, 515-522, for the moments. The tests simulate its level.
    """
    from scipy.special import gammaincc  # noqa: PLC0415  (see the module)

    table = np.array(samples, float)
    table = table[np.ix_(table.sum(axis=1) > 0, table.sum(axis=0) > 0)]
    statistic, p = chi_square(*table) if len(table) else (0.0, 1.0)
    total, margins = table.sum(), [table.sum(axis=1), table.sum(axis=0)]
    if p >= 1 or np.min(margins[0]) * np.min(margins[1]) >= SMALL_EXPECTED * total:
        return p
    if total <= len(table) + 1:  # too few rows to have a variance
        return 1.0
    lengths = [len(each) for each in margins]
    each_v = [(k - 1) * (total - k) / (total - 1) for k in lengths]
    each_w = [(float(np.sum(total / each)) - k * k) / (total - 2) for each, k in zip(margins, lengths, strict=True)]
    mean = (lengths[0] - 1) * (lengths[1] - 1) * total / (total - 1)
    variance = 2 * total / (total - 3) * math.prod(v - w for v, w in zip(each_v, each_w, strict=True))
    variance += total**2 / (total - 1) * math.prod(each_w)
    if variance <= 1e-9 * mean**2:  # all tables with these margins are alike
        return 1.0
    return max(p, float(gammaincc(mean**2 / variance, statistic * mean / variance)))


def kolmogorov_smirnov(sides: Sides) -> tuple[float, float]:
    """The largest distance of the two distribution functions, and the p value of its test, conservative where values tie.

    Source: Smirnov (1939); p as `scipy.stats.ks_2samp(method="asymp")`.
    """
    from scipy.stats import kstwo  # noqa: PLC0415  (see the module)

    statistic = float(np.max(np.abs(_cumulated(sides)[2])))
    return statistic, float(np.clip(kstwo.sf(statistic, _effective(sides)), 0, 1))


def _cumulated(sides: Sides) -> tuple[Floats, Floats, Floats]:
    """Both distribution functions, and their difference."""
    f, g = (np.cumsum(counts) / counts.sum() for counts in (sides.now, sides.then))
    return f, g, f - g


def _effective(sides: Sides) -> int:
    return max(round(1 / sides.scatter), 1)


def wasserstein(sides: Sides) -> float:
    """The area between the two distribution functions, in the unit of the values (order 1, the earth mover's distance)."""
    assert sides.values is not None
    return float(np.sum(np.abs(_cumulated(sides)[2][:-1]) * np.diff(sides.values)))


def deviation_of(sides: Sides, counts: Counts) -> float:
    """The standard deviation of the values with these counts."""
    assert sides.values is not None
    mean = np.average(sides.values, weights=counts)
    return math.sqrt(float(np.average((sides.values - mean) ** 2, weights=counts)))


def _normed(sides: Sides) -> float:
    unit = deviation_of(sides, sides.then)
    return wasserstein(sides) / unit if unit else math.nan


def _supremum(errors: Floats, weights: Floats | float, deviation: float, level: float) -> float:
    """What the weighted sum of the absolute values of normal errors exceeds with a chance of at most `level`.

    Such a sum is the largest of a Gaussian process: it exceeds its mean by more than z of the largest standard deviation
    among its members more rarely than a normal deviate does.

    Source: Borell (1975), Inventiones Mathematicae 30, 207-216; Tsirelson, Ibragimov and Sudakov (1976).
    """
    mean = math.sqrt(2 / math.pi) * float(np.sum(weights * errors))
    return mean + float(normal_quantile(1 - 2 * level)) * deviation


def _plus_minus(value: float, reach: float, most: float = 1.0) -> tuple[float, float]:
    return max(value - reach, 0.0), min(value + reach, most)


def _interval_variation(sides: Sides, value: float, level: float) -> tuple[float, float]:
    (n, m), (p, q) = sides.sizes, sides.shares
    errors = np.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return _plus_minus(value, _supremum(errors, 0.5, math.sqrt(sides.scatter) / 2, level))


def _interval_largest(sides: Sides, value: float, level: float) -> tuple[float, float]:
    """Newcombe's way of combining the limits of two shares, which are exact: Wilson's are too narrow for rare categories."""
    (n, m), (p, q), confidence = sides.sizes, sides.shares, 1 - level / len(sides.now)
    (low, high), (low_then, high_then) = (
        clopper_pearson(sides.now, n, confidence),
        clopper_pearson(sides.then, m, confidence),
    )
    down, up = np.hypot(p - low, high_then - q), np.hypot(high - p, q - low_then)
    lower, upper = np.max(np.maximum(p - q - down, q - p - up)), np.max(np.maximum(p - q + up, q - p + down))
    return min(max(float(lower), 0.0), value), max(float(upper), value)


def _interval_ks(sides: Sides, value: float, level: float) -> tuple[float, float]:
    from scipy.stats import kstwo  # noqa: PLC0415  (see the module)

    return _plus_minus(value, float(kstwo.isf(level, _effective(sides))))


def _interval_wasserstein(sides: Sides, value: float, level: float) -> tuple[float, float]:
    assert sides.values is not None
    (n, m), (f, g, _) = sides.sizes, _cumulated(sides)
    errors = np.sqrt(np.maximum(f * (1 - f) / n + g * (1 - g) / m, 0))[:-1]
    deviation = math.hypot(deviation_of(sides, sides.now) / n**0.5, deviation_of(sides, sides.then) / m**0.5)
    return _plus_minus(value, _supremum(errors, np.diff(sides.values), deviation, level), math.inf)


def _interval_normed(sides: Sides, value: float, level: float) -> tuple[float, float]:
    unit = deviation_of(sides, sides.then)
    low, high = _interval_wasserstein(sides, value * unit, level)
    return low / unit, high / unit


def _of_index(factor: Callable[[Sides], float], power: float = 1.0) -> Callable[..., tuple[float, float]]:
    """The interval of a divergence that is, where small, `(psi / factor) ** power`, and at most 1."""

    def interval(sides: Sides, value: float, level: float) -> tuple[float, float]:
        scale = factor(sides)
        low, high = _interval_index(sides, value ** (1 / power) * scale, level)
        return min((low / scale) ** power, value), max(min((high / scale) ** power, 1.0), value)

    return interval


def _interval_index(sides: Sides, value: float, level: float) -> tuple[float, float]:
    """The upper limit is that of a value no smaller than chance makes: samples alike by luck leave no room for it else."""
    values = [value, max(value, sides.expected)]
    low, high = stability_index_interval(values, len(sides.now), *sides.sizes, 1 - level)
    return float(low[0]), float(high[1])


def _eight(_: Sides) -> float:
    return 8.0


def _eight_bits(_: Sides) -> float:
    return 8 * math.log(2)


def _pooled(sides: Sides) -> float:
    return sides.scatter * sum(sides.sizes)


@dataclass(frozen=True, slots=True)
class Distance:
    """One distance.

    Attributes:
        value: of two samples; they are not empty.
        interval: of the population's distance, from the samples, the value and the error allowed; None where it has none.
        detectable: the smallest that its test finds with 80 % power, from the samples and the test's level; None where
            that depends on where the distribution moves.
        how: its conventions.
        ordered: whether it is of numbers, in all the bins there are; else of categories, or of a few bins of numbers.
    """

    value: Callable[[Sides], float]
    interval: Callable[[Sides, float, float], tuple[float, float]] | None
    detectable: Callable[[Sides, float], float] | None
    how: str
    ordered: bool = False


def _index_found(factor: Callable[[Sides], float], power: float = 1.0) -> Callable[[Sides, float], float]:
    def found(sides: Sides, level: float) -> float:
        return math.pow(detectable_index(sides, level) / factor(sides), power)

    return found


def detectable_index(sides: Sides, level: float) -> float:
    """The PSI that the chi-square test finds with 80 % power."""
    from scipy.special import chdtri  # noqa: PLC0415  (see the module)

    freedom = max(len(sides.now) - 1, 1)
    return float(noncentrality(chdtri(freedom, level), freedom, 1 - comparisons.POWER)) * sides.scatter


def _ks_found(sides: Sides, level: float) -> float:
    from scipy.stats import kstwo  # noqa: PLC0415  (see the module)

    return min(float(kstwo.isf(level, _effective(sides))) + _POWER_QUANTILE * math.sqrt(sides.scatter) / 2, 1.0)


def _least(_: Sides) -> float:
    return 4.0


_CHI = "noncentral chi-square interval; chi-square homogeneity test"
_BOUND = "interval from a bound on the sampling error (Borell-TIS), wide"
_KS_TEST = "two-sample Kolmogorov-Smirnov test (asymptotic)"
_AREA = f"order 1, in the unit of the column; {_BOUND}; {_KS_TEST}"

DISTANCES: Mapping[str, Distance] = {
    "psi": Distance(
        lambda sides: stability_index(sides.now, sides.then), _interval_index, detectable_index,
        f"0.5 added to every count of both where a category is empty in one; {_CHI}",
    ),
    "jensen_shannon_distance": Distance(
        lambda sides: math.sqrt(jensen_shannon(sides)), _of_index(_eight_bits, 0.5), _index_found(_eight_bits, 0.5),
        f"the square root of the divergence, base 2; nothing added to empty categories; {_CHI}",
    ),
    "jensen_shannon_divergence": Distance(
        jensen_shannon, _of_index(_eight_bits), _index_found(_eight_bits),
        f"the divergence, not its square root; base 2; nothing added to empty categories; {_CHI}",
    ),
    "hellinger": Distance(
        lambda sides: math.sqrt(_hellinger_squared(sides)), _of_index(_eight, 0.5), _index_found(_eight, 0.5),
        f"from 0 to 1; nothing added to empty categories; {_CHI}",
    ),
    "chi_square": Distance(
        lambda sides: chi_square(sides.now, sides.then)[0], None, None,
        "Pearson's statistic of homogeneity, which grows with the rows: cramers_v is its effect; no interval",
    ),
    "cramers_v": Distance(
        lambda sides: math.sqrt(chi_square(sides.now, sides.then)[0] / sum(sides.sizes)),
        _of_index(_pooled, 0.5), _index_found(_pooled, 0.5),
        f"the square root of chi-square by all rows; not corrected for bias; {_CHI}",
    ),
    "total_variation": Distance(
        lambda sides: float(np.sum(np.abs(np.subtract(*sides.shares)))) / 2,
        _interval_variation, _index_found(_least, 0.5),  # the least index that so large a distance can have
        f"half the sum of the differences of shares; {_BOUND}; chi-square homogeneity test",
    ),
    "l_infinity": Distance(
        lambda sides: float(np.max(np.abs(np.subtract(*sides.shares)))), _interval_largest, _index_found(_least, 0.5),
        "the largest difference of shares; intervals of exact limits (Newcombe, MOVER) simultaneous over categories; chi-square homogeneity test",
    ),
    "ks": Distance(
        lambda sides: kolmogorov_smirnov(sides)[0], _interval_ks, _ks_found,
        f"the largest distance of the distribution functions; Kolmogorov band; {_KS_TEST}", ordered=True,
    ),
    "wasserstein": Distance(wasserstein, _interval_wasserstein, None, _AREA, ordered=True),
    "wasserstein_normed": Distance(
        _normed, _interval_normed, None,
        _AREA.replace("in the unit of the column", "by the reference's standard deviation, taken as known"), ordered=True,
    ),
}  # fmt: skip
"""Distances by metric."""
