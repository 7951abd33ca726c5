"""Random draws from counts: the row bootstrap, simultaneous bands by max-T, the permutation test of the largest gap.

Each row of a sample is drawn as often as Poisson's law has it, so that a cell of a tally is one Poisson draw, at a cost that
does not depend on how many rows there are. Given how many rows are drawn this is the multinomial bootstrap; a proportion does
not tell them apart. What rests on draws depends on the generator, and so on NumPy's version: its measurements say
`recomputable: false`.

Source: Hanley and MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies, Comput. Methods
Programs Biomed. 83, 57-62.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.measure.statistics.intervals import Floats, Interval

DRAWS = 4_000
_LEAST_BEYOND = 10  # draws beyond a quantile, for it to be one
_AT_ONCE = 1_000_000_000  # NumPy draws hypergeometric counts of fewer than this


def seeded(*names: str) -> np.random.Generator:
    """The generator of these names: system, window, metric, attributes, digest of the policy."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()))


def resample(cells: ArrayLike, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of `draws` bootstrap samples of the rows counted in `cells`, of any shape: `[draws, *cells.shape]`."""
    return rng.poisson(np.asarray(cells, float), (draws, *np.shape(cells)))


def redraw(weights: Floats, squares: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Sums of weights of bootstrap samples, from those of the rows and of their squares: `[draws, *weights.shape]`.

    As many rows of one weight are drawn as tell as much (see `effective`).
    """
    each = np.divide(squares, weights, out=np.zeros_like(weights), where=weights > 0)
    many = np.divide(weights, each, out=np.zeros_like(weights), where=each > 0)
    return np.asarray(resample(many, draws, rng) * each, float)


def enough(confidence: float, draws: int = DRAWS) -> bool:
    """Whether so many draws can tell a quantile so far out."""
    return (1 - confidence) * draws >= _LEAST_BEYOND - 1e-9


def critical_value(
    errors: Floats, variance: Floats, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], confidence: float
) -> float:
    """The value that no standardised difference of a pair exceeds in `confidence` of the draws: max-T.

    Args:
        errors: `[R, G]`, each group's value in each draw less that in the sample.
        variance: `[G]`, of each, above 0.
        pairs: the two groups of each comparison.
        confidence: of all together.

    Source: Westfall and Young (1993), Resampling-Based Multiple Testing; Tukey's range at unequal sizes and with groups
    that share rows. Coverage is simulated in benchmarks/statistics/coverage.py.
    """
    one, other = pairs
    apart = np.abs(errors[:, one] - errors[:, other]) / np.sqrt(variance[one] + variance[other])
    return _reached(apart.max(axis=1), confidence)


def band(values: Floats, draws: Floats, confidence: float) -> Interval:
    """Simultaneous intervals of several values from their draws: each value, less and plus as many standard errors.

    For what no closed form serves, such as differences of F1 between all pairs of groups. A value that no draw moves, or
    that is not a number in the sample or in every draw, has no interval. Of a largest difference take the largest of
    the pairs' limits: the draws of a maximum are biased upward, and their quantiles hold no level.

    Args:
        values: `[M]`, in the sample.
        draws: `[R, M]`, the same in each draw; not a number where undefined.
        confidence: of all together.
    """
    moved = np.where(np.isnan(draws), np.nan, draws - values)
    count = (~np.isnan(moved)).sum(axis=0)
    error = np.sqrt(np.nansum(moved**2, axis=0) / np.maximum(count, 1))
    told = error > 0
    most = np.nanmax(np.abs(moved[:, told]) / error[told], axis=1, initial=0.0) if told.any() else np.zeros(1)
    reach = np.where(told, _reached(most, confidence) * error, np.nan)
    return values - reach, values + reach


def _reached(most: Floats, confidence: float) -> float:
    """The quantile of so many draws that a further one is at most it with `confidence`."""
    place = min(math.ceil((len(most) + 1) * confidence), len(most))
    return float(np.partition(most, place - 1)[place - 1])


def gap_test(favorable: ArrayLike, decided: ArrayLike, rng: np.random.Generator, draws: int = 9_999) -> float:
    """P that groups of one common rate lie as far apart as these: highest less lowest rate, all favorable dealt out anew.

    Given how many were favorable and how large each group is, every deal is equally likely at equality: the test keeps
    its level at any size. Not above 1 / (draws + 1) however far apart.

    Args:
        favorable: of each group.
        decided: of each group; those of nothing are left out.
        rng: the generator.
        draws: how many deals.

    Source: Fisher (1935), The Design of Experiments; p of Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9(1).
    """
    n = np.asarray(decided, np.int64)
    x, n = np.asarray(favorable, np.int64)[n > 0], n[n > 0]
    if len(n) < 2:
        return 1.0
    if n.sum() < _AT_ONCE:
        dealt = rng.multivariate_hypergeometric(n, int(x.sum()), size=draws, method="marginals")
    else:  # so many that the margin no longer matters
        dealt = rng.binomial(n, x.sum() / n.sum(), size=(draws, len(n)))
    gaps = np.ptp(dealt / n, axis=1)
    return float((1 + (gaps >= np.ptp(x / n) * (1 - 1e-12)).sum()) / (draws + 1))
