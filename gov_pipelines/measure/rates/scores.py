"""What scores are worth, by group, from their histograms: ranking, calibration, balance, and how groups differ in them.

A bin of the tally holds scores alike to one part in 512, and counts them as equal: the area under the ROC curve is that of
scores so rounded, and so are its standard error and the interval, for DeLong's estimator needs no more than the counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, POSITIVE_INFINITY, SCORE_BITS
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.distributions.distances import (
    DISTANCES,
    Counts,
    Sides,
    kolmogorov_smirnov,
    representatives,
    wasserstein,
)
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics.intervals import Floats, normal_quantile

Estimate = tuple[float, float | None, float | None]
"""Value and interval; not a number where undefined."""
_UNDEFINED: Estimate = (math.nan, None, None)
_FEW = 10
_BINS = 10
_STEPS = 50
_INFINITE = POSITIVE_INFINITY << (HISTOGRAM_BITS - SCORE_BITS)
_ONE = int(np.float32(1).view(np.uint32)) >> SCORE_BITS
_EDGE = float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of one group.

    Attributes:
        values: what a score in each bin is taken for, rising, [B].
        positive, negative, unlabelled: counts by label, [B].
    """

    values: Floats
    positive: Counts
    negative: Counts
    unlabelled: Counts

    @property
    def all(self) -> Counts:
        """Counts whatever the label."""
        return self.positive + self.negative + self.unlabelled


def auc(scores: Scores, confidence: float) -> Estimate:
    """The area under the ROC curve, ties counting half, with DeLong's standard error and an interval on the logit scale.

    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845.
    """
    pos, neg = scores.positive.astype(float), scores.negative.astype(float)
    n, m = pos.sum(), neg.sum()
    beaten = (np.cumsum(neg) - neg / 2) / m  # of each positive: the share of negatives below, half of those beside it
    beating = 1 - (np.cumsum(pos) - pos / 2) / n
    value = float(beaten @ pos / n)
    if min(n, m) < 2 or not 0 < value < 1:
        return value, None, None
    spread = sum(
        float((each - value) ** 2 @ counts) / (size - 1) / size
        for each, counts, size in ((beaten, pos, n), (beating, neg, m))
    )
    return value, *_logit_interval(value, math.sqrt(spread), confidence)


def _logit_interval(value: float, error: float, confidence: float) -> tuple[float, float]:
    reach = float(normal_quantile(confidence)) * error / (value * (1 - value))
    odds = value / (1 - value)
    low, high = odds * math.exp(-reach), odds * math.exp(min(reach, 500))
    return low / (1 + low), high / (1 + high)


def _gini(scores: Scores, confidence: float) -> Estimate:
    value, low, high = auc(scores, confidence)
    return 2 * value - 1, None if low is None else 2 * low - 1, None if high is None else 2 * high - 1


def _separation(scores: Scores, confidence: float) -> Estimate:
    sides, ks = Sides(scores.positive, scores.negative), DISTANCES["ks"]
    assert ks.interval is not None
    return (value := ks.value(sides)), *ks.interval(sides, value, 1 - confidence)


def _average_precision(scores: Scores, confidence: float) -> Estimate:
    """As scikit-learn's, with the delta method over both classes' counts, on the logit scale."""
    pos, neg = scores.positive[::-1].astype(float), scores.negative[::-1].astype(float)
    n = pos.sum()
    found, tried = np.cumsum(pos), np.maximum(np.cumsum(pos + neg), 1)
    value = float(pos @ (found / tried) / n)
    if not 0 < value < 1:
        return value, None, None
    # How the value moves with one more of each class in a bin, which all thresholds below it feel.
    more = (found / tried + _onwards(pos * (tried - found) / tried**2)) / n
    less = _onwards(pos * found / tried**2) / n
    spread = math.fsum(
        float(counts @ each**2 - (counts @ each) ** 2 / max(counts.sum(), 1))
        for counts, each in ((pos, more), (neg, less))
    )
    return value, *_logit_interval(value, math.sqrt(max(spread, 0)), confidence)


def _onwards(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


def _mean(counts: Floats | Counts, values: Floats, confidence: float) -> Estimate:
    """A mean with Student's interval."""
    from scipy.special import stdtrit  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    used = counts > 0
    n, counts, values = int(counts.sum()), counts[used], values[used]
    value = float(counts @ values / n)
    if n < 2:
        return value, None, None
    error = math.sqrt(float(counts @ (values - value) ** 2) / (n - 1) / n)
    reach = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return value, value - reach, value + reach


def _loss(of: Callable[[Floats, bool], Floats]) -> Callable[[Scores, float], Estimate]:
    """The mean of a loss of score and label over the labelled."""

    def loss(scores: Scores, confidence: float) -> Estimate:
        counts = np.concatenate([scores.positive, scores.negative])
        return _mean(counts, np.concatenate([of(scores.values, True), of(scores.values, False)]), confidence)

    return loss


def _log_loss(score: Floats, label: bool) -> Floats:
    return -np.log(np.clip(score if label else 1 - score, _EDGE, 1))


def _calibration(of: Callable[[Floats, Floats], float]) -> Callable[[Scores, float], Estimate]:
    """An aggregate over the tenths of the scale: how far mean score and share of positives are apart, and the weights."""

    def error(scores: Scores, _: float) -> Estimate:
        tenth = np.minimum((scores.values * _BINS).astype(int), _BINS - 1)
        n = scores.positive + scores.negative
        sums = np.bincount(tenth, n * scores.values - scores.positive, _BINS)
        sizes = np.bincount(tenth, n, _BINS)
        return of(np.abs(sums) / np.maximum(sizes, 1), sizes / sizes.sum()), None, None

    return error


def _logistic(place: int) -> Callable[[Scores, float], Estimate]:
    """Intercept (0) or slope (1) of the logistic regression of the label on the logit of the score, with Wald's interval.

    Source: Cox (1958), Biometrika 45, 562-565. The intercept is fitted together with the slope.
    """

    def fitted(scores: Scores, confidence: float) -> Estimate:
        from scipy.special import expit  # noqa: PLC0415  (loading the code location must not pay for SciPy)

        n = scores.positive + scores.negative
        used = n > 0
        n, pos, p = n[used], scores.positive[used], scores.values[used]
        if not 0 < pos.sum() < n.sum() or len(n) < 2 or p[0] <= 0 or p[-1] >= 1:
            return _UNDEFINED
        x = np.stack([np.ones(len(p)), np.log(p / (1 - p))])
        beta = np.array([0.0, 1.0])
        for _ in range(_STEPS):
            mean = expit(beta @ x)
            information = (x * (n * mean * (1 - mean))) @ x.T
            if not np.linalg.cond(information) < 1 / _EDGE:  # the classes are apart
                return _UNDEFINED
            step = np.linalg.solve(information, x @ (pos - n * mean))
            beta += step
            if np.max(np.abs(step)) < 1e-10:
                reach = float(normal_quantile(confidence)) * math.sqrt(np.linalg.inv(information)[place, place])
                return float(beta[place]), float(beta[place]) - reach, float(beta[place]) + reach
        return _UNDEFINED

    return fitted


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of scores.

    Attributes:
        of: value and interval, of scores and the confidence.
        how: its conventions.
        needs: which labels it cannot do without.
        probability: whether it is of scores between 0 and 1 only.
    """

    of: Callable[[Scores, float], Estimate]
    how: str
    needs: tuple[str, ...] = ()
    probability: bool = False


_BOTH = ("positive", "negative")
_STUDENT = "Student's interval"
_DELTA = "delta method, interval on the logit scale"
_TENTHS = "ten bins of equal width; biased upward, without an interval"
_COX = "logistic regression of the label on the logit of the score; Wald's interval"
METRICS: Mapping[str, Metric] = {
    "mean_score": Metric(lambda s, c: _mean(s.all, s.values, c), f"of everyone scored; {_STUDENT}"),
    "roc_auc_score": Metric(auc, "ties count half; DeLong's standard error, interval on the logit scale", _BOTH),
    "gini": Metric(_gini, "2 AUC - 1; from the interval of the AUC", _BOTH),
    "ks_separation": Metric(_separation, "largest distance of the score distributions by label; Kolmogorov band", _BOTH),
    "average_precision_score": Metric(_average_precision, f"precision summed by the rise of recall; {_DELTA}", _BOTH[:1]),
    "brier_score_loss": Metric(_loss(lambda s, y: (s - y) ** 2), f"of the labelled; {_STUDENT}", (), True),
    "log_loss": Metric(_loss(_log_loss), f"natural logarithm, scores clipped at 2.2e-16; {_STUDENT}", (), True),
    "over_prediction": Metric(_loss(lambda s, y: s * (not y)), f"mean of (S - Y)+; {_STUDENT}", (), True),
    "under_prediction": Metric(_loss(lambda s, y: (1 - s) * y), f"mean of (Y - S)+; {_STUDENT}", (), True),
    "generalized_true_positive_rate": Metric(
        lambda s, c: _mean(s.positive, s.values, c), f"mean score of the positive class, its balance; {_STUDENT}", _BOTH[:1]),
    "generalized_false_positive_rate": Metric(
        lambda s, c: _mean(s.negative, s.values, c), f"mean score of the negative class, its balance; {_STUDENT}", _BOTH[1:]),
    "generalized_false_negative_rate": Metric(
        lambda s, c: _mean(s.positive, 1 - s.values, c), f"1 - S of the positive class; {_STUDENT}", _BOTH[:1], True),
    "generalized_true_negative_rate": Metric(
        lambda s, c: _mean(s.negative, 1 - s.values, c), f"1 - S of the negative class; {_STUDENT}", _BOTH[1:], True),
    "expected_calibration_error": Metric(_calibration(lambda apart, share: float(apart @ share)), _TENTHS, (), True),
    "maximum_calibration_error": Metric(_calibration(lambda apart, _: float(apart.max())), _TENTHS, (), True),
    "calibration_slope": Metric(_logistic(1), _COX, _BOTH, True),
    "calibration_intercept": Metric(_logistic(0), f"{_COX}; with a free slope", _BOTH, True),
}  # fmt: skip
"""Metrics of one group's scores, by name."""


def abroca(one: Scores, other: Scores) -> float:
    """The area between two ROC curves, exact for the straight lines between their points; not a number where one has none.

    Source: Gardner, Brooks and Baker (2019), LAK19, 225-234.
    """
    curves: list[tuple[Floats, Floats]] = []
    for scores in (one, other):
        if not scores.positive.sum() or not scores.negative.sum():
            return math.nan
        rates = [np.cumsum(counts[::-1]) / counts.sum() for counts in (scores.negative, scores.positive)]
        curves.append((np.concatenate([[0.0], rates[0]]), np.concatenate([[0.0], rates[1]])))
    at = np.unique(np.concatenate([curve[0] for curve in curves]))
    width = np.diff(at)
    near, far = (np.subtract(*(np.interp(at[:-1] + width * part, x, y) for x, y in curves)) for part in (0.25, 0.75))
    start, end = (3 * near - far) / 2, (3 * far - near) / 2  # straight in between; a curve may rise at the points
    total = np.abs(start) + np.abs(end)
    crossing = np.divide(start**2 + end**2, total, out=np.zeros_like(total), where=total > 0)
    return float(np.sum(width * np.where(start * end < 0, crossing, total)) / 2)


PAIRS: Mapping[str, tuple[Callable[[Scores, Scores], float], str]] = {
    "abroca": (abroca, "area between the ROC curves; biased upward, without an interval"),
    "maximum_statistical_parity": (
        lambda a, b: kolmogorov_smirnov(Sides(a.all, b.all))[0],
        "largest difference of selection rates over all thresholds",
    ),
    "statistical_parity_area": (
        lambda a, b: wasserstein(Sides(a.all, b.all, a.values)),
        "difference of selection rates integrated over thresholds: order-1 Wasserstein distance of the scores",
    ),
}
"""How the scores of two groups differ, by name."""


def scores_by(tally: Tally, attribute: str) -> dict[str | None, Scores]:
    """The scores of each group of an attribute, all on the same bins, unknown last; of attribute "" everyone, as None."""
    table = tally.scores.filter(pl.col("attribute") == attribute, pl.col("bin").abs() < _INFINITE)
    bins = np.sort(tally.scores["bin"].drop_nulls().unique().to_numpy())
    bins = bins[np.abs(bins) < _INFINITE]
    values = representatives(bins, SCORE_BITS)
    if len(values) and values[0] >= 0 and bins[-1] <= _ONE:
        values = np.minimum(values, 1.0)
    found = {}
    for value in sorted(table["value"].unique(), key=lambda each: (each is None, each or "")):
        mine = table.filter(pl.col("value").eq_missing(pl.lit(value, pl.String)))
        counts = [
            np.bincount(np.searchsorted(bins, part["bin"]), part["n"], len(bins)).astype(np.int64)
            for label in ("positive", "negative", None)
            for part in [mine.filter(pl.col("label").eq_missing(pl.lit(label, pl.String)))]
        ]
        found[value] = Scores(values, *counts)
    return found


def score_measurements(
    tally: Tally,
    by: Sequence[str],
    reference: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    metrics: Sequence[str] = tuple(METRICS),
    read: Callable[[Tally, str], Mapping[str | None, Scores]] = scores_by,
    least: int = 1,
) -> list[Measurement]:
    """Metrics of the scores of everyone and of each group, and how groups differ: from the reference, else at most.

    Infinite and missing scores are left out. A difference from a declared reference has an interval (from those of the two,
    by Newcombe's way of combining limits); the largest among all pairs has none.

    Args:
        tally: with `scores`.
        by: attributes.
        reference: attribute to the group that others are compared with.
        confidence: of each interval, not simultaneous.
        metrics: of `METRICS`.
        read: how the scores of an attribute's groups are read from the tally.
        least: scores that a group needs to be compared.

    Returns:
        Rows of everyone (no attribute), then by attribute: each group's, then the differences. Unknown groups and
        those of fewer than `least` are shown and not compared.
    """
    rows = [row for scores in read(tally, "").values() for row in _of(Measurement(""), scores, metrics, confidence)]
    for attribute in by:
        groups = read(tally, attribute)
        own = [
            row
            for value, scores in groups.items()
            for row in _of(Measurement("", (attribute,), {attribute: value}), scores, metrics, confidence)
        ]
        known = {
            value: scores for value, scores in groups.items() if value is not None and scores.all.sum() >= max(least, 1)
        }
        rows += [
            *own,
            *_differences(attribute, own, (reference or {}).get(attribute), least),
            *_pairs(attribute, known, (reference or {}).get(attribute)),
        ]
    return rows


def _of(row: Measurement, scores: Scores, metrics: Sequence[str], confidence: float) -> Iterator[Measurement]:
    everyone, labelled = int(scores.all.sum()), int((scores.positive + scores.negative).sum())
    scale = bool(len(scores.values)) and scores.values[0] >= 0 and scores.values[-1] <= 1
    for name in metrics:
        metric = METRICS[name]
        lacking = [label for label in metric.needs if not getattr(scores, label).sum()]
        n = everyone if name == "mean_score" else labelled
        one = replace(row, metric=name, n=n, method=f"histogram of scores; {metric.how}")
        if lacking or not n or (metric.probability and not scale):
            why = f"no {lacking[0]} label" if lacking else "no score" if not n else "scores are not between 0 and 1"
            yield replace(one, note=why)
            continue
        value, lower, upper = metric.of(scores, confidence)
        if not math.isfinite(value):
            yield replace(one, note="a score of 0 or 1, or classes apart: no fit")
            continue
        few = bool(metric.needs) and min(int(getattr(scores, label).sum()) for label in metric.needs) < _FEW
        yield replace(
            one,
            value=value,
            lower=lower,
            upper=upper,
            confidence=None if lower is None else confidence,
            note=f"fewer than {_FEW} of a label: the interval is approximate" if few else None,
        )


def _differences(
    attribute: str, rows: Sequence[Measurement], reference: str | None, floor: int
) -> Iterator[Measurement]:
    for name in dict.fromkeys(row.metric for row in rows):
        mine = {row.group[attribute]: row for row in rows if row.group and row.metric == name and row.value is not None}
        known = {value: row for value, row in mine.items() if value is not None and row.n >= floor}
        one = Measurement(f"{name}_difference", (attribute,), n=sum(row.n for row in known.values()))
        if reference in known:
            base = known[reference]
            yield from (_less(replace(one, group=row.group, n=row.n), row, base) for row in known.values())
        elif len(known) > 1:
            values = sorted((row.value or 0.0, value) for value, row in known.items())
            (low, least), (high, most) = values[0], values[-1]
            yield replace(
                one, value=high - low, method="largest less smallest; no interval", note=f"{most} less {least}"
            )
        else:
            yield replace(one, method="largest less smallest", note="fewer than two known groups have a value")


def _less(row: Measurement, one: Measurement, base: Measurement) -> Measurement:
    """One less the base; the interval combines their limits."""
    assert one.value is not None
    assert base.value is not None
    value = one.value - base.value
    row = replace(row, value=value, reference_group=base.group, method=f"{one.method}; less the reference's")
    if one is base or one.lower is None or one.upper is None or base.lower is None or base.upper is None:
        return row
    down, up = (
        math.hypot(one.value - one.lower, base.upper - base.value),
        math.hypot(one.upper - one.value, base.value - base.lower),
    )
    how = f"{row.method}; interval combines both (Newcombe, MOVER)"
    return replace(row, lower=value - down, upper=value + up, confidence=one.confidence, method=how)


def _pairs(attribute: str, known: Mapping[str, Scores], reference: str | None) -> Iterator[Measurement]:
    """How the scores of each group differ from the reference's, else the most that those of any two groups do."""
    for name, (of, how) in PAIRS.items():
        one = Measurement(name, (attribute,), method=f"histogram of scores; {how}")
        pairs = [(value, reference) for value in known] if reference in known else list(combinations(known, 2))
        found = {(a, b): of(known[a], known[b]) for a, b in pairs if b is not None}
        found = {pair: value for pair, value in found.items() if math.isfinite(value)}
        sizes = {value: int(scores.all.sum()) for value, scores in known.items()}
        if reference in known:
            base = {attribute: reference}
            yield from (
                replace(one, group={attribute: a}, reference_group=base, value=value, n=sizes[a])
                for (a, _), value in found.items()
            )
        elif found:
            (a, b), value = max(found.items(), key=lambda item: item[1])
            yield replace(one, value=value, n=sizes[a] + sizes[b], note=f"{a} and {b}: the most that two groups differ")
        else:
            yield replace(one, note="fewer than two known groups have what it needs")
