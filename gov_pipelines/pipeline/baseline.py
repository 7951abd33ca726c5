"""What a night is held against: the days of a reference, read back from their audits; and what features tell of groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gov_pipelines.access import READ_SCHEMA, Baseline
from gov_pipelines.measure import (
    LEAST_DAYS,
    Measurement,
    Tally,
    freshness_measurement,
    proxy_measurements,
    total_from_json,
    unusable,
    usual_measurements,
    weekday_of,
)
from gov_pipelines.policy import BoundClause, Window, partition_key
from gov_pipelines.policy.calendar import Partition
from gov_pipelines.policy.kinds import AccessPattern, Freshness, OperatingRange, Past

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night

_PROXIES = Window("days", 30)


def read_tally(file: Path) -> Tally:
    """The tally of a file; read once while it is the same file, for one night asks for the days of weeks many times."""
    return _read_total((_same(file),), ())


def read_total(files: Sequence[Path], without: Collection[str] = ()) -> Tally:
    """The sum of the tallies of files, as `total_from_json` makes it; made once while they are the same files."""
    return _read_total(tuple(_same(file) for file in files), tuple(without))


def _same(file: Path) -> tuple[Path, int, int]:
    stat = file.stat()
    return file, stat.st_ino, stat.st_mtime_ns


@lru_cache(maxsize=512)
def _read_total(files: tuple[tuple[Path, int, int], ...], without: tuple[str, ...]) -> Tally:
    return total_from_json([file.read_bytes() for file, *_ in files], without)


def weekdays_of(night: Night, bound: BoundClause, days: Sequence[Partition]) -> dict[Partition, int]:
    """The days with what each is compared with: its weekday; the policy's holidays count as Sundays."""
    return {day: weekday_of(day, night.declaration.zone, bound.policy.holidays) for day in days}


def reads_of(night: Night, days: Sequence[Partition]) -> pl.DataFrame:
    """The reads in the access logs of some days, each with `day`, the key of the log it stands in."""
    return _labelled(night.access_logs(days))


def _labelled(logs: Mapping[Partition, pl.DataFrame]) -> pl.DataFrame:
    days = [log.with_columns(day=pl.lit(partition_key(day))) for day, log in logs.items()]
    return pl.concat([pl.DataFrame(schema={**READ_SCHEMA, "day": pl.String()}), *days])


def baseline_of(night: Night, bound: BoundClause, control: AccessPattern) -> Baseline:
    """The reads of the reference days; days that are missing, still to come or without a read are no baseline."""
    days = _reference(night, control.reference, night.window(bound)[0])
    logs = night.access_logs(days)
    reads = _labelled(logs)
    why = _unusable(night, control.reference, night.window(bound)[0], len(logs), len(days))
    if night.declaration.access_log is None:
        why = "no access log is declared; nobody can tell what was read"
    elif why is None and reads.is_empty():
        why = "the reference days hold no read"
    weekdays = {partition_key(day): weekday for day, weekday in weekdays_of(night, bound, [*logs]).items()}
    return Baseline(reads, weekdays, why)


def usual_of(night: Night, bound: BoundClause, control: OperatingRange) -> list[Measurement]:
    """What an operating range compares with its reference days: volume, hours, mix, new values."""
    judged = night.window(bound)
    days = _reference(night, control.reference, judged[0])
    tallies = night.tallies([*days, *judged])
    present = sum(day < judged[0] for day in tallies)
    if (why := _unusable(night, control.reference, judged[0], present, len(days))) is not None:
        return unusable(control, why)
    return usual_measurements(tallies, weekdays_of(night, bound, [*tallies]), judged[0], control)


def reference_of(night: Night, bound: BoundClause, past: Past) -> tuple[Tally | None, str | None]:
    """The tally of a control's reference days; or None, and why they are none."""
    judged_from = night.window(bound)[0]
    days = _reference(night, past, judged_from)
    counted, present = night.tally_of(days)
    why = None if present == len(days) else f"the reference has {present} of its {len(days)} days"
    if past.weeks is not None:  # fixed days may lie within the window
        why = _unusable(night, past, judged_from, present, len(days))
    return None if why else counted, why


def proxies_of(night: Night) -> list[Measurement]:
    """What each feature told of each protected attribute in the last 30 days, the strongest first."""
    month, _ = night.tally_of(night.declaration.calendar.window(_PROXIES, night.partition))
    return sorted(proxy_measurements(month), key=lambda row: -(row.value or 0)) if month else []


def table_of(rows: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Measurements of columns as the Dagster UI shows them."""
    return [
        {
            "of": ", ".join(each.attribute),
            "within": each.group and ", ".join(value or "unknown" for value in each.group.values()),
            "metric": each.metric,
            "value": each.value,
            "n": each.n,
        }
        for each in rows
    ]


def freshness_of_reads(night: Night, bound: BoundClause, control: Freshness) -> Measurement:
    """The time since the newest read; a log that stops is not a day without reads."""
    reads = reads_of(night, night.window(bound))
    return freshness_measurement(reads["read_at"].max(), reads.height, control, night.declaration, night.partition)  # type: ignore[arg-type]  # of a column of moments


def _reference(night: Night, past: Past, judged_from: Partition) -> list[Partition]:
    """The partitions of the reference; of one that moves, those since the system's first day."""
    calendar = night.declaration.calendar
    days = calendar.named(*past.days(calendar.day(judged_from)))
    return [day for day in days if past.weeks is None or calendar.has(day)]


def _unusable(night: Night, past: Past, judged_from: Partition, present: int, expected: int) -> str | None:
    """Why the reference days are none."""
    calendar = night.declaration.calendar
    judged_day = calendar.day(judged_from)
    start, until = past.days(judged_day)
    if until > judged_day:
        return "the reference days are not all before the days they are compared with"
    if past.weeks is None:
        return None if present == expected else f"the reference has {present} of its {expected} days"
    weeks = (judged_day - max(start, calendar.starts)).days // 7
    if weeks < LEAST_DAYS:
        return f"{LEAST_DAYS} weeks before these days are needed, and there are {weeks}"
    return None if present * 2 > expected else f"{present} of the {expected} partitions before these days were audited"
