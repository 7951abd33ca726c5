"""Counts in, screens and tests out: against SciPy, against the definitions, and the levels of every p value."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact, hypergeom, norm

from gov_pipelines.measure.fairness.adverse_impact import (
    binomial_p,
    fisher_p,
    flip_flop,
    four_fifths,
    normal_p,
    odds_ratio,
    relative_rate_adverse,
    selections_to_four_fifths,
    shortfall,
    z_binomial,
    z_pooled,
)


@st.composite
def counts(draw, most=60):
    n, m = draw(st.integers(1, most)), draw(st.integers(1, most))
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


LARGE = 10**17  # beyond what a float holds exactly


@pytest.mark.parametrize(("below", "flag"), [(0, False), (1, True)])
def test_four_fifths_is_exact_where_floats_are_not(below, flag):
    assert four_fifths(4 * LARGE - below, 5 * LARGE, 5 * LARGE, 5 * LARGE) is flag
    assert 0.8 * 0.8 * 100 != 64  # what a float would have made of it


@given(counts())
def test_selections_lacking_are_the_fewest_that_lift_the_flag(table):
    x, n, y, m = table
    lacking = selections_to_four_fifths(*table)
    assert not four_fifths(x + lacking, n, y, m)
    assert lacking == 0 or four_fifths(x + lacking - 1, n, y, m)
    assert (lacking > 0) == four_fifths(*table)


@given(counts())
def test_the_shortfalls_of_both_groups_cancel(table):
    x, n, y, m = table
    assert shortfall(x, n, y, m) == pytest.approx(-shortfall(y, m, x, n), abs=1e-9)


@given(counts())
def test_flip_flop_is_the_two_rates_with_one_moved(table):
    x, n, y, m = table
    assert flip_flop(*table) == (Fraction(x + 1, n) > Fraction(y - 1, m))


@given(counts())
def test_fisher_is_scipys_and_the_mid_p_takes_half_the_observed_table(table):
    x, n, y, m = table
    p, mid = fisher_p(*table)
    assert mid == pytest.approx(p - hypergeom(n + m, x + y, n).pmf(x) / 2, rel=1e-9, abs=1e-15)
    assert p == pytest.approx(fisher_exact([[x, n - x], [y, m - y]]).pvalue, rel=1e-9)
    assert 0 < mid < p <= 1


@given(st.integers(1, 500), st.floats(0.01, 0.99), st.data())
def test_the_pool_is_held_against_scipy(n, share, data):
    x = data.draw(st.integers(0, n))
    assert binomial_p(x, n, share) == pytest.approx(binomtest(x, n, share).pvalue, rel=1e-12)
    assert z_binomial(x, n, share) == pytest.approx((x - n * share) / binom(n, share).std(), rel=1e-9, abs=1e-9)
    assert normal_p(1.96) == pytest.approx(2 * norm.sf(1.96), rel=1e-12)


def test_what_has_no_value_is_none_and_not_zero():
    assert z_pooled(0, 10, 0, 20) is None
    assert z_pooled(10, 10, 20, 20) is None
    assert relative_rate_adverse(3, 10, 20, 20) is None
    assert odds_ratio(10, 10, 5, 20) is None
    assert odds_ratio(0, 10, 5, 20) == 0.0


def level(p_of, n, m, rate, alpha=0.05):
    """The exact chance that a test of two equal rates rejects: every table, with its probability."""
    first, second = binom(n, rate).pmf(range(n + 1)), binom(m, rate).pmf(range(m + 1))
    tables = product(range(n + 1), range(m + 1))
    return sum(first[x] * second[y] for x, y in tables if (p := p_of(x, n, y, m)) is not None and p <= alpha)


def pooled_p(*table):
    z = z_pooled(*table)
    return None if z is None else normal_p(z)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
@pytest.mark.parametrize(("n", "m"), [(12, 20), (30, 30)])
def test_fishers_test_keeps_its_level_and_the_mid_p_is_nearer_to_it(n, m, rate):
    exact = level(lambda *table: fisher_p(*table)[0], n, m, rate)
    mid = level(lambda *table: fisher_p(*table)[1], n, m, rate)
    assert exact <= 0.05
    assert exact <= mid <= 0.06  # the mid-p is not guaranteed its level: here at most 0.06


@pytest.mark.parametrize(("n", "m", "rate"), [(30, 30, 0.3), (30, 30, 0.5), (60, 40, 0.2)])
def test_the_pooled_z_is_near_its_level_where_groups_are_not_small(n, m, rate):
    assert 0.02 <= level(pooled_p, n, m, rate) <= 0.07


@pytest.mark.parametrize("share", [0.057, 0.154, 0.5])
def test_the_binomial_test_keeps_its_level(share):
    n = 120
    rejected = [x for x in range(n + 1) if binomial_p(x, n, share) <= 0.05]
    assert 0.01 < binom(n, share).pmf(rejected).sum() <= 0.05


def test_requiring_significance_beside_four_fifths_cuts_chance_findings():
    """Two groups of 30 with the same rate of 30 %: below four fifths in more than half of all draws, rejected too in 3 %."""
    n, rate = 30, 0.3
    weight = binom(n, rate).pmf(range(n + 1))
    flagged = both = 0.0
    for x, y in product(range(n + 1), repeat=2):
        low, high = min(x, y), max(x, y)
        if four_fifths(low, n, high, n):
            flagged += weight[x] * weight[y]
            both += weight[x] * weight[y] * (fisher_p(low, n, high, n)[0] <= 0.05)
    assert flagged == pytest.approx(0.56, abs=0.01)
    assert both == pytest.approx(0.027, abs=0.002)
    assert np.isfinite(both)
