"""How much is read: clean traffic of people and services alarms nobody, an export and a slow creep are found and told."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gov_pipelines.access import READ_SCHEMA, Baseline, pattern_measurements
from gov_pipelines.measure import judge
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


def test_an_export_by_somebody_with_too_few_days_or_none_is_found(office):
    asked, seen = control(watch=["purpose"]), office.days[93]
    assert office.judged(99, asked, export(office, 99, "rare", 50_000)).decisive.group is None  # new; of all, too much
    office.days[93] = pl.concat([seen, pl.DataFrame(export(office, 93, "rare", 60), schema=seen.schema, orient="row")])
    verdict = office.judged(99, asked, export(office, 99, "rare", 1) * 40)
    assert (verdict.verdict, verdict.decisive.group) == ("fail", {"principal": "rare"})
    assert verdict.reason.startswith("The number of reads a day (principal: rare) is 40, usually at most 1")
    assert office.judged(99, asked, export(office, 99, "rare", 60)).verdict == "pass"
    office.days[93] = seen


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
