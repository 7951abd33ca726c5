"""Standardized mean differences from exact sums: against SciPy, and the level of test and interval."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from gov_pipelines.measure.statistics.means import UNIT, Moments, mean_difference

values = st.lists(st.integers(-10_000, 10_000).map(lambda cents: Fraction(cents, 100)), min_size=2, max_size=40)


def moments(numbers):
    whole = [int(number * UNIT) for number in numbers]
    return Moments(len(whole), sum(whole), sum(each * each for each in whole))


@given(values, values)
def test_welchs_test_is_scipys(one, other):
    a, b = moments(one), moments(other)
    assume(len({*one}) > 1 and len({*other}) > 1)  # SciPy warns of what does not vary
    found = mean_difference(a, b, a + b, "pooled")
    theirs = ttest_ind([float(each) for each in one], [float(each) for each in other], equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert found.freedom == pytest.approx(theirs.df, rel=1e-9)


@given(values, values, st.randoms())
def test_sums_added_in_any_parts_and_order_are_the_same(one, other, order):
    everything = [*one, *other]
    order.shuffle(everything)
    half = len(everything) // 2
    assert moments(everything[:half]) + moments(everything[half:]) == moments(one) + moments(other)


def test_large_numbers_close_together_lose_nothing():
    low, high = moments([10**9 - 2, 10**9 - 1]), moments([10**9, 10**9 + 1])
    found = mean_difference(low, high, low + high, "pooled")
    assert found.value == pytest.approx(-2 / 0.5**0.5, rel=1e-12)


def test_too_few_or_all_alike_has_no_value():
    some = moments([1, 2, 3])
    assert mean_difference(moments([1]), some, some, "pooled") is None
    assert mean_difference(moments([2, 2]), moments([5, 5]), some, "pooled") is None
    assert mean_difference(some, moments([5, 5]), some, "reference") is None


def of_arrays(rows):
    whole = np.round(rows * UNIT).astype(np.int64)
    return [Moments(whole.shape[1], sum(row), sum(each * each for each in row)) for row in whole.tolist()]


def test_the_test_holds_its_level_with_unequal_spreads():
    draw = np.random.default_rng(3)
    small, large = of_arrays(draw.normal(0, 3, (3000, 15))), of_arrays(draw.normal(0, 1, (3000, 45)))
    rejected = [mean_difference(a, b, a + b, "pooled").p <= 0.05 for a, b in zip(small, large, strict=True)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("denominator", ["population", "pooled", "reference"])
@pytest.mark.parametrize("d", [0.0, 0.8])
def test_the_interval_covers_the_difference_in_true_standard_deviations(denominator, d):
    draw = np.random.default_rng(4)
    n, m, rounds = 60, 90, 3000
    one, other = of_arrays(draw.normal(-d, 1, (rounds, n))), of_arrays(draw.normal(0, 1, (rounds, m)))
    between = d * d * (n / (n + m)) * (m / (n + m))  # variance of the group means, part of everyone's spread
    truth = -d / (1 + between) ** 0.5 if denominator == "population" else -d
    found = [mean_difference(a, b, a + b, denominator).interval(0.95) for a, b in zip(one, other, strict=True)]
    covered = np.mean([low <= truth <= high for low, high in found])
    # everyone's spread grows with the difference itself, which makes that interval a little wide
    assert 0.93 <= covered <= (0.985 if denominator == "population" else 0.97)


def test_the_smallest_difference_that_is_shown_with_80_percent_power_is_found_that_often():
    draw = np.random.default_rng(5)

    def found(d):
        one, other = of_arrays(draw.normal(-d, 1, (2000, 40))), of_arrays(draw.normal(0, 1, (2000, 50)))
        return [mean_difference(a, b, a + b, "pooled") for a, b in zip(one, other, strict=True)]

    detectable = np.mean([each.reach(0.95) + 0.841621 * each.error for each in found(0.0)])
    assert np.mean([each.p <= 0.05 for each in found(detectable)]) == pytest.approx(0.8, abs=0.03)
