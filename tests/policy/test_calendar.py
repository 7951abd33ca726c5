from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.policy import (
    Calendar,
    LastVerdict,
    coverage_matrix,
    load_declaration,
    load_policies,
    newest_due,
    partition_key,
    partition_of,
)
from gov_pipelines.policy.durations import parse_window

STARTS = date(2026, 1, 10)
ZONE = "America/New_York"
DAYS = Calendar(STARTS, ZONE)
HOURS = Calendar(STARTS, ZONE, hourly=True)


@pytest.mark.parametrize(
    ("window", "first", "days"),
    [
        ("partition", date(2026, 3, 5), 1),
        ("7 days", date(2026, 2, 27), 7),
        ("calendar month", date(2026, 3, 1), 5),
        ("calendar year", STARTS, 55),
        ("all", STARTS, 55),
        ("90 days", STARTS, 55),
    ],
)
def test_a_window_ends_with_its_partition_and_starts_no_earlier_than_the_system(window, first, days):
    found = DAYS.window(parse_window(window), date(2026, 3, 5))
    assert (found[0], found[-1], len(found)) == (first, date(2026, 3, 5), days)


def test_before_the_first_partition_there_is_no_window():
    assert DAYS.window(parse_window("7 days"), date(2026, 1, 9)) == []


@given(st.dates(date(2026, 1, 10), date(2030, 1, 1)), st.integers(1, 400))
@settings(deadline=None)
def test_windows_are_days_in_a_row(partition, days):
    found = DAYS.window(parse_window(f"{days} days"), partition)
    assert len(found) == min(days, (partition - STARTS).days + 1)
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(found))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)])
def test_days_on_which_clocks_change_keep_their_length(day, hours):
    start, end = DAYS.span(day)
    assert end - start == timedelta(hours=hours)
    of_the_day = HOURS.between(day, day)
    assert len(of_the_day) == hours
    assert (of_the_day[0], of_the_day[-1] + timedelta(hours=1)) == (start, end)
    assert {HOURS.day(hour) for hour in of_the_day} == {day}


def test_bounds_are_utc_instants_and_windows_meet():
    start, end = DAYS.bounds(parse_window("2 days"), date(2026, 6, 2))
    assert (start, end) == (datetime(2026, 6, 1, 4, tzinfo=UTC), datetime(2026, 6, 3, 4, tzinfo=UTC))
    assert start.tzinfo is UTC
    assert DAYS.bounds(parse_window("partition"), date(2026, 6, 3))[0] == end


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/Havana", "2026-03-08", "2026-03-08T05:00Z", 23),  # 00:00 becomes 01:00
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00Z", 23),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00Z", 23),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23),
        ("America/Asuncion", "2024-10-06", "2024-10-06T04:00Z", 23),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", 0),  # a day that never came
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z", 25),  # 01:00 becomes 00:00: midnight comes twice
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00Z", 25),
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00Z", 25),  # the day's last hour comes twice, midnight once
        ("Africa/Cairo", "2026-10-30", "2026-10-29T22:00Z", 24),
        ("Asia/Beirut", "2026-10-25", "2026-10-24T22:00Z", 24),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00Z", 25),
        ("America/Asuncion", "2024-03-23", "2024-03-23T03:00Z", 25),
    ],
)
def test_where_clocks_skip_midnight_the_day_begins_at_the_skip_and_where_it_comes_twice_at_the_first(
    zone, day, start, hours
):
    calendar = Calendar(STARTS, zone)
    begins, ends = calendar.span(date.fromisoformat(day))
    assert (begins, ends - begins) == (datetime.fromisoformat(start), timedelta(hours=hours))
    if hours:
        tick = timedelta(microseconds=1)
        days = [calendar.day(moment) - date.fromisoformat(day) for moment in (begins, ends - tick, ends)]
        assert days == [timedelta(days=n) for n in (0, 0, 1)]


@given(st.integers(0, 30_000))
@settings(deadline=None)
def test_an_hour_is_a_utc_instant_that_prints_as_its_key(number):
    hour = HOURS.just_over(datetime(2026, 1, 10, 5, 59, tzinfo=UTC) + timedelta(hours=number))
    assert hour == datetime(2026, 1, 10, 4, tzinfo=UTC) + timedelta(hours=number)
    assert partition_of(partition_key(hour)) == partition_of(str(hour)) == hour
    assert f"{hour}" == f"{datetime.fromtimestamp(hour.timestamp(), UTC):%Y-%m-%dT%HZ}"
    assert HOURS.span(hour) == (hour, hour + timedelta(hours=1))


def test_keys_are_days_or_hours_and_sort_as_time_does():
    keys = [partition_key(each) for each in (date(2026, 9, 1), *HOURS.between(date(2026, 9, 1), date(2026, 9, 1))[:2])]
    assert keys == ["2026-09-01", "2026-09-01T04Z", "2026-09-01T05Z"] == sorted(keys)
    for text in ("2026-9-1T", "yesterday", "2026-09-01T4", "2026-09-01T14:30Z"):
        with pytest.raises(ValueError, match="does not match"):
            partition_of(text)


def test_the_windows_of_an_hour_are_those_of_its_local_day_up_to_itself():
    hour = partition_of("2026-06-03T02Z")  # 22:00 of the 2nd in New York
    assert HOURS.window(parse_window("partition"), hour) == [hour]
    found = HOURS.window(parse_window("2 days"), hour)
    assert (found[0], found[-1], len(found)) == (partition_of("2026-06-01T04Z"), hour, 47)
    assert HOURS.bounds(parse_window("2 days"), hour) == (found[0], hour + timedelta(hours=1))
    assert HOURS.window(parse_window("calendar month"), hour) == HOURS.between(date(2026, 6, 1), hour)
    assert HOURS.bounds(parse_window("all"), hour)[0] == HOURS.span(STARTS)[0]


def test_the_newest_partition_is_over():
    last_minute, midnight = datetime(2026, 1, 11, 4, 59, tzinfo=UTC), datetime(2026, 1, 11, 5, tzinfo=UTC)
    assert (DAYS.newest(last_minute), DAYS.newest(midnight)) == (None, STARTS)
    assert HOURS.newest(datetime(2026, 1, 10, 5, 59, tzinfo=UTC)) is None
    assert HOURS.newest(midnight) == partition_of("2026-01-11T04Z")
    assert HOURS.before(partition_of("2026-01-10T05Z")) is None
    assert HOURS.before(partition_of("2026-01-10T06Z")) == partition_of("2026-01-10T05Z")
    for calendar, last in ((DAYS, date(2026, 1, 19)), (HOURS, partition_of("2026-01-20T04Z"))):
        ended = Calendar(STARTS, ZONE, date(2026, 1, 20), hourly=calendar.hourly)
        assert ended.newest(datetime(2026, 1, 21, tzinfo=UTC)) == last
        assert ended.has(last)


def test_some_days_of_the_year_alone_are_partitions():
    sparse = Calendar(
        date(1997, 1, 1), "America/Toronto", date(2003, 1, 1), only_on=frozenset({"01-15", "02-29", "12-01"})
    )
    assert len(sparse.between(sparse.starts, date(2030, 1, 1))) == 13
    year = sparse.window(parse_window("calendar year"), date(2000, 12, 1))
    assert year == [date(2000, 1, 15), date(2000, 2, 29), date(2000, 12, 1)]
    assert sparse.window(parse_window("60 days"), date(2000, 2, 29)) == year[:2]
    assert sparse.bounds(parse_window("calendar year"), year[1])[0] == datetime(2000, 1, 1, 5, tzinfo=UTC)
    assert sparse.newest(datetime(2026, 1, 1, tzinfo=UTC)) == date(2002, 12, 1)
    assert [sparse.before(day) for day in (date(2001, 1, 15), date(1997, 1, 15))] == [date(2000, 12, 1), None]
    assert (sparse.has(date(2000, 2, 29)), sparse.has(date(2001, 2, 28))) == (True, False)


def due(files, changed, today):
    """What is due of the system with other lines for its zone, and how stale its newest verdict is."""
    files.change(files.defs, "  zone: Europe/Berlin\n", changed)
    declaration = load_declaration(files.defs)
    policies, _ = load_policies(files.root / "expectations")
    newest = newest_due(declaration, today)
    told = declaration.calendar.before(newest)
    cells = coverage_matrix(
        policies, [declaration], {("hiring", "house-hiring/H-1"): LastVerdict("pass", told, told)}, today=today
    )
    return str(newest), cells[0].age_days, cells[0].state


def test_what_is_due_and_stale_follows_the_calendar(files):
    found = due(files, "  zone: Europe/Berlin\n  only_on: [09-15, 10-15]\n", date(2026, 12, 24))
    assert found == ("2026-10-15", 1, "working"), "thirty days before the newest, but one partition"


def test_of_an_hourly_system_the_last_hour_is_due(files):
    files.change(files.defs, "rows_per_day", "rows_per_hour")
    now = datetime(2026, 12, 24, 15, 30, tzinfo=UTC)
    assert due(files, "  zone: Europe/Berlin\n  partitions: hourly\n", now) == ("2026-12-24T14Z", 0, "working")


def test_an_hourly_system_names_its_rows_by_the_hour(files):
    files.change(files.defs, "  zone: Europe/Berlin\n", "  zone: Europe/Berlin\n  partitions: hourly\n")
    assert "rows_per_hour" in files.only_mistake()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("  zone: UTC\n  only_on: [02-30]\n", "is no day of a year"),
        ("  zone: UTC\n  only_on: [jan]\n", "only_on"),
        ("  zone: UTC\n  partitions: hourly\n  only_on: [01-15]\n", "emove one of the two"),
        ("  zone: Asia/Kolkata\n  partitions: hourly\n", "does not begin at a full hour"),
        ("  zone: Australia/Lord_Howe\n  partitions: hourly\n", "does not begin at a full hour"),
        ("  zone: UTC\n  partitions: hourly\n  schedule: {at: 02:00}\n", "schedule.minute"),
        ("  zone: UTC\n  schedule: {minute: 5}\n", "schedule.at"),
    ],
)
def test_a_calendar_nobody_could_keep_is_refused_in_words(files, written, said):
    files.change(files.defs, "  zone: Europe/Berlin\n", written)
    assert said in files.only_mistake()
