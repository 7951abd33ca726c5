"""How much is read, by everybody and by each reader, held against the same weekdays of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.measure import LEAST_DAYS, Measurement, Series, departures
from gov_pipelines.measure.statistics.intervals import Floats
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

    Only days with a read are compared: a leave makes no day after it unusual. Who has few such days of the same weekday
    is compared with those of any weekday; who has few at all, with those of all such readers. Whom the reference does not
    know is new, not unusual. An unusual one comes with the first read, the last and the largest.

    Args:
        log: the reads of the days judged, with `day`, the key of the partition in whose log each stands.
        reference: those of the reference days.
        control: what is counted, and how rare a false alarm must be.
        weekdays: the keys of all days, the reference's first, each with its weekday.
        since: how many of them are the reference's.
    """
    readers = _readers(pl.concat([reference, log]), [*weekdays])
    classes, judged = np.array([*weekdays.values()]), np.arange(len(weekdays)) >= since
    rare, series = rate_series(readers, control.usual, classes, judged)
    measured = departures(series, [*classes], [*judged], control.one_false_alarm_in)
    if log["rows"].null_count() == log.height and log.height:
        measured = [row for row in measured if row.metric != _NO_ROWS.metric] + [_NO_ROWS] * ("rows" in control.usual)
    alarms = [row for row in measured if row.p_adjusted is not None and row.p_adjusted < 1 / control.one_false_alarm_in]
    told = [_with_reads(row, log, rare) if row in alarms else row for row in measured if row in alarms or not row.group]
    quiet = sorted((row for row in measured if row.group and row.p_value is not None), key=lambda row: row.p_value or 0)
    return told + ([] if alarms else quiet[:1])


def rate_series(
    readers: Mapping[str | None, Floats], usual: Sequence[str], classes: NDArray[np.int64], judged: NDArray[np.bool_]
) -> tuple[list[str | None], list[Series]]:
    """Who is compared together, being known too little, and what is compared: everybody, each other reader, and these.

    Args:
        readers: of each, the reads and the rows of each day.
        usual: which of the two is compared.
        classes: the weekday of each day.
        judged: whether each day is judged.
    """
    counts = np.array([*readers.values()]).reshape(-1, 2, len(judged))
    active, names = counts[:, 0] > 0, [*readers]
    days = np.count_nonzero(active[:, ~judged], axis=1)
    here = active[:, judged].any(axis=1) & (days > 0)
    few = days < 2 * LEAST_DAYS
    rare = [names[each] for each in np.flatnonzero(here & few)]
    anybody, any_few = np.logical_or.reduce(active), np.logical_or.reduce(active[few])
    alone = ~few | (np.count_nonzero(any_few & ~judged) >= LEAST_DAYS)  # else nothing but everybody tells of them
    series = []
    for counted in usual:
        metric, of = f"{counted}_to_usual", counts[:, _COUNTED.index(counted)]
        one = Series(Measurement(metric), of.sum(axis=0), all_count=True)
        if judged.sum() == 1:
            above = of[:, judged][:, 0] - of[:, ~judged].mean(axis=1)
            above = np.where(alone, above, np.minimum(above, of[:, ~judged].max(axis=1)))
            one = replace(one, apart=float(np.max(above, where=here, initial=0)))
        if not _as_usual(anybody, classes, judged):  # a silent weekday is usual, and a read on it
            one = replace(one, days=anybody, only_more=True, alike=True)
        series.append(one)
        for each in np.flatnonzero(here & ~few):
            row = Measurement(metric, group={"principal": names[each]})
            alike = not _as_usual(active[each], classes, judged)
            series.append(Series(row, of[each], days=active[each], only_more=True, alike=alike, all_count=True))
        if rare:
            row = Measurement(metric, group={"principal": listed(rare)})
            series.append(Series(row, of[few].max(axis=0), days=any_few, only_more=True, alike=True, all_count=True))
    return rare, series


def _as_usual(active: NDArray[np.bool_], classes: NDArray[np.int64], judged: NDArray[np.bool_]) -> bool:
    """Whether there are enough reads on days of each weekday judged to compare each with its own."""
    return all(np.sum(active & ~judged & (classes == each)) >= LEAST_DAYS for each in {*classes[judged & active]})


def in_words(*without: str) -> pl.Expr:
    """A read in words, without what is said already, or may not be."""
    shown = [pl.format(f"{name} {{}}", pl.col(name).fill_null("unknown")) for name in _SHOWN if name not in without]
    return pl.concat_str(shown, separator=", ")


def listed(values: Iterable[str | None]) -> str | None:
    """The first three, and how many more; None where there is none."""
    names = ["unknown" if value is None else value for value in values]
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*names[:3], *more]) or None


def _readers(reads: pl.DataFrame, days: Sequence[str]) -> dict[str | None, Floats]:
    """Each principal's reads and rows of each day."""
    place = {day: number for number, day in enumerate(days)}
    readers: dict[str | None, Floats] = {}
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
