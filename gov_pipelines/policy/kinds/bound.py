"""What all kinds of control share, and the parts that several of them are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gov_pipelines.policy.durations import Window, WindowField
from gov_pipelines.policy.strict import Strict

Acts = Literal["prevents", "holds", "detects"]
OnFail = Literal["alert", "hold_decision", "hold_all", "suspend"]
Severity = Literal["critical", "warning", "info"]
Judges = Literal["decision", "population", "access"]
Incident = Literal["widespread", "death", "serious"]


def each_once(entries: list[Any]) -> list[Any]:
    """Refuse an empty entry, and what stands twice: `sex` and `[sex]` are one, and so are `[a, b]` and `[b, a]`."""
    seen = set[frozenset[str]]()
    for entry in entries:
        names = frozenset([entry] if isinstance(entry, str) else entry)
        if not names or names in seen or (isinstance(entry, list) and len(entry) > len(names)):
            raise ValueError(f"{entry} is empty or stands twice; name each once")
        seen.add(names)
    return entries


class BoundControl(Strict):
    """Fields shared by all kinds.

    `judges` says what the control looks at: each decision, the population of a window, or the access log.
    `acts` says how it acts, which follows from the kind and `on_fail`: what a failure does to decisions. `severity` ranks
    it, `notify` names the routes that are told, and `window` is how far back it looks.
    `approver` is the person or role that releases what `on_fail: hold_all` holds.
    `incident` says that a failure is reportable, and so which clock its finding starts: 2, 10 or 15 days.
    """

    judges: ClassVar[Judges]
    default_on_fail: ClassVar[OnFail] = "alert"

    acts: Acts | None = None
    on_fail: OnFail | None = None
    approver: str | None = None
    severity: Severity = "warning"
    notify: list[str] = []
    window: WindowField = Window("partition")
    incident: Incident | None = None


class Test(Strict):
    """Which hypothesis a failure must reject, and how many comparisons are paid for.

    `error_over: year` holds 1 - `confidence` for all nights of a calendar year and all such controls of the project
    together: the evidence is that of all nights of the year, and may be looked at every night.
    """

    against: Literal["equality", "threshold"] = "equality"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    adjust: Literal["holm", "bonferroni", "bh", "by"] = "holm"
    error_over: Literal["night", "year"] = "night"

    def wrong(self) -> Iterator[str]:
        """Evidence against a threshold."""
        if self.error_over == "year" and self.against != "equality":
            yield "`error_over: year` is evidence against equality; leave `against` out"


def over_year(control: BoundControl) -> bool:
    """Whether a control holds its error over a calendar year."""
    test = getattr(control, "test", None)
    return isinstance(test, Test) and test.error_over == "year"


class Past(Strict):
    """The days that others are compared with: fixed ones (`from` inclusive, `until` exclusive), or the `weeks` before.

    The weeks before follow a system as it changes; only fixed days show a change that comes slowly.
    """

    from_: date | None = Field(default=None, alias="from", examples=["2026-09-01"])
    until: date | None = Field(default=None, examples=["2026-10-01"])
    weeks: int | None = Field(default=None, ge=4, le=104, examples=["8"])

    def wrong(self) -> Iterator[str]:
        """Neither of the two, both, half of one, or dates that run backward."""
        dated = self.from_ is not None and self.until is not None
        if (self.weeks is None) is not dated or (self.weeks and self.from_ != self.until):
            yield "the days compared with are not clear; write `from` and `until`, or `weeks` alone"
        if self.from_ and self.until and self.until <= self.from_:
            yield f"until ({self.until}) is not after from ({self.from_}); exchange them"

    def days(self, first: date) -> tuple[date, date]:
        """From (inclusive) until (exclusive), for days that are judged from `first` on."""
        if self.from_ and self.until:
            return self.from_, self.until
        return first - timedelta(weeks=self.weeks or 0), first

    @property
    def holds_weeks(self) -> bool:
        """Whether it has four of each weekday."""
        start, until = self.days(date.max)
        return until - start >= timedelta(weeks=4)


Nights = Annotated[int, Field(ge=20, le=1_000_000, examples=["5000"])]
