"""Days against the same weekdays: by simulation the error rate on scattered counts and what is found; and what is said."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import (
    Measurement,
    Series,
    departures,
    disclosed,
    judge,
    tally,
    tally_from_json,
    tally_json,
    unusable,
    usual_measurements,
    weekday_of,
)
from gov_pipelines.policy.kinds import OperatingRange

from .conftest import DAY, MOMENT, accounting

WEEK = np.array([1.1, 1.0, 1.0, 1.0, 1.05, 0.4, 0.25])
NIGHTS = 100
ROW = Measurement("volume_to_usual", ("volume",))


def scattered(random, mean, scatter, days, shape="gamma"):
    """Counts of days whose means follow the week and scatter by so much, as overdispersed as real ones."""
    if shape == "gamma":
        factor = random.gamma(1 / scatter**2, scatter**2, days)
    else:
        sigma = np.sqrt(np.log1p(scatter**2))
        factor = np.exp(sigma * random.normal(size=days) - sigma**2 / 2)
    return random.poisson(mean * WEEK[np.arange(days) % 7] * factor).astype(float)


def compared(counts, last=1, nights=NIGHTS, **more):
    days = len(counts)
    weekdays, judged = [day % 7 for day in range(days)], [day >= days - last for day in range(days)]
    (row,) = departures([Series(ROW, np.asarray(counts, float), **more)], weekdays, judged, nights)
    return row


def alarmed(row, nights=NIGHTS):
    return row.p_adjusted < 1 / nights


@pytest.mark.parametrize(
    ("mean", "scatter", "shape", "weeks"),
    [(3, 0.2, "gamma", 8), (1000, 0.4, "gamma", 8), (1000, 0.4, "log-normal", 8), (200, 0.15, "log-normal", 4)],
)
def test_chance_alone_alarms_no_more_than_declared(mean, scatter, shape, weeks):
    random, tried = np.random.default_rng(5), 1200
    alarms = 0
    for night in range(tried):
        alarms += alarmed(compared(scattered(random, mean, scatter, weeks * 7 + 1 + night % 7, shape)))
    assert alarms <= stats.binom.ppf(0.999, tried, 1 / NIGHTS)


def test_all_hours_together_alarm_no_more_than_declared():
    random, days, alarms, tried = np.random.default_rng(6), 57, 0, 120
    usual = np.exp(-(((np.arange(24) - 13) / 4) ** 2)) + 0.002
    weekdays, judged = [day % 7 for day in range(days)], [day == 56 for day in range(days)]
    for _ in range(tried):
        of = scattered(random, 300, 0.2, days)
        hours = np.array([random.multinomial(int(n), random.dirichlet(300 * usual)) for n in of], float)
        rows = departures([Series(ROW, hours[:, hour], of) for hour in range(24)], weekdays, judged, NIGHTS)
        alarms += any(alarmed(row) for row in rows if row.p_value is not None)
    assert alarms <= stats.binom.ppf(0.999, tried, 1 / NIGHTS)


@pytest.mark.parametrize("factor", [0.4, 2])
def test_a_volume_doubled_or_more_than_halved_is_found_the_same_night(factor):
    random, found = np.random.default_rng(7), 0
    for _ in range(100):
        counts = scattered(random, 1000, 0.1, 57)
        counts[-1] *= factor
        found += alarmed(compared(counts, nights=5000), 5000)
    assert found >= 95


def test_a_sundays_volume_on_a_monday_is_unusual_and_on_a_sunday_is_not():
    counts = scattered(np.random.default_rng(8), 1000, 0.1, 8 * 7 + 7)
    assert not alarmed(compared(counts, nights=5000), 5000)
    counts[-7] = counts[-1]
    assert alarmed(compared(counts[:-6], nights=5000), 5000)


def test_a_bad_day_does_not_hide_the_next_and_a_holiday_is_a_sunday():
    counts = scattered(np.random.default_rng(9), 1000, 0.1, 58)
    counts[[20, -1]] *= [50, 2]
    row = compared(counts, nights=5000)
    assert alarmed(row, 5000)
    assert "1 reference days unlike the others left out" in row.note
    assert weekday_of(date(2026, 12, 25), "UTC", [date(2026, 12, 25)]) == weekday_of(date(2026, 12, 27), "UTC", [])
    summer, winter = (datetime(2026, month, 6, hour, tzinfo=UTC) for month, hour in ((7, 12), (4, 12)))
    assert weekday_of(summer, "America/New_York", []) == 8  # eight o'clock on a Monday
    assert weekday_of(winter - timedelta(days=60), "America/New_York", []) % 24 == 7


def test_a_new_level_fails_for_some_nights_and_then_is_usual():
    random = np.random.default_rng(10)
    counts = scattered(random, 1000, 0.1, 57 + 70)
    counts[57:] *= 2
    nights = [alarmed(compared(counts[end - 57 : end], nights=5000), 5000) for end in range(57, 57 + 71)]
    assert nights[:4] == [False, True, True, True]
    assert not any(nights[-14:])


def test_growth_of_three_percent_a_week_is_told_from_fixed_days_and_not_from_moving_ones():
    random, found, moving = np.random.default_rng(11), [], 0
    for _ in range(5):
        counts = scattered(random, 1000, 0.15, 56 + 200)
        counts[56:] *= 1.03 ** (np.arange(200) / 7)
        for end in range(84, 256, 7):
            fixed = np.concatenate([counts[:56], counts[end - 28 : end]])
            if alarmed(compared(fixed, last=28, nights=5000, only_more=True), 5000):
                found.append(end - 56)
                break
        moving += sum(alarmed(compared(counts[end - 57 : end], nights=5000), 5000) for end in range(84, 256, 7))
    assert len(found) == 5
    assert max(found) <= 98  # nights from the start of the growth
    assert moving <= 1


@given(st.lists(st.integers(0, 400), min_size=57, max_size=57), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_one_unless_the_test_rejects(counts, only_more):
    row = compared(counts, only_more=only_more)
    assert row.p_value is not None
    if not np.isclose(row.p_adjusted, 1 / NIGHTS, rtol=1e-3) and row.lower is not None:
        inside = row.lower <= 1 and (row.upper is None or row.upper >= 1)
        assert inside != alarmed(row)
    assert row.minimum_detectable >= 1


def test_too_few_weeks_are_told():
    row = compared([100.0] * 22)
    assert (row.value, row.p_adjusted) == (None, None)
    assert row.note == "4 reference days of each weekday are needed, and one has 3"
    idle = compared([100.0] * 57, days=np.arange(57) < 56)
    assert idle.note == "nothing was counted on these days"


def control(**more):
    return OperatingRange.model_validate({"kind": "operating_range", "usual": ["volume", "hours", "decision"], **more})


def day_of(declaration, day, denied=20, approved=80, night=0, product="loan"):
    """The tally of a day: decisions at noon, or at three in the morning, in New York."""
    noon, three = (datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in (16, 7))
    log = pl.DataFrame(
        {
            "decided_at": [three] * night + [noon] * (denied + approved - night),
            "decision": ["denied"] * denied + ["approved"] * approved,
            "product": [product] + ["loan"] * (denied + approved - 1),
            "race": "white",
            "sex": "f",
        },
        schema_overrides={"decided_at": MOMENT},
    )
    return tally(log, declaration, accounting(denied + approved), day)


@pytest.fixture(scope="module")
def before(declaration):
    days = [DAY + timedelta(days=number) for number in range(56)]
    return {day: day_of(declaration, day, 18 + day.day % 5, 78 + day.day % 7) for day in days}


LAST = DAY + timedelta(days=56)


def judged(before, tonight, asked):
    tallies = {**before, LAST: tally_from_json(tally_json(tonight))}
    weekdays = {day: weekday_of(day, "UTC", []) for day in tallies}
    rows = usual_measurements(tallies, weekdays, LAST, asked)
    return judge(asked, rows, partitions_present=1, partitions_expected=1)


@pytest.mark.parametrize(
    ("tonight", "reason"),
    [
        ({"denied": 40, "approved": 160}, "The number of decisions a day (volume) is 200, usually "),
        ({"denied": 20_000, "approved": 0}, "The number of decisions (decision: approved) is 0 of 20,000, usually "),
        ({"denied": 60, "approved": 40}, "The number of decisions (decision: denied) is 60 of 100, usually "),
        ({"night": 30}, "The number of decisions (hours: 03) is 30 of 100, usually 0 to "),
        ({"product": "crypto"}, "The number of new values of product is 1 (a rare value: 1 rows, first 2026-10-27, last 2026-10-27), above 0."),
    ],
)  # fmt: skip
def test_each_fault_is_found_and_told(declaration, before, tonight, reason):
    asked = control(new=["product"])
    assert judged(before, day_of(declaration, LAST), asked).verdict == "pass"
    verdict = judged(before, day_of(declaration, LAST, **tonight), asked)
    assert verdict.verdict == "fail"
    assert verdict.reason.startswith(reason)


def test_what_cannot_be_compared_is_insufficient_and_what_was_not_is_missing(declaration, before):
    few = dict(list(before.items())[-20:])
    verdict = judged(few, day_of(declaration, LAST), control())
    assert verdict.verdict == "insufficient"
    assert "4 reference days of each weekday are needed" in verdict.reason
    rows = unusable(control(new=["product"]), "no reason")
    assert [(row.metric, row.attribute, row.note) for row in rows] == [
        ("volume_to_usual", ("volume",), "no reason"),
        ("share_to_usual", ("hours",), "no reason"),
        ("share_to_usual", ("decision",), "no reason"),
        ("new_values", ("product",), "no reason"),
    ]
    for absent in range(4):
        rest = rows[:absent] + rows[absent + 1 :]
        found = judge(control(new=["product"]), rest, partitions_present=1, partitions_expected=1)
        assert found.verdict == "missing"


def test_small_cells_that_were_merged_are_refused(before):
    published = {day: disclosed(one) for day, one in before.items()}
    with pytest.raises(WrongUse, match="merged"):
        usual_measurements(published, dict.fromkeys(published, 0), LAST, control())
