from datetime import UTC, datetime, timedelta

import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import freshness_measurement, judge, quality_measurements, range_measurements, tally, total
from gov_pipelines.policy import partition_of
from gov_pipelines.policy.kinds import Freshness, LogQuality, OperatingRange

from .conftest import DAY, accounting


def quality(metric, **options):
    return LogQuality(kind="log_quality", metric=metric, **options)


def test_shares_of_the_log(loans, mortgages):
    sex, income = quality_measurements(loans, quality("missing_share", of=["sex", "income"]), mortgages)
    assert (sex.value, sex.n, sex.attribute) == (pytest.approx(15 / 1987), 1987, ("sex",))
    assert sex.lower < sex.value < sex.upper
    assert income.value == 0
    (quarantined,) = quality_measurements(loans, quality("quarantined_share"), mortgages)
    assert (quarantined.value, quarantined.n) == (pytest.approx(2 / 1989), 1989)
    (duplicate,) = quality_measurements(loans, quality("duplicate_share"), mortgages)
    assert (duplicate.value, duplicate.lower) == (0, 0)


def test_undated_rows_are_quarantined_ones_that_no_day_has(loanapp, mortgages):
    days = [
        tally(
            loanapp, mortgages, accounting(loanapp.height, quarantined=2) | {"undated": undated}, DAY + timedelta(day)
        )
        for day, undated in enumerate((10, 13))
    ]
    control = quality("quarantined_share", at_most=0.004)
    (one,), (both,) = (quality_measurements(total(some), control, mortgages) for some in (days[:1], days))
    assert (one.value, one.n, one.note) == (pytest.approx(12 / 1999), 1999, "12 of 1,999 rows, 10 of them undated")
    # The second day found three more of the same source: 13, not 23.
    assert (both.value, both.n) == (pytest.approx((4 + 13) / (2 * 1989 + 13)), 2 * 1989 + 13)
    assert judge(control, [both], partitions_present=2, partitions_expected=2).verdict == "fail"
    (duplicate,) = quality_measurements(total(days), quality("duplicate_share"), mortgages)
    assert (duplicate.n, duplicate.note) == (2 * 1989, "0 of 3,978 rows")


def test_of_no_rows_nothing_is_said(of_groups, declaration):
    for control in (quality("missing_share", of=["sex"]), quality("duplicate_share")):
        (row,) = quality_measurements(of_groups({}), control, declaration)
        assert (row.value, row.lower, row.note) == (None, None, "no rows")


def test_a_column_the_log_lacks_is_refused(loans, mortgages):
    with pytest.raises(WrongUse, match="no column age"):
        quality_measurements(loans, quality("missing_share", of=["age"]), mortgages)


@pytest.fixture(scope="module")
def ranged(declare, loanapp):
    declared = declare(operating_range={"amount": [10, 400], "rows_per_day": [20, 2000]})
    own = [("amount", (None, 500.0))]
    days = [
        tally(rows, declared, accounting(rows.height), DAY + timedelta(days=day), own)
        for day, rows in enumerate((loanapp.head(10), loanapp.slice(10)))
    ]
    return declared, days


def test_rows_and_days_outside_the_declared_ranges(ranged, loanapp):
    declared, (short, full) = ranged
    amount, days = range_measurements(short + full, OperatingRange(kind="operating_range"), declared)
    outside = loanapp["amount"].is_between(10, 400).not_().sum()
    assert (amount.metric, amount.value, amount.n) == ("rows_outside_range", outside, 1987)
    assert (days.metric, days.value, days.n, days.note) == ("days_outside_range", 1, 2, "10 rows on 2026-09-01")
    assert range_measurements(full, OperatingRange(kind="operating_range"), declared)[1].note == "1,977 rows"


def test_a_controls_own_ranges_are_counted_or_have_no_value(ranged):
    declared, (short, full) = ranged
    own = OperatingRange(kind="operating_range", ranges={"amount": (None, 500.0)})
    assert range_measurements(short + full, own, declared)[0].value is not None
    other = OperatingRange(kind="operating_range", ranges={"amount": (None, 600.0)})
    (row,) = range_measurements(short + full, other, declared)
    assert row.value is None
    assert row.note == "at most 600 was counted in 0 of 1,987 rows"


def test_a_range_that_nothing_can_be_outside_is_not_tested(loans, mortgages):
    for limits, tested in (((0, None), False), ((0, 9), True), ((1, None), True)):
        control = OperatingRange(kind="operating_range", ranges={"amount": (0, None), "rows_per_day": limits})
        amount, days = range_measurements(loans, control, mortgages)
        assert (amount.tested, days.tested) == (True, tested)


def test_hours_since_the_newest_decision(loans, of_groups, declaration):
    control = Freshness(kind="freshness", within="24 hours")
    # The newest is at noon UTC; New York's day ends at 04:00 UTC.
    assert loans.newest == datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert freshness_measurement(loans.newest, loans.rows, control, declaration, DAY).value == 16
    assert freshness_measurement(None, 0, control, declaration, DAY).value is None


@pytest.mark.parametrize(
    ("hours", "verdict", "words"),
    [
        (6, "pass", "The time in hours since the newest read is 6.0, at most 24.0."),
        (25, "fail", "The time in hours since the newest read is 25.0, above 24.0."),
        (None, "missing", "The time in hours since the newest read cannot be told: the access log holds no read in the window."),
    ],
)  # fmt: skip
def test_a_log_of_reads_that_stops_is_missing(declare, hours, verdict, words):
    hourly = declare(partitions="hourly", zone="UTC")
    hour = partition_of("2026-09-03T14Z")
    newest = None if hours is None else datetime(2026, 9, 3, 15, tzinfo=UTC) - timedelta(hours=hours)
    control = Freshness(kind="freshness", of="access_log", within="24 hours", window="3 days")
    row = freshness_measurement(newest, 9, control, hourly, hour)
    judged = judge(control, [row], partitions_present=1, partitions_expected=1)
    assert (judged.verdict, judged.reason) == (verdict, words)
