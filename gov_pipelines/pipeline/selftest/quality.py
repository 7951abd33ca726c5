"""Plants for the log itself: rows missing, set aside or doubled; rows and days out of range; a newest row that is old."""

from __future__ import annotations

from datetime import date, timedelta

from gov_pipelines.measure import partition_window
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting, longest
from gov_pipelines.policy.kinds import Freshness, LogQuality, OperatingRange

_NEVER_MISSING = ("decision_id", "decided_at", "decision")
_ROWS = 4
_MOST_ROWS_A_DAY = 1_000_000
"""Rows of the largest day that is made up."""


def log_quality(setting: Setting) -> Plant:
    """Every row has the fault: no value in the column, a decision nobody declared, or the same decision again."""
    control = setting.bound.control
    assert isinstance(control, LogQuality)
    if control.at_most is None:
        raise CannotFail("it sets no limit: it reports", reports_only=True)
    whole: Row = {name: setting.some(name) for name in control.of if name != "decision"}
    clean = setting.every_day((whole, _ROWS))
    if control.metric == "quarantined_share":
        rows = ({"decision": "a decision nobody declared"}, _ROWS)
        return Plant([Breach("rows with an undeclared decision", [setting.every_day(rows)])], clean)
    if control.metric == "duplicate_share":
        copies = int(1 / (1 - control.at_most)) + 2
        if copies > setting.rows_a_day:
            raise CannotFail(f"a share above {control.at_most:.6g} takes {copies:,} copies a day, but {setting.holds}")
        return Plant(
            [Breach("one row again and again", [setting.every_day(({"decision_id": "again"}, copies))])], clean
        )
    breaches = [
        Breach(f"{name} is missing in each row", [setting.every_day(({**whole, name: None}, _ROWS))], attribute=(name,))
        for name in control.of
        if name not in _NEVER_MISSING
    ]
    never = [f"{name}: a row without it is quarantined" for name in control.of if name in _NEVER_MISSING]
    if not breaches:
        raise CannotFail("; ".join(never))
    return Plant(breaches, clean, never)


def operating_range(setting: Setting) -> Plant:
    """For each range, a row or a day outside it."""
    control = setting.bound.control
    assert isinstance(control, OperatingRange)
    ranges = control.ranges or setting.declaration.operating_range
    inside: Row = {}
    for column, (low, high) in ranges.items():
        if column != "rows_per_day":
            setting.dtype(column)
            inside = {**inside, column: low if low is not None else high}
    usual = _usual_rows(ranges.get("rows_per_day", (None, None)))
    breaches, unplantable = [], []
    for column, limits in ranges.items():
        try:
            if column == "rows_per_day":
                row, count = inside, _too_few_or_many(limits)
                what = f"{count:,} rows a day"
            else:
                row, count = {**inside, column: _outside(setting, column, limits)}, usual
                what = f"{column} {row[column]:g}"
            breaches.append(Breach(what, [setting.every_day((row, count))], attribute=(column,)))
        except CannotFail as reason:
            unplantable.append(f"{column}: {reason}")
    if not breaches:
        raise CannotFail("; ".join(unplantable) or "no range is declared")
    return Plant(breaches, setting.every_day((inside, usual)), unplantable)


def freshness(setting: Setting) -> Plant:
    """The newest decision, or the document, as old as it can be."""
    control = setting.bound.control
    assert isinstance(control, Freshness)
    if control.of is not None:
        return _document(setting, control)
    days = setting.days
    empty_days = setting.declaration.operating_range.get("rows_per_day", (None, None))[0] == 0
    starts = {day: partition_window(day, setting.declaration.zone)[0] for day in days}
    end = partition_window(setting.partition, setting.declaration.zone)[1]
    oldest = starts[days[0]] if empty_days else starts[setting.partition]
    allowed = longest(control.within)
    if end - oldest <= allowed:
        hours = (end - oldest).total_seconds() / 3600
        why = "" if empty_days else "; a day without any is missing, for no `rows_per_day` of 0 is declared"
        raise CannotFail(f"the newest decision of the window is never older than {hours:g} hours{why}")
    early = Happened((({"decided_at": starts[setting.partition]}, 1),))
    late = Happened((({"decided_at": end - timedelta(minutes=1)}, 1),))
    old = dict.fromkeys(days, Happened(()) if empty_days else early) | {days[0]: early}
    breach = Breach(f"no decision after {oldest:%Y-%m-%d %H:%M} UTC", [MadeUp(old)])
    return Plant([breach], MadeUp(dict.fromkeys(days, early) | {setting.partition: late}))


def longest_day(setting: Setting) -> date:
    """The day of the coming year on which a newest decision can be oldest: where clocks are set back it has 25 hours."""
    in_force, ends = setting.bound.policy.in_force, setting.declaration.ends
    coming = [setting.partition + timedelta(days=number) for number in range(366)]
    days = [day for day in coming if in_force.covers(day) and (ends is None or day < ends)]

    def length(day: date) -> timedelta:
        start, end = partition_window(day, setting.declaration.zone)
        return end - start

    return max(days, key=length)  # of equals the first, which is the partition itself


def _document(setting: Setting, control: Freshness) -> Plant:
    name, documents = str(control.of), setting.declaration.documents
    if name not in documents:
        raise CannotFail(f"the declaration dates no document `{name}`")
    allowed = longest(control.within)
    nights = [
        setting.every_day(({}, 1), declared={"documents": {**documents, name: setting.partition - age}})
        for age in (allowed + timedelta(days=2), timedelta(days=1))
    ]
    return Plant(
        [Breach(f"{name} dated {control.within} and two days before", nights[:1], attribute=(name,))], nights[1]
    )


def _outside(setting: Setting, column: str, limits: tuple[float | None, float | None]) -> float:
    """A number outside the range that no cast or declared range keeps out of the log."""
    low, high = limits
    least, most = setting.limits(column)
    if low is not None and (least is None or least < low):
        return max(low - 1, least) if least is not None else low - 1
    if high is not None and (most is None or most > high):
        return min(high + 1, most) if most is not None else high + 1
    raise CannotFail(f"a row outside it is quarantined, for `fields` allows no more ({least} to {most})")


def _usual_rows(limits: tuple[float | None, float | None]) -> int:
    low, high = limits
    return int(min(max(low or 0, _ROWS), high if high is not None else max(low or 0, _ROWS)))


def _too_few_or_many(limits: tuple[float | None, float | None]) -> int:
    """One row where that is too few, else one more than may be; a day without any is missing, not outside."""
    low, high = limits
    if low is not None and low > 1:
        return 1
    if high is not None and high < _MOST_ROWS_A_DAY:
        return int(high) + 1
    most = "any number of rows" if high is None else f"up to {high:,.0f} rows"
    raise CannotFail(f"it allows {most} a day; no more than a million are made up, and a day without any is missing")
