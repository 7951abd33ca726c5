"""Every metric that is a function of counts: what computes it, which values are good, its bounds, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Literal

import numpy as np

from gov_pipelines.measure.rates import composite, inequality
from gov_pipelines.measure.rates.confusion import FN, FP, RATES, TN, TP, Counts, Rate, Values, over
from gov_pipelines.policy.kinds.rates import GOOD, SHAPES, Form, Good, Shape

Bounds = tuple[float | None, float | None]
Against = Literal["overall", "rest"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        compute: from counts, or groups (see the tables), to values; not a number where undefined.
        good: which values a person wants.
        bounds: lowest and highest value there can be; None where there is none.
        meaning: in a line.
        against: what it is compared with where the definition says; else anything.
    """

    compute: Callable[..., Values]
    good: Good
    bounds: Bounds
    meaning: str
    against: Against | None = None


_SHARE, _SIGNED, _ABOVE = (0.0, 1.0), (-1.0, 1.0), (0.0, None)
_RATES: Mapping[str, str] = {
    "selection_rate": "share of decisions that were favorable",
    "rejection_rate": "share of decisions that were unfavorable",
    "true_positive_rate": "of those with a positive label, the share favored",
    "false_negative_rate": "of those with a positive label, the share refused",
    "false_positive_rate": "of those with a negative label, the share favored",
    "true_negative_rate": "of those with a negative label, the share refused",
    "precision": "of those favored, the share with a positive label",
    "false_discovery_rate": "of those favored, the share with a negative label",
    "negative_predictive_value": "of those refused, the share with a negative label",
    "false_omission_rate": "of those refused, the share with a positive label",
    "accuracy": "share of decisions that agree with the label",
    "error_rate": "share of decisions that differ from the label",
    "base_rate": "share of labels that are positive",
    "labelled_rate": "share of decisions that have a label",
}
OF_GROUP: Mapping[str, Metric] = {
    **{name: Metric(RATES[name], GOOD[name], _SHARE, words) for name, words in _RATES.items()},
    "balanced_accuracy": Metric(composite.balanced_accuracy, "large", _SHARE, "mean of true positive and true negative rate"),
    "f1_score": Metric(composite.f_beta, "large", _SHARE, "harmonic mean of precision and true positive rate"),
    "f2_score": Metric(partial(composite.f_beta, beta=2.0), "large", _SHARE, "the same, weighing the true positive rate more"),
    "matthews_correlation": Metric(composite.matthews_correlation, "large", _SIGNED, "correlation of decision and label"),
    "treatment_ratio": Metric(Rate((FN,), (FP,)), "either", _ABOVE, "wrong refusals over wrong favors (treatment equality)"),
    "acceptance_ratio": Metric(Rate((TP, FN), (TP, FP)), "one", _ABOVE, "positive labels over favorable decisions"),
    "rejection_ratio": Metric(Rate((FP, TN), (FN, TN)), "one", _ABOVE, "negative labels over unfavorable decisions"),
    "smoothed_selection_rate": Metric(composite.smoothed_selection_rate, "either", _SHARE, "selection rate after one more decision, half favorable"),
    "generalized_entropy_index": Metric(inequality.generalized_entropy, "small", _ABOVE, "inequality of benefits (alpha 2)"),
    "theil_index": Metric(partial(inequality.generalized_entropy, alpha=1.0), "small", _ABOVE, "inequality of benefits (alpha 1)"),
    "mean_log_deviation": Metric(partial(inequality.generalized_entropy, alpha=0.0), "small", _ABOVE, "inequality of benefits (alpha 0)"),
    "coefficient_of_variation": Metric(lambda counts: np.sqrt(2 * inequality.generalized_entropy(counts)), "small", _ABOVE, "standard deviation of benefits over their mean"),
    "atkinson_index": Metric(inequality.atkinson, "small", _SHARE, "share of benefits that equality would be worth, at an aversion of one half"),
    "gini_index": Metric(inequality.gini, "small", _SHARE, "half the mean difference of two people's benefits over the mean"),
    "jain_index": Metric(inequality.jain, "large", _SHARE, "evenness of benefits"),
}  # fmt: skip
"""Of one group, or of everyone: `[..., 6]` to `[...]`."""


def _difference(of: Callable[[Counts], Values], own: Counts, base: Counts) -> Values:
    return of(own) - of(base)


def _ratio(of: Callable[[Counts], Values], own: Counts, base: Counts) -> Values:
    return over(of(own), of(base))


def _range_of(metric: Metric) -> Bounds:
    low, high = metric.bounds
    return (None, None) if low is None or high is None else (low - high, high - low)


OF_PAIR: Mapping[str, Metric] = {
    **{
        f"{name}_difference": Metric(partial(_difference, each.compute), "zero", _range_of(each), f"{each.meaning}: the group's less the other's")
        for name, each in OF_GROUP.items()
    },
    **{
        f"{name}_ratio": Metric(partial(_ratio, each.compute), "one", _ABOVE, f"{each.meaning}: the group's over the other's")
        for name, each in OF_GROUP.items()
        if each.bounds[0] == 0
    },
    "equalized_odds_difference": Metric(composite.equalized_odds, "zero", _SHARE, "larger gap of false and true positive rate"),
    "average_odds_difference": Metric(composite.average_odds, "zero", _SIGNED, "mean of the differences of false and true positive rate"),
    "average_absolute_odds_difference": Metric(composite.average_absolute_odds, "zero", _SHARE, "mean of the gaps of false and true positive rate"),
    "average_predictive_value_difference": Metric(composite.average_predictive_value, "zero", _SIGNED, "mean of the differences of precision and false omission rate"),
    "cohen_h": Metric(composite.cohen_h, "zero", (-np.pi, np.pi), "difference of selection rates on the arcsine scale"),
    "cohen_d": Metric(composite.cohen_d, "zero", (None, None), "difference of selection rates in standard deviations within the groups"),
    "odds_ratio": Metric(composite.odds_ratio, "one", _ABOVE, "odds of a favorable decision over the other's"),
    "z_statistic": Metric(composite.z_statistic, "zero", (None, None), "difference of selection rates in pooled standard deviations"),
    "z_ratio_statistic": Metric(composite.z_ratio_statistic, "zero", (None, None), "logarithm of the ratio of selection rates in standard errors"),
    "rate_shortfall": Metric(composite.shortfall, "zero", (None, None), "favorable decisions that the group lacks at the other's rate"),
    "demographic_disparity": Metric(composite.disparity_of_shares, "zero", _SIGNED, "share of the refused less share of the favored", "rest"),
    "class_imbalance": Metric(composite.class_imbalance, "zero", _SIGNED, "difference of the groups' sizes over their sum"),
    "group_share": Metric(composite.share, "either", _SHARE, "the group's share of decisions", "rest"),
    "favored_share": Metric(composite.share_of_favored, "either", _SHARE, "the group's share of favorable decisions", "rest"),
    "label_kl_divergence": Metric(composite.label_divergence, "zero", _ABOVE, "Kullback-Leibler divergence of the labels, in nats"),
    "label_js_divergence": Metric(composite.label_jensen_shannon, "zero", (0.0, float(np.log(2))), "Jensen-Shannon divergence of the labels, in nats"),
}  # fmt: skip
"""Of a group and what it is compared with: `[..., 6]` and `[..., 6]` to `[...]`."""


def _high(values: Values) -> Values:
    return np.asarray(np.fmax.reduce(values, -1, initial=np.nan))


def _low(values: Values) -> Values:
    return np.asarray(np.fmin.reduce(values, -1, initial=np.nan))


def _compared(values: Values, of: Values) -> Values:
    """Undefined where fewer than two groups have a value."""
    return np.where(np.isfinite(values).sum(-1) > 1, of, np.nan)


def _spread(values: Values, _n: Values, _all: Values) -> Values:
    return _compared(values, _high(values) - _low(values))


def _smallest_over_largest(values: Values, _n: Values, _all: Values) -> Values:
    return _compared(values, over(_low(values), _high(values)))


def _from_all(values: Values, _n: Values, everyone: Values) -> Values:
    return _high(np.abs(values - everyone[..., None]))


def _over_all(values: Values, _n: Values, everyone: Values) -> Values:
    ratio = over(values, np.broadcast_to(everyone[..., None], values.shape))
    return _low(np.fmin(ratio, over(1.0, ratio)))


def _mean(values: Values, weights: Values) -> Values:
    told = np.isfinite(values)
    return over((np.where(told, values, 0.0) * weights).sum(-1), (told * weights).sum(-1))


def _mean_deviation(values: Values, _n: Values, everyone: Values) -> Values:
    return _mean(np.abs(values - everyone[..., None]), np.ones_like(values))


def _variance(values: Values, n: Values, _all: Values) -> Values:
    return _mean((values - _mean(values, n)[..., None]) ** 2, n)


def _weighty(values: Values, n: Values, everyone: Values) -> Values:
    return _high(np.abs(values - everyone[..., None]) * over(n, n.sum(-1, keepdims=True)))


_OVER_GROUPS: Mapping[str, tuple[Callable[[Values, Values, Values], Values], Good, str]] = {
    "difference": (_spread, "zero", "the largest less the smallest among the groups"),
    "ratio": (_smallest_over_largest, "one", "the smallest over the largest among the groups"),
    "difference_to_overall": (_from_all, "zero", "the largest distance of a group from everyone"),
    "ratio_to_overall": (_over_all, "one", "the smallest ratio of a group to everyone, or the other way round"),
    "group_min": (lambda values, _n, _all: _low(values), "either", "the smallest among the groups"),
    "group_max": (lambda values, _n, _all: _high(values), "either", "the largest among the groups"),
    "mean_deviation": (_mean_deviation, "zero", "the mean distance of the groups from everyone"),
    "variance": (_variance, "zero", "the variance between the groups, weighed by size"),
    "subgroup_gap": (_weighty, "zero", "the largest distance of a group from everyone times its share"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Counts of groups, `[..., G, 6]`, and what metrics of them all are made of, which is computed once."""

    counts: Counts
    _known: dict[str, tuple[Values, Values, Values]] = field(default_factory=dict, init=False)

    def parts(self, name: str) -> tuple[Values, Values, Values]:
        """A metric of `OF_GROUP`: its values `[..., G]`, how many each is of, and everyone's value `[...]`."""
        if name not in self._known:
            of, counts = OF_GROUP[name].compute, self.counts
            n = of.of(counts)[1] if isinstance(of, Rate) else counts.sum(-1)
            self._known[name] = of(counts), n.astype(float), of(counts.sum(-2))
        return self._known[name]


def _over_groups(name: str, aggregate: Callable[[Values, Values, Values], Values], groups: Together) -> Values:
    return aggregate(*groups.parts(name))


def _of_rates(pick: Callable[[Values, Values], Values], names: tuple[str, ...], groups: Together) -> Values:
    return reduce(pick, [_OF_RATES[name].compute(groups) for name in names])


def _of_counts(compute: Callable[[Counts], Values], groups: Together) -> Values:
    return compute(groups.counts)


_OF_RATES: Mapping[str, Metric] = {
    f"{name}_{suffix}": Metric(partial(_over_groups, name, compute), good, _ABOVE if good != "either" else each.bounds, f"{each.meaning}: {words}")
    for name, each in OF_GROUP.items()
    for suffix, (compute, good, words) in _OVER_GROUPS.items()
    if each.bounds[0] == 0 or "ratio" not in suffix
}  # fmt: skip
_PICKED: Mapping[Form, tuple[Callable[[Values, Values], Values], Good, str]] = {
    "difference": (np.maximum, "zero", "largest less smallest"),
    "ratio": (np.minimum, "one", "smallest over largest"),
}


def _shaped(shape: Shape, pick: Callable[[Values, Values], Values], words: str) -> Metric:
    names = tuple(f"{rate}_{shape.form}" for rate in shape.rates)
    told = " and ".join(shape.rates).replace("_", " ")
    return Metric(
        partial(_of_rates, pick, names), _PICKED[shape.form][1], _SHARE, f"{_PICKED[shape.form][2]} {told}{words}"
    )


_SHAPED = {name: shape for name, shape in SHAPES.items() if shape.form != "rate" and RATES.keys() >= {*shape.rates}}
OF_GROUPS: Mapping[str, Metric] = {
    **{name: _shaped(shape, _PICKED[shape.form][0], ", the worst" * (len(shape.rates) > 1)) for name, shape in _SHAPED.items() if not name.startswith(("adverse", "scoring"))},
    **{f"{name}_mean": _shaped(shape, lambda one, other: (one + other) / 2, ", the mean") for name, shape in _SHAPED.items() if len(shape.rates) > 1},
    **_OF_RATES,
    **{
        f"mutual_information_{of}": Metric(partial(_of_counts, partial(inequality.information, of=of)), "zero", _SHARE, f"share of what there is to know of {words} that the group tells")
        for of, words in (("independence", "the decision"), ("separation", "the decision, given the label"), ("sufficiency", "the label, given the decision"))
    },
    "differential_fairness": Metric(partial(_of_counts, inequality.differential_fairness), "zero", _ABOVE, "largest log ratio of two groups' chances, smoothed"),
    "label_differential_fairness": Metric(partial(_of_counts, partial(inequality.differential_fairness, rate="base_rate")), "zero", _ABOVE, "the same of the labels"),
    "bias_amplification": Metric(partial(_of_counts, inequality.bias_amplification), "small", (None, None), "differential fairness of the decisions less that of the labels"),
    "between_group_generalized_entropy_index": Metric(partial(_of_counts, inequality.between_groups), "small", _ABOVE, "inequality of benefits between groups (alpha 2)"),
    "between_group_theil_index": Metric(partial(_of_counts, partial(inequality.between_groups, alpha=1.0)), "small", _ABOVE, "inequality of benefits between groups (alpha 1)"),
    "between_group_coefficient_of_variation": Metric(lambda groups: np.sqrt(2 * inequality.between_groups(groups.counts)), "small", _ABOVE, "standard deviation of the groups' mean benefits over their mean"),
}  # fmt: skip
"""Over groups: from `Together`, `[..., G, 6]`, to `[...]`. Give known groups that are large enough; those without a value are left out."""


def bases(counts: Counts, against: Against | int) -> Counts:
    """What each group is compared with, `[..., G, 6]`.

    Args:
        counts: `[..., G, 6]`.
        against: everyone (`overall`), everyone else (`rest`), or the place of one group.
    """
    everyone: Counts = counts.sum(-2, keepdims=True)
    if against == "rest":
        return everyone - counts
    return np.broadcast_to(everyone if against == "overall" else counts[..., [against], :], counts.shape)


def worst_group(values: Values, n: Counts, name: str, floor: int) -> int | None:
    """The place of the group that fares worst among those that rest on at least `floor` rows; None where there is none.

    Args:
        values: `[G]`, of the metric.
        n: `[G]`, what each rests on.
        name: of `OF_GROUP`; small values are bad unless they are what a person wants.
        floor: rows that a group needs to be looked at.
    """
    worse = values * (-1 if OF_GROUP[name].good == "small" else 1)
    bad = np.where((n >= floor) & np.isfinite(worse), worse, np.inf)
    return int(bad.argmin()) if np.isfinite(bad).any() else None
