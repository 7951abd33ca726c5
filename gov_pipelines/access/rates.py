"""How much is read, by everybody and by each reader, held against the same weekdays of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.measure import LEAST_DAYS, Measurement, Series, departures
from gov_pipelines.policy.kinds import AccessPattern

_COUNTED = ("reads", "rows")
_PERSONAL = ("principal", "role", "purpose")
_SHOWN = (*_PERSONAL, "field", "table")
NAMED = frozenset({"field", "table", "hour"})
"""Of what is watched, the columns whose values are told by name. The others may name people, and are only counted."""
_NO_ROWS = Measurement("rows_to_usual", note="the access log does not say how many rows a read returned")


def reading_rates(
    log: pl.DataFrame, reference: pl.DataFrame, control: AccessPattern, weekdays: Mapping[str, int], since: int
) -> list[Measurement]:
    """Of `usual`: one measurement of everybody, and those of whoever reads unusually much, else of who comes nearest to it.

    A reader is compared with the days on which they read at all: a leave makes no day after it unusual. Those who have too
    few such days of the same weekday are compared as one; whom the reference does not know at all is new, not unusual. An
    unusual one comes with the first read, the last and the largest.

    Args:
        log: the reads of the days judged, with `day`, the key of the partition in whose log each stands.
        reference: those of the reference days.
        control: what is counted, and how rare a false alarm must be.
        weekdays: the keys of all days, the reference's first, each with its weekday.
        since: how many of them are the reference's.
    """
    readers = _readers(pl.concat([reference, log]), [*weekdays])
    classes, judged = np.array([*weekdays.values()]), np.arange(len(weekdays)) >= since
    known, others = dict[str | None, NDArray[np.float64]](), dict[str | None, NDArray[np.float64]]()
    for name, counts in readers.items():
        active = counts[0] > 0
        before, tonight = classes[active & ~judged], {*classes[active & judged]}
        enough = [np.sum(before == each) >= LEAST_DAYS for each in tonight or {*classes[judged]}]
        if tonight and all(enough):
            known[name] = counts
        elif len(before) and not (any(enough) and not tonight):
            others[name] = counts
    strangers = [name for name, counts in others.items() if counts[0][judged].any()]
    series = []
    for counted in control.usual:
        metric, which = f"{counted}_to_usual", _COUNTED.index(counted)
        everybody = np.sum([counts[which] for counts in readers.values()], axis=0)
        series.append(Series(Measurement(metric), everybody))
        for name, counts in known.items():
            row = Measurement(metric, group={"principal": name})
            series.append(Series(row, counts[which], days=counts[0] > 0, only_more=True))
        if strangers:
            row = Measurement(metric, group={"principal": listed(strangers)})
            series.append(Series(row, np.sum([each[which] for each in others.values()], axis=0), only_more=True))
    measured = departures(series, [*classes], [*judged], control.one_false_alarm_in)
    if log["rows"].null_count() == log.height and log.height:
        measured = [row for row in measured if row.metric != _NO_ROWS.metric] + [_NO_ROWS] * ("rows" in control.usual)
    alarms = [row for row in measured if row.p_adjusted is not None and row.p_adjusted < 1 / control.one_false_alarm_in]
    told = [
        _with_reads(row, log, strangers) if row in alarms else row for row in measured if row in alarms or not row.group
    ]
    quiet = sorted((row for row in measured if row.group and row.p_value is not None), key=lambda row: row.p_value or 0)
    return told + ([] if alarms else quiet[:1])


def in_words(*without: str) -> pl.Expr:
    """A read in words, without what is said already, or may not be."""
    shown = [pl.format(f"{name} {{}}", pl.col(name).fill_null("unknown")) for name in _SHOWN if name not in without]
    return pl.concat_str(shown, separator=", ")


def listed(values: Iterable[str | None]) -> str | None:
    """The first three, and how many more; None where there is none."""
    names = ["unknown" if value is None else value for value in values]
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*names[:3], *more]) or None


def _readers(reads: pl.DataFrame, days: Sequence[str]) -> dict[str | None, NDArray[np.float64]]:
    """Each principal's reads and rows of each day."""
    place = {day: number for number, day in enumerate(days)}
    readers: dict[str | None, NDArray[np.float64]] = {}
    daily = reads.group_by("principal", "day").agg(pl.len().alias("reads"), pl.col("rows").sum())
    for name, day, *counts in daily.sort("principal", "day").iter_rows():
        readers.setdefault(name, np.zeros((2, len(days))))[:, place[day]] = counts
    return readers


def _with_reads(row: Measurement, log: pl.DataFrame, strangers: Sequence[str | None]) -> Measurement:
    """A measurement of a reader, or of all, with the first read, the last and the largest in words."""
    if row.group is not None:
        who = [row.group["principal"]]
        log = log.filter(pl.col("principal").is_in(strangers if who == [listed(strangers)] else who, nulls_equal=True))
    if log.is_empty():
        return row
    at = pl.col("read_at").dt.strftime("%Y-%m-%d %H:%M UTC")
    first, last = log.select(at.min().alias("first"), at.max().alias("last")).row(0)
    example = log.sort("rows", descending=True, nulls_last=True).select(in_words(*_PERSONAL))[0, 0]
    return replace(row, note=f"{row.note}; first {first}, last {last}, for example {example}")
