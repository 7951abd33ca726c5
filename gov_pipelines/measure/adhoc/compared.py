"""The groups of any table: every rate with its interval, and the groups compared within strata."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.conditional import by_strata, conditional_demographic_disparity
from gov_pipelines.measure.rates.confusion import RATES, Counts, Key, Values, confusion, over
from gov_pipelines.measure.statistics import comparisons, resampling
from gov_pipelines.measure.statistics.intervals import Floats, effective, wilson
from gov_pipelines.measure.statistics.pairwise import MOST_CELLS
from gov_pipelines.measure.statistics.strata import common_odds

_ODDS = 200  # groups up to which each is compared within strata


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The counts of the groups of an attribute or an intersection, in one stratum or over all.

    Attributes:
        attributes: the columns that define the groups.
        keys: one value an attribute; None where unknown.
        counts: `[G, 6]`, rows, see `confusion`.
        undecided: `[G]`, rows that are left out everywhere.
        sums: `[2, G, 6]`, weights and their squares where rows have any.
        stratum: whose rows these are.
        missing: what an undecided row lacks, in words.
        draws: `[R, G, 6]`, bootstrap samples of the rows; None where there are too many groups.
    """

    attributes: tuple[str, ...]
    keys: tuple[Key, ...]
    counts: Counts
    undecided: Counts
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


def tables(
    tally: Tally, by: tuple[str, ...], strata: tuple[str, ...] = (), unit: float = 1.0, missing: str = "a decision"
) -> Iterator[Table]:
    """The groups over all rows; with strata, those of each stratum. A weight is counted in units."""
    found = confusion(tally, (*strata, *by))
    sums = None
    if "weight" in tally.cells.columns:
        each = ("weight", unit), ("weight_squares", unit * unit)
        sums = np.stack([confusion(tally, (*strata, *by), count=name).counts / per for name, per in each])
    places: dict[Key, list[int]] = {}
    for at, key in enumerate(found.keys):
        places.setdefault(key[: len(strata)], []).append(at)
    for stratum, own in places.items():
        keys, of = tuple(found.keys[at][len(strata) :] for at in own), None if sums is None else sums[:, own]
        draws = _draws(found.counts[own], of, (*by, *map(str, stratum))) if len(found.keys) <= MOST_CELLS else None
        whose = dict(zip(strata, stratum, strict=True)) if strata else None
        yield Table(by, keys, found.counts[own], found.undecided[own], of, whose, missing, draws)


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


def common_rows(
    tally: Tally, by: tuple[str, ...], strata: tuple[str, ...], confidence: float, reference: Mapping[str, str] | None
) -> list[Measurement]:
    """Each known group compared within strata, and over them together: the common odds ratio, and demographic disparity.

    The odds are compared with the named group, or else with the one of the highest rate over all strata: tests and
    intervals then pay for every pair of groups.
    """
    every, keys, counts = by_strata(tally, by, strata)
    decided = RATES["selection_rate"].of(counts)
    favored, n = (each.sum(0) for each in decided)
    rates = over(favored, n)
    named = None if reference is None else tuple(reference[column] for column in by)
    base = keys.index(named) if named in keys else None
    if named is None and np.isfinite(rates).any():
        base = int(np.nanargmax(rates))
    disparity = conditional_demographic_disparity(counts) if len(every) else np.full(len(keys), np.nan)
    groups = int((n > 0).sum())
    size = 1 if named is not None else max(groups * (groups - 1) // 2, 1)
    paid = "Holm over the groups" if named is not None else f"Bonferroni over {size:,} pairs of groups"
    once = "; rows count once each, whatever they weigh" if "weight" in tally.cells.columns else ""
    rows = []
    for at, key in enumerate(keys):
        row = Measurement(
            metric="conditional_demographic_disparity", attribute=by, group=dict(zip(by, key, strict=True)), n=int(n[at]),
            value=finite(disparity[at]), note=f"within {len(every):,} strata of {' and '.join(strata)}",
            method="share of the refused less share of the favored, the mean over strata by their decisions" + once,
        )  # fmt: skip
        if row.value is None:
            row = replace(row, note=joined("undefined: no stratum has both outcomes", row.note))
        rows.append(row)
        if base is None or at == base or len(keys) > _ODDS:
            continue
        odds = common_odds([*zip(*(side[:, place].tolist() for place in (at, base) for side in decided), strict=True)])
        low, high = odds.interval(1 - (1 - confidence) / size) or (None, None)
        seen = f"{odds.strata:,} of {len(every):,} strata have both groups and both outcomes"
        row = replace(row, reference_group=dict(zip(by, keys[base], strict=True)), n=odds.own)
        common = replace(
            row, metric="common_odds_ratio", value=odds.odds_ratio, lower=low, upper=high, p_value=odds.p,
            p_adjusted=None if odds.p is None else min(odds.p * size, 1.0),
            confidence=None if low is None else confidence, note=joined(None if odds.odds_ratio is not None else "undefined: the odds have no bound", seen),
            method="Mantel-Haenszel; Robins-Breslow-Greenland interval; Cochran-Mantel-Haenszel test; " + paid + once,
        )  # fmt: skip
        differ = replace(
            row, metric="odds_ratio_heterogeneity", value=odds.heterogeneity, p_value=odds.heterogeneity_p,
            note=joined(None if odds.heterogeneity is not None else "undefined", seen), method="Breslow-Day chi-square with Tarone's correction" + once,
        )  # fmt: skip
        rows += [common, differ]
    if named is not None:
        tested = [at for at, row in enumerate(rows) if row.metric == "common_odds_ratio" and row.p_value is not None]
        adjusted = comparisons.adjusted([rows[at].p_value or 0.0 for at in tested]).tolist()
        for at, p in zip(tested, adjusted, strict=True):
            rows[at] = replace(rows[at], p_adjusted=p)
    if len(keys) > _ODDS:
        note = f"more than {_ODDS} groups: they are not compared by their odds"
        rows.append(Measurement(metric="common_odds_ratio", attribute=by, n=int(n.sum()), note=note))
    return rows
