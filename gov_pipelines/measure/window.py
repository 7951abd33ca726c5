"""Which partitions a window sums, and the instants it lies between."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gov_pipelines.policy.durations import Window


def _first_day(window: Window, partition: date) -> date:
    firsts = {
        "partition": partition,
        "days": partition - timedelta(days=(window.days or 1) - 1),
        "calendar month": partition.replace(day=1),
        "calendar year": partition.replace(month=1, day=1),
    }
    return firsts.get(window.span, date.min)


def window_partitions(window: Window, partition: date, starts: date) -> list[date]:
    """The local days a window sums, oldest first; `partition` is the last of them.

    A window starts no earlier than the system's first partition: nothing was to be audited before it. A partition
    before `starts` has no window.

    Args:
        window: how far back to look.
        partition: the local day that closes the window.
        starts: the system's first partition.
    """
    first = max(_first_day(window, partition), starts)
    return [first + timedelta(days=day) for day in range((partition - first).days + 1)]


def partition_window(partition: date, zone: str) -> tuple[datetime, datetime]:
    """The half-open UTC window of a local day, which has 23 or 25 hours where clocks change.

    Where clocks skip midnight the day begins at the skip; where midnight comes twice, at the first.
    """
    days = (partition, partition + timedelta(days=1))
    start, end = (datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in days)
    return start, end


def window_bounds(window: Window, partition: date, starts: date, zone: str) -> tuple[datetime, datetime]:
    """First instant (inclusive) and last (exclusive) of a window, in UTC.

    Args:
        window: how far back to look.
        partition: the local day that closes the window.
        starts: the system's first partition.
        zone: IANA name of the system's time zone; local days of 23 or 25 hours keep their length.
    """
    first = max(_first_day(window, partition), min(starts, partition))
    return partition_window(first, zone)[0], partition_window(partition, zone)[1]
