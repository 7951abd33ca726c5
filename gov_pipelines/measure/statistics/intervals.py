"""Intervals of rates, differences, ratios and the population stability index. Vectorised: counts in, arrays out.

All are two-sided. Each says at which rates it works; none is the Wald interval, which fails at 0 % and 100 %.
SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Interval = tuple[Floats, Floats]
_LOG_LIMIT = 60.0
_HALVINGS = 60
_NEAR = 1e-12  # of a limit, or of its logarithm


def normal_quantile(confidence: ArrayLike) -> Floats:
    """The two-sided standard normal quantile: 1.96 at 0.95."""
    from scipy.special import ndtri  # noqa: PLC0415  (see the module)

    return np.asarray(-ndtri((1 - np.asarray(confidence, float)) / 2))


def wilson(favorable: ArrayLike, decided: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Score interval of a rate; not a number where nothing was decided.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212, without continuity correction.
    """
    x, n = np.asarray(favorable, float), np.asarray(decided, float)
    z2 = normal_quantile(confidence) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        p = x / n
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
        lower = np.where(x == 0, 0.0, centre - half)
        upper = np.where(x == n, 1.0, centre + half)
    return np.where(n > 0, lower, np.nan), np.where(n > 0, upper, np.nan)


def clopper_pearson(favorable: ArrayLike, decided: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Exact interval of a rate: never below its confidence at any rate, and wide; not a number where nothing was decided.

    Source: Clopper and Pearson (1934), Biometrika 26, 404-413.
    """
    from scipy.special import betaincinv  # noqa: PLC0415  (see the module)

    x, n = np.asarray(favorable, float), np.asarray(decided, float)
    tail = (1 - np.asarray(confidence, float)) / 2
    lower = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1e-9), n - x + 1, tail))
    upper = np.where(x == n, 1.0, betaincinv(x + 1, np.maximum(n - x, 1e-9), 1 - tail))
    return np.where(n > 0, lower, np.nan), np.where(n > 0, upper, np.nan)


def effective(favorable: ArrayLike, weight: ArrayLike, squares: ArrayLike) -> tuple[Floats, Floats]:
    """Weighted counts as the counts of an unweighted sample that tells as much, for the intervals and tests here.

    Args:
        favorable: sum of the weights of favorable decisions.
        weight: sum of the weights of all.
        squares: sum of their squares.

    Returns:
        Favorable and decided of the effective sample, not whole; nothing of nothing.

    Source: Kish (1965), Survey Sampling, section 8.2. Coverage is simulated in the tests.
    """
    w = np.asarray(weight, float)
    share = w / np.where(np.asarray(squares, float) > 0, squares, 1.0)
    return np.asarray(favorable, float) * share, w * share


def difference_score(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: ArrayLike = 0.95
) -> Interval:
    """Score interval of the difference of two rates, x1/n1 - x2/n2.

    Works at 0 % and 100 %, and far out in the tails, where limits of many comparisons lie. Found as those of `ratio_score`.

    Source: Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226.
    """
    a1, b1, a2, b2, z = _columns(x1, n1, x2, n2, confidence)
    lower, upper = _root(lambda d: difference_statistic(a1, b1, a2, b2, d), np.stack([z, -z]), 1.0)
    defined = (b1 > 0) & (b2 > 0)
    return np.where(defined, lower, np.nan), np.where(defined, upper, np.nan)


def ratio_score(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Score interval of the ratio of two rates, (x1/n1) / (x2/n2).

    Works at 0 % and 100 %: no favorable decision in the first group gives a lower limit of 0, none in the second an
    upper limit of infinity. The limits solve score = ± z by bisection on the logarithm of the ratio.

    Source: Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226, with their factor N / (N - 1).
    """
    a1, b1, a2, b2, z = _columns(x1, n1, x2, n2, confidence)
    lower, upper = np.exp(
        _root(lambda log: ratio_statistic(a1, b1, a2, b2, np.exp(log)), np.stack([z, -z]), _LOG_LIMIT)
    )
    defined = (b1 > 0) & (b2 > 0)
    lower = np.where(a1 == 0, 0.0, lower)
    upper = np.where(a2 == 0, np.inf, upper)
    return np.where(defined, lower, np.nan), np.where(defined, upper, np.nan)


def _columns(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Counts and the normal quantile, of one shape."""
    counts = (np.asarray(value, float) for value in (x1, n1, x2, n2))
    a1, b1, a2, b2, z = np.broadcast_arrays(*counts, normal_quantile(confidence))
    return a1, b1, a2, b2, z


def _root(statistic: Callable[[Floats], Floats], score: Floats, limit: float) -> Floats:
    """Where a falling statistic meets the score, between the limits, by bisection."""
    low, high = np.full(score.shape, -limit), np.full(score.shape, limit)
    for _ in range(math.ceil(math.log2(limit / _NEAR))):
        middle = (low + high) / 2
        above = statistic(middle) > score
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray((low + high) / 2, float)


def ratio_statistic(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, ratio: ArrayLike) -> Floats:
    """The score of a hypothetical ratio: departure over its standard error at the constrained maximum likelihood.

    Source: as `ratio_score`.
    """
    a1, b1, a2, b2, r = (np.asarray(value, float) for value in (x1, n1, x2, n2, ratio))
    with np.errstate(invalid="ignore", divide="ignore"):
        b = b1 * r + a1 + b2 + a2 * r
        # (b - sqrt(b² - 4ac)) / 2a, written so that nothing cancels
        root = np.sqrt(np.maximum(b * b - 4 * (b1 + b2) * r * (a1 + a2), 0.0))
        p2 = np.clip(2 * (a1 + a2) / (b + root), 0.0, 1.0)
        return _score(a1 / b1 - r * a2 / b2, np.clip(p2 * r, 0.0, 1.0), b1, p2, b2, r)


def difference_statistic(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, difference: ArrayLike) -> Floats:
    """The score of a hypothetical difference, as `ratio_statistic`; of no difference, pooled standard deviations.

    Source: Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226, appendix I.
    """
    a1, b1, a2, b2, d = (np.asarray(value, float) for value in (x1, n1, x2, n2, difference))
    total = b1 + b2
    with np.errstate(invalid="ignore", divide="ignore"):
        third = ((b1 + 2 * b2) * d - total - a1 - a2) / (3 * total)
        first = ((b2 * d - total - 2 * a2) * d + a1 + a2) / total
        turn = third**3 - third * first / 2 + a2 * d * (1 - d) / (2 * total)
        reach = np.copysign(np.sqrt(np.maximum(third**2 - first / 3, 0.0)), turn)
        angle = np.arccos(np.clip(np.where(reach == 0, 0.0, turn / reach**3), -1.0, 1.0))
        p2 = np.clip(2 * reach * np.cos((np.pi + angle) / 3) - third, 0.0, 1.0)
        return _score(a1 / b1 - a2 / b2 - d, np.clip(p2 + d, 0.0, 1.0), b1, p2, b2, np.ones(()))


def _score(departure: Floats, p1: Floats, n1: Floats, p2: Floats, n2: Floats, ratio: Floats) -> Floats:
    total = n1 + n2
    variance = (p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2) * total / (total - 1)
    score = departure / np.sqrt(variance)
    return np.where(departure == 0, 0.0, np.where(variance > 0, score, np.copysign(np.inf, departure)))


def noncentrality(statistic: ArrayLike, freedom: ArrayLike, probability: ArrayLike) -> Floats:
    """The noncentrality at which a chi-square is at most `statistic` with `probability`; 0 where none is.

    Bisection on SciPy's noncentral chi-square distribution function.
    """
    from scipy.special import chndtr  # noqa: PLC0415  (see the module)

    t, k, p = np.broadcast_arrays(*(np.asarray(value, float) for value in (statistic, freedom, probability)))
    low, high = np.zeros(t.shape), 2 * t + 20 * np.sqrt(t + k) + 200
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = chndtr(t, k, middle) > p  # falls as the noncentrality rises
        low, high = np.where(more, middle, low), np.where(more, high, middle)
        if np.all(high - low <= _NEAR * high):
            break
    return np.asarray(np.where(high < 1e-9, 0.0, (low + high) / 2), float)


def stability_index_interval(
    value: ArrayLike, categories: ArrayLike, n1: ArrayLike, n2: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of the population stability index of two samples of n1 and n2 rows over so many categories.

    PSI / (1/n1 + 1/n2) is nearly a noncentral chi-square with one degree of freedom less than there are categories,
    whose noncentrality is the population's PSI on that scale; the limits invert it. The sample value is biased upward,
    so at no drift it may lie above the upper limit; the interval is then widened to hold it.

    Source: Yurdakul and Naranjo (2020), Statistical properties of the population stability index, J. Risk Model
    Validation 14(4), for the central case. Coverage is simulated in the tests.
    """
    psi, of, n, m = np.broadcast_arrays(*(np.asarray(each, float) for each in (value, categories, n1, n2)))
    k, scale, tail = np.maximum(of - 1, 1), 1 / n + 1 / m, (1 - confidence) / 2
    lower, upper = noncentrality(psi / scale, k, np.reshape([1 - tail, tail], (2, *[1] * psi.ndim))) * scale
    return np.minimum(lower, psi), np.maximum(upper, psi)
