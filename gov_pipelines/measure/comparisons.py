"""Tests of two rates, what many of them cost, and what a sample could have found.

SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gov_pipelines.measure.intervals import Floats, normal_quantile
from gov_pipelines.policy.kinds import Test

Adjustment = Literal["holm", "bonferroni"]
POWER = 0.8
_HALVINGS = 60


def demanded(test: Test | Literal["none"]) -> tuple[float, Adjustment]:
    """The confidence and the adjustment that a control asks for; intervals are shown where it asks for no test, too."""
    return (0.95, "holm") if test == "none" else (test.confidence, test.adjust)


def fisher(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p of Fisher's exact test that x1 of n1 and x2 of n2 have the same rate. Exact at 0 % and 100 % too.

    Source: Fisher (1934), Statistical Methods for Research Workers, section 21.02.
    """
    from scipy.stats import fisher_exact  # noqa: PLC0415  (see the module)

    tables = np.broadcast_arrays(*(np.atleast_1d(value) for value in (x1, n1, x2, n2)))
    p = [fisher_exact(np.array([[a, b - a], [c, d - c]])).pvalue for a, b, c, d in zip(*tables, strict=True)]
    return np.array(p, np.float64)


def adjusted(p: ArrayLike, how: Adjustment = "holm") -> Floats:
    """P values over the last axis adjusted for their number; both ways hold the family's error whatever the dependence.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    values = np.asarray(p, float)
    size = values.shape[-1]
    if how == "bonferroni":
        return np.asarray(np.minimum(values * size, 1.0))
    order = np.argsort(values, axis=-1, kind="stable")
    steps = np.arange(size, 0, -1) * np.take_along_axis(values, order, axis=-1)
    back = np.empty_like(values)
    np.put_along_axis(back, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), axis=-1)
    return back


def power(p1: float, n1: float, p2: float, n2: float, level: float) -> float:
    """Chance that a two-sided exact test at `level` finds the difference of two true rates.

    The normal approximation with continuity correction, which follows Fisher's test closely.

    Source: Fleiss, Tytun and Ury (1980), Biometrics 36, 343-346, for unequal groups.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (see the module)

    pooled = (p1 * n1 + p2 * n2) / (n1 + n2)
    at_equality = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    as_they_are = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    room = abs(p1 - p2) - (1 / n1 + 1 / n2) / 2 - float(normal_quantile(1 - level)) * at_equality
    return float(ndtr(room / as_they_are)) if as_they_are > 0 else float(room > 0)


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
