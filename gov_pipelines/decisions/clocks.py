"""When clocks change: local dates of many moments at once, and the naive times of a window.

Polars asks the time zone anew for every value, which costs more than all else a rule does. Clocks change twice a year: where
moments lie within a few years of one another, a few comparisons say the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.decisions.places import During

_FAR = timedelta(days=5 * 366) // timedelta(microseconds=1)
_AGES = 40 * _FAR
_DAY, _HOUR, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
_REPEATED = timedelta(hours=3)  # clocks are never set back by more than that
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a time zone, over the moments it is asked about.

    Attributes:
        zone: IANA name.
        offsets: from when (UTC) which difference to UTC, oldest first; empty where the moments lie far apart.
    """

    zone: str
    offsets: tuple[tuple[datetime, timedelta], ...] = ()

    def date(self, moment: pl.Expr) -> pl.Expr:
        """The local calendar date of a moment."""
        if not self.offsets:
            return moment.dt.convert_time_zone(self.zone).dt.date()
        (_, offset), *changes = self.offsets
        ahead = pl.lit(offset)
        for since, changed in changes:
            ahead = pl.when(moment >= since).then(pl.lit(changed)).otherwise(ahead)
        return (moment + ahead).dt.date()


def clock_between(zone: str, first: int, last: int) -> Clock:
    """The clock of a zone for all moments from the first to the last, in microseconds since 1970.

    Integers, since a source may hold years that Python's datetime does not have.
    """
    if last - first > _FAR or max(abs(first), abs(last)) > _AGES:
        return Clock(zone)
    start, end = (_EPOCH + timedelta(microseconds=each) for each in (first // 1_000_000 * 1_000_000, last))
    place = ZoneInfo(zone)
    return Clock(
        zone, ((start, ahead(start, place)), *((at, after) for at, _, after in changes(place, start, end, _DAY)))
    )


def ahead(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far a zone is ahead of UTC at an instant."""
    return moment.astimezone(zone).utcoffset() or timedelta()


def changes(
    zone: ZoneInfo, first: datetime, last: datetime, step: timedelta
) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """The instants (UTC) between two at which a zone changes how far it is ahead, and how far it is before and after.

    Args:
        zone: whose clocks.
        first: a full second, in UTC.
        last: any later instant.
        step: what changes and changes back within one is passed over.
    """
    marks = (min(first + n * step, last) for n in range(-((first - last) // step) + 1))
    for low, high in pairwise(marks):
        before, after = ahead(low, zone), ahead(high, zone)
        if before == after:
            continue
        seconds = range((high - low) // _SECOND + 2)
        first_after = bisect_left(seconds, x=True, key=lambda n: ahead(low + n * _SECOND, zone) != before)
        yield low + first_after * _SECOND, before, after


@dataclass(frozen=True, slots=True)
class Naive:
    """Naive times whose instants lie in a window: from `start` (inclusive) to `end` (exclusive), but for `skipped` ones.

    Of an hour that clocks repeat a naive time is the first, as in `as_moment`: the second hour holds none. Times that
    clocks skip are no instants; `skipped` are the half-open spans of them within the bounds.
    """

    start: datetime
    end: datetime
    skipped: tuple[tuple[datetime, datetime], ...] = ()


def naive(during: During) -> Naive:
    """The bounds for a source without zones, whose times are read in `during.zone`."""
    zone = ZoneInfo(during.zone)
    start, end = (_first_at_or_after(moment, zone) for moment in (during.start, during.end))
    skipped = (
        (_local(at, zone) - (after - before), _local(at, zone))
        for at, before, after in changes(zone, during.start, during.end, _HOUR)
        if after > before
    )
    return Naive(start, end, tuple(skipped))


def days(during: During) -> tuple[date, date]:
    """The bounds for a source that keeps dates: the first day that begins in the window, and the first that begins after."""
    zone = ZoneInfo(during.zone)
    first, last = (_day_from(moment, zone) for moment in (during.start, during.end))
    return first, last


def _day_from(moment: datetime, zone: ZoneInfo) -> date:
    """The first day that does not begin before an instant."""
    day = _local(moment, zone).date() - _DAY  # where clocks skip a whole day, it begins with the next one
    while datetime.combine(day, time(), zone).astimezone(UTC) < moment:  # where they skip midnight, at the skip
        day += _DAY
    return day


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _first_at_or_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first naive time whose instant is not before this one."""
    if moment.astimezone(zone).fold:  # in the second of two same hours: naive times up to its end mean the first
        for at, before, _ in changes(zone, moment - _REPEATED, moment, _REPEATED):
            return (at + before).replace(tzinfo=None)
    return _local(moment, zone)
