"""Metrics of scores: scikit-learn's values from histograms, exact small cases, and by simulation what intervals cover."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.rates.scores import METRICS, Scores, abroca, score_measurements


def tally_of(score, label=None, group=None):
    frame = pl.DataFrame(
        {
            "s": pl.Series(score, dtype=pl.Float64),
            "y": pl.Series(label if label is not None else [None] * len(score), dtype=pl.String),
            "g": pl.Series(group if group is not None else ["a"] * len(score), dtype=pl.String),
            "d": ["x"] * len(score),
        }
    )
    columns = Columns("d", frozenset("x"), attributes=("g",), label="y", label_positive=frozenset("1"), score="s")
    return count(frame, columns)


def found(tally, by=(), **options):
    return {
        (row.metric, next(iter(row.group.values())) if row.group else None): row
        for row in score_measurements(tally, by, **options)
    }


def drawn(n, seed, shift=0.0):
    random = np.random.default_rng(seed)
    label = random.random(n) < 0.3
    return expit(random.normal(label * 1.2 - 1 + shift, 1.0)), label


def test_scikit_learn_says_the_same_of_the_rows():
    score, label = drawn(120_000, 1)
    rows = found(tally_of(score, label.astype(int).astype(str)))
    theirs = {
        "roc_auc_score": (sk.roc_auc_score(label, score), 1e-5),
        "average_precision_score": (sk.average_precision_score(label, score), 5e-4),
        "brier_score_loss": (sk.brier_score_loss(label, score), 1e-5),
        "log_loss": (sk.log_loss(label, score), 1e-5),
        "mean_score": (score.mean(), 1e-5),
        "generalized_true_positive_rate": (score[label].mean(), 1e-5),
        "generalized_true_negative_rate": (1 - score[~label].mean(), 1e-5),
        "over_prediction": (np.mean(score * ~label), 1e-5),
        "under_prediction": (np.mean((1 - score) * label), 1e-5),
        "gini": (2 * sk.roc_auc_score(label, score) - 1, 2e-5),
    }
    fpr, tpr, _ = sk.roc_curve(label, score)
    theirs["ks_separation"] = (np.max(tpr - fpr), 1e-4)
    fit = LogisticRegression(C=np.inf).fit(logit(score)[:, None], label)
    theirs["calibration_slope"], theirs["calibration_intercept"] = (fit.coef_[0, 0], 2e-3), (fit.intercept_[0], 2e-3)
    tenths = np.minimum((score * 10).astype(int), 9)
    gaps = [abs(score[tenths == k].mean() - label[tenths == k].mean()) for k in range(10)]
    theirs["expected_calibration_error"] = (np.average(gaps, weights=np.bincount(tenths, minlength=10)), 1e-4)
    theirs["maximum_calibration_error"] = (max(gaps), 2e-3)
    for name, (value, within) in theirs.items():
        assert rows[name, None].value == pytest.approx(value, abs=within), name
    assert set(theirs) | {"generalized_false_positive_rate", "generalized_false_negative_rate"} == set(METRICS)


def test_groups_their_differences_and_a_group_nobody_knows():
    (one, y), (other, z) = drawn(4000, 2), drawn(3000, 3, shift=0.5)
    score, label = np.concatenate([one, other, [0.5]]), np.concatenate([y, z, [True]])
    tally = tally_of(score, label.astype(int).astype(str), ["a"] * 4000 + ["b"] * 3000 + [None])
    rows = found(tally, ["g"], reference={"g": "a"})
    low, high = np.sort(one), np.sort(other)
    at = np.sort(np.concatenate([one, other]))
    gap = np.abs(np.searchsorted(low, at, "right") / 4000 - np.searchsorted(high, at, "right") / 3000)
    assert rows["maximum_statistical_parity", "b"].value == pytest.approx(gap.max(), abs=1e-3)
    assert rows["statistical_parity_area", "b"].value == pytest.approx(other.mean() - one.mean(), abs=1e-3)
    difference = rows["mean_score_difference", "b"]
    assert difference.value == pytest.approx(other.mean() - one.mean(), abs=1e-4)
    assert difference.lower < difference.value < difference.upper
    assert difference.reference_group == {"g": "a"}
    largest = found(tally, ["g"])
    assert largest["mean_score_difference", None].value == pytest.approx(other.mean() - one.mean(), abs=1e-4)
    assert "b less a" in largest["mean_score_difference", None].note
    assert largest["abroca", None].note.startswith("a and b")


def test_what_is_undefined_has_a_note_and_no_value():
    rows = found(tally_of([0.2, 0.7, np.nan, np.inf, None], ["1", "1", "1", "1", "1"]), ["g"])
    assert rows["roc_auc_score", "a"].note == "no negative label"
    assert rows["mean_score", "a"].n == 2
    assert rows["abroca", None].value is None
    none = found(tally_of([0.2, np.nan], ["1", "1"], ["a", "b"]), ["g"])
    assert none["maximum_statistical_parity", None].value is None
    assert (
        found(tally_of([310.0, 700.0], ["1", "0"]))["brier_score_loss", None].note == "scores are not between 0 and 1"
    )
    assert found(tally_of([0.0, 1.0], ["0", "1"]))["calibration_slope", None].value is None
    assert found(tally_of([0.0, 1.0], ["0", "1"]))["log_loss", None].value == pytest.approx(0, abs=1e-9)
    assert found(tally_of([], []), ["g"]) == {} or all(
        row.value is None for row in found(tally_of([], []), ["g"]).values()
    )


def scores(positive, negative):
    n = len(positive)
    return Scores(np.arange(n) / n, np.array(positive), np.array(negative), np.zeros(n, np.int64))


def test_areas_between_roc_curves():
    diagonal, perfect, reverse = scores([1, 1], [1, 1]), scores([0, 2], [2, 0]), scores([2, 0], [0, 2])
    assert abroca(diagonal, perfect) == pytest.approx(0.5)
    assert abroca(perfect, reverse) == pytest.approx(1)
    assert abroca(diagonal, diagonal) == 0
    crossing = scores(
        [1, 0, 1], [0, 2, 0]
    )  # half its positives first, half last: it crosses the diagonal in the middle
    assert abroca(diagonal, crossing) == pytest.approx(0.25)
    assert np.isnan(abroca(diagonal, scores([1, 1], [0, 0])))


@pytest.mark.parametrize(("positive", "negative"), [(60, 200), (500, 2000)])
def test_intervals_cover_what_they_should(positive, negative):
    random, draws = np.random.default_rng(5), 600
    value = np.sort(expit(random.normal(0, 1.5, 400)))
    p, q = (np.diff(np.concatenate([[0], np.sort(random.beta(a, b, 399)), [1]])) for a, b in ((2, 1), (1, 2)))
    truth = Scores(
        value, *((1e9 * each).astype(np.int64) for each in (p * positive, q * negative)), np.zeros(400, np.int64)
    )
    names = ("roc_auc_score", "average_precision_score", "ks_separation", "generalized_true_positive_rate")
    real = [METRICS[name].of(truth, 0.95)[0] for name in names]
    hits = np.zeros(len(names))
    for _ in range(draws):
        one = Scores(
            value,
            random.multinomial(positive, p / p.sum()),
            random.multinomial(negative, q / q.sum()),
            np.zeros(400, np.int64),
        )
        for place, name in enumerate(names):
            _, low, high = METRICS[name].of(one, 0.95)
            hits[place] += low <= real[place] <= high
    print(dict(zip(names, hits / draws, strict=True)))
    assert np.all(hits / draws > 0.925)
