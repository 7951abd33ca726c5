"""Small versions of the simulations in benchmarks/statistics, whose tables `make simulate-statistics` prints."""

import numpy as np
import pytest

from benchmarks.statistics.audits import DECLARATION, control, counted
from benchmarks.statistics.coverage import beside_its_limits, of_all_pairs, of_one_rate, of_two_rates, of_weighted_pairs
from benchmarks.statistics.level import audited
from gov_pipelines.measure import fairness_measurements, judge
from gov_pipelines.measure.statistics.intervals import difference_score, ratio_score, wilson


@pytest.mark.parametrize(
    ("groups", "n", "rate", "crossed"),
    [(2, 30, 0.5, False), (5, 100, 0.1, False), (12, 1000, 0.02, False), (2, 60, 0.3, True)],
)
def test_equal_groups_fail_in_at_most_5_percent_of_audits(groups, n, rate, crossed):
    found = audited(groups, n, rate, 30, crossed=crossed)
    assert found.failed <= found.rejected <= 4  # of 30: above it with chance 0.016 at 5 %
    assert found.bare >= 8  # where the bare rule cries wolf


def test_intervals_cover_on_average_and_exact_ones_always():
    for found in (of_one_rate(wilson, 100), of_two_rates(difference_score, 30, 50), of_two_rates(ratio_score, 30, 50)):
        assert 0.94 <= found.mean <= 0.97
    assert beside_its_limits(60).worst >= 0.95


@pytest.mark.parametrize("metric", ["demographic_parity_difference", "impact_ratio"])
def test_intervals_of_all_pairs_cover_together(metric):
    banded, bonferroni = of_all_pairs(metric, np.geomspace(200, 2000, 5).astype(int), np.linspace(0.2, 0.6, 5), 60)
    assert 0.88 <= banded <= bonferroni


@pytest.mark.parametrize("form", ["difference", "ratio"])
@pytest.mark.parametrize("slope", [0, -0.5])
def test_intervals_of_all_pairs_of_weighted_rows_cover_together(form, slope):
    held = of_weighted_pairs(form, np.array([500, 1500, 1500, 3000]), np.full(4, 0.3), "exponential", slope, 60)
    assert held >= 0.88


def groups(*counts):
    return counted([(f"race {place}", "any", x, n) for place, (x, n) in enumerate(counts)])


def test_bands_are_narrower_than_bonferroni_and_the_same_every_time():
    tally = groups((180, 220), (140, 220), (500, 900), (150, 240))
    one, again, other = (
        fairness_measurements(tally, control(), DECLARATION, policy=digest) for digest in ("a", "a", "b")
    )
    (sure,) = {
        row.lower
        for row in fairness_measurements(tally, control(test={"confidence": 0.999}), DECLARATION)
        if not row.group
    }
    ends = [next((row.lower, row.upper) for row in rows if not row.group) for rows in (one, again, other)]
    assert ends[0] == ends[1] != ends[2]
    assert ends[0] == pytest.approx(ends[2], abs=0.01)
    assert not any(row.recomputable for row in one if row.lower is not None)
    assert sure < ends[0][0]
    far = fairness_measurements(tally, control(test={"confidence": 0.9999}), DECLARATION)
    assert all("Bonferroni over 6 pairs" in row.method and row.recomputable for row in far)


@pytest.mark.parametrize("counts", [(150, 199), (300, 300), (0, 300)])
def test_where_draws_do_not_tell_all_pairs_hold_by_bonferroni(counts):
    rows = fairness_measurements(groups((1500, 2000), (1400, 2000), counts), control(), DECLARATION)
    assert all("simultaneous (Bonferroni over 3 pairs of groups)" in row.method and row.recomputable for row in rows)
    drawn = fairness_measurements(groups((1500, 2000), (1400, 2000), (299, 300)), control(), DECLARATION)
    assert all("max-T" in row.method for row in drawn)


@pytest.mark.parametrize(
    ("sizes", "rates"),
    [((30,) * 10, (0.5,) * 10), ((30, 50_000, 50_000), (0.5,) * 3), ((300,) * 4, (0.004, 0.3, 0.3, 0.3))],
)
def test_intervals_of_all_pairs_cover_together_where_a_group_is_small_or_all_alike(sizes, rates):
    held, _ = of_all_pairs("impact_ratio", np.array(sizes), np.array(rates), 100)
    assert held >= 0.91  # of 100 audits: below it with chance 0.03 at 95 %


def test_ten_thousand_groups_are_answered():
    random = np.random.default_rng(20261123)
    tally = groups(*((int(x), 40) for x in random.binomial(40, 0.3, 10_000)))
    for metric, limit in (("impact_ratio", {"at_least": 0.8}), ("demographic_parity_difference", {"at_most": 0.1})):
        asked = control(metric, **limit)
        rows = fairness_measurements(tally, asked, DECLARATION)
        (all_,) = (row for row in rows if row.group is None)
        assert all_.lower <= all_.value <= all_.upper
        assert "Bonferroni over 49,995,000 pairs of groups, of which those with the best are tested" in all_.method
        assert judge(asked, rows, partitions_present=1, partitions_expected=1).verdict == "insufficient"


def test_one_group_far_behind_ten_thousand_is_found():
    tally = groups((1, 200), *((150, 200) for _ in range(2_000)))
    asked = control(at_least=0.8)
    found = judge(asked, fairness_measurements(tally, asked, DECLARATION), partitions_present=1, partitions_expected=1)
    assert (found.verdict, found.decisive.group) == ("fail", {"race": "race 0"})
