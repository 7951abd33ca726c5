"""What fairlearn, AIF360, Aequitas, SciPy, scikit-learn and statsmodels say of tables of counts.

Run by the interpreter of `make peers`, which holds their versions and not ours: nothing of gov_pipelines is imported.
Reads tables on standard input, `[[[tp, fp, fn, tn], ...], ...]`, a row a group; the first group is the reference. Writes
`{"versions": ..., "values": [[table, peer, about, metric, group, value], ...]}`, where `about` is what the value is of: a
`group`, a `pair` (the group beside the reference; `reversed`: the reference beside the group), `rest` (the group beside all
others), `groups`, `everyone` or `strata`, metrics under our names. Not a number stands for what a peer leaves undefined or
refuses.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

Value = tuple[str, str, str, int | None, float]
_PEERS = ("fairlearn", "aif360", "aequitas", "scipy", "scikit-learn", "statsmodels")
_OF_AIF360 = {
    "true_positive_rate": "true_positive_rate", "false_positive_rate": "false_positive_rate",
    "false_negative_rate": "false_negative_rate", "true_negative_rate": "true_negative_rate",
    "false_discovery_rate": "false_discovery_rate", "false_omission_rate": "false_omission_rate",
    "negative_predictive_value": "negative_predictive_value", "positive_predictive_value": "precision",
    "accuracy": "accuracy", "error_rate": "error_rate", "selection_rate": "selection_rate",
}  # fmt: skip
_PAIRS_OF_AIF360 = {
    **{f"{rate}_difference": f"{rate}_difference" for rate in (
        "true_positive_rate", "false_positive_rate", "false_negative_rate", "false_omission_rate", "false_discovery_rate",
        "error_rate", "average_odds", "average_predictive_value", "equalized_odds")},
    **{f"{rate}_ratio": f"{rate}_ratio" for rate in (
        "false_positive_rate", "false_negative_rate", "false_omission_rate", "false_discovery_rate", "error_rate")},
    "average_abs_odds_difference": "average_absolute_odds_difference", "disparate_impact": "selection_rate_ratio",
    "statistical_parity_difference": "selection_rate_difference",
    "equal_opportunity_difference": "true_positive_rate_difference",
}  # fmt: skip
_OF_AEQUITAS = {
    "tpr": "true_positive_rate", "tnr": "true_negative_rate", "for": "false_omission_rate", "fdr": "false_discovery_rate",
    "fpr": "false_positive_rate", "fnr": "false_negative_rate", "npv": "negative_predictive_value", "precision": "precision",
    "pprev": "selection_rate", "prev": "base_rate", "accuracy": "accuracy",
}  # fmt: skip


def rows_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, decision and group of each row of a table `[G, 4]`."""
    label, decision = (np.repeat(np.tile(each, len(table)), table.ravel()) for each in ([1, 0, 1, 0], [1, 1, 0, 0]))
    return label, decision, np.repeat(np.arange(len(table)), table.sum(1))


def _told(compute: Callable[..., Any], *given: Any, of: str | None = None, **named: Any) -> float:
    """What a peer's function returns, or a field of it; not a number where it refuses."""
    try:
        found = compute(*given, **named)
        return float(found if of is None else getattr(found, of))
    except (ValueError, ZeroDivisionError, IndexError, KeyError, TypeError):
        return float("nan")


def fairlearn(y: np.ndarray, d: np.ndarray, g: np.ndarray) -> Iterator[Value]:
    """Its rates, scikit-learn's scores in its frames, and every aggregation of them."""
    from fairlearn import metrics as fl
    from sklearn import metrics as sk

    rates = {
        "selection_rate": fl.selection_rate, "true_positive_rate": fl.true_positive_rate,
        "false_positive_rate": fl.false_positive_rate, "true_negative_rate": fl.true_negative_rate,
        "false_negative_rate": fl.false_negative_rate, "accuracy": sk.accuracy_score, "error_rate": sk.zero_one_loss,
        "precision": sk.precision_score, "f1_score": sk.f1_score, "balanced_accuracy": sk.balanced_accuracy_score,
    }  # fmt: skip
    frame = fl.MetricFrame(metrics=rates, y_true=y, y_pred=d, sensitive_features={"g": g})
    for name in rates:
        for group, value in frame.by_group[name].items():
            yield "fairlearn", "group", name, int(group), float(value)
    for form in ("difference", "ratio"):
        for method, suffix in (("between_groups", ""), ("to_overall", "_to_overall")):
            for name, value in getattr(frame, form)(method=method).items():
                yield "fairlearn", "groups", f"{name}_{form}{suffix}", None, float(value)
        for base in ("demographic_parity", "equalized_odds", "equal_opportunity"):
            value = _told(getattr(fl, f"{base}_{form}"), y, d, sensitive_features=g)
            yield "fairlearn", "groups", f"{base}_{form}", None, value
        mean = _told(getattr(fl, f"equalized_odds_{form}"), y, d, sensitive_features=g, agg="mean")
        yield "fairlearn", "groups", f"equalized_odds_{form}_mean", None, mean
    for end in ("min", "max"):
        for name, value in getattr(frame, f"group_{end}")().items():
            yield "fairlearn", "groups", f"{name}_group_{end}", None, float(value)


def aif360(y: np.ndarray, d: np.ndarray, g: np.ndarray) -> Iterator[Value]:
    """Its classification metrics: each group beside the first one, and over all groups."""
    import pandas as pd
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import BinaryLabelDatasetMetric, ClassificationMetric
    from aif360.sklearn import metrics as sk

    groups = sorted(set(g.tolist()))
    if len(groups) < 2:
        return
    frame = pd.DataFrame({"g": g.astype(float), "y": y.astype(float)})
    true = BinaryLabelDataset(df=frame, label_names=["y"], protected_attribute_names=["g"])
    told = true.copy()
    told.labels = d.reshape(-1, 1).astype(float)
    for group in groups[1:]:
        pair = {"unprivileged_groups": [{"g": float(group)}], "privileged_groups": [{"g": float(groups[0])}]}
        metric = ClassificationMetric(true, told, **pair)
        for theirs, ours in _OF_AIF360.items():
            yield "aif360", "group", ours, group, _told(getattr(metric, theirs), privileged=False)
        base = _told(BinaryLabelDatasetMetric(true, **pair).base_rate, privileged=False)
        yield "aif360", "group", "base_rate", group, base
        for theirs, ours in _PAIRS_OF_AIF360.items():
            yield "aif360", "pair", ours, group, _told(getattr(metric, theirs))
    for name in ("generalized_entropy_index", "theil_index", "coefficient_of_variation"):
        yield "aif360", "everyone", name, None, _told(getattr(metric, name))
    yield "aif360", "everyone", "mean_log_deviation", None, _told(metric.generalized_entropy_index, alpha=0)
    for ours, of in (("differential_fairness", told), ("label_differential_fairness", true)):
        value = _told(BinaryLabelDatasetMetric(of).smoothed_empirical_differential_fairness)
        yield "aif360", "groups", ours, None, value
    yield "aif360", "groups", "bias_amplification", None, _told(metric.differential_fairness_bias_amplification)
    for alpha, ours in ((2, "between_group_generalized_entropy_index"), (1, "between_group_theil_index")):
        value = _told(sk.between_group_generalized_entropy_error, y, d, prot_attr=g, alpha=alpha)
        yield "aif360", "groups", ours, None, value
    index = pd.Index(g, name="g")
    label, decision = pd.Series(y, index=index), pd.Series(d, index=index)
    disparity = _told(sk.conditional_demographic_disparity, label, decision, prot_attr="g")
    yield "aif360", "groups", "weighed_demographic_disparity", None, disparity
    if len(groups) == 2:
        for ours, about, function in (
            ("class_imbalance", "pair", sk.class_imbalance),
            ("label_kl_divergence", "reversed", sk.kl_divergence),
        ):
            yield "aif360", about, ours, groups[1], _told(function, label, prot_attr="g", priv_group=groups[0])


def aequitas(y: np.ndarray, d: np.ndarray, g: np.ndarray) -> Iterator[Value]:
    """Its crosstabs, and disparities from the first group."""
    import pandas as pd
    from aequitas.bias import Bias
    from aequitas.group import Group

    frame = pd.DataFrame({"score": d, "label_value": y, "g": g.astype(str)})
    crosstab, *_ = Group().get_crosstabs(frame, attr_cols=["g"])  # and its names of attributes
    for _, row in crosstab.iterrows():
        for theirs, ours in _OF_AEQUITAS.items():
            yield "aequitas", "group", ours, int(row["attribute_value"]), float(row[theirs])
        yield "aequitas", "rest", "favored_share", int(row["attribute_value"]), float(row["ppr"])
    first = {"g": str(g.min())}
    bias = Bias().get_disparity_predefined_groups(
        crosstab, frame, first, check_significance=False, mask_significance=False
    )
    for _, row in bias.iterrows():
        for theirs, ours in _OF_AEQUITAS.items():
            if f"{theirs}_disparity" in bias.columns:
                value = float(row[f"{theirs}_disparity"])
                yield "aequitas", "pair", f"{ours}_ratio", int(row["attribute_value"]), value


def scipy(table: np.ndarray, y: np.ndarray, d: np.ndarray, g: np.ndarray) -> Iterator[Value]:
    """SciPy's and scikit-learn's functions of the same counts."""
    from scipy import stats
    from scipy.spatial.distance import jensenshannon
    from sklearn import metrics as sk

    for group in range(len(table)):
        of = g == group
        yield "scikit-learn", "group", "matthews_correlation", group, _told(sk.matthews_corrcoef, y[of], d[of])
        yield "scikit-learn", "group", "f2_score", group, _told(sk.fbeta_score, y[of], d[of], beta=2)
    x, n = table[:, :2].sum(1), table.sum(1)
    for group in range(1, len(table)):
        two = [[x[group], n[group] - x[group]], [x[0], n[0] - x[0]]]
        p, q = ([share, 1 - share] for share in (table[at, [0, 2]].sum() / n[at] for at in (group, 0)))
        ratio = _told(stats.contingency.relative_risk, x[group], n[group], x[0], n[0], of="relative_risk")
        odds = _told(stats.contingency.odds_ratio, two, kind="sample", of="statistic")
        yield "scipy", "pair", "selection_rate_ratio", group, ratio
        yield "scipy", "pair", "odds_ratio", group, odds
        yield "scipy", "pair", "fisher_p", group, _told(stats.fisher_exact, two, of="pvalue")
        yield "scipy", "pair", "label_kl_divergence", group, _told(stats.entropy, p, q)
        yield "scipy", "pair", "label_js_divergence", group, _told(jensenshannon, p, q) ** 2
    for name, one, given in (("independence", d, 0 * d), ("separation", d, y), ("sufficiency", y, d)):
        value = _told(_information, one, given, g)
        yield "scikit-learn", "groups", f"mutual_information_{name}", None, value


def _information(one: np.ndarray, given: np.ndarray, g: np.ndarray) -> float:
    from scipy import stats
    from sklearn import metrics as sk

    known = to_know = 0.0
    for value in set(given.tolist()):
        of = given == value
        known += of.mean() * sk.mutual_info_score(one[of], g[of])
        to_know += of.mean() * stats.entropy(np.bincount(one[of]))
    return known / to_know if to_know else float("nan")


def statsmodels(table: np.ndarray) -> Iterator[Value]:
    """Its functions of the same counts; strata are the labels, in which the second group is compared with the first."""
    from statsmodels.stats import proportion
    from statsmodels.stats.contingency_tables import StratifiedTable

    def z_of(x: np.ndarray, n: np.ndarray) -> float:
        return float(proportion.proportions_ztest(x, n)[0])

    x, n = table[:, :2].sum(1), table.sum(1)
    for group in range(1, len(table)):
        effect = _told(proportion.proportion_effectsize, x[group] / n[group], x[0] / n[0])
        yield "statsmodels", "pair", "cohen_h", group, effect
        yield "statsmodels", "pair", "z_statistic", group, _told(z_of, x[[group, 0]], n[[group, 0]])
    if len(table) > 1:
        strata = [np.array([table[1, [a, b]], table[0, [a, b]]], float) for a, b in ((0, 2), (1, 3))]
        if all(each.sum(0).all() and each.sum(1).all() for each in strata):
            both = StratifiedTable(strata)
            yield "statsmodels", "strata", "odds_ratio", None, float(both.oddsratio_pooled)
            yield "statsmodels", "strata", "chi_square", None, _told(both.test_null_odds, of="statistic")
            yield (
                "statsmodels", "strata", "heterogeneity", None, _told(both.test_equal_odds, adjust=True, of="statistic"),
            )  # fmt: skip


def main() -> None:
    """Answer for every table."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    found = []
    for at, counts in enumerate(json.load(sys.stdin)):
        table = np.array(counts)
        y, d, g = rows_of(table)
        for values in (
            fairlearn(y, d, g),
            aif360(y, d, g),
            aequitas(y, d, g),
            scipy(table, y, d, g),
            statsmodels(table),
        ):
            found += [(at, *value) for value in values]
    json.dump({"versions": {name: version(name) for name in _PEERS}, "values": found}, sys.stdout)


if __name__ == "__main__":
    main()
