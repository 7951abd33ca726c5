"""Who is in the data, and what is missing from it: distributions compared, and what missing labels leave open."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from gov_pipelines.measure.rates.confusion import FAVORABLE, FN, FP, TN, TP, UNFAVORABLE, Counts, Rate, Values, over


def shares(counts: ArrayLike) -> Values:
    """Counts as shares of their sum over the last axis."""
    each = np.asarray(counts)
    return over(each, each.sum(-1, keepdims=True))


def kullback_leibler(p: Values, q: Values) -> Values:
    """Of distributions over the last axis, in nats; not a number where q has none of what p has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(p > 0, p * np.log(p / q), 0.0 * p).sum(-1)
    return np.where(np.isfinite(value), value, np.nan)


def jensen_shannon(p: Values, q: Values) -> Values:
    """The divergence, in nats, from 0 to ln 2."""
    middle = (p + q) / 2
    return (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2


def norm(p: Values, q: Values, order: float = 2.0) -> Values:
    """The L-p norm of the difference; `inf` is the largest one."""
    return np.asarray(np.linalg.norm(p - q, ord=order, axis=-1))


def total_variation(p: Values, q: Values) -> Values:
    """Half the sum of the absolute differences."""
    return np.asarray(np.abs(p - q).sum(-1) / 2)


def kolmogorov_smirnov(p: Values, q: Values) -> Values:
    """The largest difference of the sums up to a value; values are in their order."""
    return np.asarray(np.abs(np.cumsum(p - q, -1)).max(-1))


def skew(observed: Values, expected: Values) -> Values:
    """The logarithm of each share over the expected one; not a number where either is nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(over(observed, expected))
    return np.where(np.isfinite(value), value, np.nan)


def label_bounds(counts: Counts, rate: Rate) -> tuple[Values, Values]:
    """The lowest and highest value of a rate whatever the missing labels are.

    A proportion of counts that grow with them is extreme where the labels of all favorable decisions are alike, and of
    all unfavorable ones.

    Source: Manski (2003), Partial Identification of Probability Distributions, for the idea.
    """
    ends = []
    for favorable, unfavorable in product((TP, FP), (FN, TN)):
        filled = counts.copy()
        filled[..., favorable] += counts[..., FAVORABLE]
        filled[..., unfavorable] += counts[..., UNFAVORABLE]
        filled[..., FAVORABLE:] = 0
        ends.append(rate(filled))
    return np.fmin.reduce(ends), np.fmax.reduce(ends)
