"""Inequality of benefits, information between decision and group, and differential fairness, from counts.

Every function is vectorised over leading axes; see `confusion` for the counts.
"""

from __future__ import annotations

import numpy as np

from gov_pipelines.measure.rates.confusion import FN, FP, RATES, TN, TP, Counts, Values, over

_BENEFITS = np.array([0.0, 1.0, 2.0])  # decision less label plus one: wrongly refused, rightly judged, wrongly favored


def _benefits(counts: Counts) -> Values:
    """How many people have each benefit, `[..., 3]`."""
    return np.stack([counts[..., FN], counts[..., TP] + counts[..., TN], counts[..., FP]], -1).astype(float)


def _entropy(benefit: Values, people: Values, alpha: float) -> Values:
    """The generalized entropy over the last axis; not a number where it is infinite or nobody benefits."""
    n = people.sum(-1, keepdims=True)
    ratio = over(benefit, over((benefit * people).sum(-1, keepdims=True), n))
    with np.errstate(divide="ignore", invalid="ignore"):
        if alpha == 0:
            terms = -np.log(ratio)
        elif alpha == 1:
            terms = np.where(ratio > 0, ratio * np.log(ratio), 0.0 * ratio)
        else:
            terms = (ratio**alpha - 1) / (alpha * (alpha - 1))
        value = over(np.where(people > 0, terms * people, 0.0 * n).sum(-1), n[..., 0])
    return _without_noise(np.where(np.isfinite(value), value, np.nan))


def _without_noise(value: Values) -> Values:
    """Nothing where only rounding is left, so that a ratio of two such values is none."""
    return np.where(np.abs(value) < 1e-12, 0.0, value)


def generalized_entropy(counts: Counts, alpha: float = 2.0) -> Values:
    """Inequality of the benefits `decision - label + 1` among people, `[..., 6]`; alpha 1 is Theil's, 0 the mean log deviation.

    Source: Speicher et al. (2018), A Unified Approach to Quantifying Algorithmic Unfairness, KDD, 2239-2248.
    """
    return _entropy(_BENEFITS, _benefits(counts), alpha)


def between_groups(counts: Counts, alpha: float = 2.0) -> Values:
    """The part of it that lies between the groups, `[..., G, 6]`: everyone is given the mean benefit of the group."""
    people = _benefits(counts)
    n = people.sum(-1)
    return _entropy(np.nan_to_num(over((people * _BENEFITS).sum(-1), n)), n, alpha)


def atkinson(counts: Counts) -> Values:
    """Atkinson's index of the benefits at an aversion of one half, `[..., 6]`."""
    people = _benefits(counts)
    n = people.sum(-1)
    mean = over((people * _BENEFITS).sum(-1), n)
    return _without_noise(1 - over(over((people * np.sqrt(_BENEFITS)).sum(-1), n) ** 2, mean))


def jain(counts: Counts) -> Values:
    """Jain's index of the benefits, `[..., 6]`: 1 where all have the same."""
    people = _benefits(counts)
    return over((people * _BENEFITS).sum(-1) ** 2, people.sum(-1) * (people * _BENEFITS**2).sum(-1))


def gini(counts: Counts) -> Values:
    """Gini's index of the benefits, `[..., 6]`: half the mean absolute difference of two people over the mean."""
    none, one, two = np.moveaxis(_benefits(counts), -1, 0)
    n = none + one + two
    return over(none * one + 2 * none * two + one * two, n * (one + 2 * two))


def information(counts: Counts, of: str) -> Values:
    """Mutual information with the group as a share of what there is to know, `[..., G, 6]`; 0 where the group tells nothing.

    `independence`: of the decision; `separation`: of the decision, given the label; `sufficiency`: of the label, given the
    decision. Not a number where there is nothing to know.
    """
    labelled = np.stack([counts[..., [TP, FP]], counts[..., [FN, TN]]], -2).astype(float)  # [..., G, decision, label]
    if of == "independence":
        x, n = RATES["selection_rate"].of(counts)
        table = np.stack([x, n - x], -1)[..., None].astype(float)
    else:
        table = labelled if of == "separation" else labelled.swapaxes(-1, -2)
    both, alone = _bits(table, ()), _bits(table, (-3,))  # summed over the groups
    given_group, given = _bits(table, (-2,)), _bits(table, (-3, -2))
    known = alone + given_group - both - given
    to_know = alone - given
    return np.where(to_know > 1e-12, np.maximum(known, 0.0) / np.maximum(to_know, 1e-300), np.nan)


def _bits(table: Values, summed: tuple[int, ...]) -> Values:
    """Entropy, in nats, of what is left of the table `[..., G, A, B]` when some axes are summed over."""
    kept = table.sum(summed, keepdims=True) if summed else table
    p = np.nan_to_num(over(kept, table.sum((-3, -2, -1), keepdims=True)))
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum((-3, -2, -1)))


def differential_fairness(counts: Counts, rate: str = "selection_rate") -> Values:
    """The largest log ratio of two groups' chances of either outcome, smoothed, `[..., G, 6]`; 0 at equality.

    Groups without anybody are left out. Each group has one more decision, half of it favorable.

    Source: Foulds, Islam, Keya and Pan (2020), An Intersectional Definition of Fairness, ICDE, 1918-1921.
    """
    x, n = RATES[rate].of(counts)
    p = np.where(n > 0, (x + 0.5) / (n + 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(_range(np.log(p)), _range(np.log1p(-p)))


def _range(values: Values) -> Values:
    return np.asarray(np.fmax.reduce(values, -1, initial=np.nan) - np.fmin.reduce(values, -1, initial=np.nan))


def bias_amplification(counts: Counts) -> Values:
    """Differential fairness of the decisions less that of the labels, `[..., G, 6]`; above 0 the decisions added to it."""
    labelled = np.where(np.arange(6) < 4, counts, 0)
    return differential_fairness(labelled) - differential_fairness(labelled, "base_rate")
