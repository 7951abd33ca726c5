"""Tests of two rates, what many of them cost, and what a sample could have found or would have to be. Vectorised.

SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.measure.statistics.intervals import Floats, difference_statistic, normal_quantile, ratio_statistic
from gov_pipelines.policy.kinds import Test

Adjustment = Literal["holm", "bonferroni", "bh", "by"]
NAMES = {"holm": "Holm", "bonferroni": "Bonferroni", "bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}
POWER = 0.8
_HALVINGS = 60
_TIE = 1e-7  # relative: tables as likely as the observed one, as SciPy's and R's Fisher tests take them
_LARGEST_FACTOR = 40.0  # as a power of two, of samples that are asked for


def demanded(test: Test | Literal["none"]) -> tuple[float, Adjustment]:
    """The confidence and the adjustment that a control asks for; intervals are shown where it asks for no test, too."""
    return (0.95, "holm") if test == "none" else (test.confidence, test.adjust)


def exact_tests(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> tuple[Floats, Floats]:
    """Two-sided p of Fisher's exact test that x1 of n1 and x2 of n2 have the same rate, and Lancaster's mid-p.

    Fisher's is exact at 0 % and 100 % too: it sums the tables no likelier than the observed one. The mid-p counts the
    observed table half: closer to its level than Fisher's, and not guaranteed to keep it.

    Source: Fisher (1934), Statistical Methods for Research Workers, section 21.02; Lancaster (1961), J. Am. Stat. Assoc.
    56, 223-234.
    """
    from scipy.special import gammaln  # noqa: PLC0415  (see the module)
    from scipy.stats import hypergeom  # noqa: PLC0415

    x, n, y, m = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, np.int64)) for value in (x1, n1, x2, n2)))
    chosen, total = x + y, n + m
    mode = (n + 1) * (chosen + 1) // (total + 2)
    # Favorable and unfavorable exchanged where the table lies above the likeliest one: below, its own tail is the left.
    above = x > mode
    x, chosen, mode = (
        np.where(above, n - x, x),
        np.where(above, total - chosen, chosen),
        np.where(above, n - mode, mode),
    )

    def likelihood(k: NDArray[np.int64]) -> Floats:
        return np.asarray(-gammaln(k + 1) - gammaln(n - k + 1) - gammaln(chosen - k + 1) - gammaln(m - chosen + k + 1))

    most = likelihood(x) + _TIE
    low, high = mode, np.minimum(n, chosen) + 1  # the first table beyond the mode that is no likelier, by bisection
    while ((high - low) > 1).any():
        middle = np.maximum((low + high) // 2, mode)
        beyond = likelihood(np.minimum(middle, np.minimum(n, chosen))) <= most
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    both = hypergeom.cdf(x, total, chosen, n) + hypergeom.sf(high - 1, total, chosen, n)
    p = np.where(likelihood(mode) <= most, 1.0, np.minimum(both, 1.0))
    return p, p - hypergeom.pmf(x, total, chosen, n) / 2


def fisher(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p of Fisher's exact test; see `exact_tests`."""
    return exact_tests(x1, n1, x2, n2)[0]


def pooled_test(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p of the difference in pooled standard deviations: for counts that are not whole, such as weighted ones.

    1 where all are alike. Its level is simulated in the tests: use `fisher` for whole numbers.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (see the module)

    return np.asarray(2 * ndtr(-np.abs(difference_statistic(x1, n1, x2, n2, 0.0))))


def equivalence(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    limits: tuple[float, float],
    of: Literal["difference", "ratio"],
) -> Floats:
    """P of two one-sided score tests that x1/n1 less, or over, x2/n2 is not between the limits; a small one shows parity.

    At level a it agrees with the score interval of confidence 1 - 2a lying inside.

    Source: Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15, 657-680; the scores of Miettinen and Nurminen.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (see the module)

    statistic = difference_statistic if of == "difference" else ratio_statistic
    low, high = (statistic(x1, n1, x2, n2, limit) for limit in limits)
    return np.asarray(np.maximum(ndtr(-low), ndtr(high)))


def adjusted(p: ArrayLike, how: Adjustment = "holm") -> Floats:
    """P values over the last axis adjusted for their number.

    Holm's and Bonferroni's hold the error of the family whatever the dependence; Benjamini and Hochberg's (`bh`) holds
    the share of false discoveries where tests depend positively, Benjamini and Yekutieli's (`by`) always.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70; SciPy for the last two.
    """
    values = np.asarray(p, float)
    size = values.shape[-1]
    if how == "bonferroni" or not size:
        return np.asarray(np.minimum(values * size, 1.0))
    if how != "holm":
        from scipy.stats import false_discovery_control  # noqa: PLC0415  (see the module)

        return np.asarray(false_discovery_control(values, axis=-1, method=how))
    order = np.argsort(values, axis=-1, kind="stable")
    steps = np.arange(size, 0, -1) * np.take_along_axis(values, order, axis=-1)
    back = np.empty_like(values)
    np.put_along_axis(back, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), axis=-1)
    return back


def power(p1: ArrayLike, n1: ArrayLike, p2: ArrayLike, n2: ArrayLike, level: float) -> Floats:
    """Chance that a two-sided exact test at `level` finds the difference of two true rates.

    The normal approximation with continuity correction, which follows Fisher's test closely.

    Source: Fleiss, Tytun and Ury (1980), Biometrics 36, 343-346, for unequal groups.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (see the module)

    a, n, b, m = (np.asarray(value, float) for value in (p1, n1, p2, n2))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (a * n + b * m) / (n + m)
        at_equality = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        as_they_are = np.sqrt(a * (1 - a) / n + b * (1 - b) / m)
        room = np.abs(a - b) - (1 / n + 1 / m) / 2 - normal_quantile(1 - level) * at_equality
        return np.asarray(np.where(as_they_are > 0, ndtr(room / as_they_are), room > 0), float)


def detectable_rate(reference_rate: ArrayLike, n: ArrayLike, reference_n: ArrayLike, level: float) -> Floats:
    """The highest rate below the reference's that a group of `n` would show with 80 % power; NaN where not even 0 % would."""
    rate, n, m = np.broadcast_arrays(*(np.asarray(value, float) for value in (reference_rate, n, reference_n)))
    found = _last(lambda at: power(at * rate, n, rate, m, level) >= POWER, np.zeros(rate.shape), np.ones(rate.shape))
    return np.where((n > 0) & (m > 0) & (power(0.0, n, rate, m, level) >= POWER), found * rate, np.nan)


def needed_factor(p1: ArrayLike, n1: ArrayLike, p2: ArrayLike, n2: ArrayLike, level: float) -> Floats:
    """How many times as many decisions of both groups would show rates as different as these with 80 % power; NaN if equal."""
    a, n, b, m = np.broadcast_arrays(*(np.asarray(value, float) for value in (p1, n1, p2, n2)))
    few = np.full(a.shape, -_LARGEST_FACTOR)
    found = 2 ** _last(lambda at: power(a, n * 2**at, b, m * 2**at, level) < POWER, few, -few)
    return np.where((a != b) & (n > 0) & (m > 0), found, np.nan)


def _last(holds: Callable[[Floats], NDArray[np.bool_]], low: Floats, high: Floats) -> Floats:
    """Where a condition that holds at `low` ceases to, by bisection."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = holds(middle)
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    return np.asarray(low, float)
