"""What a plant works with: one control of one system on one day, and the nights it makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.measure import Verdict
from gov_pipelines.policy import BoundClause, Duration, SystemDeclaration, log_schema
from gov_pipelines.policy.declaration import Range, rows_range
from gov_pipelines.policy.demands import Demand, demand_of

MOST_ROWS = 100_000
"""Rows that a window is believed to hold at most where the system declares no upper end of `rows_per_day`."""
MOST_DAYS = 60
"""Days of a window that are made up; a longer window holds the same rows in these."""
NEXT_MORNING = timedelta(hours=6)

Row = Mapping[str, object]

_DAYS = {"partition": 1, "calendar month": 31, "calendar year": 366}
_LONGEST = {
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "working days": timedelta(days=2),  # with weekends and holidays
    "months": timedelta(days=31),
    "years": timedelta(days=366),
}


def longest(duration: Duration) -> timedelta:
    """The time that a duration can last at most."""
    return _LONGEST[duration.unit] * duration.count


class CannotFail(Exception):  # noqa: N818  (reads as a sentence where it is raised; it is an answer, not an error)
    """No believable night breaks the control; the message says why."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened on a made-up day.

    Attributes:
        decisions: rows of canonical columns, each with how many such decisions there were. `decided_at` is noon of the day
            and the decision a favorable one where a row does not say.
        reads: lines of the access log, under its canonical columns; each at noon where it does not say.
    """

    decisions: tuple[tuple[Row, int], ...]
    reads: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A night to audit.

    Attributes:
        days: what happened on each day that is there; the partition is among them. Days that share a `Happened` are alike.
        after: how long after the partition's end the audit looks.
        declared: fields of the declaration that are different in this night.
        grants: what the database is made out to grant the system's role, as plain data; None asks none.
    """

    days: Mapping[date, Happened]
    after: timedelta = NEXT_MORNING
    declared: Mapping[str, Any] = field(default_factory=dict)
    grants: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a clause is broken.

    Attributes:
        what: in words, such as `a read of race`.
        nights: nights that are broken in this way, the most modest first; one of them must be caught.
        attribute: what the decisive measurement must be about; None where it is about nothing in particular.
        metric: its name; None where the control has one only.
        count: how many breaches must be counted; None where they are not.
        certain: whether the clause is surely broken, and not only as far as it can be.
        verdict: what it must lead to.
    """

    what: str
    nights: Sequence[MadeUp]
    attribute: tuple[str, ...] | None = None
    metric: str | None = None
    count: int | None = None
    certain: bool = True
    verdict: Verdict = "fail"


@dataclass(frozen=True, slots=True)
class Plant:
    """What is planted for one control.

    Attributes:
        parts: breaches, each of which must be caught; and of parts of the control that no believable night breaks, why.
        clean: a night without a breach, which must not fail; None where there can be none.
    """

    parts: Sequence[Breach | str]
    clean: MadeUp | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One control of one system on one day.

    Attributes:
        bound: the clause and its control.
        declaration: the system.
        partition: the local day that is audited.
        seen: protected attributes and strata to the values found in audited nights; empty where none was audited.
    """

    bound: BoundClause
    declaration: SystemDeclaration
    partition: date
    seen: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def asked(self) -> Demand:
        """What the control asks of each decision; it judges decisions."""
        asked = demand_of(self.bound.clause, self.declaration)
        assert asked is not None
        return asked

    @property
    def window(self) -> list[date]:
        """The days the control looks at."""
        return self.declaration.calendar.window(self.bound.control.window, self.partition)

    @property
    def days(self) -> list[date]:
        """The days of the window that are made up, the partition the last."""
        return self.window[-MOST_DAYS:]

    @property
    def starts(self) -> date:
        """The first partition of made-up nights: no window reaches beyond the made-up days."""
        return self.days[0]

    def noon(self, day: date | None = None) -> datetime:
        """Twelve o'clock of a local day, of the partition by default; UTC."""
        return self.at(12, day)

    def at(self, hour: int, day: date | None = None) -> datetime:
        """An hour of a local day by the clock on the wall, of the partition by default; UTC."""
        return datetime.combine(day or self.partition, time(hour), ZoneInfo(self.declaration.zone)).astimezone(UTC)

    @property
    def rows_a_day(self) -> float:
        """The most rows a day is believed to have: the upper end of the declared `rows_per_day`, where there is one."""
        most = rows_range(self.declaration.operating_range)[1]
        return MOST_ROWS / self._whole_days if most is None else most

    @property
    def capacity(self) -> int:
        """The most rows the window is believed to hold once the system has run for all of it."""
        return round(self.rows_a_day * self._whole_days)

    @property
    def holds(self) -> str:
        """The capacity, in words."""
        if rows_range(self.declaration.operating_range)[1] is None:
            return f"the window is believed to hold at most {MOST_ROWS:,} rows (no upper `rows_per_day` is declared)"
        return f"the window holds at most {self.capacity:,} rows ({self.rows_a_day:,.0f} a day)"

    @property
    def _whole_days(self) -> int:
        window = self.bound.control.window
        return window.days or _DAYS.get(window.span, max(_DAYS["calendar year"], len(self.window)))

    def values(self, column: str) -> list[str]:
        """The texts a column may have: the declared ones, else those seen; empty where it may be any."""
        declaration = self.declaration
        if column == "decision":
            outcomes = declaration.outcomes
            return [*outcomes.favorable, *outcomes.unfavorable, *outcomes.undecided]
        declared = declaration.fields.get(column)
        attribute = declaration.protected_attributes.get(column)
        unknown = attribute.unknown if attribute else []
        found = declared.values if declared and declared.values is not None else sorted(self.seen.get(column, ()))
        return [value for value in found if value not in unknown]

    def dtype(self, column: str) -> pl.DataType:
        """The type of a column of the log.

        Raises:
            CannotFail: there is none; `gov lint` says so too.
        """
        found = log_schema(self.declaration).get(column)
        if found is None:
            raise CannotFail(f"the system has no column `{column}`")
        return found

    def ends(self, column: str) -> tuple[float, float]:
        """A low and a high number that a column may have; those of its range where it is declared."""
        low, high = self.limits(column)
        least = low if low is not None else 0.0 if high is None else high - 1
        return least, high if high is not None else least + 1

    def limits(self, column: str) -> Range:
        """The range outside which a row is quarantined."""
        declared = self.declaration.fields.get(column)
        return declared.range if declared and declared.range else (None, None)

    def some(self, column: str) -> object:
        """A value that an ordinary row has in a column."""
        dtype = self.dtype(column)
        if dtype.is_temporal():
            return self.noon()
        if not dtype.is_numeric():
            return (self.values(column) or ["something"])[0]
        ends = [
            end
            for low_high in (self.declaration.operating_range.get(column, (None, None)), self.limits(column))
            for end in low_high
        ]
        return next((float(end) for end in ends if end is not None), 1.0)

    def every_day(self, *decisions: tuple[Row, int], **made: Any) -> MadeUp:
        """A night whose window has the same decisions each day."""
        return MadeUp(dict.fromkeys(self.days, Happened(decisions)), **made)
