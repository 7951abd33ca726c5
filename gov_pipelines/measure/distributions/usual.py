"""Days held against the same weekdays before: how much, at which hours, in which mix; and values never seen before.

Counts of a day scatter more than chance alone has it, and more where they are larger. They are therefore compared on a
scale on which they scatter alike, with the scatter taken from the reference days themselves and never below chance. Around
the mean of each weekday it is one for all weekdays, so that eight weeks say enough to tell one night in thousands.

SciPy is imported inside the functions: loading the code location must not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.tallies import HOURS, Tally
from gov_pipelines.measure.distributions.drift import value_counts
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import Floats
from gov_pipelines.policy.calendar import Partition
from gov_pipelines.policy.kinds import OperatingRange

LEAST_DAYS = 4
"""Reference days of one weekday without which nothing is compared."""
_UNLIKE = 0.001
_NAMED_FROM = 5  # rows; as cells of a tally that may be published
_MOST_LEFT_OUT = 0.1
_METHOD = (
    "ratio of the count to what the same weekdays have, half added to both; t on a variance-stabilising scale (Anscombe), "
    "scatter pooled over weekdays and never below chance, so that the interval holds 1 unless the test rejects"
)


@dataclass(frozen=True, slots=True)
class Series:
    """One thing counted on each of the days compared.

    Attributes:
        row: the measurement to be completed: what is counted, and of whom.
        counts: one a day.
        of: what each count is a part of, where shares are compared; else None.
        days: the days that say something, such as those on which a reader read at all; None for all.
        only_more: whether less than usual is nothing to tell.
        alike: whether days are compared with those of any weekday.
        all_count: whether no reference day is left out: of who reads now and then the few busy days are what is usual.
        apart: how many of a day's count are compared elsewhere, and make it no more than usual here: of everybody, what
            one reader has over their own mean. What most read evenly and some now and then has a longer tail than its scatter.
    """

    row: Measurement
    counts: Floats
    of: Floats | None = None
    days: NDArray[np.bool_] | None = None
    only_more: bool = False
    alike: bool = False
    all_count: bool = False
    apart: float = 0


@dataclass(frozen=True, slots=True)
class _Departure:
    """How far the judged days are from their weekdays, on a scale; `at` gives the count a day at some distance from usual."""

    distance: float
    error: float
    freedom: int
    left_out: int
    at: Callable[[float], float]

    def tail(self, side: int) -> float:
        """The chance of being so far above (1) or below (-1)."""
        from scipy.special import stdtr  # noqa: PLC0415  (see the module)

        return float(stdtr(self.freedom, -side * self.distance / self.error))

    def reach(self, level: float, power: float = 0.5) -> float:
        """The distance that a test at a level tells with some power; by default the one from which on it rejects."""
        from scipy.special import stdtrit  # noqa: PLC0415  (see the module)

        return float(stdtrit(self.freedom, power) - stdtrit(self.freedom, level)) * self.error


def weekday_of(partition: Partition, zone: str, holidays: Sequence[date]) -> int:
    """The class of partitions that one is compared with: the local weekday, and hour; a holiday counts as a Sunday."""
    local = partition.astimezone(ZoneInfo(zone)) if isinstance(partition, datetime) else partition
    weekday = 6 if date(local.year, local.month, local.day) in holidays else local.weekday()
    return weekday * 24 + (local.hour if isinstance(local, datetime) else 0)


def departures(
    series: Sequence[Series], weekdays: Sequence[int], judged: Sequence[bool], one_false_alarm_in: int
) -> list[Measurement]:
    """What the judged days have of each series over what is usual on their weekdays, p adjusted (Bonferroni) for all.

    Several judged days are compared by their mean, its error widened where days resemble the ones before them. The
    reference leaves out days unlike all others, so that one bad day does not hide the next.

    Source: Anscombe (1948), Biometrika 35, 246-254, for the scales. The error rate is simulated in the tests.

    Args:
        series: what is compared, each with a count for each day.
        weekdays: of each day (`weekday_of`).
        judged: whether each day is judged; the others are the reference.
        one_false_alarm_in: nights in which all of them together may give one alarm by chance.
    """
    classes, tonight = np.asarray(weekdays, np.int64), np.asarray(judged, bool)
    # Doubled: where counts are small or scatter much, their tails are up to twice as long as the t's (simulated).
    family, rows = 2 * len(series), []
    level = 1 / one_false_alarm_in / max(family, 1)
    for one in series:
        row = replace(one.row, n=int(one.counts.sum()), method=f"{_METHOD}; Bonferroni over {len(series)}, doubled")
        rest = replace(one, counts=np.where(tonight, np.maximum(one.counts - one.apart, 0), one.counts))
        more = _departure(rest, classes, tonight, _logarithms)
        less = more if one.only_more or isinstance(more, str) else _departure(one, classes, tonight, _cube_roots)
        if isinstance(more, str) or isinstance(less, str):
            rows.append(replace(row, note=more if isinstance(more, str) else str(less)))
            continue
        sides = 1 if one.only_more else 2
        p = min(1.0, sides * more.tail(1) if one.only_more or more.distance > 0 else sides * less.tail(-1))
        high, reachable = more.at(more.reach(level / sides)), more.at(more.reach(level / sides, comparisons.POWER))
        low = 0.0 if one.only_more else less.at(-less.reach(level / sides))
        count, high, reachable = (each + one.apart for each in (more.at(more.distance), high, reachable))
        expected = more.at(0) + 0.5
        of = "" if one.of is None else f" of {one.of[tonight].mean():,.0f}"
        usually = "at most" if one.only_more else f"{low:,.0f} to"
        note = f"{count:,.0f}{of}, usually {usually} {high:,.0f} on such days"
        if more.left_out:
            note += f"; {more.left_out} reference days unlike the others left out"
        rows.append(
            replace(
                row,
                value=(count + 0.5) / expected,
                lower=(count + 0.5) / (high + 0.5),
                upper=None if one.only_more else (count + 0.5) / (low + 0.5),
                confidence=1 - level,
                p_value=p,
                p_adjusted=min(1.0, p * family),
                minimum_detectable=(reachable + 0.5) / expected,
                note=note,
            )
        )
    return rows


def usual_measurements(
    tallies: Mapping[Partition, Tally], weekdays: Mapping[Partition, int], since: Partition, control: OperatingRange
) -> list[Measurement]:
    """What `usual` and `new` of an operating range ask: one measurement an entry, of categories the one furthest off.

    Args:
        tallies: of the reference days and of those judged.
        weekdays: of the same days (`weekday_of`).
        since: the first of the days judged.
        control: what is compared.

    Raises:
        WrongUse: small cells of a tally are merged.
    """
    if any(each.merged_below for each in tallies.values()):
        raise WrongUse("small cells of a tally are merged; comparing days needs the full ones")
    days = sorted(tallies)
    judged = [day >= since for day in days]
    series = [one for name in control.usual for one in _series(name, [tallies[day] for day in days])]
    found = departures(series, [weekdays[day] for day in days], judged, control.one_false_alarm_in)
    found.sort(key=lambda row: 2.0 if row.p_value is None else row.p_value)
    furthest = [next(row for row in found if row.attribute == (name,)) for name in control.usual]
    return furthest + [_new(name, tallies, since) for name in control.new]


def unusable(control: OperatingRange, why: str) -> list[Measurement]:
    """What `usual` and `new` ask, undefined for want of reference days."""
    metrics = dict.fromkeys(control.usual, "share_to_usual") | {"volume": "volume_to_usual"}
    asked = [(metrics[name], name) for name in control.usual] + [("new_values", name) for name in control.new]
    return [Measurement(metric, (name,), note=why) for metric, name in asked]


def _series(name: str, tallies: Sequence[Tally]) -> list[Series]:
    if name == "volume":
        counts = [one.accounting["accepted"] + one.accounting["quarantined"] for one in tallies]
        return [Series(Measurement("volume_to_usual", (name,)), np.array(counts, float))]
    by_day = [_by_value(name, one) for one in tallies]
    of = np.array([sum(counts.values()) for counts in by_day], float)
    values = sorted({value for counts in by_day for value in counts}, key=str)
    return [
        Series(
            Measurement("share_to_usual", (name,), {name: value and _shown(value, sum(counts))}),
            np.array(counts, float),
            of,
        )
        for value in values
        for counts in [[one.get(value, 0) for one in by_day]]
    ] or [Series(Measurement("share_to_usual", (name,)), of, of)]


def _shown(value: str | None, rows: int) -> str:
    """A value by name, where it is on enough rows to be a category; what stands on fewer may be a person's."""
    return "unknown" if value is None else value if rows >= _NAMED_FROM else "a rare value"


def _by_value(name: str, tally: Tally) -> dict[str | None, int]:
    found = value_counts(tally, HOURS if name == "hours" else name)
    return {} if found is None else dict(found.iter_rows())


def _new(name: str, tallies: Mapping[Partition, Tally], since: Partition) -> Measurement:
    """How many values the judged days have that no reference day has, and the first few by name."""
    known = {value for day, one in tallies.items() if day < since for value in _by_value(name, one)}
    seen: dict[str | None, list[tuple[Partition, int]]] = {}
    for day, one in sorted(tallies.items()):
        for value, count in _by_value(name, one).items() if day >= since else ():
            seen.setdefault(value, []).append((day, count))
    new = {value: on for value, on in seen.items() if value not in known}
    told = [
        f"{_shown(value, n)}: {n:,} rows, first {on[0][0]}, last {on[-1][0]}"
        for value, on in new.items()
        for n in [sum(count for _, count in on)]
    ]
    return Measurement(
        "new_values",
        (name,),
        value=float(len(told)),
        n=sum(n for on in seen.values() for _, n in on),
        method=f"values that none of {sum(day < since for day in tallies)} reference days has",
        note="; ".join(told[:3]) + (f"; {len(told) - 3} more" if len(told) > 3 else "") or None,
    )


def _departure(one: Series, classes: NDArray[np.int64], tonight: NDArray[np.bool_], scale: _Scale) -> _Departure | str:
    """How far the judged days are from their weekdays; in words, why that cannot be said."""
    classes = np.zeros_like(classes) if one.alike else classes
    there = np.ones(len(classes), bool) if one.days is None else one.days
    if one.of is not None:
        there = there & (one.of > 0)
    kept, judged = there & ~tonight, there & tonight
    if not judged.any():
        return "nothing was counted on these days"
    exposure = np.ones(len(classes)) if one.of is None else np.maximum(one.of, 1) / np.mean(one.of[judged])
    x, left_out = one.counts / exposure, 0
    while True:
        days = np.bincount(classes[kept], minlength=classes.max() + 1)
        least, freedom = int(days[classes[judged]].min()), int(days.sum() - np.count_nonzero(days))
        if least < LEAST_DAYS - min(left_out, 1) or freedom < 2:
            return f"{LEAST_DAYS} reference days of each weekday are needed, and one has {least}"
        # Counts scatter as mean + phi mean^2; phi comes from the days kept, by moments.
        alike = np.maximum(days, 1)[classes]
        mean = np.bincount(classes[kept], x[kept], len(days))[classes] / alike
        spare = np.where(kept, 1 - 1 / alike, 0.0)  # what is left of a squared distance from the mean of so many
        excess = np.sum(np.where(kept, (x - mean) ** 2, 0.0) - mean / exposure * spare)
        phi = max(float(excess / max(np.sum(mean**2 * spare), 1e-9)), 1e-9)
        y, v, back = scale(x, mean + 0.375, exposure, phi)
        weights = kept / v
        total = np.bincount(classes, weights)
        weight = np.where(total > 0, total, 1.0)
        rest = y - (np.bincount(classes, weights * y) / weight)[classes]
        squares = weights * rest**2
        chance = float(np.mean(1 / (1 + phi * (mean * exposure)[kept])))  # of the scatter, what no count is without
        scatter = max(chance, float(np.sum(squares)) / freedom)
        furthest = _unlike(squares, 1 - weights / weight[classes], scatter, freedom)
        if furthest is None or one.all_count or left_out >= _MOST_LEFT_OUT * np.count_nonzero(there):
            break
        kept[furthest], left_out = False, left_out + 1
    share = judged / v / np.sum(judged / v)
    variance = scatter * float(np.sum(share**2 * v) + np.sum(np.bincount(classes, share) ** 2 / weight))
    if judged.sum() > 1:
        variance *= _persistence(rest[kept])
    expected = (y - rest)[judged]
    return _Departure(
        float(np.sum(share * rest)),
        variance**0.5,
        freedom,
        left_out,
        lambda distance: float(np.mean(back(expected + distance))),
    )


_Scale = Callable[[Floats, Floats, Floats, float], tuple[Floats, Floats, Callable[[Floats], Floats]]]
"""From counts, their means, exposures and phi: values that scatter alike, each one's variance, and the way back."""


def _logarithms(
    x: Floats, mean: Floats, exposure: Floats, phi: float
) -> tuple[Floats, Floats, Callable[[Floats], Floats]]:
    """Near logarithms, square roots where counts are small. Above the mean nothing scatters more than here."""
    root = phi**0.5
    return (
        2 / root * np.arcsinh(np.sqrt(phi * (x + 0.375))),
        (1 / exposure + phi * mean) / (1 + phi * mean),
        lambda y: np.maximum(np.sinh(root * np.maximum(y, 0) / 2) ** 2 / phi - 0.375, 0),
    )


def _cube_roots(
    x: Floats, mean: Floats, exposure: Floats, phi: float
) -> tuple[Floats, Floats, Callable[[Floats], Floats]]:
    """Wilson and Hilferty's. Below the mean logarithms of counts have a longer tail than a normal one; these have not."""
    return (
        3 * np.cbrt(x + 0.375),
        (mean / exposure + phi * mean**2) / np.cbrt(mean) ** 4,
        lambda y: np.maximum((np.maximum(y, 0) / 3) ** 3 - 0.375, 0),
    )


def _unlike(squares: Floats, slack: Floats, scatter: float, freedom: int) -> int | None:
    """The day furthest from its weekday, if it is unlike the others: its studentised distance is none of chance's."""
    from scipy.special import stdtr  # noqa: PLC0415  (see the module)

    inner = np.where(slack > 1e-6, squares / (scatter * np.maximum(slack, 1e-6)), 0.0)
    furthest = int(np.argmax(inner))
    t = np.sqrt(inner[furthest] * (freedom - 1) / max(freedom - inner[furthest], 1e-9))
    return furthest if 2 * stdtr(max(freedom - 1, 1), -t) * np.count_nonzero(squares) < _UNLIKE else None


def _persistence(rest: Floats) -> float:
    """How much wider the mean of days in a row is where each resembles the one before it: (1 + r) / (1 - r)."""
    r = float(np.sum(rest[1:] * rest[:-1]) / max(np.sum(rest**2), 1e-9))
    r = min(max(r, 0.0), 0.9)
    return (1 + r) / (1 - r)
