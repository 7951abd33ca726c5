"""Who is compared with whom, and what the comparisons of a control cost together.

With a declared reference each group is compared with it, once. Without one the data choose the best group, so every
pair could have been chosen: the family is all pairs of tested groups, over all `by` entries of the control. Their
intervals hold together (see `pairwise`). Beyond `MOST_PAIRS` only the pairs with the best group are tested, and paid for as all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.groups import Group, best_of, groups_of
from gov_pipelines.measure.statistics import comparisons, resampling
from gov_pipelines.measure.statistics.alarms import (
    NIGHT,
    Alarm,
    Year,
    detectable_odds,
    information,
    needed_information,
    odds_evidence,
)
from gov_pipelines.measure.statistics.pairwise import MOST_CELLS, MOST_PAIRS, Form, drawable, together
from gov_pipelines.policy.kinds import DIFFERENCES, NEEDS, RATES, Fairness, over_year

Pair = tuple[Group, Group]


@dataclass(frozen=True, slots=True)
class Family:
    """The comparisons a control pays for.

    Attributes:
        p: unadjusted and adjusted p value of each pair.
        simultaneous: confidence of one interval such that all of the family hold together.
        plain: the confidence the control asks for.
        size: comparisons in the family.
        chosen: whether the data choose the reference.
        adjust: of `NAMES`; of a year `closed means`.
        alarms: what the nights of the year say of each pair, where the control holds its error over a year.
        year: how they say it.
        drawn: whether `simultaneous` rests on random draws.
    """

    p: dict[frozenset[Group], tuple[float, float]]
    simultaneous: float
    plain: float
    size: int
    chosen: bool
    adjust: str
    alarms: Mapping[frozenset[Group], Alarm] = field(default_factory=dict)
    year: str = ""
    drawn: bool = False

    @property
    def level(self) -> float:
        """Error of one test, for power."""
        return (1 - self.plain) / self.size

    @property
    def every(self) -> bool:
        """Whether every comparison that is paid for is tested."""
        return self.size <= MOST_PAIRS or not self.chosen

    @property
    def confidence(self) -> float:
        """Of one group's interval: simultaneous where the data choose the reference."""
        return self.simultaneous if self.chosen else self.plain

    def watched(self, row: Measurement, group: Group, base: Group) -> Measurement:
        """A row of two groups with what the nights say of them, and what they would if it had been so since the first one."""
        alarm = self.alarms.get(frozenset((group, base))) if row.tested else None
        if alarm is None:
            return row
        reach, rate = detectable_odds(alarm.information, alarm.bound), float(base.rate)
        least = math.exp(-reach)  # 0 where no difference could be found yet
        reachable = rate * least / (rate * least + 1 - rate) if rate < 1 else math.nan
        x, n, y, m = group.favorable, group.decided, base.favorable, base.decided
        odds = math.log((x + 0.5) * (m - y + 0.5) / ((n - x + 0.5) * (y + 0.5)))  # nowhere infinite
        told = float(information([x, n, y, m]))
        times = needed_information(odds, alarm.bound) / told if told and group.rate != base.rate else math.inf
        return replace(
            row,
            e_value=alarm.e,
            p_value=alarm.p,
            p_adjusted=alarm.p_adjusted,
            note=joined(row.note, alarm.since),
            minimum_detectable=finite(rate - reachable if row.metric in DIFFERENCES else reachable / rate),
            n_needed=math.ceil(times * row.n) if math.isfinite(times) else None,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One `by` entry.

    Attributes:
        attributes: the columns that define its groups.
        groups: all of them, unknown and small ones too.
        tested: those known and large enough.
        reference: the group the others are compared with.
        why_none: why there is nothing to compare with; None where there is.
        left_out: what is said of undecided decisions.
        rate: what is compared.
    """

    attributes: tuple[str, ...]
    groups: tuple[Group, ...]
    tested: tuple[Group, ...]
    reference: Group | None
    why_none: str | None
    left_out: str
    rate: str = "selection_rate"

    def without(self, groups: Sequence[Group]) -> str | None:
        """How many decisions are left out, in words."""
        undecided, lacking = sum(each.undecided for each in groups), sum(each.lacking for each in groups)
        return joined(
            f"{undecided:,} {self.left_out}" if undecided else None,
            f"{lacking:,} without a {NEEDS[self.rate]} left out" if lacking else None,
        )


def entry_of(
    tally: Tally, by: tuple[str, ...], control: Fairness, left_out: str, rate: str = "selection_rate"
) -> Entry:
    """The groups of one `by` entry, and whom they are compared with: the declared reference, else the best tested group.

    Raises:
        WrongUse: the tally does not count a column, or its small cells are merged.
    """
    groups = tuple(groups_of(tally, by, control.among, rate))
    tested = tuple(group for group in groups if group.known and group.decided >= control.min_group_size)
    if control.reference is None or control.metric in RATES:
        best = best_of(tested) if tested else None
        return Entry(by, groups, tested, best, None if best else too_few(groups, control), left_out, rate)
    missing = [name for name in by if name not in control.reference]
    if missing:
        return Entry(by, groups, (), None, f"no reference is declared for {', '.join(missing)}", left_out, rate)
    key = tuple(control.reference[name] for name in by)
    found = next((group for group in groups if group.key == key), Group(by, key))
    if found in tested:
        return Entry(by, groups, tested, found, None, left_out, rate)
    why = f"the declared reference {found.name} has {found.decided:,} decisions, fewer than {control.min_group_size}"
    return Entry(by, groups, (), found if found.decided else None, why, left_out, rate)


def too_few(groups: Iterable[Group], control: Fairness) -> str:
    """Why an entry has nothing to compare: each known group and its size."""
    sizes = ", ".join(f"{group.name} {group.decided:,}" for group in groups if group.known) or "none is known"
    return f"fewer than two known groups reach {control.min_group_size} decisions ({sizes})"


def pairs_of(entry: Entry, control: Fairness, *, every: bool = True) -> list[Pair]:
    """The comparisons of an entry: every pair, or each group with the best one or the declared reference."""
    if control.reference is None and every:
        return list(combinations(entry.tested, 2))
    return [(group, entry.reference) for group in entry.tested if entry.reference and group != entry.reference]


def family_of(
    entries: Sequence[Entry], tally: Tally, control: Fairness, seed: Sequence[str], year: Year | None = None
) -> Family:
    """Test every comparison of a control and adjust over all of them; over the nights of a year where they are given.

    Args:
        entries: the groups.
        tally: what they were counted in: groups of several entries share its rows.
        control: what is compared, and how sure one wants to be.
        seed: names that the random draws are drawn from.
        year: the nights of a control that holds its error over a year.
    """
    confidence, adjust = comparisons.demanded(control.test)
    chosen = control.reference is None
    size = sum(math.comb(len(entry.tested), 2) if chosen else len(pairs_of(entry, control)) for entry in entries)
    size, every = max(size, 1), size <= MOST_PAIRS or not chosen
    pairs = [pair for entry in entries for pair in pairs_of(entry, control, every=every)]
    single = comparisons.fisher(*columns_of(pairs))
    together = comparisons.adjusted(single, adjust) if every else np.minimum(single * size, 1.0)
    tested = zip(pairs, single.tolist(), together.tolist(), strict=True)
    p = {frozenset(pair): (one, all_) for pair, one, all_ in tested}
    simultaneous, drawn = 1 - (1 - confidence) / size, None
    if chosen and every and size > 1:
        drawn = _drawn(pairs, tally, control, confidence, resampling.seeded(*seed))
    family = Family(p, drawn or simultaneous, confidence, size, chosen, adjust, drawn=drawn is not None)
    if not over_year(control):
        return family
    if year is None:
        raise WrongUse("`error_over: year` needs the nights of the year; without them ask for `error_over: night`")
    above = chosen or (control.at_most is not None and control.metric not in DIFFERENCES)
    counts = [table for entry in entries for table in _by_night(entry, control, year, every=every)]
    found = year.alarms([odds_evidence(each, len(year.nights), above=above) for each in counts], size, 1 - confidence)
    alarms = dict(zip(map(frozenset, pairs), found, strict=True))
    return replace(family, adjust="closed means", alarms=alarms, year=year.method)


def _drawn(
    pairs: Sequence[Pair], tally: Tally, control: Fairness, confidence: float, rng: np.random.Generator
) -> float | None:
    """The confidence of one interval at which all hold together, by max-T; None where there are too many cells to draw."""
    groups = list(dict.fromkeys(group for pair in pairs for group in pair))
    rates, n = np.array([float(group.rate) for group in groups]), np.array([group.decided for group in groups])
    names = tuple(dict.fromkeys(name for group in groups for name in group.attributes))
    # Several rates have no decision in common, so that one draw over all of them draws rows.
    found = [cell for rate in control.rates for cell in groups_of(tally, names, control.among, rate) if cell.decided]
    cells = sorted(found, key=lambda cell: (cell.decided, cell.favorable))  # what groups are called draws nothing
    if len(cells) > MOST_CELLS or not drawable(rates, n, confidence):
        return None
    wanted = [(group.of, group.values.items()) for group in groups]
    whose = ((cell.of, cell.values.items()) for cell in cells)
    own = [[of == rate and values <= every for rate, values in wanted] for of, every in whose]
    counts = [[cell.favorable for cell in cells], [cell.decided - cell.favorable for cell in cells]]
    x, rest = np.moveaxis(resampling.resample(counts, resampling.DRAWS, rng) @ np.array(own, float), 1, 0)
    place = {group: at for at, group in enumerate(groups)}
    one, other = np.array([[place[group] for group in pair] for pair in pairs]).T
    draws = x / np.maximum(x + rest, 1), (x + rest) / n
    return together(form_of(control), rates, n, draws, (one, other), confidence)


def _by_night(entry: Entry, control: Fairness, year: Year, *, every: bool) -> list[list[list[int]]]:
    """For each comparison of an entry a row a night, audited or not: favorable and decided of both groups."""
    told = year.together((*entry.attributes, *control.among))
    found = {each.key: each for each in groups_of(told, (NIGHT, *entry.attributes), control.among, entry.rate)}
    nothing = Group(entry.attributes, ())
    return [
        [
            [
                count
                for one in pair
                for each in [found.get((f"{night}", *one.key), nothing)]
                for count in (each.favorable, each.decided)
            ]
            for night in range(year.so_far)
        ]
        for pair in pairs_of(entry, control, every=every)
    ]


def form_of(control: Fairness) -> Form:
    """How the groups of a control are compared."""
    return "difference" if control.metric in DIFFERENCES else "ratio"


def columns_of(pairs: Sequence[Pair]) -> list[list[int]]:
    """Favorable and decided of the first groups, then of the second ones."""
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    return [counts for groups in sides for counts in ([g.favorable for g in groups], [g.decided for g in groups])]


def listed(group: Group, entry: Entry, control: Fairness, method: str) -> Measurement:
    """A group's row without a value: its size, whether it is tested, and what is to be said of it."""
    tested = bool(entry.tested) and group.known and group.decided >= control.min_group_size
    words = None if tested else entry.why_none
    if not group.known:
        unknown = [name for name, value in group.values.items() if value is None]
        words = f"{' and '.join(unknown)} unknown: shown, not tested"
    elif group.decided < control.min_group_size:
        words = f"{group.decided:,} of {control.min_group_size} decisions: listed, not tested"
    return Measurement(
        metric=control.of_rate(entry.rate),
        attribute=entry.attributes,
        group=group.values,
        reference_group=entry.reference.values if entry.reference and control.metric not in RATES else None,
        n=group.decided,
        tested=tested,
        method=method,
        note=joined(words, entry.without([group]), None if group.decided else "no decision"),
    )


def joined(*parts: str | None) -> str | None:
    """Notes as one, each once; None where there is none."""
    return "; ".join(dict.fromkeys(part for part in parts if part)) or None
