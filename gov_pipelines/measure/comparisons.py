"""Tests of two rates, what many of them cost, and what a sample could have found. Vectorised over tables.

SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.measure.intervals import Floats, normal_quantile

POWER = 0.8
_TIE = 1 + 1e-7  # tables as likely as the observed one, up to rounding; the tolerance of R's fisher.test
_HALVINGS = 60
_MOST_GROWTH = 1e6


def _integers(*values: ArrayLike) -> list[NDArray[np.int64]]:
    return [np.atleast_1d(value).astype(np.int64) for value in np.broadcast_arrays(*values)]


def fisher(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p of Fisher's exact test that x1 of n1 and x2 of n2 have the same rate.

    The sum of the probabilities of all tables with these margins that are no likelier than the observed one: the tail
    on its side, and on the other side the tail that bisection finds. Exact at every size and at 0 % and 100 %.

    Source: Fisher (1934), Statistical Methods for Research Workers, section 21.02.
    """
    from scipy.stats import hypergeom  # noqa: PLC0415  (see the module)

    a, b, c, d = _integers(x1, n1, x2, n2)
    every, marked, drawn = b + d, a + c, b
    least, most = np.maximum(0, drawn + marked - every), np.minimum(drawn, marked)
    mode = np.clip(((drawn + 1) * (marked + 1)) // (every + 2), least, most)
    limit = hypergeom.pmf(a, every, marked, drawn) * _TIE
    below = a < mode
    # From the mode outward the probabilities fall: bisect for the first table on the other side within the limit.
    near, far = mode.copy(), np.where(below, most + 1, least - 1)
    while np.any(np.abs(far - near) > 1):
        middle = (near + far) // 2
        inside = hypergeom.pmf(middle, every, marked, drawn) > limit
        moved = np.abs(far - near) > 1
        near, far = np.where(moved & inside, middle, near), np.where(moved & ~inside, middle, far)
    lower_tail = hypergeom.cdf(np.where(below, a, far), every, marked, drawn)
    upper_tail = hypergeom.sf(np.where(below, far, a) - 1, every, marked, drawn)
    p = np.where(hypergeom.pmf(mode, every, marked, drawn) <= limit, 1.0, lower_tail + upper_tail)
    return np.asarray(np.minimum(p, 1.0), float)


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p values over the last axis; they hold the family's error whatever the dependence.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    values = np.asarray(p, float)
    order = np.argsort(values, axis=-1, kind="stable")
    steps = np.arange(values.shape[-1], 0, -1) * np.take_along_axis(values, order, axis=-1)
    adjusted = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    back = np.empty_like(adjusted)
    np.put_along_axis(back, order, adjusted, axis=-1)
    return back


def bonferroni(p: ArrayLike) -> Floats:
    """Bonferroni's adjusted p values over the last axis."""
    values = np.asarray(p, float)
    return np.asarray(np.minimum(values * values.shape[-1], 1.0), float)


def power(p1: ArrayLike, n1: ArrayLike, p2: ArrayLike, n2: ArrayLike, level: ArrayLike) -> Floats:
    """Chance that a two-sided exact test at `level` finds the difference of two true rates.

    The normal approximation with continuity correction, which follows Fisher's test closely.

    Source: Fleiss, Tytun and Ury (1980), Biometrics 36, 343-346, for unequal groups.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (see the module)

    r1, m1, r2, m2 = (np.asarray(value, float) for value in (p1, n1, p2, n2))
    pooled = (r1 * m1 + r2 * m2) / (m1 + m2)
    at_equality = np.sqrt(pooled * (1 - pooled) * (1 / m1 + 1 / m2))
    as_they_are = np.sqrt(r1 * (1 - r1) / m1 + r2 * (1 - r2) / m2)
    room = np.abs(r1 - r2) - (1 / m1 + 1 / m2) / 2 - normal_quantile(1 - np.asarray(level)) * at_equality
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = ndtr(room / as_they_are)
    return np.asarray(np.where(as_they_are > 0, chance, room > 0), float)


def detectable_rate(reference_rate: float, n: int, reference_n: int, level: float) -> float | None:
    """The highest rate below the reference's that a group of `n` would show with 80 % power; None where even 0 % would not."""
    if n == 0 or reference_n == 0 or power(0.0, n, reference_rate, reference_n, level) < POWER:
        return None
    found, missed = 0.0, reference_rate
    for _ in range(_HALVINGS):
        middle = (found + missed) / 2
        if power(middle, n, reference_rate, reference_n, level) >= POWER:
            found = middle
        else:
            missed = middle
    return found


def growth_needed(x1: int, n1: int, x2: int, n2: int, level: float) -> float | None:
    """How many times both samples must grow, at the rates they show, for 80 % power; None where the rates are equal."""
    if x1 * n2 == x2 * n1:
        return None
    short, enough = 0.0, np.log(_MOST_GROWTH)
    for _ in range(_HALVINGS):
        middle = (short + enough) / 2
        times = np.exp(middle)
        if power(x1 / n1, n1 * times, x2 / n2, n2 * times, level) >= POWER:
            enough = middle
        else:
            short = middle
    return None if enough == np.log(_MOST_GROWTH) else float(np.exp(enough))
