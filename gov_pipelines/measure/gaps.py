"""How far groups are apart: the largest difference and the smallest ratio of a rate, paid for over all pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.measure.compared import Proportion, Table, extremes, finite, left_out, proportion
from gov_pipelines.measure.comparisons import detectable_rate
from gov_pipelines.measure.family import joined
from gov_pipelines.measure.intervals import Floats, newcombe, ratio_score
from gov_pipelines.measure.measurement import Measurement

_ALL_PAIRS = 60  # groups up to which both limits are worked out, over every pair


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    """What a rate is compared over: its groups, how many comparisons that pays for, and whose intervals are worked out."""

    found: Proportion
    row: Measurement
    size: int = 0
    best: int = 0
    worst: int = 0
    one: NDArray[np.intp] | int = 0
    other: NDArray[np.intp] | int = 0
    far: str | None = None

    def counts(self, one: NDArray[np.intp] | int, other: NDArray[np.intp] | int) -> Floats:
        found = self.found
        return np.stack([found.x[one], found.n[one], found.x[other], found.n[other]])


def gap_rows(
    table: Table, asked: Sequence[tuple[str, int]], confidence: float
) -> list[tuple[Measurement, Measurement]]:
    """The largest difference and the smallest ratio of some rates among the known groups, still to be named.

    Args:
        table: the groups.
        asked: each rate, and of how many rates its metric takes the worst.
        confidence: of the intervals.
    """
    gaps = [_gap(table, name, times, confidence) for name, times in asked]
    told = [gap for gap in gaps if gap.size]
    if not told:
        return [(gap.row, gap.row) for gap in gaps]
    level = np.array([(1 - confidence) / gap.size for gap in told])
    x, n, y, m = np.stack([gap.counts(gap.worst, gap.best) for gap in told], axis=1)
    p = told[0].found.test(x, n, y, m)
    reach = detectable_rate(y / m, n, m, level)  # type: ignore[arg-type]  # one for each
    pairs = [gap.counts(gap.one, gap.other) for gap in told]
    held = 1 - np.repeat(level, [each.shape[1] for each in pairs])
    x, n, y, m = np.concatenate(pairs, axis=1)
    limits = np.stack([*newcombe(x, n, y, m, held), *ratio_score(x, n, y, m, held)])
    parts = np.split(limits, np.cumsum([each.shape[1] for each in pairs])[:-1], axis=1)
    done = {id(gap): _rows(gap, float(p[at]), float(reach[at]), parts[at]) for at, gap in enumerate(told)}
    return [done.get(id(gap), (gap.row, gap.row)) for gap in gaps]


def _gap(table: Table, name: str, times: int, confidence: float) -> _Gap:
    found = proportion(table, name)
    at = np.flatnonzero(table.known & ~np.isnan(found.value))
    lacking = [table.name(int(place)) for place in np.flatnonzero(table.known & np.isnan(found.value))]
    without = (
        f"undefined, so not among them: {', '.join(lacking[:10])}{' ...' * (len(lacking) > 10)}" if lacking else None
    )
    apart = joined(without, left_out(table, name, slice(None)))
    row = Measurement(metric="", attribute=table.attributes, stratum=table.stratum, n=int(found.rows[at].sum()))
    if len(at) < 2:
        return _Gap(found, replace(row, note=joined("undefined: fewer than two known groups to compare", apart)))
    best, worst = extremes(found, at)
    one, other = (
        (at[side] for side in np.triu_indices(len(at), 1)) if len(at) <= _ALL_PAIRS else np.array([[worst], [best]])
    )
    far = "so many groups that the far limit is not worked out" if len(at) > _ALL_PAIRS else None
    row = replace(
        row, reference_group=table.group(best), confidence=confidence,
        note=joined(f"{table.name(worst)} against {table.name(best)}", far, apart),
    )  # fmt: skip
    return _Gap(found, row, len(at) * (len(at) - 1) // 2 * times, best, worst, one, other, far)


def _rows(gap: _Gap, p: float, reach: float, limits: Floats) -> tuple[Measurement, Measurement]:
    """The rows of a difference and of a ratio, from the limits of the pairs: either group of a pair may be the better."""
    low, high, least, most = limits
    found, best, worst = gap.found, gap.best, gap.worst
    rate, ratio = float(found.value[best]), float(found.over(worst, best))
    paid = "one comparison" if gap.size == 1 else f"Bonferroni over {gap.size:,} comparisons"
    row = replace(gap.row, p_value=p, p_adjusted=min(p * gap.size, 1.0))
    with np.errstate(divide="ignore"):
        ends = max(*low, *-high, 0.0), max(*high, *-low)
        shares = min(*least, *1 / most), min(*most, *1 / least, 1.0)
    if gap.far:
        ends, shares = (ends[0], math.nan), (math.nan, shares[1])
    difference = replace(
        row, value=rate - float(found.value[worst]), lower=finite(ends[0]), upper=finite(ends[1]),
        minimum_detectable=finite(rate - reach), method=f"largest difference; Newcombe interval; {found.tested}; {paid}",
    )  # fmt: skip
    method = f"smallest ratio; Miettinen-Nurminen interval; {found.tested}; {paid}"
    if math.isnan(ratio):
        why = joined("undefined: the highest rate is 0", row.note)
        return difference, replace(row, confidence=None, p_value=None, p_adjusted=None, method=method, note=why)
    smallest = replace(
        row, value=ratio, lower=finite(shares[0]), upper=finite(shares[1]), minimum_detectable=finite(reach / rate), method=method
    )  # fmt: skip
    return difference, smallest
