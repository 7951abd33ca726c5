"""Tests of rates against SciPy, the cost of many of them, and the level of the verdict they end in, by simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gov_pipelines.measure.statistics.comparisons import (
    adjusted,
    detectable_rate,
    equivalence,
    exact_tests,
    fisher,
    needed_factor,
    pooled_test,
    power,
)
from gov_pipelines.measure.statistics.intervals import ratio_score


def each_once(x1, n1, x2, n2):
    """Fisher's p of simulated tables, most of which are drawn many times."""
    tables = np.stack(np.broadcast_arrays(x1, n1, x2, n2), axis=1)
    once, which = np.unique(tables, axis=0, return_inverse=True)
    return fisher(*once.T)[which]


COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, COUNTS)
@settings(deadline=None, max_examples=100)
def test_fisher_sums_the_tables_no_likelier_than_the_observed(one, other):
    (x1, n1), (x2, n2) = one, other
    margins = stats.hypergeom(n1 + n2, x1 + x2, n1)
    chances = margins.pmf(np.arange(n1 + 1))
    expected = chances[chances <= margins.pmf(x1) * (1 + 1e-7)].sum()  # the tolerance of R's fisher.test
    assert fisher(x1, n1, x2, n2)[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert fisher(x2, n2, x1, n1)[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_fisher_on_the_mortgage_decisions_and_on_large_counts():
    assert fisher(133, 197, 1525, 1679)[0] == pytest.approx(4.56e-17, rel=1e-3)
    assert fisher(5_000_000, 10_000_000, 4_996_000, 10_000_000)[0] == pytest.approx(0.0736, rel=1e-2)
    assert fisher([0, 40, 0], 40, [0, 40, 40], 40) == pytest.approx([1, 1, 1.86e-23], rel=1e-2)


def chances(n, p1, m, p2):
    """Every pair of counts of n and m decisions, and how likely it is."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij"))
    return x, y, stats.binom.pmf(x, n, p1) * stats.binom.pmf(y, m, p2)


@given(COUNTS, COUNTS)
@settings(deadline=None, max_examples=100)
def test_fisher_is_scipys_and_the_mid_p_counts_half_the_table(one, other):
    (x1, n1), (x2, n2) = one, other
    p, mid = exact_tests(x1, n1, x2, n2)
    assert p[0] == pytest.approx(stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue, rel=1e-9)
    assert mid[0] == pytest.approx(p[0] - stats.hypergeom.pmf(x1, n1 + n2, x1 + x2, n1) / 2, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (25, 80)])
def test_levels_at_every_common_rate_by_enumeration(n, m):
    levels = {"fisher": [], "mid": [], "pooled": []}
    for rate in (0.02, 0.05, 0.1, 0.3, 0.5):
        x, y, likely = chances(n, rate, m, rate)
        (exact, mid), pooled = exact_tests(x, n, y, m), pooled_test(x, n, y, m)
        for name, p in zip(levels, (exact, mid, pooled), strict=True):
            levels[name].append(likely[p <= 0.05].sum())
    assert max(levels["fisher"]) <= 0.05
    assert max(levels["mid"]) <= 0.055
    assert max(levels["pooled"]) <= 0.07
    assert levels["fisher"] < levels["mid"]


@pytest.mark.parametrize(
    ("of", "limits", "edge"), [("difference", (-0.1, 0.1), (0.6, 0.5)), ("ratio", (0.8, 1.25), (0.4, 0.5))]
)
def test_parity_is_shown_where_there_is_none_in_at_most_5_percent(of, limits, edge):
    x, y, likely = chances(200, edge[0], 250, edge[1])
    shown = equivalence(x, 200, y, 250, limits, of) <= 0.05
    assert 0.02 < likely[shown].sum() <= 0.055
    near = chances(200, 0.5, 250, 0.5)[2]
    assert near[shown].sum() > 0.3


def test_parity_is_shown_where_the_interval_of_twice_the_level_lies_inside():
    x, y, _ = chances(40, 0.5, 60, 0.5)
    low, high = ratio_score(x, 40, y, 60, 0.9)
    inside = (low > 0.8) & (high < 1.25)
    told = np.abs(equivalence(x, 40, y, 60, (0.8, 1.25), "ratio") - 0.05) > 1e-6
    assert ((equivalence(x, 40, y, 60, (0.8, 1.25), "ratio") < 0.05) == inside)[told].all()


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30))
def test_false_discovery_rates_are_scipys(values):
    for how in ("bh", "by"):
        assert adjusted(values, how) == pytest.approx(stats.false_discovery_control(values, method=how))
    assert (adjusted(values, "bh") <= adjusted(values) + 1e-12).all()


@pytest.mark.parametrize(("rates", "n", "m", "level"), [((0.6, 0.75), 60, 60, 0.05), ((0.1, 0.2), 40, 400, 0.05 / 6)])
def test_the_sample_needed_has_80_percent_power_and_no_smaller_one(rates, n, m, level):
    times = float(needed_factor(rates[0], n, rates[1], m, level))
    assert times > 1
    random, draws = np.random.default_rng(20261123), 4000
    n, m = round(n * times), round(m * times)
    p = each_once(random.binomial(n, rates[0], draws), n, random.binomial(m, rates[1], draws), m)
    assert (p <= level).mean() == pytest.approx(0.8, abs=0.05)
    assert np.isnan(needed_factor(0.5, 30, 0.5, 30, 0.05))


def by_hand(values):
    order, worst, found = np.argsort(values), 0.0, np.empty(len(values))
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, (len(values) - rank) * values[at]))
        found[at] = worst
    return found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms())
def test_holm_steps_down_and_forgets_the_order(values, random):
    found = adjusted(values)
    assert found == pytest.approx(by_hand(values))
    assert (found <= adjusted(values, "bonferroni") + 1e-15).all()
    assert (found >= np.array(values) - 1e-15).all()
    order = random.sample(range(len(values)), len(values))
    assert adjusted([values[at] for at in order]) == pytest.approx(found[order])


@pytest.mark.parametrize(("p1", "n1", "p2", "n2", "level"), [(0.6, 80, 0.8, 90, 0.05), (0.7, 60, 0.9, 900, 0.05 / 3)])
def test_power_is_what_a_simulated_exact_test_has(p1, n1, p2, n2, level):
    random, draws = np.random.default_rng(20261123), 4000
    p = each_once(random.binomial(n1, p1, draws), n1, random.binomial(n2, p2, draws), n2)
    assert power(p1, n1, p2, n2, level) == pytest.approx((p <= level).mean(), abs=0.04)


def test_what_a_sample_could_have_found():
    rate = detectable_rate(0.9, 60, 900, 0.05)
    assert power(rate, 60, 0.9, 900, 0.05) == pytest.approx(0.8, abs=1e-6)
    assert detectable_rate(0.9, 600, 900, 0.05) > rate
    assert np.isnan(detectable_rate([0.05, 0.0], 30, 30, 0.05)).all()


@pytest.mark.parametrize("groups", [2, 3, 5, 10])
@pytest.mark.parametrize(("n", "rate"), [(30, 0.5), (100, 0.3), (1000, 0.1)])
def test_a_clause_of_four_fifths_fails_equal_groups_in_at_most_5_percent(groups, n, rate):
    draws = 600
    x = np.random.default_rng([groups, n]).binomial(n, rate, (draws, groups))
    i, j = np.array(list(combinations(range(groups), 2))).T
    p = each_once(x[:, i].ravel(), n, x[:, j].ravel(), n).reshape(draws, -1)
    ratio = np.minimum(x[:, i], x[:, j]) / np.maximum(np.maximum(x[:, i], x[:, j]), 1)
    fails = ((adjusted(p) <= 0.05) & (ratio < 0.8)).any(axis=1).mean()
    assert fails <= 0.05
    if n == 30:  # where the bare rule cries wolf
        assert (ratio < 0.8).any(axis=1).mean() > 0.3
