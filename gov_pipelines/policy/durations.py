"""Spans of time as people write them: `30 days`, `5 working days`, `24 hours`, `1 year`."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

Unit = Literal["hours", "days", "working days", "months", "years"]
_SPAN = re.compile(r"^(\d{1,6}) (hour|day|working day|month|year)s?$")
_CENTURY = {"hour": 876_600, "day": 36_525, "working day": 26_090, "month": 1_200, "year": 100}


@dataclass(frozen=True, slots=True)
class Duration:
    """A count of one unit. Day clocks count local dates; hours count elapsed time."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count} {self.unit if self.count != 1 else self.unit.removesuffix('s')}"


def parse_duration(text: object) -> Duration:
    """Read `30 days` and its like.

    Raises:
        ValueError: the text is not a count and a unit, or it is more than a century.
    """
    if isinstance(text, Duration):
        return text
    match = _SPAN.match(str(text).strip())
    if not match or int(match[1]) > _CENTURY[match[2]]:
        raise ValueError(
            f"{text!r} is not a duration; write a count and a unit, such as `30 days` or `5 working days`, a century at most"
        )
    return Duration(int(match[1]), f"{match[2]}s")  # type: ignore[arg-type]  # the pattern admits the five units only


def on_calendar(day: date, span: Duration) -> date:
    """The date a span of days, months or years after another; the 31st becomes a month's last day."""
    if span.unit == "days":
        return day + timedelta(days=span.count)
    months = day.month - 1 + span.count * (12 if span.unit == "years" else 1)
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


DurationField = Annotated[Duration, BeforeValidator(parse_duration), PlainSerializer(str)]


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a measurement looks from the partition that closes it.

    Attributes:
        span: `partition` (the day itself), `days` (that many local days, the partition the last of them),
            `calendar month`, `calendar year` (from its first day up to and including the partition), or `all`
            (since the system's first partition).
        days: the count where span is `days`.
    """

    span: Literal["partition", "days", "calendar month", "calendar year", "all"]
    days: int | None = None

    def __str__(self) -> str:
        return f"{self.days} days" if self.span == "days" else self.span


def parse_window(text: object) -> Window:
    """Read `90 days`, `calendar month`, `calendar year`, `all` or `partition`.

    Raises:
        ValueError: the text is none of these, or it is more than a century.
    """
    if isinstance(text, Window):
        return text
    words = str(text).strip()
    if words in {"partition", "calendar month", "calendar year", "all"}:
        return Window(words)  # type: ignore[arg-type]  # membership was just tested
    match = re.match(r"^([1-9]\d{0,4}) days?$", words)
    if not match or int(match[1]) > _CENTURY["day"]:
        raise ValueError(
            f"{text!r} is not a window; write `90 days` (a century at most), `calendar month`, `calendar year`, `all` or `partition`"
        )
    return Window("days", int(match[1]))


WindowField = Annotated[Window, BeforeValidator(parse_window), PlainSerializer(str)]
