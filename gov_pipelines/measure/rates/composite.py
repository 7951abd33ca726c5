"""Metrics of one group, and of two groups compared, that are no plain proportion. Vectorised; see `confusion`."""

from __future__ import annotations

import numpy as np

from gov_pipelines.measure.rates.confusion import FN, FP, RATES, TN, TP, Counts, Values, over


def balanced_accuracy(counts: Counts) -> Values:
    """The mean of the true positive and the true negative rate."""
    return (RATES["true_positive_rate"](counts) + RATES["true_negative_rate"](counts)) / 2


def f_beta(counts: Counts, beta: float = 1.0) -> Values:
    """The weighted harmonic mean of precision and true positive rate; beta above 1 favors the latter."""
    hits = (1 + beta**2) * counts[..., TP]
    return over(hits, hits + beta**2 * counts[..., FN] + counts[..., FP])


def matthews_correlation(counts: Counts) -> Values:
    """The correlation of decision and label; not a number where either is the same for all."""
    tp, fp, fn, tn = (counts[..., at].astype(float) for at in (TP, FP, FN, TN))
    return over(tp * tn - fp * fn, np.sqrt((tp + fp) * (fn + tn)) * np.sqrt((tp + fn) * (fp + tn)))


def smoothed_selection_rate(counts: Counts) -> Values:
    """The selection rate after one more decision, half of it favorable."""
    x, n = RATES["selection_rate"].of(counts)
    return over(x + 0.5, n + 1)


def gap(rate: str, own: Counts, base: Counts) -> Values:
    """The difference of a rate between two groups."""
    return RATES[rate](own) - RATES[rate](base)


def average_odds(own: Counts, base: Counts) -> Values:
    """The mean of the differences of the false and the true positive rate; opposite ones cancel."""
    return (gap("false_positive_rate", own, base) + gap("true_positive_rate", own, base)) / 2


def average_absolute_odds(own: Counts, base: Counts) -> Values:
    """The mean of the absolute differences of the false and the true positive rate."""
    return (np.abs(gap("false_positive_rate", own, base)) + np.abs(gap("true_positive_rate", own, base))) / 2


def equalized_odds(own: Counts, base: Counts) -> Values:
    """The larger of the absolute differences of the false and the true positive rate."""
    return np.maximum(np.abs(gap("false_positive_rate", own, base)), np.abs(gap("true_positive_rate", own, base)))


def average_predictive_value(own: Counts, base: Counts) -> Values:
    """The mean of the differences of precision and of the false omission rate."""
    return (gap("precision", own, base) + gap("false_omission_rate", own, base)) / 2


def cohen_h(own: Counts, base: Counts) -> Values:
    """The difference of the selection rates' arcsines of the root, twice.

    Source: Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 6.
    """
    one, other = (np.arcsin(np.sqrt(RATES["selection_rate"](counts))) for counts in (own, base))
    return np.asarray(2 * (one - other))


def cohen_d(own: Counts, base: Counts) -> Values:
    """The difference of the selection rates in standard deviations within the groups (n - 1 in weights, n within)."""
    (x, n), (y, m) = (RATES["selection_rate"].of(counts) for counts in (own, base))
    p, q = over(x, n), over(y, m)
    variance = over((n - 1) * p * (1 - p) + (m - 1) * q * (1 - q), np.maximum(n + m - 2, 0))
    return over(p - q, np.sqrt(np.maximum(variance, 0)))


def odds_ratio(own: Counts, base: Counts) -> Values:
    """The odds of a favorable decision over the other group's; not a number where they have no bound."""
    (x, n), (y, m) = (RATES["selection_rate"].of(counts) for counts in (own, base))
    return over(x.astype(float) * (m - y), y.astype(float) * (n - x))


def z_statistic(own: Counts, base: Counts) -> Values:
    """The difference of the selection rates in pooled standard deviations: the courts' two or three."""
    (x, n), (y, m) = (RATES["selection_rate"].of(counts) for counts in (own, base))
    pooled = over(x + y, n + m)
    return over(over(x, n) - over(y, m), np.sqrt(pooled * (1 - pooled) * (over(1.0, n) + over(1.0, m))))


def z_ratio_statistic(own: Counts, base: Counts) -> Values:
    """The logarithm of the ratio of the selection rates in pooled standard errors."""
    (x, n), (y, m) = (RATES["selection_rate"].of(counts) for counts in (own, base))
    pooled = over(x + y, n + m)
    with np.errstate(divide="ignore"):
        logarithm = np.log(over(over(x, n), over(y, m)))
    value = over(logarithm, np.sqrt(over(1 - pooled, pooled) * (over(1.0, n) + over(1.0, m))))
    return np.where(np.isfinite(value), value, np.nan)


def shortfall(own: Counts, base: Counts) -> Values:
    """Favorable decisions the group lacks at the other group's rate, in people."""
    return -gap("selection_rate", own, base) * RATES["selection_rate"].of(own)[1]


def disparity_of_shares(own: Counts, base: Counts) -> Values:
    """The group's share of the refused less its share of the favored, among both groups."""
    (x, n), (y, m) = (RATES["selection_rate"].of(counts) for counts in (own, base))
    return over(n - x, n - x + m - y) - over(x, x + y)


def class_imbalance(own: Counts, base: Counts) -> Values:
    """The difference of the groups' sizes over their sum."""
    n, m = own.sum(-1), base.sum(-1)
    return over(n - m, n + m)


def share(own: Counts, base: Counts) -> Values:
    """The group's share of both."""
    return over(own.sum(-1), own.sum(-1) + base.sum(-1))


def share_of_favored(own: Counts, base: Counts) -> Values:
    """The group's share of the favorable decisions of both."""
    x, y = (RATES["selection_rate"].of(counts)[0] for counts in (own, base))
    return over(x, x + y)


def label_divergence(own: Counts, base: Counts) -> Values:
    """Kullback and Leibler's divergence of the group's labels from the other's, in nats."""
    return _kullback_leibler(_labels(own), _labels(base))


def label_jensen_shannon(own: Counts, base: Counts) -> Values:
    """Jensen and Shannon's divergence of the labels, in nats, from 0 to ln 2."""
    one, other = _labels(own), _labels(base)
    middle = (one + other) / 2
    return (_kullback_leibler(one, middle) + _kullback_leibler(other, middle)) / 2


def _kullback_leibler(p: Values, q: Values) -> Values:
    """Over the last axis; not a number where q has none of what p has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(p > 0, p * np.log(p / q), 0.0 * p).sum(-1)
    return np.where(np.isfinite(value), value, np.nan)


def _labels(counts: Counts) -> Values:
    positive = RATES["base_rate"](counts)
    return np.stack([positive, 1 - positive], -1)
