"""Evidence over nights: exact by enumeration and by fractions, never above its level however often one looks, and soon found."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from math import comb, exp, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from benchmarks.statistics.power import alarms, found
from benchmarks.statistics.power import year as simulated
from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Year, drift_measurements, fairness_measurements, judge, over_the_year, total
from gov_pipelines.measure.statistics.alarms import (
    detectable_odds,
    in_family,
    information,
    needed_information,
    odds_evidence,
    shift_evidence,
)
from gov_pipelines.policy.kinds import Drift, Fairness

FIRST = date(2026, 1, 1)


def dates(count):
    return [FIRST + timedelta(days=number) for number in range(count)]


DATES = dates(365)


def chance(x, n, m, favorable):
    """Of x favorable decisions in a group of n, where nothing is wrong and the margins are known."""
    return Fraction(comb(n, x) * comb(m, favorable - x), comb(n + m, favorable))


def possible(n, m, favorable):
    return range(max(0, favorable - m), min(n, favorable) + 1)


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("margins", [[(3, 5, 4), (6, 2, 5), (1, 1, 1)], [(4, 4, 8), (0, 3, 2), (7, 9, 3)]])
def test_the_mean_of_e_is_one_after_any_night_whatever_the_margins(margins, above):
    spaces = [possible(*each) for each in margins]
    means = np.zeros(len(margins))
    for xs in product(*spaces):
        weight = float(np.prod([float(chance(x, *each)) for x, each in zip(xs, margins, strict=True)]))
        counts = [[x, n, k - x, m] for x, (n, m, k) in zip(xs, margins, strict=True)]
        means += weight * np.exp(odds_evidence(counts, 5, above=above).log_e)
    assert means == pytest.approx(np.ones(len(margins)), abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.data())
def test_the_first_night_is_fishers_likelihood_ratio(n, m, data):
    favorable = data.draw(st.integers(0, n + m))
    x = data.draw(st.sampled_from(list(possible(n, m, favorable))))
    thetas = [exp(-0.08 * 1.6**step) for step in range(7)]
    ratios = [t**x / sum(float(chance(j, n, m, favorable)) * t**j for j in possible(n, m, favorable)) for t in thetas]
    expected = 0.5 + 0.5 * sum(ratios) / len(thetas)
    assert odds_evidence([[x, n, favorable - x, m]], 365).now == pytest.approx(log(expected), abs=1e-9)


def test_large_nights_are_as_exact_as_small_ones():
    n, m, favorable, x = 30_000, 90_000, 48_000, 11_500
    j = np.arange(9_000, 15_000)
    logs = hypergeom.logpmf(j, n + m, favorable, n)
    ratios = [-t * x - np.logaddexp.reduce(logs - t * j) for t in 0.08 * 1.6 ** np.arange(7)]
    expected = np.logaddexp(log(0.5), log(0.5 / 7) + np.logaddexp.reduce(ratios))
    assert odds_evidence([[x, n, favorable - x, m]], 365).now == pytest.approx(expected, rel=1e-9)


def year(random, decisions, ratio, begins, nights=365, base=0.5):
    """Counts of nights whose base rate moves for both groups alike; from one night on the smaller one has less."""
    rate = np.clip(base + 0.15 * np.sin(np.arange(nights) / 20) + random.normal(0, 0.05, nights), 0.05, 0.9)
    n, m = random.poisson(decisions / 4, nights), random.poisson(decisions * 3 / 4, nights)
    its = np.where(np.arange(nights) < begins, rate, rate * ratio)
    return np.column_stack([random.binomial(n, its), n, random.binomial(m, rate), m])


def test_a_year_without_a_difference_alarms_no_more_than_declared_though_base_rates_move():
    random = np.random.default_rng(11)
    peaks = [odds_evidence(year(random, 60, 1, 0), 365, above=True).log_e.max() for _ in range(60)]
    for level in (0.5, 0.2, 0.05):
        assert np.mean(np.array(peaks) >= log(1 / level)) <= level + 2 * (level * (1 - level) / 60) ** 0.5
    assert max(peaks) > 0.5  # and is no constant


@pytest.mark.parametrize(("ratio", "within"), [(0.7, 9), (0.8, 20), (0.9, 90)])
def test_a_change_is_found_and_dated(ratio, within):
    random = np.random.default_rng(5)
    found = [odds_evidence(year(random, 400, ratio, 150), 365) for _ in range(5)]
    spans = [each.since() for each in found]
    for each, (middle, _, _) in zip(found, spans, strict=True):
        assert 150 <= int(np.argmax(each.log_e >= log(40 / 0.05))) <= 150 + within
        assert abs(middle - 150) <= 25
        assert each.began.sum() == pytest.approx(1)
    assert sum(first - 2 <= 150 <= last + 2 for _, first, last in spans) >= 4


def test_what_was_so_before_the_year_is_found_sooner_than_what_comes_in_it():
    standing, coming = [], []
    for seed in range(4):
        table = year(np.random.default_rng(seed), 200, 0.85, 0)
        late = np.vstack([year(np.random.default_rng(seed + 50), 200, 1, 0)[:180], table[:185]])
        for nights, each in ((standing, table), (coming, late)):
            nights.append(int(np.argmax(odds_evidence(each, 365).log_e >= log(800))))
    assert sum(standing) < sum(coming) - 4 * 180 - 8


def test_a_night_that_is_added_later_changes_only_what_it_is_in():
    table = year(np.random.default_rng(2), 200, 0.8, 60, nights=100)
    missing = table.copy()
    missing[40] = 0
    without, found = odds_evidence(missing, 365), odds_evidence(table, 365)
    assert (without.log_e[:40] == found.log_e[:40]).all()
    assert without.log_e[40] == pytest.approx(without.log_e[39], abs=1e-12)
    bets = np.array([0.5, *[0.5 / 364] * 99])
    shift = []
    for table_, each in ((missing, without), (table, found)):
        products = [
            odds_evidence(table_[since:], 1).began.sum() * (2 * np.exp(odds_evidence(table_[since:], 10**9).now) - 1)
            for since in range(100)
        ]
        assert np.exp(each.now) == pytest.approx(1 - bets.sum() + bets @ products, rel=1e-6)
        shift.append(products)
    assert shift[0][41:] == shift[1][41:]
    assert (np.abs(np.log(np.array(shift[0][:41]) / shift[1][:41])) > 1e-6).all()


def test_a_day_of_no_rows_is_no_evidence_that_shares_moved():
    random, shares = np.random.default_rng(4), np.array([0.5, 0.3, 0.2])
    then, now = random.multinomial(100, shares, 20), random.multinomial(100, shares[::-1], 30)
    gap = np.insert(now, 12, 0, axis=0)
    with_gap, without = shift_evidence(gap, then, 365), shift_evidence(now, then, 365)
    assert with_gap.log_e[:12] == pytest.approx(without.log_e[:12], rel=1e-12)
    assert with_gap.log_e[12] == pytest.approx(with_gap.log_e[11], rel=1e-9)


@given(st.integers(1, 60), st.lists(st.integers(0, 20), max_size=8))
def test_alarms_that_join_never_spend_more_than_all_of_the_error(first, joining):
    spent, there = 0.0, 0
    for more in (first, *joining):
        there += more
        spent += more / Year({}, DATES, there, first).divisor
    assert 0.5 <= spent <= 1


@pytest.mark.parametrize(("ratio", "bound"), [(0.8, 9.0), (0.9, 9.0), (0.7, 12.0)])
def test_with_the_information_that_is_said_to_be_needed_most_changes_are_found(ratio, bound):
    random = np.random.default_rng(9)
    odds = log(0.5 * ratio / (1 - 0.5 * ratio))
    needed = needed_information(odds, bound)
    assert detectable_odds(needed, bound) == pytest.approx(-odds, rel=1e-6)
    reached = 0
    for _ in range(40):
        table, told = [], 0.0
        while told < needed:
            n, m = random.poisson(15), random.poisson(45)
            table.append([random.binomial(n, 0.5 * ratio), n, random.binomial(m, 0.5), m])
            told += float(information(table[-1]))
        reached += odds_evidence(table, 365).now + log(2 * 2 * 7) >= bound
    assert reached in range(27, 40)


def test_no_information_shows_nothing_and_no_bet_is_on_the_least_departures():
    assert detectable_odds(0.0, 9.0) == float("inf") == needed_information(0.02, 9.0)


def test_better_odds_are_evidence_only_where_they_count():
    table = year(np.random.default_rng(3), 400, 1.25, 0, nights=60)
    assert odds_evidence(table, 365).now < 0
    assert odds_evidence(table, 365, above=True).now > 20


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=7))
def test_a_family_takes_the_smallest_mean_of_all_sets_that_contain_each(values):
    expected = []
    for at, one in enumerate(values):
        others = values[:at] + values[at + 1 :]
        means = []
        for chosen in product((False, True), repeat=len(others)):
            several = [one, *(other for other, there in zip(others, chosen, strict=True) if there)]
            means.append(sum(several) / len(several))
        expected.append(min(means))
    found = np.exp(in_family([log(value) for value in values]))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scatter", [None, 0.15])
def test_shares_that_stay_alarm_no_more_than_declared_and_those_that_move_are_found(scatter):
    random, shares = np.random.default_rng(7), np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])

    def days(count, of):
        drawn = [of if scatter is None else random.dirichlet(of / scatter**2) for _ in range(count)]
        return np.array([random.multinomial(random.poisson(150), each) for each in drawn])

    peaks = np.array([shift_evidence(days(100, shares), days(28, shares), 365).log_e.max() for _ in range(60)])
    assert np.mean(peaks >= log(1 / 0.2)) <= 0.2 + 2 * (0.16 / 60) ** 0.5
    assert np.mean(peaks >= log(1 / 0.05)) <= 0.05 + 2 * (0.0475 / 60) ** 0.5
    moved = shares * np.array([0.7, 1.5, 1, 1, 1, 1.2])
    found = shift_evidence(np.vstack([days(60, shares), days(60, moved / moved.sum())]), days(28, shares), 365)
    assert 60 <= int(np.argmax(found.log_e >= log(800))) <= 115
    assert found.since()[1] - 3 <= 60 <= found.since()[2] + 3


@pytest.mark.parametrize(("categories", "steep", "n"), [(300, 1.5, 200), (50, 2, 20)])
def test_rare_categories_are_no_surprise_one_by_one(categories, steep, n):
    random, p = np.random.default_rng(categories), 1 / np.arange(1, categories + 1) ** steep
    p /= p.sum()
    peaks = [
        shift_evidence(random.multinomial(n, p, size=100), random.multinomial(n, p, size=20), 365).log_e.max()
        for _ in range(20)
    ]
    assert max(peaks) < log(1 / 0.05)
    then, moved = (
        random.multinomial(n, np.append(p, 0), size=20),
        random.multinomial(n, np.append(p * 0.8, 0.2), size=60),
    )
    assert shift_evidence(moved, then, 365).now > log(1 / 0.05)


def test_no_night_and_nobody_is_no_evidence():
    assert odds_evidence([], 365).now == 0
    assert odds_evidence([[0, 0, 5, 9], [3, 3, 0, 0]], 365).now == pytest.approx(0)
    assert shift_evidence(np.zeros((2, 3)), np.ones((4, 3)), 365).now == pytest.approx(0)
    assert shift_evidence(np.zeros((0, 3)), np.ones((4, 3)), 365).now == 0


def test_evidence_beyond_all_numbers_stays_a_number():
    far = [[90_000, 100_000, 10_000, 100_000]] * 3
    for table in (far, [[y, m, x, n] for x, n, y, m in far]):
        found = odds_evidence(table, 3)
        (alarm,) = Year({FIRST: None}, dates(3), 40, 40).alarms([found], 1, 0.0)
        assert np.isfinite([found.now, alarm.e, alarm.p, alarm.p_adjusted]).all()
        assert alarm.p_adjusted in {0, 1} or alarm.p_adjusted < 1e-200


def control(**options):
    test = {"error_over": "year"}
    return Fairness(kind="fairness", metric="impact_ratio", by=["race"], at_least=0.8, test=test, **options)


@pytest.fixture(scope="module")
def nights(of_groups):
    """Sixty days of three groups, one of which has had less from the thirtieth on."""

    def day(number):
        fewer = 12 if number < 30 else 7
        return of_groups({"white": (30, 20, 1), "Black": (fewer, 20 - fewer), "Hispanic": (6, 4)})

    return {FIRST + timedelta(days=number): day(number) for number in range(60)}


def test_a_control_fails_on_the_evidence_of_the_year_and_says_since_when(nights, declaration):
    year = Year(nights, DATES, 40, 40)
    window = total([tally for day, tally in nights.items() if day > FIRST + timedelta(days=35)])
    rows = fairness_measurements(window, control(), declaration, year)
    black, hispanic, white = (
        next(row for row in rows if row.group == {"race": race}) for race in ("Black", "Hispanic", "white")
    )
    assert white.e_value is None
    assert black.p_adjusted < 0.001 < black.e_value / 40
    assert black.p_value == pytest.approx(1 / black.e_value)
    assert black.p_adjusted <= 80 * 3 / black.e_value * (1 + 1e-9)
    assert hispanic.p_adjusted == 1
    assert black.value < black.minimum_detectable < 1
    assert black.n_needed < black.n
    assert hispanic.minimum_detectable < black.minimum_detectable  # of fewer decisions
    assert hispanic.n_needed is None  # its rate is the same as the best
    assert "60 of 365 nights of the year shared by 40 alarms" in black.method
    assert "closed means over 3 pairs" in black.method.lower()
    verdict = judge(control(), rows, partitions_present=24, partitions_expected=24)
    assert verdict.verdict == "fail"
    assert "changed about 2026-01-3" in verdict.reason
    alone = fairness_measurements(window, control(), declaration, Year(nights, DATES, 10**60, 10**60))
    assert judge(control(), alone, partitions_present=24, partitions_expected=24).verdict == "insufficient"
    dear = next(row for row in alone if row.group == {"race": "Black"})
    assert dear.minimum_detectable < black.minimum_detectable
    assert dear.n_needed > 10 * black.n_needed


def test_of_the_first_nights_little_can_be_said_and_is(of_groups, declaration):
    first = {FIRST: of_groups({"white": (299, 1), "Black": (3, 0)})}
    window = of_groups({"white": (900, 100), "Black": (200, 60)})
    rows = fairness_measurements(window, control(), declaration, Year(first, DATES, 20, 20))
    (black,) = (row for row in rows if row.group == {"race": "Black"})
    assert black.minimum_detectable == pytest.approx(0, abs=1e-6)


def test_numbers_are_cut_at_the_references_quantiles_every_night_alike(of_columns):
    random = np.random.default_rng(4)

    def day(mean):
        values = pl.Series([None, *random.normal(mean, 1, 119)], dtype=pl.Float64)
        return of_columns(income=values, plan=pl.Series(random.choice(["a", "b"], 120)))

    reference = [day(0) for _ in range(14)]
    nights = {FIRST + timedelta(days=number): day(0 if number < 20 else 0.5) for number in range(30)}
    options = {"from": FIRST - timedelta(days=14), "until": FIRST}
    control = Drift(kind="drift", of=["income", "plan"], at_most=0.1, reference=options, test={"error_over": "year"})
    rows = drift_measurements(total([*nights.values()][-7:]), total(reference), control)
    income, plan = over_the_year(rows, Year(nights, DATES, 40, 40, reference), control)
    assert (income.p_adjusted <= 0.05, plan.p_adjusted) == (True, 1)
    assert income.value == rows[0].value
    assert any(f"changed about {FIRST + timedelta(days=day)}" in income.note for day in (19, 20, 21))
    assert judge(control, [income, plan], partitions_present=7, partitions_expected=7).verdict == "fail"


def test_without_the_nights_a_year_cannot_be_asked_for(nights, declaration):
    with pytest.raises(WrongUse, match="nights of the year"):
        fairness_measurements(nights[FIRST], control(), declaration)


@pytest.mark.parametrize(
    "options", [{"metric": "selection_rate"}, {"test": {"error_over": "year", "against": "threshold"}}]
)
def test_only_what_compares_counts_with_equality_can_ask_for_it(options):
    with pytest.raises(ValueError, match="error_over"):
        Fairness(
            **{"kind": "fairness", "metric": "impact_ratio", "at_least": 0.8, "test": {"error_over": "year"}} | options
        )


def test_the_simulation_finds_a_fall_within_days_and_nothing_where_nothing_is():
    nights, held = found(2_000, 0.8, 120, 3)
    assert max(nights["e-process"]) <= 6
    assert held > 0.5
    random = np.random.default_rng(8)
    quiet = [alarms(simulated(random, 200, (0.6, 0.25, 0.15))) for _ in range(5)]
    assert not any(each["e-process"].any() or each["year"].any() for each in quiet)
    assert all(each["4/5"].any() and each["z, 5 %"].any() for each in quiet)
