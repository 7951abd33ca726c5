"""Groups of people as the tally counts them: by attribute, by intersection, among the rows of a stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.tallies import Tally

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions about one group.

    Attributes:
        attributes: the columns that define it.
        key: one value an attribute; None where unknown.
        favorable: decisions that were favorable.
        decided: favorable and unfavorable ones; the undecided are left out everywhere.
        undecided: how many those are.
    """

    attributes: tuple[str, ...]
    key: Key
    favorable: int = 0
    decided: int = 0
    undecided: int = 0

    @property
    def known(self) -> bool:
        """Whether every attribute has a value."""
        return None not in self.key

    @property
    def rate(self) -> Fraction:
        """The exact selection rate; nothing decided is an error, not a zero."""
        return Fraction(self.favorable, self.decided)

    @property
    def values(self) -> dict[str, str | None]:
        """Column to value."""
        return dict(zip(self.attributes, self.key, strict=True))

    @property
    def name(self) -> str:
        """Its values alone: `black, female`."""
        return ", ".join(value if value is not None else "unknown" for value in self.key)


def groups_of(tally: Tally, by: Sequence[str], among: Mapping[str, str]) -> list[Group]:
    """The groups of an attribute or an intersection, in the order of their values, unknown ones last.

    Combinations of known values that no row has are listed with nothing decided: a group that is not there is a finding.

    Args:
        tally: what was counted.
        by: one attribute, or several for their intersection.
        among: keeps the cells with these values, such as `{credit_history_meets_guidelines: "1"}`.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    if tally.merged_below:
        raise WrongUse("small cells of this tally are merged; groups need the full one")
    unknown = sorted({*by, *among} - set(tally.dimensions))
    if unknown:
        names, counted = ", ".join(unknown), ", ".join(tally.dimensions)
        raise WrongUse(f"the tally is not counted by {names}, only by {counted}; declare it and audit again")
    kept = tally.cells.filter(pl.col(name) == value for name, value in among.items()) if among else tally.cells
    counts: dict[Key, dict[str, int]] = {}
    for row in kept.group_by([*by, "outcome"]).agg(pl.col("n").sum()).iter_rows():
        counts.setdefault(row[:-2], {})[row[-2]] = row[-1]
    seen = [sorted({key[at] for key in counts} - {None}, key=str) for at in range(len(by))]
    keys = {*counts, *product(*seen)} if len(by) > 1 else set(counts)
    return [_group(tuple(by), key, counts.get(key, {})) for key in sorted(keys, key=_unknown_last)]


def _unknown_last(key: Key) -> list[tuple[bool, str]]:
    return [(value is None, value or "") for value in key]


def _group(attributes: tuple[str, ...], key: Key, counts: Mapping[str, int]) -> Group:
    favorable = counts.get("favorable", 0)
    return Group(attributes, key, favorable, favorable + counts.get("unfavorable", 0), counts.get("undecided", 0))


def best_of(groups: Sequence[Group]) -> Group:
    """The group with the highest rate; of equals the largest, then the first by name."""
    return min(groups, key=lambda group: (-group.rate, -group.decided, _unknown_last(group.key)))


def worst_of(groups: Sequence[Group]) -> Group:
    """The group with the lowest rate; of equals the largest, then the first by name."""
    return min(groups, key=lambda group: (group.rate, -group.decided, _unknown_last(group.key)))
