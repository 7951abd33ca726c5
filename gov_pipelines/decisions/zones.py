"""A window of instants as bounds of naive times, exact where clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from gov_pipelines.decisions.places import During

_HOUR, _REPEATED = timedelta(hours=1), timedelta(hours=3)  # clocks are never set back by more than that


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
    hours = -(-(during.end - during.start) // _HOUR)
    marks = [min(during.start + n * _HOUR, during.end) for n in range(hours + 1)]
    changes = (_changed(before, after, zone) for before, after in pairwise(marks))
    skipped = (
        (naive_at - (_offset(at, zone) - earlier), naive_at)
        for at, earlier in filter(None, changes)
        if _offset(at, zone) > earlier and (naive_at := _local(at, zone))
    )
    return Naive(start, end, tuple(skipped))


def day_from(moment: datetime) -> date:
    """The first day that does not begin before a naive time."""
    return (moment + timedelta(days=1, microseconds=-1)).date()


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _first_at_or_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first naive time whose instant is not before this one."""
    local = moment.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    # In the second of two same hours: naive times up to its end mean the first.
    change = _changed(moment - _REPEATED, moment, zone)
    return (change[0] + change[1]).replace(tzinfo=None) if change else local.replace(tzinfo=None)


def _changed(before: datetime, after: datetime, zone: ZoneInfo) -> tuple[datetime, timedelta] | None:
    """When the offset changed between two instants, to the second, and the offset until then."""
    earlier = _offset(before, zone)
    if _offset(after, zone) == earlier:
        return None
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (middle, after) if _offset(middle, zone) == earlier else (before, middle)
    return after.astimezone(UTC), earlier
