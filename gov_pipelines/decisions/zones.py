"""A window of instants as bounds of naive times, exact where clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from gov_pipelines.decisions.clocks import changes
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
    skipped = (
        (_local(at, zone) - (after - before), _local(at, zone))
        for at, before, after in changes(zone, during.start, during.end, _HOUR)
        if after > before
    )
    return Naive(start, end, tuple(skipped))


def day_from(moment: datetime) -> date:
    """The first day that does not begin before a naive time."""
    return (moment + timedelta(days=1, microseconds=-1)).date()


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _first_at_or_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first naive time whose instant is not before this one."""
    if moment.astimezone(zone).fold:  # in the second of two same hours: naive times up to its end mean the first
        for at, before, _ in changes(zone, moment - _REPEATED, moment, _REPEATED):
            return (at + before).replace(tzinfo=None)
    return _local(moment, zone)
