"""The groups of any table, counted, and every rate of them with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.rates.confusion import RATES, Counts, Key, Values, confusion, over
from gov_pipelines.measure.statistics import comparisons, resampling
from gov_pipelines.measure.statistics.intervals import Floats, effective, wilson
from gov_pipelines.measure.statistics.pairwise import MOST_CELLS

_LISTED = 10


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The counts of the groups of an attribute or an intersection, in one stratum or over all.

    Attributes:
        attributes: the columns that define the groups.
        keys: one value an attribute; None where unknown.
        counts: `[G, 6]`, rows, see `confusion`.
        undecided: `[G]`, rows that are left out everywhere.
        least: rows that a group needs to be compared.
        sums: `[2, G, 6]`, weights and their squares where rows have any.
        pending: `[G]`, what the undecided rows weigh.
        stratum: whose rows these are.
        missing: what an undecided row lacks, in words.
        draws: `[R, G, 6]`, bootstrap samples of the rows; None where there are too many groups.
    """

    attributes: tuple[str, ...]
    keys: tuple[Key, ...]
    counts: Counts
    undecided: Counts
    least: int
    pending: Counts
    sums: Counts | None = None
    stratum: Mapping[str, str | None] | None = None
    missing: str = "a decision"
    draws: Counts | None = None

    @property
    def weighed(self) -> Counts:
        """`[G, 6]`: what is counted, weights where rows have any."""
        return self.counts if self.sums is None else self.sums[0]

    @property
    def known(self) -> NDArray[np.bool_]:
        """`[G]`: whether every attribute has a value."""
        return np.array([None not in key for key in self.keys], bool)

    def compared(self, rows: Counts) -> NDArray[np.bool_]:
        """`[G]`: whether a group is known, and has rows enough."""
        return self.known & (rows >= self.least)

    def apart(self, rows: Counts) -> str | None:
        """Whom an aggregate leaves out, in words."""
        unknown = int(rows[~self.known].sum())
        small = [
            f"{self.name(at)} ({rows[at]:,})"
            for at in np.flatnonzero(self.known & (rows > 0) & (rows < self.least)).tolist()
        ]
        return joined(
            f"{unknown:,} of unknown {' or '.join(self.attributes)} not among them" if unknown else None,
            f"fewer than {self.least:,}, so not among them: {listed(small)}" if small else None,
        )

    def of(self, key: Key) -> dict[str, str | None]:
        """Column to value."""
        return dict(zip(self.attributes, key, strict=True))

    def group(self, at: int) -> dict[str, str | None]:
        """Column to value of the group at a place."""
        return self.of(self.keys[at])

    def name(self, at: int) -> str:
        """Its values alone."""
        return ", ".join(value if value is not None else "unknown" for value in self.keys[at])


@dataclass(frozen=True, slots=True, eq=False)
class Proportion:
    """One rate of every group, `[G]` each: value, rows it rests on, and the counts that tell as much as those rows."""

    value: Values
    rows: Counts
    x: Floats
    n: Floats
    weighted: bool

    def over(self, own: Any, base: Any) -> Values:
        """One group's rate over another's: whole numbers until the one division, so that four fifths is exactly 0.8."""
        if self.weighted:
            return over(self.value[own], self.value[base])
        return over(self.x[own] * self.n[base], self.n[own] * self.x[base])

    def test(self, *counts: Floats) -> Floats:
        """P that two groups have the same rate, from x and n of each."""
        test = comparisons.pooled_test if self.weighted else comparisons.fisher
        return np.nan_to_num(test(*counts), nan=1.0)

    @property
    def tested(self) -> str:
        """What the test is called."""
        return "pooled standard deviations, effective samples" if self.weighted else "Fisher exact two-sided"


def listed(names: Sequence[str]) -> str:
    """The first of some names, and that there are more."""
    return ", ".join(names[:_LISTED]) + " ..." * (len(names) > _LISTED)


def tables(
    tally: Tally,
    by: tuple[str, ...],
    strata: tuple[str, ...] = (),
    unit: float = 1.0,
    least: int = 1,
    missing: str = "a decision",
) -> Iterator[Table]:
    """The groups over all rows; with strata, those of each stratum. A weight is counted in units."""
    found = confusion(tally, (*strata, *by))
    sums, pending = None, found.undecided
    if "weight" in tally.cells.columns:
        weights, squares = (confusion(tally, (*strata, *by), count=name) for name in ("weight", "weight_squares"))
        sums, pending = np.stack([weights.counts / unit, squares.counts / unit**2]), weights.undecided / unit
    places: dict[Key, list[int]] = {}
    for at, key in enumerate(found.keys):
        places.setdefault(key[: len(strata)], []).append(at)
    for stratum, own in places.items():
        keys, of = tuple(found.keys[at][len(strata) :] for at in own), None if sums is None else sums[:, own]
        draws = _draws(found.counts[own], of, (*by, *map(str, stratum))) if len(found.keys) <= MOST_CELLS else None
        whose = dict(zip(strata, stratum, strict=True)) if strata else None
        yield Table(by, keys, found.counts[own], found.undecided[own], least, pending[own], of, whose, missing, draws)


def _draws(counts: Counts, sums: Counts | None, names: tuple[str, ...]) -> Counts:
    order, rng = np.lexsort(counts.T), resampling.seeded("metrics", *names)  # what groups are called draws nothing
    draws: Counts = (
        resampling.resample(counts[order], resampling.DRAWS, rng)
        if sums is None
        else resampling.redraw(sums[0, order], sums[1, order], resampling.DRAWS, rng)
    )
    return draws[:, np.argsort(order)]


def proportion(table: Table, name: str) -> Proportion:
    """A rate of every group."""
    rate = RATES[name]
    x, n = rate.of(table.counts)
    if table.sums is None:
        return Proportion(over(x, n), n, x, n, weighted=False)
    (favorable, _), (weight, squares) = rate.of(table.sums)
    return Proportion(over(favorable, weight), n, *effective(favorable, weight, squares), weighted=True)


def rate_rows(table: Table, name: str, confidence: float, metric: str | None = None) -> list[Measurement]:
    """A rate of every group, with Wilson's interval."""
    found = proportion(table, name)
    low, high = wilson(found.x, found.n, confidence)
    method = "weighted; Wilson interval at the effective sample size" if found.weighted else "Wilson interval"
    rows = []
    for at, value in enumerate(found.value.tolist()):
        row = Measurement(
            metric=metric or name, attribute=table.attributes, group=table.group(at), stratum=table.stratum,
            n=int(found.rows[at]), method=method, tested=None not in table.keys[at],
        )  # fmt: skip
        without = left_out(table, name, [at])
        if math.isnan(value):
            row = replace(row, note=joined(_undefined(table, found, at), without))
        else:
            ends: dict[str, Any] = {"lower": float(low[at]), "upper": float(high[at]), "confidence": confidence}
            row = replace(row, value=value, note=without, **ends)
        rows.append(row)
    return rows


def left_out(table: Table, name: str, at: Any) -> str | None:
    """How many rows of these groups count nowhere in a rate, in words."""
    undecided = int(table.undecided[at].sum())
    unlabelled = int(table.counts[at, 4:].sum()) if RATES[name].labelled else 0
    return joined(
        f"{undecided:,} without {table.missing} or undecided left out" if undecided else None,
        f"{unlabelled:,} without a label left out" if unlabelled else None,
    )


def _undefined(table: Table, found: Proportion, at: int) -> str:
    if not table.counts[at].sum():
        return "no decision"
    return "undefined: its rows weigh nothing" if found.rows[at] else "undefined: it has no row that this is a share of"


def extremes(found: Proportion, at: NDArray[np.intp]) -> tuple[int, int]:
    """The groups of the highest and of the lowest rate; of equals the largest, then the first by name."""
    value, size = found.value[at], -found.n[at]
    best = int(at[np.lexsort((size, -value))[0]])
    worst = next(place for place in at[np.lexsort((size, value))].tolist() if place != best)
    return best, worst
