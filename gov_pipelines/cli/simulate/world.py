"""What is simulated: systems, days, how people usually fare, and the faults planted among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import did_you_mean

RACES = {"white": 0.60, "Black": 0.25, "Hispanic": 0.15}
USUAL_RATIO = 0.97
"""Of Black and Hispanic applicants' approval rate to white applicants', where no fault is planted."""
HOLIDAYS = frozenset({(1, 1), (7, 4), (11, 11), (12, 25), (12, 26)})
"""Month and day of the days of each year that are like Sundays."""
_WEEK = (1.25, 1.2, 1.15, 1.1, 1.1, 0.7, 0.5)  # Monday first; the mean is 1
_CREEP = 90
_FAULT = re.compile(
    r"(?P<kind>\w+)(=(?P<value>\d*\.?\d+))?@(?P<first>[\d-]{10})(\.\.(?P<last>[\d-]{10}))?(:(?P<system>\w+))?"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        value: how strong, unless said otherwise.
        clause: which clause of the simulated policy speaks of it.
        what: it in words.
        once: whether it lasts one day, unless a last day is named.
    """

    value: float
    clause: str
    what: str
    once: bool = False


KINDS = {
    "ratio": Kind(0.65, "S-1", "Black applicants' approval rate is {value} of white applicants'"),
    "ratio_creep": Kind(0.65, "S-1", "the same, reached in equal steps over 90 days"),
    "decision_mix": Kind(0.7, "S-3", "approval rates of every group are {value} of the usual"),
    "income_shift": Kind(1.5, "S-3", "incomes are {value} times the usual"),
    "volume": Kind(4, "S-8", "{value} times the usual rows a day"),
    "stops": Kind(0, "S-8", "no decisions at all"),
    "score_range": Kind(0.01, "S-8", "a share of {value} of the scores is above 1"),
    "new_category": Kind(0.05, "S-7", "a share of {value} is of the product `balloon`, which nobody knew"),
    "new_model": Kind(0.05, "S-6", "a share of {value} is decided by the unapproved version v2"),
    "protected_read": Kind(1, "S-4", "the model's role reads race"),
    "new_principal": Kind(1, "S-5", "the principal contractor-7, never seen before, reads each day"),
    "night_export": Kind(40, "S-5", "analyst-1 reads {value} days' rows at three in the night", once=True),
    "slow_creep": Kind(0.02, "S-11", "analyst-2 reads a share of {value} more rows than the day before, every day"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault: from `first` to `last` (inclusive; None: to the end), in one system or in all (None)."""

    kind: str
    value: float
    first: date
    last: date | None
    system: str | None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `ratio=.65@2026-03-01..2026-03-31:credit_002`; the value, the last day and the system may be left out.

        Raises:
            WrongUse: it has another form, or there is no such kind.
        """
        if not (match := _FAULT.fullmatch(text)):
            raise WrongUse(
                f"--fault {text} is no fault. Write KIND[=VALUE]@FIRST[..LAST][:SYSTEM], ratio=.65@2026-03-01."
            )
        kind = KINDS.get(match["kind"])
        if kind is None:
            raise WrongUse(f"There is no fault `{match['kind']}`. {did_you_mean(match['kind'], list(KINDS))}")
        try:
            first, last = (date.fromisoformat(match[name]) if match[name] else None for name in ("first", "last"))
        except ValueError:
            raise WrongUse(f"--fault {text} names a day that does not exist. Write it like 2026-03-01.") from None
        assert first is not None
        if last is not None and last < first:
            raise WrongUse(f"--fault {text} ends before it begins. Exchange the days.")
        value = float(match["value"]) if match["value"] else kind.value
        return cls(match["kind"], value, first, first if kind.once and last is None else last, match["system"])

    def on(self, system: str, day: date) -> bool:
        """Whether it acts on a system on a day."""
        return self.first <= day <= (self.last or day) and self.system in {None, system}


@dataclass(frozen=True, slots=True)
class World:
    """All that decides which data are drawn. A day of a system is the same whatever else is drawn with it.

    Attributes:
        seed: of every draw.
        rows: mean decisions a day and system.
        overdispersion: the variance of a day's rows is mean + overdispersion * mean².
        late, corrected, deleted: shares of rows that arrive 1 to 5 days late, are corrected 1 to 20 days later, and
            vanish 5 to 60 days later.
        matures: days until a loan's label is known.
        faults: what is planted.
    """

    seed: int
    rows: float
    overdispersion: float
    late: float
    corrected: float
    deleted: float
    matures: int
    faults: Sequence[Fault]

    def draw(self, system: str, day: date, *what: int) -> np.random.Generator:
        """The random numbers of one thing of a system and day."""
        return np.random.default_rng([self.seed, *system.encode(), day.toordinal(), *what])

    def strength(self, kind: str, system: str, day: date) -> float | None:
        """The value of a kind of fault on a day; None where none is planted."""
        return next((each.value for each in self.faults if each.kind == kind and each.on(system, day)), None)

    def rates(self, system: str, day: date) -> dict[str, float]:
        """The true approval rate of each race."""
        usual = 0.55 + 0.2 * float(self.draw(system, date.min).random())
        usual *= 1 if (mix := self.strength("decision_mix", system, day)) is None else mix
        black = self.strength("ratio", system, day)
        creeping = next((each for each in self.faults if each.kind == "ratio_creep" and each.on(system, day)), None)
        if black is None and creeping:
            done = min((day - creeping.first).days + 1, _CREEP) / _CREEP
            black = USUAL_RATIO + done * (creeping.value - USUAL_RATIO)
        return {
            "white": usual,
            "Black": usual * (USUAL_RATIO if black is None else black),
            "Hispanic": usual * USUAL_RATIO,
        }

    def count(self, system: str, day: date) -> int:
        """How many decisions a day has: negative binomial around the mean of its weekday."""
        if self.strength("stops", system, day) is not None:
            return 0
        mean = self.rows * _WEEK[6 if is_holiday(day) else day.weekday()]
        mean *= 1 if (times := self.strength("volume", system, day)) is None else times
        draw = self.draw(system, day, 0)
        if not self.overdispersion:
            return int(draw.poisson(mean))
        size = 1 / self.overdispersion
        return int(draw.negative_binomial(size, size / (size + mean)))

    def hires(self, system: str, year: int) -> list[date]:
        """The first days of the two analysts hired in a year, one in spring and one after the summer: nobody's fault."""
        draw = self.draw(system, date(year, 1, 1), 9)
        days = [date(year, 1, 1) + timedelta(days=int(draw.integers(*span))) for span in ((90, 170), (245, 355))]
        return [day + timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0) for day in days]


def is_holiday(day: date) -> bool:
    """Whether few people work."""
    return (day.month, day.day) in HOLIDAYS
