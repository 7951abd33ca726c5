"""Local dates of many moments at once.

Polars asks the time zone anew for every value, which costs more than all else a rule does. Clocks change twice a year: where
moments lie within a few years of one another, a few comparisons say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

_FAR = timedelta(days=5 * 366) // timedelta(microseconds=1)
_AGES = 40 * _FAR
_STEP = timedelta(days=1)
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
    at, end = (_EPOCH + timedelta(microseconds=each) for each in (first, last))
    place = ZoneInfo(zone)

    def ahead(moment: datetime) -> timedelta:
        return moment.astimezone(place).utcoffset() or timedelta()

    offsets = [(at, ahead(at))]
    while at < end:
        before, at = at, at + _STEP
        if ahead(at) == offsets[-1][1]:
            continue
        after = at
        while after - before > timedelta(microseconds=1):  # the moment of the change lies between the two
            middle = before + (after - before) / 2
            before, after = (before, middle) if ahead(middle) == ahead(at) else (middle, after)
        offsets.append((after, ahead(at)))
    return Clock(zone, tuple(offsets))
