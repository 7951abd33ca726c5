"""Plants for the log itself: rows missing, set aside or doubled; rows and days out of range; a newest row that is old."""

from __future__ import annotations

from datetime import date, timedelta

from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting, longest
from gov_pipelines.pipeline.selftest.usual import usual_days
from gov_pipelines.policy.declaration import ROWS, Range, rows_range
from gov_pipelines.policy.kinds import Freshness, LogQuality, OperatingRange

_NEVER_MISSING = ("decision_id", "decided_at", "decision")
_ROWS = 4
_MOST_ROWS_A_DAY = 1_000_000
"""Rows of the largest day that is made up."""


def log_quality(setting: Setting, control: LogQuality) -> Plant:
    """Every row has the fault: no value in the column, a decision nobody declared, or the same decision again."""
    assert control.at_most is not None
    whole: Row = {name: setting.some(name) for name in control.of if name != "decision"}
    parts: list[Breach | str] = []
    if control.metric == "quarantined_share":
        night = setting.every_day(({"decision": "a decision nobody declared"}, _ROWS))
        parts.append(Breach("rows with an undeclared decision", [night]))
    elif control.metric == "duplicate_share":
        copies = int(1 / (1 - control.at_most)) + 2
        if copies > setting.rows_a_day:
            raise CannotFail(f"a share above {control.at_most:.6g} takes {copies:,} copies a day, but {setting.holds}")
        parts.append(Breach("one row again and again", [setting.every_day(({"decision_id": "again"}, copies))]))
    for name in control.of:
        if name in _NEVER_MISSING:
            parts.append(f"{name}: a row without it is quarantined")
        else:
            night = setting.every_day(({**whole, name: None}, _ROWS))
            parts.append(Breach(f"{name} is missing in each row", [night], attribute=(name,)))
    return Plant(parts, setting.every_day((whole, _ROWS)))


def operating_range(setting: Setting, control: OperatingRange) -> Plant:
    """For each range, a row or a day outside it."""
    ranges = control.ranges_of(setting.declaration.operating_range)
    columns = {column: limits for column, limits in ranges.items() if column not in ROWS}
    for column in columns:
        setting.dtype(column)
    inside: Row = {column: low if low is not None else high for column, (low, high) in columns.items()}
    usual = _usual_rows(rows_range(ranges))
    parts: list[Breach | str] = []
    for column, limits in ranges.items():
        try:
            if column in ROWS:
                row, count = inside, _too_few_or_many(limits)
                what = f"{count:,} rows a day"
            else:
                row, count = {**inside, column: _outside(setting, column, limits)}, usual
                what = f"{column} {row[column]:g}"
            parts.append(Breach(what, [setting.every_day((row, count))], attribute=(column,)))
        except CannotFail as reason:
            parts.append(f"{column}: {reason}")
    if not control.usual and not control.new:
        return Plant(parts, setting.every_day((inside, usual)))
    return usual_days(setting, control, parts, inside, usual)


def freshness(setting: Setting, control: Freshness) -> Plant:
    """The newest decision, or the document, as old as it can be."""
    if control.document is not None:
        return _document(setting, control)
    days = setting.days
    if control.of:
        read = Happened((({}, 1),), ({"principal": "reader", "read_at": setting.at(23)},))
        stopped = dict.fromkeys(days, Happened((({}, 1),)))
        return Plant([Breach("no read", [MadeUp(stopped)], verdict="missing")], MadeUp(dict.fromkeys(days, read)))
    empty_days = rows_range(setting.declaration.operating_range)[0] == 0
    start, end = setting.declaration.calendar.span(setting.partition)
    oldest = setting.declaration.calendar.span(days[0])[0] if empty_days else start
    if end - oldest <= longest(control.within):
        hours = (end - oldest).total_seconds() / 3600
        why = "" if empty_days else "; a day without any is missing, for no `rows_per_day` of 0 is declared"
        raise CannotFail(f"the newest decision of the window is never older than {hours:g} hours{why}")
    early = Happened((({"decided_at": start}, 1),))
    late = Happened((({"decided_at": end - timedelta(minutes=1)}, 1),))
    old = dict.fromkeys(days, Happened(()) if empty_days else early) | {days[0]: early}
    breach = Breach(f"no decision after {oldest:%Y-%m-%d %H:%M} UTC", [MadeUp(old)])
    return Plant([breach], MadeUp(dict.fromkeys(days, early) | {setting.partition: late}))


def longest_day(setting: Setting) -> date:
    """The day of the coming year on which a newest decision can be oldest: where clocks are set back it has 25 hours."""
    coming = setting.declaration.calendar.between(setting.partition, setting.partition + timedelta(days=365))
    days = [day for day in coming if setting.bound.policy.in_force.covers(day)]

    def length(day: date) -> timedelta:
        start, end = setting.declaration.calendar.span(day)
        return end - start

    return max(days, key=length)  # of equals the first, which is the partition itself


def _document(setting: Setting, control: Freshness) -> Plant:
    name, documents = str(control.of), setting.declaration.documents
    if name not in documents:
        raise CannotFail(f"the declaration dates no document `{name}`")
    old, new = (
        setting.every_day(({}, 1), declared={"documents": {**documents, name: setting.partition - age}})
        for age in (longest(control.within) + timedelta(days=2), timedelta(days=1))
    )
    return Plant([Breach(f"{name} dated {control.within} and two days before", [old], attribute=(name,))], new)


def _outside(setting: Setting, column: str, limits: Range) -> float:
    """A number outside the range that no cast or declared range keeps out of the log."""
    low, high = limits
    least, most = setting.limits(column)
    if low is not None and (least is None or least < low):
        return max(low - 1, least) if least is not None else low - 1
    if high is not None and (most is None or most > high):
        return min(high + 1, most) if most is not None else high + 1
    raise CannotFail(f"a row outside it is quarantined, for `fields` allows no more ({least} to {most})")


def _usual_rows(limits: Range) -> int:
    low, high = limits
    least = max(low or 0, _ROWS)
    return int(least if high is None else min(least, high))


def _too_few_or_many(limits: Range) -> int:
    """One row where that is too few, else one more than may be; a day without any is missing, not outside."""
    low, high = limits
    if low is not None and low > 1:
        return 1
    if high is not None and high < _MOST_ROWS_A_DAY:
        return int(high) + 1
    most = "any number of rows" if high is None else f"up to {high:,.0f} rows"
    raise CannotFail(f"it allows {most} a day; no more than a million are made up, and a day without any is missing")
