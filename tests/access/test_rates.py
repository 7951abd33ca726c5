"""How much is read: clean traffic of people and services alarms nobody, an export and a slow creep are found and told."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gov_pipelines.access import READ_SCHEMA, Baseline, pattern_measurements
from gov_pipelines.access.rates import rate_series
from gov_pipelines.measure import departures, judge
from gov_pipelines.policy.kinds import AccessPattern

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
PEOPLE = ("ana", "ben", "cleo", "dev", "eve")


class Traffic:
    """Reads of an office: a service every day, people on working days, who go on leave, and whom somebody joins."""

    def __init__(self, seed, nights, grows=None):
        self.random, self.grows = np.random.default_rng(seed), grows
        leave = {name: self.random.integers(0, nights, 2) for name in PEOPLE}
        self.days = [self._day(day, leave) for day in range(nights)]

    def _day(self, day, leave):
        reads = [self._read(day, "svc-scoring", hour, 40 * (0.4 if day % 7 > 4 else 1)) for hour in range(24)]
        for number, name in enumerate(PEOPLE):
            away = day % 7 > 4 or any(0 <= day - first < 14 for first in leave[name])
            growth = 1.03 ** (day / 7) if name == self.grows else 1
            busy = self.random.gamma(9) / 9
            count = 0 if away else self.random.poisson(6 * busy * (1 + number / 3) * growth)
            reads += [self._read(day, name, int(hour), 30) for hour in self.random.integers(8, 18, count)]
        return pl.DataFrame(reads, schema={**READ_SCHEMA, "day": pl.String()}, orient="row")

    def _read(self, day, name, hour, rows):
        at = START + timedelta(days=day, hours=hour, minutes=int(self.random.integers(60)))
        returned = int(self.random.poisson(rows * self.random.gamma(4) / 4))
        return at, name, "office", "income", "loans", "deciding", returned, f"{day:04}"

    def judged(self, day, asked, more=(), window=1, reference=None):
        """The verdict of a night, with reads added to its log."""
        before = range(day - 56, day) if reference is None else reference
        days = range(day - window + 1, day + 1)
        extra = pl.DataFrame(more, schema={**READ_SCHEMA, "day": pl.String()}, orient="row")
        baseline = Baseline(pl.concat(self.days[one] for one in before), {f"{one:04}": one % 7 for one in before})
        log = pl.concat([*(self.days[one] for one in days), extra])
        rows = pattern_measurements(log, baseline, asked, "UTC", {f"{one:04}": one % 7 for one in days})
        return judge(asked, rows, partitions_present=1, partitions_expected=1)


def control(**more):
    asked = {"kind": "access_pattern", "watch": ["principal", "purpose"], "usual": ["reads", "rows"]}
    return AccessPattern.model_validate({**asked, "reference": {"weeks": 8}, **more})


@pytest.fixture(scope="module")
def office():
    return Traffic(3, 56 + 60)


def test_clean_traffic_alarms_nobody_and_a_leave_is_nothing(office):
    verdicts = [office.judged(day, control()) for day in range(56, 116, 2)]
    assert {verdict.verdict for verdict in verdicts} == {"pass"}


def export(office, day, name, rows):
    """One read of so many rows at three in the morning."""
    at = START + timedelta(days=day, hours=3, minutes=2)
    return [(at, name, "office", "income", "applicants", "deciding", rows, f"{day:04}")]


@pytest.mark.parametrize("name", ["ben", "svc-scoring"])
def test_an_export_at_night_is_found_the_same_night_with_first_last_and_example(office, name):
    usual = office.days[99].filter(principal=name)["rows"].sum()
    verdict = office.judged(99, control(), export(office, 99, name, 50 * usual))
    assert verdict.verdict == "fail"
    assert verdict.decisive.metric == "rows_to_usual"
    assert verdict.decisive.group == {"principal": name}
    assert verdict.reason.startswith(f"The number of rows read a day (principal: {name}) is ")
    first = "00:" if name == "svc-scoring" else "03:02"
    assert f"first 2026-04-14 {first}" in verdict.reason
    assert "for example field income, table applicants (adjusted" in verdict.reason
    hour = control(watch=["hour"])
    assert office.judged(99, hour, export(office, 99, "ben", 1)).verdict == "pass"  # the service reads at that hour


def with_reads(office, day, more):
    return pl.concat([office.days[day], pl.DataFrame(more, schema=office.days[day].schema, orient="row")])


def test_an_export_by_somebody_with_too_few_days_or_none_is_found(office):
    asked, seen = control(watch=["purpose"]), [*office.days]
    assert office.judged(99, asked, export(office, 99, "rare", 50_000)).decisive.group is None  # new; of all, too much
    office.days[93] = with_reads(office, 93, export(office, 93, "rare", 60))
    verdict = office.judged(99, asked, export(office, 99, "rare", 50_000))
    assert (verdict.verdict, verdict.decisive.group) == ("fail", None)  # seen once: too little to tell of them alone
    assert office.judged(99, asked, export(office, 99, "rare", 60)).verdict == "pass"
    for day in (50, 57, 65, 70, 78, 86):
        office.days[day] = with_reads(office, day, export(office, day, "rare", 40 + day))
    verdict = office.judged(99, asked, export(office, 99, "rare", 50_000))
    assert (verdict.verdict, verdict.decisive.group) == ("fail", {"principal": "rare"})
    assert verdict.reason.startswith("The number of rows read a day (principal: rare) is 50,000, usually at most ")
    assert office.judged(99, asked, export(office, 99, "rare", 400)).verdict == "pass"
    office.days = seen


def reader(random, days, rate, *, weekend=1.0, sigma=0.7, burst=False, on_call=False, growth=0.0):
    """Reads and rows of each day of one who reads now and then, some fields at once, on call one week in five."""
    day = np.arange(days)
    mean = rate * np.where(day % 7 > 4, weekend, 1) * np.exp(growth * day / 7)
    mean = np.where(on_call & (day // 7 % 5 == random.integers(5)), 5 * rate, mean)
    mean[(away := random.integers(days)) : away + 14] = 0
    times = random.poisson(mean) * (random.geometric(0.5, days) if burst else 1)
    fields = [random.integers(1, 4, count) for count in times]
    rows = [np.sum(each * np.exp(random.normal(0, sigma, len(each))) * 100) for each in fields]
    return np.array([[np.sum(each) for each in fields], np.round(rows)], float)


OFFICES = {
    "sparse, and a service": ([{"rate": rate, "sigma": 1} for rate in (0.02, 0.05, 0.1, 0.5, 1)], True),
    "seldom at weekends": ([{"rate": 3, "weekend": each} for each in (0.03, 0.03, 0, 0)], True),
    "nobody every day": ([{"rate": rate, "weekend": 0.2, "sigma": 1} for rate in (0.05, 0.3, 1)], False),
    "bursts": ([{"rate": 3, "weekend": 0.1, "sigma": 1, "burst": True}] * 4, True),
    "on call": ([{"rate": 2, "weekend": 0, "on_call": True}] * 4, True),
    "growing": ([{"rate": 2, "weekend": 0.05, "growth": 0.015}] * 4, True),
}


@pytest.mark.parametrize("name", OFFICES)
def test_chance_alone_alarms_no_more_than_declared_whoever_reads(name):
    random, nights, alarms, rare = np.random.default_rng(8), 200, 0, 100
    people, serves = OFFICES[name]
    days = 56 + nights
    service = np.array([np.full(days, 60.0), random.poisson(3000 * random.gamma(100, 0.01, days))])
    of = {f"{number}": reader(random, days, **each) for number, each in enumerate(people)}
    of |= {"service": service} if serves else {}
    for last in range(56, days):
        seen = {who: counts[:, last - 56 : last + 1] for who, counts in of.items()}
        known = {who: counts for who, counts in seen.items() if counts[0].any()}
        classes, judged = np.arange(last - 56, last + 1) % 7, np.arange(57) == 56
        rows = departures(rate_series(known, ("reads", "rows"), classes, judged)[1], [*classes], [*judged], rare)
        alarms += any(row.p_adjusted < 1 / rare for row in rows if row.p_adjusted is not None)
    assert alarms <= stats.binom.ppf(0.99, nights, 1 / rare)


def test_a_log_that_loses_most_of_its_reads_is_unusual_and_one_that_stops_is_missing(office):
    kept = office.days[99]
    office.days[99] = kept.filter(pl.col("principal") == "ben")
    assert office.judged(99, control()).verdict == "fail"
    office.days[99] = kept.clear()
    assert office.judged(99, control()).verdict == "missing"
    office.days[99] = kept


def test_reading_that_grows_slowly_is_told_from_fixed_days():
    office, asked = Traffic(4, 56 + 160, grows="cleo"), control(usual=["rows"], watch=["role"], one_false_alarm_in=500)
    nights = range(56 + 28, 56 + 160, 7)
    found = [day - 56 for day in nights if office.judged(day, asked, window=28, reference=range(56)).verdict == "fail"]
    assert found
    assert 84 <= found[0] <= 140  # 3 % a week; her rows scatter by 45 % from day to day
    assert office.judged(56 + found[0], asked).verdict == "pass"  # a single night, against the weeks before


def test_a_log_without_rows_cannot_be_asked_for_them(office):
    blind = [day.with_columns(rows=pl.lit(None, pl.Int64)) for day in office.days]
    seen, office.days = office.days, blind
    verdict = office.judged(99, control())
    office.days = seen
    assert verdict.verdict == "insufficient"
    assert "the access log does not say how many rows a read returned" in verdict.reason
