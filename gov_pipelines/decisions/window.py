"""Partitions and their instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def partition_window(partition: date, zone: str) -> tuple[datetime, datetime]:
    """The half-open UTC window [local midnight, next local midnight) of a partition.

    A day with a change of clock has 23 or 25 hours. Where midnight itself is skipped or repeated, the day begins at
    its first instant.
    """
    days = (partition, partition + timedelta(days=1))
    start, end = (datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in days)
    return start, end
