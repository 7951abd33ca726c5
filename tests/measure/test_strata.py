"""Odds over strata: against the formulas written out, Simpson's paradox, and the levels of test, interval and heterogeneity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.measure.statistics.strata import common_odds, expected_favorable


@st.composite
def tables(draw):
    def one():
        n, m = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m

    return [one() for _ in range(draw(st.integers(1, 6)))]


def test_berkeley_admissions_of_1973():
    """Men and women in six departments: refused over all of them, and not within. R's mantelhaen.test gives the numbers."""
    women = [(89, 108), (17, 25), (202, 593), (131, 375), (94, 393), (24, 341)]
    men = [(512, 825), (353, 560), (120, 325), (138, 417), (53, 191), (22, 373)]
    each = [(x, n, y, m) for (x, n), (y, m) in zip(women, men, strict=True)]
    found = common_odds(each)
    assert 1 / found.odds_ratio == pytest.approx(0.9047, abs=5e-5)
    assert found.chi_square == pytest.approx(1.5246, abs=5e-5)
    assert found.p == pytest.approx(0.2169, abs=5e-5)
    low, high = found.interval(0.95)
    assert (1 / high, 1 / low) == pytest.approx((0.7719, 1.0603), abs=5e-5)
    assert found.heterogeneity_p < 0.01  # department A favors women
    pooled = common_odds([tuple(sum(column) for column in zip(*each, strict=True))])
    assert pooled.odds_ratio < 0.6
    assert pooled.p < 1e-10


def test_one_table_is_its_own_odds_ratio():
    found = common_odds([(12, 40, 48, 80)])
    assert found.odds_ratio == pytest.approx(12 * 32 / (28 * 48))
    assert (found.heterogeneity, found.strata, found.n) == (None, 1, 120)
    # one table: Robins, Breslow and Greenland's variance is Woolf's
    assert found.error == pytest.approx(math.sqrt(1 / 12 + 1 / 28 + 1 / 48 + 1 / 32))


@given(tables())
def test_exchanging_the_groups_inverts_the_ratio_and_leaves_the_test(each):
    one, other = common_odds(each), common_odds([(y, m, x, n) for x, n, y, m in each])
    assert one.p == (other.p if other.p is None else pytest.approx(other.p, rel=1e-6, abs=1e-12))
    if one.odds_ratio and other.odds_ratio:
        assert one.odds_ratio == pytest.approx(1 / other.odds_ratio)
        assert one.error == pytest.approx(other.error)


@given(tables())
def test_strata_that_say_nothing_change_nothing(each):
    silent = [(0, 5, 0, 7), (5, 5, 7, 7), (3, 9, 0, 0), (0, 0, 2, 4)]
    assert common_odds(each + silent) == common_odds(each)


def test_what_has_no_value():
    nothing = common_odds([(0, 5, 0, 7)])
    assert (nothing.odds_ratio, nothing.p, nothing.strata, nothing.interval(0.95)) == (None, None, 0, None)
    assert common_odds([(5, 5, 3, 7)]).odds_ratio is None
    none_of_them = common_odds([(0, 5, 3, 7), (0, 9, 4, 8)])
    assert none_of_them.odds_ratio == 0.0
    assert none_of_them.p < 0.05


def test_where_none_of_a_group_is_favored_the_interval_ends_where_a_score_test_does_not_reject():
    (low, high) = common_odds([(0, 12, 30, 60)]).interval(0.95)
    expected = expected_favorable(12, 60, 30, high)
    cells = (expected, 12 - expected, 30 - expected, 30 + expected)
    assert low == 0
    assert expected / (1 / sum(1 / cell for cell in cells)) ** 0.5 == pytest.approx(1.959964, abs=1e-6)
    strata = [(0, 4, 10, 20), (0, 6, 3, 9), (2, 3, 8, 8)]
    narrow, wide = (common_odds(strata).interval(confidence) for confidence in (0.9, 0.99))
    assert (narrow[0], wide[0]) == (0, 0)
    assert 0 < narrow[1] < wide[1] < 1e4


def test_the_upper_end_holds_the_ratio_where_few_are_favored():
    found = [*drawn(0.03, 1500, 5)]
    covered = [low <= 0.03 <= high for low, high in (each.interval(0.95) for each in found)]
    assert any(each.odds_ratio == 0 for each in found)
    assert np.mean(covered) > 0.93


def drawn(odds, rounds, seed):
    """Strata of twelve requisitions, rates from 0.1 to 0.6 in the reference group, the same odds ratio in each."""
    draw = np.random.default_rng(seed)
    rates = np.linspace(0.1, 0.6, 12)
    other = odds * rates / (1 - rates)
    own = other / (1 + other)
    for _ in range(rounds):
        n, m = draw.integers(5, 25, 12), draw.integers(5, 25, 12)
        x, y = draw.binomial(n, own), draw.binomial(m, rates)
        yield common_odds([*zip(x.tolist(), n.tolist(), y.tolist(), m.tolist(), strict=True)])


def test_the_test_holds_its_level():
    rejected = [found.p <= 0.05 for found in drawn(1.0, 4000, 1)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("odds", [0.5, 1.0])
def test_the_interval_covers_and_homogeneous_strata_are_rarely_called_different(odds):
    found = [*drawn(odds, 3000, 2)]
    covered = [low <= odds <= high for low, high in (each.interval(0.95) for each in found)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)
    # about twelve a stratum is sparse for Breslow and Day: conservative, never liberal
    assert np.mean([each.heterogeneity_p <= 0.05 for each in found]) <= 0.06


def test_the_smallest_ratio_that_is_shown_with_80_percent_power_is_found_that_often():
    error = np.mean([each.error for each in drawn(1.0, 500, 3)])
    detectable = math.exp(-(1.959964 + 0.841621) * error)  # as a control of one comparison states it
    assert np.mean([each.p <= 0.05 for each in drawn(detectable, 2000, 4)]) == pytest.approx(0.8, abs=0.05)
