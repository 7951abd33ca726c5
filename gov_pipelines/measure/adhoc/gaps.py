"""Groups of any table compared: ratios to the best or a named group, and how far apart all are, as controls compare them.

Where the data choose the best group, all pairs are tested (Holm) and their intervals hold together by max-T; what that
takes and where it ends is in `pairwise`. Against a named group tests are adjusted too, and intervals are plain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.measure.adhoc.tables import Proportion, Table, extremes, left_out, listed, proportion, rate_rows
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.confusion import RATES, over
from gov_pipelines.measure.statistics import comparisons, resampling
from gov_pipelines.measure.statistics.intervals import Floats
from gov_pipelines.measure.statistics.pairwise import INTERVAL, MOST_PAIRS, Form, extreme, interval, outermost, together
from gov_pipelines.policy.kinds.rates import Shape

Places = NDArray[np.intp]


def _nowhere() -> Places:
    return np.array([], np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    """One rate: its groups, all pairs of them or, of too many, that of the extremes."""

    name: str
    found: Proportion
    row: Measurement
    at: Places = field(default_factory=_nowhere)
    best: int = 0
    worst: int = 0
    one: Places = field(default_factory=_nowhere)
    other: Places = field(default_factory=_nowhere)

    @property
    def size(self) -> int:
        return math.comb(len(self.at), 2)

    def value(self, form: str) -> float:
        if not self.size:
            return math.nan
        if form == "difference":
            return float(self.found.value[self.best] - self.found.value[self.worst])
        return float(self.found.over(self.worst, self.best))

    def place(self, one: int, other: int) -> int:
        """Of a pair, whichever way round."""
        return int(
            np.flatnonzero((self.one == one) & (self.other == other) | (self.one == other) & (self.other == one))[0]
        )

    def counts(self, one: Places | int, other: Places | int) -> Floats:
        found = self.found
        return np.stack([found.x[one], found.n[one], found.x[other], found.n[other]])


@dataclass(frozen=True, eq=False)
class _Family:
    """What a metric compares, of one rate or several, and what that costs."""

    shape: Shape
    gaps: tuple[_Gap, ...]
    table: Table
    confidence: float

    @property
    def size(self) -> int:
        return max(sum(gap.size for gap in self.gaps), 1)

    @property
    def undefined(self) -> Measurement | None:
        """The row of a rate that has no value, where one has none."""
        gap = next((gap for gap in self.gaps if math.isnan(gap.value(self.form))), None)
        if gap is None:
            return None
        if not gap.size:
            return gap.row
        return replace(gap.row, confidence=None, note=joined("undefined: the highest rate is 0", gap.row.note))

    @property
    def decisive(self) -> _Gap:
        """The rate that is worst."""
        return (max if self.form == "difference" else min)(self.gaps, key=lambda gap: gap.value(self.form))

    @property
    def every(self) -> bool:
        return self.size <= MOST_PAIRS

    @cached_property
    def drawn(self) -> float | None:
        """The confidence of one interval at which all hold together by max-T; None where nothing is drawn."""
        if self.table.draws is None or not 1 < self.size <= MOST_PAIRS or not resampling.enough(self.confidence):
            return None
        groups, each = len(self.table.keys), [RATES[gap.name].of(self.table.draws) for gap in self.gaps]
        now = [RATES[gap.name].of(self.table.weighed)[1] for gap in self.gaps]
        rates, n = (np.concatenate([getattr(gap.found, of) for gap in self.gaps]) for of in ("value", "n"))
        drawn = np.concatenate([np.nan_to_num(over(x, m)) for x, m in each], -1)
        grown = np.concatenate([over(m, n) for (_, m), n in zip(each, now, strict=True)], -1)
        one, other = (
            np.concatenate([getattr(gap, side) + groups * at for at, gap in enumerate(self.gaps)])
            for side in ("one", "other")
        )
        return together(self.form, rates, n, (drawn, grown), (one, other), self.confidence)

    @property
    def form(self) -> Form:
        return "difference" if self.shape.form == "difference" else "ratio"

    @property
    def held(self) -> float:
        """The confidence of one interval."""
        return self.drawn or 1 - (1 - self.confidence) / self.size

    def method(self, first: str) -> str:
        words = f"{first}{INTERVAL[self.form]} interval"
        if self.size == 1:
            return f"{words}; {self.gaps[0].found.tested}; one comparison"
        bound = f"max-T of {resampling.DRAWS:,} bootstrap draws" if self.drawn else "Bonferroni"
        paid = "Holm" if self.every else "Bonferroni"
        return f"{words}, simultaneous ({bound} over {self.size:,} pairs of groups); {self.gaps[0].found.tested}, {paid} over them"


def _families(table: Table, asked: Iterable[Shape], confidence: float) -> list[_Family]:
    gaps: dict[str, _Gap] = {}
    families = []
    for shape in asked:
        for name in shape.rates:
            gaps[name] = gaps.get(name) or _gap(table, name, confidence)
        families.append(_Family(shape, tuple(gaps[name] for name in shape.rates), table, confidence))
    return families


def gap_rows(table: Table, asked: Sequence[Shape], confidence: float) -> dict[Shape, Measurement]:
    """The largest difference or the smallest ratio of some rates among the known groups, still to be named."""
    families = _families(table, asked, confidence)
    tests = _tests({gap.name: gap for each in families for gap in each.gaps}.values())
    rows = {each.shape: row for each in families if (row := each.undefined)}
    told = [each for each in families if each.shape not in rows]
    if not told:
        return rows
    limits = _limits(told)
    decisive = [each.decisive for each in told]
    x, n, y, m = np.stack([gap.counts(gap.worst, gap.best) for gap in decisive], axis=1)
    level = np.array([(1 - confidence) / each.size for each in told])
    reach = comparisons.detectable_rate(y / m, n, m, level)  # type: ignore[arg-type]  # one for each
    times = comparisons.needed_factor(x / n, n, y / m, m, level)  # type: ignore[arg-type]
    for at, (each, gap) in enumerate(zip(told, decisive, strict=True)):
        p = np.concatenate([tests[one.name] for one in each.gaps])
        place = gap.place(gap.worst, gap.best) + sum(len(one.one) for one in each.gaps[: each.gaps.index(gap)])
        together = comparisons.adjusted(p) if each.every else np.minimum(p * each.size, 1.0)
        rate, differs = float(gap.found.value[gap.best]), each.form == "difference"
        which = f"of the {gap.name.replace('_', ' ')}" if len(each.gaps) > 1 else None
        rows[each.shape] = replace(
            gap.row, value=gap.value(each.form), lower=finite(limits[at][0]), upper=finite(limits[at][1]),
            p_value=float(p[place]), p_adjusted=float(together[place]), n=sum(one.row.n for one in each.gaps),
            minimum_detectable=finite(rate - reach[at] if differs else reach[at] / rate),
            n_needed=math.ceil(times[at] * gap.row.n) if math.isfinite(times[at]) else None,
            method=each.method("largest difference; " if differs else "smallest ratio; "), recomputable=each.drawn is None,
            note=joined(which, gap.row.note),
        )  # fmt: skip
    return rows


def _tests(gaps: Iterable[_Gap]) -> dict[str, Floats]:
    """P that the groups of each pair have the same rate, all rates in one go."""
    told = [gap for gap in gaps if gap.size]
    if not told:
        return {}
    counts = [gap.counts(gap.one, gap.other) for gap in told]
    ends = np.cumsum([each.shape[1] for each in counts])[:-1]
    p = np.split(told[0].found.test(*np.concatenate(counts, axis=1)), ends)
    return {gap.name: each for gap, each in zip(told, p, strict=True)}


def _limits(families: Sequence[_Family]) -> list[tuple[float, float]]:
    """Of the extreme of each: the intervals of a form in one go."""
    found: dict[int, tuple[float, float]] = {}
    for form in ("difference", "ratio"):
        every = [each for each in families if each.form == form and each.every]
        counts = [np.concatenate([gap.counts(gap.one, gap.other) for gap in each.gaps], axis=1) for each in every]
        sizes = [each.shape[1] for each in counts]
        if every:
            x, n, y, m = np.concatenate(counts, axis=1)
            both = np.stack(interval(form, x, n, y, m, np.repeat([each.held for each in every], sizes)))
            parts = np.split(both, np.cumsum(sizes)[:-1], axis=1)
            found |= {id(each): extreme(form, *part) for each, part in zip(every, parts, strict=True)}
    for each in families:
        if not each.every:
            ends = [
                outermost(
                    each.form, gap.found.x[gap.at], gap.found.n[gap.at], 1 - (1 - each.confidence) / len(each.gaps)
                )
                for gap in each.gaps
            ]
            low, high = ((max if each.form == "difference" else min)(side) for side in zip(*ends, strict=True))
            found[id(each)] = low, high
    return [found[id(each)] for each in families]


def ratio_rows(
    table: Table,
    metric: str,
    confidence: float,
    reference: Mapping[str, str] | None = None,
    name: str = "selection_rate",
) -> list[Measurement]:
    """Each group's rate over that of a named group, or else of the best known one."""
    (family,) = _families(table, [Shape((name,), "ratio")], confidence)
    (gap,) = family.gaps
    found, key = gap.found, None if reference is None else tuple(reference[column] for column in table.attributes)
    told, enough = ~np.isnan(found.value), table.compared(found.rows)
    at = np.flatnonzero(enough & told)
    base: int | None = gap.best if gap.size else int(at[0]) if len(at) else None
    if key is not None:
        base = table.keys.index(key) if key in table.keys else None
    rows = rate_rows(table, name, confidence, metric)
    if base is None or base not in at or not found.value[base]:
        why = "undefined: the rate compared with is 0"
        if base is None or base not in at:
            why = f"undefined: no group of {table.least:,} or more to compare with"
        return [
            replace(row, value=None, lower=None, upper=None, confidence=None, note=joined(why, row.note))
            for row in rows
        ]
    others = at[at != base]
    size = max(len(others), 1) if key is not None else family.size
    p = found.test(found.x[others], found.n[others], found.x[base], found.n[base])
    adjusted = comparisons.adjusted(p) if key is not None else np.minimum(p * size, 1.0)
    if key is None and family.every and gap.size:
        of_pairs = comparisons.adjusted(_tests([gap])[name])
        adjusted = np.array([of_pairs[gap.place(other, base)] for other in others])
    tests = {int(place): (float(p[index]), float(adjusted[index])) for index, place in enumerate(others)}
    level = (1 - confidence) / size
    low, high = interval(
        "ratio", found.x, found.n, found.x[base], found.n[base], confidence if key is not None else family.held
    )
    reach = comparisons.detectable_rate(found.value[base], found.n, found.n[base], level)
    times = comparisons.needed_factor(found.value, found.n, found.value[base], found.n[base], level)
    paid = "one comparison" if size == 1 else f"Holm over {size:,} comparisons"
    method = f"{INTERVAL['ratio']} interval; {found.tested}; {paid}" if key is not None else family.method("")
    done = []
    for place, row in enumerate(rows):
        row = replace(row, reference_group=table.group(base), value=None, lower=None, upper=None, method=method)  # noqa: PLW2901
        if place == base:
            words = (
                "the group compared with" if key is not None else "the best group, which the others are compared with"
            )
            row = replace(row, value=1.0, confidence=None, note=joined(words, row.note))  # noqa: PLW2901
        elif told[place]:
            single, both = tests.get(place, (None, None))
            small = (
                None
                if place in tests or not table.known[place]
                else f"{found.rows[place]:,}, fewer than {table.least:,}: listed, not tested"
            )
            row = replace(  # noqa: PLW2901
                row, tested=place in tests, note=joined(small, row.note), value=float(found.over(place, base)), lower=finite(low[place]), upper=finite(high[place]), p_value=single, p_adjusted=both,
                minimum_detectable=finite(reach[place] / found.value[base]) if place in tests else None,
                n_needed=math.ceil(times[place] * row.n) if place in tests and math.isfinite(times[place]) else None,
                recomputable=key is not None or family.drawn is None,
            )  # fmt: skip
        done.append(row)
    return done


def equivalence_row(
    table: Table, margin: float, confidence: float, reference: Mapping[str, str] | None = None
) -> Measurement:
    """Whether every group's selection rate is shown to lie within a ratio of the named group's, else of every other's.

    All have to be shown, so that the largest p of any two counts, and nothing is paid for their number.

    Source: Berger (1982), Technometrics 24, 295-300, for the union of tests; `equivalence` for each.
    """
    gap = _gap(table, "selection_rate", confidence)
    row = replace(gap.row, metric="selection_rate_equivalence", reference_group=None, confidence=None)
    one, other = gap.one, gap.other
    if reference is not None:
        key = tuple(reference[column] for column in table.attributes)
        base = table.keys.index(key) if key in table.keys else -1
        one = gap.at[gap.at != base]
        other, row = np.full(len(one), base), replace(row, reference_group=table.of(key))
        if base not in gap.at:
            return replace(row, note=joined("undefined: the group compared with is too small", row.note))
    if not gap.size or gap.size > MOST_PAIRS or math.isnan(gap.value("ratio")):
        why = (
            f"more than {MOST_PAIRS:,} pairs of groups: not tested"
            if gap.size > MOST_PAIRS
            else "undefined: no rate is above 0"
        )
        return replace(row, note=joined(why if gap.size else None, row.note))
    x, n, y, m = gap.counts(one, other)
    p = np.nan_to_num(comparisons.equivalence(x, n, y, m, (margin, 1 / margin), "ratio"), nan=1.0).max()
    swapped = gap.found.value[one] > gap.found.value[other]
    ratios = gap.found.over(np.where(swapped, other, one), np.where(swapped, one, other))
    shown = f"parity within {margin:g} and {1 / margin:.4g} is {'' if p <= 1 - confidence else 'not '}shown at {100 * confidence:g} %"
    method = f"ratio furthest from 1; two one-sided score tests of {len(one):,} pairs of groups, the largest p"
    return replace(
        row, value=float(np.fmin.reduce(ratios)), p_value=float(p), method=method, note=joined(shown, row.note)
    )


def _gap(table: Table, name: str, confidence: float) -> _Gap:
    found = proportion(table, name)
    at = np.flatnonzero(table.compared(found.rows) & ~np.isnan(found.value))
    lacking = [table.name(int(place)) for place in np.flatnonzero(table.known & np.isnan(found.value))]
    undefined = f"undefined, so not among them: {listed(lacking)}" if lacking else None
    apart = joined(undefined, table.apart(found.rows), left_out(table, name, slice(None)))
    row = Measurement("", table.attributes, stratum=table.stratum, n=int(found.rows[at].sum()))
    if len(at) < 2:
        return _Gap(name, found, replace(row, note=joined("undefined: fewer than two known groups to compare", apart)))
    best, worst = extremes(found, at)
    one, other = np.array([[worst], [best]])
    if math.comb(len(at), 2) <= MOST_PAIRS:
        one, other = (at[side] for side in np.triu_indices(len(at), 1))
    which = f"{table.name(worst)} lowest, {table.name(best)} highest"
    row = replace(row, reference_group=table.group(best), confidence=confidence, note=joined(which, apart))
    return _Gap(name, found, row, at, best, worst, one, other)
