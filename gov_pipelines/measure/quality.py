"""How whole, how wide and how fresh the log is: shares of rows, rows outside ranges, hours since the newest decision."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics.intervals import wilson
from gov_pipelines.policy.calendar import Partition
from gov_pipelines.policy.declaration import ROWS, Range, SystemDeclaration
from gov_pipelines.policy.durations import Duration
from gov_pipelines.policy.kinds import Freshness, LogQuality, OperatingRange

_CONFIDENCE = 0.95


def quality_measurements(tally: Tally, control: LogQuality, declaration: SystemDeclaration) -> list[Measurement]:
    """The share a log-quality control limits, with Wilson's interval.

    `missing_share` is null values over accepted rows, one row a column of `of`; `duplicate_share` is rows over source
    rows, and so is `quarantined_share`, which counts undated rows among both: they too were set aside.

    Raises:
        WrongUse: the log has no such column.
    """
    if control.metric != "missing_share":
        counts = tally.accounting
        # Every day counts the undated rows of the whole source: a window has the most of them, not their sum.
        undated = max(tally.days["undated"], default=0) if control.metric == "quarantined_share" else 0
        count, n = counts[control.metric.removesuffix("_share")] + undated, counts["source_count"] + undated
        return [_share(control.metric, (), count, n, f", {undated:,} of them undated" if undated else "")]
    return [_share("missing_share", (column,), *_nulls(tally, column, declaration)) for column in control.of]


def _nulls(tally: Tally, column: str, declaration: SystemDeclaration) -> tuple[int, int]:
    found = _counted(tally, column)
    if not found and tally.rows:
        words = f"has no column {column}; map or declare it, or take it from `of`"
        raise WrongUse(f"the decision log of {declaration.system} {words}")
    return found.get(True, 0), sum(found.values())


def _counted(tally: Tally, column: str) -> dict[bool, int]:
    """Rows of a column by whether its value is missing."""
    return dict(tally.nulls.filter(pl.col("column") == column).select("missing", "n").iter_rows())


def _share(metric: str, attribute: tuple[str, ...], count: int, n: int, also: str = "") -> Measurement:
    row = Measurement(metric, attribute, n=n, method="Wilson interval")
    if not n:
        return replace(row, note="no rows")
    lower, upper = map(float, wilson(count, n, _CONFIDENCE))
    note = f"{count:,} of {n:,} rows{also}"
    return replace(row, value=count / n, lower=lower, upper=upper, confidence=_CONFIDENCE, note=note)


def range_measurements(tally: Tally, control: OperatingRange, declaration: SystemDeclaration) -> list[Measurement]:
    """Rows outside each range, and days or hours whose number of rows is outside `rows_per_day` or `rows_per_hour`.

    The control's ranges, else the declaration's. `rows_outside_range` counts rows with a value; missing ones are
    log quality. `days_outside_range` counts accepted and quarantined rows of each partition, without duplicates.
    A range that was not counted in every row of the window has no value: audit its partitions again. No day
    has fewer than no rows: at least 0 a day, and no more said, is not tested.
    """
    ranges = control.ranges_of(declaration.operating_range)
    return [
        _days_outside(tally, column, limits) if column in ROWS else _rows_outside(tally, column, limits)
        for column, limits in ranges.items()
    ]


def in_words(limits: Range) -> str:
    """`20 to 200`, `at least 20`, `at most 200`."""
    low, high = limits
    if low is None:
        return "any number" if high is None else f"at most {high:,g}"
    return f"at least {low:,g}" if high is None else f"{low:,g} to {high:,g}"


def _rows_outside(tally: Tally, column: str, limits: Range) -> Measurement:
    low, high = (pl.lit(limit, pl.Float64) for limit in limits)
    same = (pl.col("column") == column) & pl.col("low").eq_missing(low) & pl.col("high").eq_missing(high)
    sides = dict(tally.ranges.filter(same).select("side", "n").iter_rows())
    n, due = sum(sides.values()), _counted(tally, column).get(False, 0)
    row = Measurement(
        "rows_outside_range",
        (column,),
        n=n,
        method=f"count of rows outside {in_words(limits)}",
        note="no rows with a value",
    )
    if n < due:
        return replace(row, note=f"{in_words(limits)} was counted in {n:,} of {due:,} rows")
    below, above = sides.get("below", 0), sides.get("above", 0)
    note = f"{below:,} below and {above:,} above {in_words(limits)}"
    return replace(row, value=float(below + above), note=note) if n else row


def _days_outside(tally: Tally, column: str, limits: Range) -> Measurement:
    unit = column.removeprefix("rows_per_")
    low, high = (math.inf * sign if limit is None else limit for sign, limit in zip((-1, 1), limits, strict=True))
    days = tally.days.select("partition", rows=pl.col("accepted") + pl.col("quarantined"))
    outside = days.filter(~pl.col("rows").is_between(low, high))
    told = [f"{rows:,} rows on {day}" for day, rows in outside.head(3).iter_rows()]
    if days.height == 1 and not told:
        told = [f"{days['rows'][0]:,} rows"]
    return Measurement(
        f"{unit}s_outside_range",
        (column,),
        value=float(outside.height) if days.height else None,
        n=days.height,
        method=f"count of {unit}s whose rows are outside {in_words(limits)}",
        note=", ".join(told) or ("no partitions" if not days.height else None),
        tested=low > 0 or high < math.inf,
    )


def freshness_measurement(
    newest: datetime | None, n: int, control: Freshness, declaration: SystemDeclaration, partition: Partition
) -> Measurement:
    """Hours from the newest decision, or read, of the window to the end of its last partition.

    Of a document: how many days ago its time ran out, `days_past_due`; below 0 while it runs. Without a date, or with one
    after the partition, it has no value.

    Args:
        newest: when the newest decision or read was; None where there is none.
        n: how many there are.
        control: how old the newest may be.
        declaration: the calendar, and the dates of documents.
        partition: the last of the window.
    """
    calendar = declaration.calendar
    if control.document is not None:
        day = calendar.day(partition)
        return _document(control.document, declaration.documents.get(control.document), control.within, day)
    metric, what = ("hours_since_read", "read_at") if control.of else ("hours_since_newest", "decided_at")
    return Measurement(
        metric,
        value=None if newest is None else (calendar.span(partition)[1] - newest).total_seconds() / 3600,
        n=n,
        method=f"hours from the newest {what} to the end of the partition; expected within {control.within}",
        note=None if newest else "the access log holds no read in the window" if control.of else "no rows",
    )


def _document(name: str, dated: date | None, within: Duration, partition: date) -> Measurement:
    row = Measurement("days_past_due", (name,), method=f"days from the end of {within} after the document's date")
    if dated is None or dated > partition:
        why = "no date stands under `documents`" if dated is None else f"it is dated {dated}, after this day"
        return replace(row, note=why)
    # as every clock that counts local dates: the 29th of February becomes the 28th of a common year
    unit = {"days": "d", "months": "mo", "years": "y"}[within.unit]
    until = pl.select(pl.lit(dated).dt.offset_by(f"{within.count}{unit}")).item()
    return replace(row, value=float((partition - until).days), n=1, note=f"dated {dated}, good until {until}")
