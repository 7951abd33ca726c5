"""Working days against their definition, counted day by day, and against numpy."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.people.working_days import later, working_days_since
from gov_pipelines.policy import Duration

days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
holidays = st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=40)
near = st.dates(date(2025, 12, 1), date(2027, 1, 31))


def works(day, off):
    return day.weekday() < 5 and day not in off


def working(count):
    return Duration(count, "working days")


@given(day=near, count=st.integers(1, 60), off=holidays)
def test_a_working_day_is_counted_one_by_one(day, count, off):
    end = later(day, working(count), off)
    passed = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(works(each, off) for each in passed) == count
    assert works(end, off)
    assert end == np.busday_offset(day, count, roll="backward", holidays=sorted(off)).item()


@given(day=near, more=st.integers(-10, 90), off=holidays)
def test_working_days_since_are_counted_one_by_one(day, more, off):
    passed = [day + timedelta(days=n) for n in range(1, more + 1)]
    assert working_days_since(day, day + timedelta(days=more), off) == sum(works(each, off) for each in passed)


@given(day=days, count=st.integers(1, 500))
def test_the_two_agree(day, count):
    end = later(day, working(count))
    assert working_days_since(day, end) == count
    assert working_days_since(day, end - timedelta(days=1)) == count - 1


@pytest.mark.parametrize(
    ("day", "span", "end"),
    [
        (date(2026, 11, 6), working(0), date(2026, 11, 6)),
        (date(2026, 11, 7), working(0), date(2026, 11, 7)),
        (date(2026, 11, 6), working(1), date(2026, 11, 9)),
        (date(2026, 11, 7), working(1), date(2026, 11, 9)),
        (date(2026, 1, 31), Duration(1, "months"), date(2026, 2, 28)),
        (date(2024, 2, 29), Duration(1, "years"), date(2025, 2, 28)),
        (date(2026, 12, 15), Duration(13, "months"), date(2028, 1, 15)),
        (date(2026, 11, 6), Duration(25, "hours"), date(2026, 11, 8)),
        (date(2026, 11, 6), Duration(30, "days"), date(2026, 12, 6)),
    ],
)
def test_spans_by_hand(day, span, end):
    assert later(day, span) == end
