"""Groups compared two by two, in controls and in any table: intervals, what all pairs cost together, and the extreme.

Intervals of all pairs hold together by max-T (see `resampling`) where draws can tell (see `drawable`), else by Bonferroni.
Beyond `MOST_PAIRS` not all pairs are worked out, and the extreme has the limits that one interval a group gives.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.measure.statistics import resampling
from gov_pipelines.measure.statistics.intervals import Floats, Interval, difference_score, ratio_score, wilson

Form = Literal["difference", "ratio"]
MOST_PAIRS = 1_000
MOST_CELLS = 500  # more would be drawn for longer than the rest of an audit takes
LEAST_ROWS = 200  # in benchmarks/statistics/coverage.py max-T covers less beside or among groups of fewer
INTERVAL: dict[str, str] = dict.fromkeys(("difference", "ratio"), "Miettinen-Nurminen score")


def interval(form: Form, x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: ArrayLike) -> Interval:
    """Of the second group's rate less the first one's, or of the first one's over the second's."""
    if form == "difference":
        return difference_score(x2, n2, x1, n1, confidence)
    return ratio_score(x1, n1, x2, n2, confidence)


def extreme(form: Form, low: Floats, high: Floats) -> tuple[float, float]:
    """Limits of the largest difference or the smallest ratio from those of every pair, either group of which may be the better.

    The best group is at least as good as any other, so that both end at equality.
    """
    if form == "difference":
        return max(*low, *-high, 0.0), max(*high, *-low, 0.0)
    with np.errstate(divide="ignore"):
        return min(*low, *1 / high, 1.0), min(*high, *1 / low, 1.0)


def outermost(form: Form, x: ArrayLike, n: ArrayLike, confidence: float) -> tuple[float, float]:
    """The same from one interval a group: all rates lie in theirs together, by Bonferroni."""
    low, high = wilson(x, n, 1 - (1 - confidence) / np.size(n))
    if form == "difference":
        return max(low.max() - high.min(), 0.0), high.max() - low.min()
    return low.min() / high.max(), min(high.min() / low.max(), 1.0) if low.max() else 1.0


def drawable(rates: Floats, n: Floats, confidence: float) -> bool:
    """Whether draws tell how far groups lie apart by chance: not those of few rows, nor of rows all alike, which no draw moves."""
    told = (n >= LEAST_ROWS) & (rates > 0) & (rates < 1)
    return bool(told.all()) and resampling.enough(confidence)


def together(
    form: Form, rates: Floats, n: Floats, draws: tuple[Floats, Floats], pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
    confidence: float,
) -> float | None:  # fmt: skip
    """The confidence of one interval at which those of all pairs hold together; not below `confidence`, nor above Bonferroni's.

    None where it is not `drawable`.

    Args:
        form: what is compared.
        rates: `[G]`, of the groups.
        n: `[G]`, what each rests on.
        draws: `[R, G]` twice: the rates in each draw, and what they then rest on over what they rested on.
        pairs: the places of both groups of each pair.
        confidence: of all together.
    """
    from scipy.special import ndtr  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    compared = np.unique(pairs)
    if not drawable(rates[compared], n[compared], confidence):
        return None
    drawn, grown = draws
    with np.errstate(divide="ignore", invalid="ignore"):  # of groups that are in no pair
        # Of a ratio the departures are relative: those of its logarithm.
        scale = 1 / rates if form == "ratio" else np.ones_like(rates)
        variance = rates * (1 - rates) / n * scale**2
        value = resampling.critical_value((drawn - rates) * np.sqrt(grown) * scale, variance, pairs, confidence)
    return float(min(max(2 * ndtr(value) - 1, confidence), 1 - (1 - confidence) / len(pairs[0])))
