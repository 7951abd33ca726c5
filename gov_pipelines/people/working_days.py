"""Dates people owe things by: working days leave out Saturdays, Sundays and the declared holidays."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np

from gov_pipelines.policy import Duration
from gov_pipelines.policy.durations import on_calendar


def later(day: date, span: Duration, holidays: Collection[date] = ()) -> date:
    """The local date one span after another; hours are whole days, rounded up, and the 31st becomes a month's last day.

    Working days are counted from the day or, where it is none, from the working day before it.
    """
    match span.unit:
        case "working days":
            off = sorted(holidays)
            # a span of none lands on the day itself, working day or not
            counted = np.busday_offset(day, span.count, roll="backward", holidays=off) if span.count else day
            return date.fromisoformat(str(counted))
        case "hours":
            return day + timedelta(days=-(-span.count // 24))
    return on_calendar(day, span)


def working_days_since(day: date, today: date, holidays: Collection[date] = ()) -> int:
    """How many working days have begun after a day, up to and including today; 0 where today is not later."""
    one = timedelta(days=1)
    return max(int(np.busday_count(day + one, today + one, holidays=sorted(holidays))), 0)
