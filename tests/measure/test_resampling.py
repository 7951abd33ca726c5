"""Draws from counts: the bootstrap is one of rows, bands cover together, the permutation test keeps its level."""

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.measure.statistics.resampling import band, enough, gap_test, redraw, resample, seeded

CELLS = np.array([[30, 70], [0, 50], [5, 45]])


def test_a_draw_of_cells_tells_of_shares_and_rates_what_a_bootstrap_of_rows_does():
    ours = resample(CELLS, 4000, seeded("a"))
    assert ours.shape == (4000, 3, 2)
    assert (ours[:, 1, 0] == 0).all()
    rows = np.repeat(np.arange(6), CELLS.ravel())
    theirs = np.stack([np.bincount(each, minlength=6) for each in np.random.default_rng(1).choice(rows, (4000, 200))])
    theirs = theirs.reshape(4000, 3, 2)
    one, other = (counts.reshape(4000, 6) / counts.sum(axis=(1, 2))[:, None] for counts in (ours, theirs))
    assert one.mean(axis=0) == pytest.approx(other.mean(axis=0), abs=0.0025)
    assert np.cov(one.T) == pytest.approx(np.cov(other.T), abs=8e-5)
    one, other = (
        np.quantile(counts[..., 0] / counts.sum(-1), [0.025, 0.5, 0.975], axis=0) for counts in (ours, theirs)
    )
    assert one == pytest.approx(other, abs=0.012)


def test_weighted_draws_vary_as_sums_of_weights_do():
    random = np.random.default_rng(3)
    weights = random.exponential(2.0, 300)
    drawn = redraw(np.array([weights.sum(), 0]), np.array([(weights**2).sum(), 0]), 4000, random)
    assert drawn.mean(axis=0) == pytest.approx([weights.sum(), 0], rel=0.01)
    assert drawn.std(axis=0) == pytest.approx([(weights**2).sum() ** 0.5, 0], rel=0.05)


def test_the_same_names_draw_the_same_and_others_do_not():
    one, same, other = (resample(CELLS, 5, seeded("system", day)) for day in ("monday", "monday", "tuesday"))
    assert (one == same).all()
    assert (one != other).any()
    assert seeded("ab", "c").integers(2**60) != seeded("a", "bc").integers(2**60)


def test_a_thousand_resamples_of_everything_take_no_longer_with_more_rows():
    random = np.random.default_rng(2)
    for rows in (10, 10_000_000):
        cells = random.integers(rows, 2 * rows, (126, 6))
        began = time.process_time()
        resample(cells, 1000, random)
        assert time.process_time() - began < 0.3  # 0.05 on an idle core


def f1(counts):
    true, false, missed = np.moveaxis(counts, -1, 0)
    return 2 * true / (2 * true + false + missed)


def test_bands_of_all_differences_of_f1_cover_together():
    random, covered = np.random.default_rng(20261123), []
    i, j = np.array(list(combinations(range(4), 2))).T
    shares = np.array([[0.3, 0.2, 0.1], [0.4, 0.1, 0.1], [0.2, 0.3, 0.2], [0.3, 0.2, 0.1]])
    truth = f1(shares)[i] - f1(shares)[j]
    for _ in range(400):
        four = np.stack([random.multinomial(300, [*each, 1 - each.sum()]) for each in shares])
        point, drawn = (f1(counts[..., :3]) for counts in (four, resample(four, 400, random)))
        low, high = band(point[i] - point[j], drawn[:, i] - drawn[:, j], 0.95)
        covered.append(((low <= truth) & (truth <= high)).all())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_a_band_leaves_out_what_is_not_defined_or_does_not_move():
    draws = np.stack([np.linspace(-1, 1, 200), np.full(200, 3.0), np.full(200, np.nan)], axis=1)
    low, high = band(np.array([0.0, 3.0, np.nan]), draws, 0.9)
    assert -1 < low[0] < -0.8
    assert 0.8 < high[0] < 1
    assert np.isnan([low[1], high[1], low[2], high[2]]).all()
    assert np.isnan(band(np.array([np.nan]), draws[:, 2:], 0.9)).all()


def test_how_far_out_draws_tell():
    assert enough(0.95, 1000)
    assert enough(0.99, 1000)
    assert not enough(0.999, 1000)


@pytest.mark.parametrize(("groups", "n", "rate"), [(2, 30, 0.5), (5, 100, 0.1), (20, 60, 0.02)])
def test_the_permutation_test_rejects_equal_groups_in_at_most_5_percent(groups, n, rate):
    random = np.random.default_rng([groups, n])
    p = [gap_test(random.binomial(n, rate, groups), np.full(groups, n), random, 199) for _ in range(1000)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 2.5 * (0.05 * 0.95 / 1000) ** 0.5


def test_the_permutation_test_finds_a_gap_and_takes_any_input():
    random = seeded("gap")
    assert gap_test([133, 85, 1525], [197, 111, 1679], random) == pytest.approx(1e-4)
    assert gap_test([5, 5], [10, 10], random) == 1
    assert gap_test([5, 0], [10, 0], random) == gap_test([], [], random) == 1
    assert gap_test([600_000_000, 601_000_000], [10**9, 10**9], random, 99) == 0.01


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6))
def test_p_is_a_p_value(groups):
    x, rest = np.array(groups).T
    assert 0 < gap_test(x, x + rest, np.random.default_rng(0), 19) <= 1
