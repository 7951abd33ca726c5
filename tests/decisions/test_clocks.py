"""Local dates by comparisons are those of the zone, asked one by one."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions.clocks import Clock, clock_between

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = sorted(
    {zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))}
)


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


def frame(moments):
    return pl.DataFrame({"at": moments}, schema={"at": pl.Datetime("us", "UTC")})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1975, 1, 1), date(2035, 1, 1)), st.integers(1, 500))
def test_dates_are_those_of_the_zone_also_where_its_clocks_change(zone, start, days):
    place = ZoneInfo(zone)
    midnights = [
        datetime.combine(start + timedelta(days=each), time(), place).astimezone(UTC) for each in range(days + 1)
    ]
    moments = [moment + timedelta(microseconds=beside) for moment in midnights for beside in (-1, 0, 1)]
    clock = clock_between(zone, micros(min(moments)), micros(max(moments)))
    changes = [since + timedelta(microseconds=beside) for since, _ in clock.offsets[1:] for beside in (-1, 0)]
    assert clock.offsets
    assert frame(moments + changes).select(clock.date(pl.col("at"))).to_series().to_list() == [
        moment.astimezone(place).date() for moment in moments + changes
    ]


def test_moments_that_lie_far_apart_are_asked_of_the_zone_itself():
    moments = [datetime(1950, 7, 1, 3, 59, tzinfo=UTC), datetime(2026, 7, 1, 4, 1, tzinfo=UTC)]
    clock = clock_between("America/New_York", *map(micros, moments))
    assert clock == Clock("America/New_York")
    dates = frame(moments).select(clock.date(pl.col("at"))).to_series().to_list()
    assert [date.isoformat() for date in dates] == ["1950-06-30", "2026-07-01"]


def test_a_year_that_python_does_not_have_breaks_nothing():
    far = pl.Series([2**58]).cast(pl.Datetime("us", "UTC"))
    clock = clock_between("Europe/Berlin", 2**58, 2**58 + 1)
    assert pl.DataFrame({"at": far}).select(clock.date(pl.col("at"))).height == 1
