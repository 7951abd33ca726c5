"""Who reads, what, why, when and how much, held against the reads of reference days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from gov_pipelines.access.rates import NAMED, in_words, listed, reading_rates
from gov_pipelines.measure import Measurement
from gov_pipelines.policy.kinds import AccessPattern


@dataclass(frozen=True, slots=True)
class Baseline:
    """The access logs of the reference days, and why they are no baseline, where they are none.

    Attributes:
        reads: their reads, as `read_access_log` gives them, and `day`, the key of the partition in whose log each stands.
        days: the keys of all of them, each with its weekday (`weekday_of`).
        unusable: what is wrong with them, such as a missing day; None where nothing is.
    """

    reads: pl.DataFrame
    days: Mapping[str, int]
    unusable: str | None = None


def new_values(log: pl.DataFrame, baseline: Baseline, control: AccessPattern, zone: str) -> pl.DataFrame:
    """Values of the watched columns that no reference day has; null is a value too. Empty where there is no baseline.

    Returns:
        `column`, `value` (text; null where the log names none), `first`, `last` (UTC), `reads` and `example`, the rest of
        the first such read in words, sorted by column and value.
    """
    found = [_new(column, log, baseline, zone) for column in control.watch] if baseline.unusable is None else []
    empty = _new("hour", log.clear(), Baseline(log.clear(), {}), zone)
    return pl.concat([empty, *found]).sort("column", "value", nulls_last=True)


def pattern_measurements(
    log: pl.DataFrame, baseline: Baseline, control: AccessPattern, zone: str, days: Mapping[str, int]
) -> list[Measurement]:
    """`new_principals`, `new_fields` and so on, one for each watched column, `reads_ratio`, and what `usual` asks.

    The ratio is of the mean number of reads a day to that of the reference days. Of `usual` there is one measurement of
    everybody, then those of whoever reads unusually much, or of the one who comes nearest to it. All are undefined without
    a baseline.

    Args:
        log: the reads of the control's window, all of them: a new reader is nobody's but the log's. With `day`.
        baseline: the reads of the reference days.
        control: which columns are watched, and what is counted.
        zone: of the local hour.
        days: the keys of the window's days, each with its weekday.
    """
    if baseline.unusable is not None:
        names = [f"new_{column}s" for column in control.watch] + ["reads_ratio"]
        names += [f"{counted}_to_usual" for counted in control.usual]
        return [Measurement(metric=name, note=baseline.unusable) for name in names]
    found = new_values(log, baseline, control, zone)
    method = f"values of {len(days)} days that none of {len(baseline.days)} reference days has"
    measured = [
        Measurement(f"new_{column}s", value=float(rows.height), n=log.height, method=method, note=note)
        for column in control.watch
        for rows in [found.filter(pl.col("column") == column)]
        for note in [listed(rows["value"]) if column in NAMED else None]
    ]
    ratio = (log.height / len(days)) / (baseline.reads.height / len(baseline.days))
    method = f"mean reads a day over that of {len(baseline.days)} reference days"
    alike = [day for day, weekday in baseline.days.items() if weekday in days.values()] or [*baseline.days]
    silent = log.is_empty() and not {*alike} - {*baseline.reads["day"]}
    note = f"each of {len(alike)} such days of the reference holds some" if silent else None
    measured.append(Measurement("reads_ratio", value=ratio, n=baseline.reads.height, method=method, note=note))
    if control.usual:
        every = {**baseline.days, **days}
        measured += reading_rates(log, baseline.reads, control, every, since=len(baseline.days))
    return measured


def unnamed(rows: Sequence[Measurement]) -> tuple[list[Measurement], list[dict[str, Any]]]:
    """Readers by number instead of by name, since they may be people; and beside each number the name."""
    names = dict.fromkeys(row.group["principal"] for row in rows if row.group)
    readers = {name: name and f"reader {number}" for number, name in enumerate(names, start=1)}
    who = [{"reader": reader, "principal": name} for name, reader in readers.items()]
    told = [replace(row, group={"principal": readers[row.group["principal"]]}) if row.group else row for row in rows]
    return told, who


def _new(column: str, log: pl.DataFrame, baseline: Baseline, zone: str) -> pl.DataFrame:
    value = pl.col("read_at").dt.convert_time_zone(zone).dt.strftime("%H") if column == "hour" else pl.col(column)
    known = baseline.reads.select(value=value).unique()
    return (
        log.select("read_at", value=value, example=in_words(column))
        .join(known, on="value", how="anti", nulls_equal=True)
        .sort("read_at")
        .group_by("value", maintain_order=True)
        .agg(
            first=pl.col("read_at").min(),
            last=pl.col("read_at").max(),
            reads=pl.len().cast(pl.Int64),
            example=pl.col("example").first(),
        )
        .select(pl.lit(column).alias("column"), "value", "first", "last", "reads", "example")
    )
