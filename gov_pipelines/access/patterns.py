"""Who reads, what, why and when, held against the reads of reference days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gov_pipelines.measure import Measurement
from gov_pipelines.policy.kinds import AccessPattern

_SHOWN = ("principal", "role", "field", "table", "purpose")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The access logs of the reference days, and why they are no baseline, where they are none.

    Attributes:
        reads: their reads, as `read_access_log` gives them.
        days: how many days they are.
        unusable: what is wrong with them, such as a missing day; None where nothing is.
    """

    reads: pl.DataFrame
    days: int
    unusable: str | None = None


def new_values(log: pl.DataFrame, baseline: Baseline, control: AccessPattern, zone: str) -> pl.DataFrame:
    """Values of the watched columns that no reference day has; null is a value too. Empty where there is no baseline.

    Returns:
        `column`, `value` (text; null where the log names none), `first`, `last` (UTC), `reads` and `example`, the rest of
        the first such read in words, sorted by column and value.
    """
    found = [_new(column, log, baseline, zone) for column in control.watch] if baseline.unusable is None else []
    empty = _new("hour", log.clear(), Baseline(log.clear(), 1), zone)
    return pl.concat([empty, *found]).sort("column", "value", nulls_last=True)


def pattern_measurements(
    log: pl.DataFrame, baseline: Baseline, control: AccessPattern, zone: str, *, days: int
) -> list[Measurement]:
    """`new_principals`, `new_fields` and so on, one for each watched column, and `reads_ratio`.

    The ratio is of the mean number of reads a day to that of the reference days. All are undefined without a baseline.

    Args:
        log: the reads of the control's window, all of them: a new reader is nobody's but the log's.
        baseline: the reads of the reference days.
        control: which columns are watched.
        zone: of the local hour.
        days: how many days the window has.
    """
    if baseline.unusable is not None:
        names = (*(f"new_{column}s" for column in control.watch), "reads_ratio")
        return [Measurement(metric=name, note=baseline.unusable) for name in names]
    found = new_values(log, baseline, control, zone)
    method = f"values of {days} days that none of {baseline.days} reference days has"
    measured = [
        Measurement(
            f"new_{column}s", value=float(rows.height), n=log.height, method=method, note=_listed(rows["value"])
        )
        for column in control.watch
        for rows in [found.filter(pl.col("column") == column)]
    ]
    ratio = (log.height / days) / (baseline.reads.height / baseline.days)
    method = f"mean reads a day over that of {baseline.days} reference days"
    return [*measured, Measurement("reads_ratio", value=ratio, n=baseline.reads.height, method=method)]


def _new(column: str, log: pl.DataFrame, baseline: Baseline, zone: str) -> pl.DataFrame:
    value = pl.col("read_at").dt.convert_time_zone(zone).dt.strftime("%H") if column == "hour" else pl.col(column)
    known = baseline.reads.select(value=value).unique()
    example = pl.concat_str(
        [pl.format(f"{name} {{}}", pl.col(name).fill_null("unknown")) for name in _SHOWN if name != column],
        separator=", ",
    )
    return (
        log.select("read_at", value=value, example=example)
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


def _listed(values: Sequence[str | None] | pl.Series) -> str | None:
    names = ["unknown" if value is None else value for value in values]
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*names[:3], *more]) or None
