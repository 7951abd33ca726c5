"""`deadline`: one moment of a decision follows another in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions.rules.ruling import Hearing, Ruling, first_of

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import Deadline

_CALENDAR = {"days": "d", "months": "mo", "years": "y"}


def judge(control: Deadline, hearing: Hearing) -> Ruling:
    """Done in time: within; done late, or not done and the time is over at `as_of`: outside; the clock runs: pending.

    Days, months and years count local dates (of the last day the whole day is in time); working days are Monday to
    Friday; hours are elapsed time. Without `from` no clock can be read: undecidable.
    """
    start, end = pl.col(control.from_), hearing.happened(control.to)
    late, over = (_later(control, hearing, start, moment) for moment in (end, hearing.now))
    taken, waited = (_elapsed(control, hearing, start, moment) for moment in (end, hearing.now))
    limit = f"limit {control.within}"
    verdict, reason = first_of(
        (start.is_null(), "undecidable", f"{control.from_} is missing"),
        (late, "outside", pl.format("after {}, " + limit, taken)),
        (end.is_not_null(), "within", pl.format("after {}, " + limit, taken)),
        (over, "outside", pl.format("{} is missing after {}, " + limit, pl.lit(control.to), waited)),
        otherwise=("pending", pl.format("{} is open, " + limit, pl.lit(control.to))),
    )
    return Ruling(verdict, reason, control.when)


def _later(control: Deadline, hearing: Hearing, start: pl.Expr, moment: pl.Expr) -> pl.Expr:
    """Whether a moment lies beyond the limit."""
    within = control.within
    if within.unit == "hours":
        return moment - start > pl.lit(timedelta(hours=within.count))
    first = hearing.local_date(start)
    if within.unit == "working days":
        # From a Saturday the first working day is Monday: step back to Friday, then count.
        last = first.dt.add_business_days(within.count, roll="backward")
    else:
        last = first.dt.offset_by(f"{within.count}{_CALENDAR[within.unit]}")
    return hearing.local_date(moment) > last


def _elapsed(control: Deadline, hearing: Hearing, start: pl.Expr, moment: pl.Expr) -> pl.Expr:
    if control.within.unit == "hours":
        # Rounded up, so that what is late never reads as the limit itself.
        return pl.format("{} hours", ((moment - start).dt.total_seconds() / 360).ceil() / 10)
    return pl.format("{} days", (hearing.local_date(moment) - hearing.local_date(start)).dt.total_days())
