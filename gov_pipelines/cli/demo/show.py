"""What the demo shows of one system, and what its audit must find there: that, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SYSTEMS = frozenset({"mortgage_underwriting", "release_decisions"})
"""The systems whose audits may be signed with the demo's key without a word."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault: where it lies and which control must find it.

    Attributes:
        control: the control's key.
        partition: the day whose audit must report it.
        breaches: decisions outside; 0 where the fault is no decision's.
        what: the fault in words.
    """

    control: str
    partition: date
    breaches: int
    what: str


@dataclass(frozen=True, slots=True)
class Show:
    """One system of the demo.

    Attributes:
        system: its name.
        url_variable: the environment variable that its declaration reads the database's URL from.
        build: writes that database to a path.
        known: the days on which the real data break a control, by its key.
        planted: the faults planted in what is synthetic.
        held: the decisions that must wait in the end; None where the system is not live and nothing is cleared.
        rows: what there is to say of the rows, after their counts.
    """

    system: str
    url_variable: str
    build: Callable[[Path], int]
    known: Mapping[str, Collection[date]]
    planted: Collection[Planted]
    held: Collection[str] | None
    rows: str

    @property
    def expected(self) -> dict[tuple[str, date], int]:
        """The failures that must be found, with the breaches of each, by control and day."""
        known = {(control, day): 0 for control, days in self.known.items() for day in days}
        return known | {(each.control, each.partition): each.breaches for each in self.planted}
