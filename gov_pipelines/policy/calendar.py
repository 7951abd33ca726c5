"""Which partitions a system has, which of them a window sums, and the instants they lie between.

A partition is a local calendar day, or an hour for a system that is audited hourly. Hours are those of UTC, so that a
local day on which clocks change has 23 or 25 of them and none comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gov_pipelines.policy.durations import Window

Partition = date
"""A local day; or, of an hourly system, a datetime: the full hour it begins with, in UTC."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_EIGHT_YEARS = 8 * 366
KEY_OF_HOUR = "%Y-%m-%dT%HZ"


class Hour(datetime):
    """The partition of an hourly system: a datetime that prints as its key, as a day does."""

    def __str__(self) -> str:
        return partition_key(self)


def partition_key(partition: Partition) -> str:
    """The name of a partition wherever it is written: `2026-09-01`, or `2026-09-01T14Z`."""
    return partition.astimezone(UTC).strftime(KEY_OF_HOUR) if isinstance(partition, datetime) else partition.isoformat()


def unit_of(partition: Partition | None) -> str:
    """`hour` or `day`, for sentences."""
    return "hour" if isinstance(partition, datetime) else "day"


def partition_of(key: str) -> Partition:
    """The partition of a key.

    Raises:
        ValueError: the text is neither a day nor an hour.
    """
    if "T" in key:
        return Hour.strptime(key, KEY_OF_HOUR).replace(tzinfo=UTC)
    return datetime.strptime(key, "%Y-%m-%d").replace(tzinfo=UTC).date()


@dataclass(frozen=True, slots=True)
class Calendar:
    """The partitions of one system.

    Attributes:
        starts: the local day of the first partition.
        zone: IANA name of the zone whose days are meant.
        ends: the local day after the last one; None where the system goes on.
        hourly: whether its partitions are hours.
        only_on: days of the year, such as `01-15`, that alone are partitions; empty for every day.
    """

    starts: date
    zone: str
    ends: date | None = None
    hourly: bool = False
    only_on: frozenset[str] = frozenset()

    def day(self, moment: Partition) -> date:
        """The local day of an instant, so of an hour; a day is its own."""
        return moment.astimezone(ZoneInfo(self.zone)).date() if isinstance(moment, datetime) else moment

    def span(self, partition: Partition) -> tuple[datetime, datetime]:
        """The half-open UTC window of an hour or of a local day, which has 23 or 25 hours where clocks change.

        Where clocks skip midnight the day begins at the skip; where midnight comes twice, at the first.
        """
        if isinstance(partition, datetime):
            start = datetime.fromtimestamp(partition.timestamp(), UTC)
            return start, start + _HOUR
        days = (partition, partition + _DAY)
        start, end = (datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC) for day in days)
        return start, end

    def has(self, partition: Partition) -> bool:
        """Whether it is one of the system's partitions, past or future."""
        day = self.day(partition)
        in_time = self.starts <= day and (self.ends is None or day < self.ends)
        listed = not self.only_on or f"{day:%m-%d}" in self.only_on
        return in_time and listed and isinstance(partition, datetime) is self.hourly

    def between(self, first: Partition, last: Partition) -> list[Partition]:
        """The system's partitions from one to another, both included, oldest first.

        Of an hourly system either may be a local day: its first hour, or its last.
        """
        if self.hourly:
            start, end = self.span(first)[0], self.span(last)[1]
            every: Iterable[Partition] = (_hour(start) + _HOUR * each for each in range((end - start) // _HOUR))
        else:
            start_day = max(self.starts, first)
            every = (start_day + _DAY * each for each in range((last - start_day).days + 1))
        return [partition for partition in every if self.has(partition)]

    def named(self, start: date, until: date) -> list[Partition]:
        """The partitions of days that somebody names, `until` exclusive, whether the system had begun or not."""
        return replace(self, starts=start, ends=until).between(start, until - _DAY)

    @property
    def first(self) -> Partition | None:
        """The first partition; None where no day of `only_on` lies between the first day and the last."""
        if self.hourly:
            return _hour(self.span(self.starts)[0])
        some_years = (self.starts + _DAY * each for each in range(_EIGHT_YEARS))  # 02-29 may be eight years away
        return next((day for day in some_years if self.has(day)), None)

    def newest(self, now: datetime) -> Partition | None:
        """The newest partition that is over at an instant; None before the first one is."""
        newest = self.just_over(now if self.ends is None else min(now, self.span(self.ends)[0]))
        while not self.has(newest):
            if self.day(newest) < self.starts:
                return None
            newest -= _DAY
        return newest

    def just_over(self, now: datetime) -> Partition:
        """The day or hour that ended last before an instant, whether a partition or not."""
        return _hour(now) - _HOUR if self.hourly else self.day(now) - _DAY

    def before(self, partition: Partition) -> Partition | None:
        """The partition before another one; None before the first."""
        return self.newest(self.span(partition)[0])

    def window(self, window: Window, partition: Partition) -> list[Partition]:
        """The partitions a window sums, oldest first; `partition` is the last of them.

        A window starts no earlier than the system's first partition: nothing was to be audited before it. A partition
        before that has no window.
        """
        return self.between(self._first(window, partition), partition)

    def bounds(self, window: Window, partition: Partition) -> tuple[datetime, datetime]:
        """First instant (inclusive) and last (exclusive) of a window, in UTC."""
        first, end = self._first(window, partition), self.span(partition)[1]
        earliest = self.span(min(self.starts, self.day(partition)))[0]
        return max(self.span(first)[0], earliest), end

    def _first(self, window: Window, partition: Partition) -> Partition:
        day = self.day(partition)
        firsts = {
            "partition": partition,
            "days": day - timedelta(days=(window.days or 1) - 1),
            "calendar month": day.replace(day=1),
            "calendar year": day.replace(month=1, day=1),
        }
        return firsts.get(window.span, self.starts)


def _hour(moment: datetime) -> Hour:
    """The full hour an instant lies in."""
    return Hour.fromtimestamp(moment.timestamp() // 3600 * 3600, UTC)
