"""Intervals against published examples, SciPy, and their own coverage: exact where tables can be listed, else simulated."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from gov_pipelines.measure.statistics.intervals import (
    clopper_pearson,
    difference_score,
    difference_statistic,
    effective,
    noncentrality,
    ratio_score,
    ratio_statistic,
    stability_index_interval,
    wilson,
)

COUNTS = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCE = st.sampled_from([0.8, 0.95, 0.99, 1 - 0.05 / 45])


@given(COUNTS, CONFIDENCE)
@settings(deadline=None)
def test_wilson_is_scipys(count, confidence):
    x, n = count
    theirs = stats.binomtest(x, n).proportion_ci(confidence, method="wilson")
    assert wilson(x, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(COUNTS, CONFIDENCE)
@settings(deadline=None)
def test_clopper_pearson_is_scipys(count, confidence):
    x, n = count
    theirs = stats.binomtest(x, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(x, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("n", [5, 30, 200])
def test_clopper_pearson_never_covers_less(n):
    low, high = clopper_pearson(np.arange(n + 1), n)
    ends = np.concatenate([low, high])  # coverage jumps at the limits and is lowest beside them
    rates = np.clip(np.concatenate([ends - 1e-9, ends + 1e-9]), 1e-9, 1 - 1e-9)
    inside = (low[:, None] <= rates) & (rates <= high[:, None])
    covered = (inside * stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)).sum(axis=0)
    assert covered.min() >= 0.95


def test_weighted_counts_cover_as_their_effective_sample():
    random, n, draws = np.random.default_rng(20261123), 150, 4000
    weights = random.gamma(2.0, 0.5, (draws, n))
    favorable = random.random((draws, n)) < 0.3
    x, decided = effective((weights * favorable).sum(axis=1), weights.sum(axis=1), (weights**2).sum(axis=1))
    assert (decided < n).all()
    low, high = wilson(x, decided)
    assert ((low <= 0.3) & (high >= 0.3)).mean() == pytest.approx(0.95, abs=0.012)
    assert effective(7, 10, 10) == (7, 10)
    assert effective(0, 0, 0) == (0, 0)


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2", "low", "high"),
    [  # Newcombe (1998), table II, method 6 (Miettinen and Nurminen)
        (56, 70, 48, 80, 0.0528, 0.3382),
        (9, 10, 3, 10, 0.1700, 0.8406),
        (6, 7, 2, 7, 0.0342, 0.8534),
        (5, 56, 0, 29, -0.0326, 0.1933),
    ],
)
def test_difference_interval_gives_the_papers_numbers(x1, n1, x2, n2, low, high):
    assert difference_score(x1, n1, x2, n2) == pytest.approx((low, high), abs=6e-5)


@given(COUNTS, COUNTS, CONFIDENCE)
@settings(deadline=None)
def test_intervals_hold_the_point_and_turn_round_with_the_groups(one, other, confidence):
    (x1, n1), (x2, n2) = one, other
    low, high = difference_score(x1, n1, x2, n2, confidence)
    assert -1 <= low <= x1 / n1 - x2 / n2 + 1e-11
    assert x1 / n1 - x2 / n2 - 1e-11 <= high <= 1
    assert difference_score(x2, n2, x1, n1, confidence) == pytest.approx((-high, -low), abs=1e-9)
    low, high = ratio_score(x1, n1, x2, n2, confidence)
    if x2:
        assert low * (1 - 1e-9) <= (x1 / n1) / (x2 / n2) <= high * (1 + 1e-9)
    assert (low == 0) == (x1 == 0)
    assert (high == np.inf) == (x2 == 0)
    if x1 and x2:
        assert ratio_score(x2, n2, x1, n1, confidence) == pytest.approx((1 / high, 1 / low), rel=1e-6)


def constrained_score(x1, n1, x2, n2, ratio=1.0, difference=0.0):
    """The statistic by the definition: constrained likelihood maximised by a general optimiser."""

    def loss(p2):
        return -(stats.binom.logpmf(x1, n1, ratio * p2 + difference) + stats.binom.logpmf(x2, n2, p2))

    bounds = max(0.0, -difference), min(1.0, (1 - difference) / ratio)
    p2 = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    p1 = ratio * p2 + difference
    variance = (p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2) * (n1 + n2) / (n1 + n2 - 1)
    return (x1 / n1 - ratio * x2 / n2 - difference) / np.sqrt(variance)


@pytest.mark.parametrize("table", [(133, 197, 1525, 1679), (3, 30, 17, 31), (29, 30, 200, 400), (0, 25, 4, 60)])
@pytest.mark.parametrize("difference", [-0.3, -0.01, 0.0, 0.1, 0.4])
def test_score_of_a_difference_is_that_of_the_constrained_likelihood(table, difference):
    expected = constrained_score(*table, difference=difference)
    assert difference_statistic(*table, difference) == pytest.approx(expected, abs=1e-4)


def test_score_of_a_ratio_and_of_a_difference_are_one_at_equality():
    tables = np.random.default_rng(3).integers(1, 40, (4, 50)) + np.array([[0], [40], [0], [40]])
    assert ratio_statistic(*tables, 1.0) == pytest.approx(difference_statistic(*tables, 0.0), abs=1e-9)


@pytest.mark.parametrize("table", [(133, 197, 1525, 1679), (36, 40, 16, 80), (3, 30, 17, 31), (29, 30, 200, 400)])
def test_ratio_limits_are_where_the_score_meets_the_quantile(table):
    low, high = ratio_score(*table)
    assert constrained_score(*table, float(low)) == pytest.approx(1.959964, abs=2e-4)
    assert constrained_score(*table, float(high)) == pytest.approx(-1.959964, abs=2e-4)


@pytest.mark.parametrize("table", [(133, 197, 1525, 1679), (3, 30, 17, 31), (29, 30, 200, 400)])
def test_difference_limits_are_where_the_score_meets_the_quantile(table):
    low, high = difference_score(*table)
    assert constrained_score(*table, difference=float(low)) == pytest.approx(1.959964, abs=2e-4)
    assert constrained_score(*table, difference=float(high)) == pytest.approx(-1.959964, abs=2e-4)


def test_difference_interval_works_at_0_and_100_percent():
    low, high = difference_score([0, 40, 40, 0, 0], 40, [0, 40, 0, 40, 5], 40)
    assert low == pytest.approx([-high[0], -high[1], low[2], -1, low[4]])
    assert high == pytest.approx([high[0], high[1], 1, -low[2], high[4]])
    assert (0.05 < high[0] < 0.12, low[2] > 0.85, low[4] < high[4] < 0) == (True, True, True)
    assert np.isnan(difference_score(0, 0, 1, 2)).all()


def test_ratio_interval_gives_the_papers_numbers():
    # Koopman (1984), 36 of 40 against 16 of 80: 2.94 to 7.15; the factor N/(N-1) widens it a little.
    assert ratio_score(36, 40, 16, 80) == pytest.approx((2.94, 7.15), abs=0.04)


def test_ratio_interval_works_at_0_and_100_percent():
    low, high = ratio_score([0, 40, 40, 0, 40], 40, [20, 20, 40, 0, 0], 40)
    assert low[0] == 0
    assert 0 < high[0] < 0.3
    assert low[1] > 1.4
    assert np.isfinite(high[1])
    assert (low[2], high[2]) == pytest.approx((0.91, 1.1), abs=0.01)
    assert (low[3], high[3]) == (0, np.inf)
    assert low[4] > 5
    assert high[4] == np.inf
    assert np.isnan(ratio_score(0, 0, 1, 2)).all()


def coverage(interval, truth, n1, n2, p1, p2):
    """Exact: every pair of counts, weighted by its probability."""
    x1, x2 = (grid.ravel() for grid in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    weight = stats.binom.pmf(x1, n1, p1) * stats.binom.pmf(x2, n2, p2)
    low, high = interval(x1, n1, x2, n2)
    return float(weight[(low <= truth) & (truth <= high)].sum())


@pytest.mark.parametrize(("n1", "n2"), [(30, 30), (30, 120), (60, 60)])
def test_difference_and_ratio_cover_at_all_rates(n1, n2):
    rates = [(a, b) for a in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97) for b in (0.1, 0.4, 0.6, 0.9, 0.97)]
    difference = [coverage(difference_score, a - b, n1, n2, a, b) for a, b in rates]
    ratio = [coverage(ratio_score, a / b, n1, n2, a, b) for a, b in rates]
    assert np.mean(difference) == pytest.approx(0.955, abs=0.01)
    assert min(difference) > 0.925
    assert np.mean(ratio) == pytest.approx(0.955, abs=0.01)
    assert min(ratio) > 0.925


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_wilson_covers_at_all_rates(n):
    counts, rates = np.arange(n + 1), np.linspace(0.03, 0.97, 95)
    low, high = wilson(counts, n)
    inside = (low[:, None] <= rates) & (rates <= high[:, None])
    covered = (inside * stats.binom.pmf(counts[:, None], n, rates)).sum(axis=0)
    assert covered.mean() == pytest.approx(0.95, abs=0.006)
    assert covered.min() > 0.9


@pytest.mark.parametrize("rates", [(0.9, 0.7, 0.75), (0.5,) * 3, (0.9, 0.9, 0.8, 0.95, 0.6)])
def test_ratios_of_all_pairs_cover_together(rates):
    draws, sizes = 3000, np.array([40, 90, 200, 60, 120])[: len(rates)]
    x = np.random.default_rng(20261123).binomial(sizes, rates, (draws, len(rates)))
    pairs = list(combinations(range(len(rates)), 2))
    i, j = np.array(pairs).T
    low, high = ratio_score(x[:, i], sizes[i], x[:, j], sizes[j], 1 - 0.05 / len(pairs))
    truth = np.array(rates)[i] / np.array(rates)[j]
    together = ((low <= truth) & (truth <= high)).all(axis=1).mean()
    assert 0.945 < together <= 1


@given(st.floats(0.01, 2000), st.integers(1, 40), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_noncentrality_inverts_the_distribution(statistic, freedom, probability):
    found = float(noncentrality(statistic, freedom, probability))
    if found:
        assert stats.ncx2.cdf(statistic, freedom, found) == pytest.approx(probability, abs=1e-6)
    else:
        assert stats.chi2.cdf(statistic, freedom) <= probability + 1e-9


@given(st.floats(0, 5), st.integers(1, 50), st.integers(30, 10**6), st.integers(30, 10**6), CONFIDENCE)
@settings(deadline=None)
def test_the_interval_of_the_stability_index_holds_the_point(value, categories, n1, n2, confidence):
    low, high = stability_index_interval(value, categories, n1, n2, confidence)
    assert 0 <= low <= value <= high
    assert np.isfinite(high)
