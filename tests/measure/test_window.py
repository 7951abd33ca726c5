from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.measure import window_bounds, window_partitions
from gov_pipelines.policy.durations import parse_window

STARTS = date(2026, 1, 10)
ZONE = "America/New_York"


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
    found = window_partitions(parse_window(window), date(2026, 3, 5), STARTS)
    assert (found[0], found[-1], len(found)) == (first, date(2026, 3, 5), days)


def test_before_the_first_partition_there_is_no_window():
    assert window_partitions(parse_window("7 days"), date(2026, 1, 9), STARTS) == []


@given(st.dates(date(2026, 1, 10), date(2030, 1, 1)), st.integers(1, 400))
def test_windows_are_days_in_a_row(partition, days):
    found = window_partitions(parse_window(f"{days} days"), partition, STARTS)
    assert len(found) == min(days, (partition - STARTS).days + 1)
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(found))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)])
def test_days_on_which_clocks_change_keep_their_length(day, hours):
    start, end = window_bounds(parse_window("partition"), day, STARTS, ZONE)
    assert end - start == timedelta(hours=hours)


def test_bounds_are_utc_instants_and_windows_meet():
    start, end = window_bounds(parse_window("2 days"), date(2026, 6, 2), STARTS, ZONE)
    assert (start, end) == (datetime(2026, 6, 1, 4, tzinfo=UTC), datetime(2026, 6, 3, 4, tzinfo=UTC))
    assert start.tzinfo is UTC
    assert window_bounds(parse_window("partition"), date(2026, 6, 3), STARTS, ZONE)[0] == end


def test_where_clocks_skip_midnight_the_day_begins_at_the_skip():
    # Cairo, 2026-04-24: 00:00 becomes 01:00 at 22:00 UTC.
    start, _ = window_bounds(parse_window("partition"), date(2026, 4, 24), STARTS, "Africa/Cairo")
    assert start == datetime(2026, 4, 23, 22, tzinfo=UTC)
