"""Who is compared with whom, and what the comparisons of a control cost together.

With a declared reference each group is compared with it, once. Without one the data choose the best group, so every
pair could have been chosen: the family is all pairs of tested groups, over all `by` entries of the control.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from gov_pipelines.measure import comparisons
from gov_pipelines.measure.groups import Group, best_of, groups_of
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.tallies import Tally
from gov_pipelines.policy.kinds import RATES, Fairness

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
        adjust: `holm` or `bonferroni`.
    """

    p: dict[frozenset[Group], tuple[float, float]]
    simultaneous: float
    plain: float
    size: int
    chosen: bool
    adjust: str

    @property
    def level(self) -> float:
        """Error of one test, for power."""
        return 1 - self.simultaneous

    @property
    def confidence(self) -> float:
        """Of one group's interval: simultaneous where the data choose the reference."""
        return self.simultaneous if self.chosen else self.plain


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
    """

    attributes: tuple[str, ...]
    groups: tuple[Group, ...]
    tested: tuple[Group, ...]
    reference: Group | None
    why_none: str | None
    left_out: str

    def without(self, count: int) -> str | None:
        """How many decisions are left out, in words."""
        return f"{count:,} {self.left_out}" if count else None


def entry_of(tally: Tally, by: tuple[str, ...], control: Fairness, left_out: str) -> Entry:
    """The groups of one `by` entry, and whom they are compared with: the declared reference, else the best tested group.

    Raises:
        WrongUse: the tally does not count a column, or its small cells are merged.
    """
    groups = tuple(groups_of(tally, by, control.among))
    tested = tuple(group for group in groups if group.known and group.decided >= control.min_group_size)
    if control.reference is None or control.metric in RATES:
        best = best_of(tested) if tested else None
        return Entry(by, groups, tested, best, None if best else too_few(groups, control), left_out)
    missing = [name for name in by if name not in control.reference]
    if missing:
        return Entry(by, groups, (), None, f"no reference is declared for {', '.join(missing)}", left_out)
    key = tuple(control.reference[name] for name in by)
    found = next((group for group in groups if group.key == key), Group(by, key))
    if found in tested:
        return Entry(by, groups, tested, found, None, left_out)
    why = f"the declared reference {found.name} has {found.decided:,} decisions, fewer than {control.min_group_size}"
    return Entry(by, groups, (), found if found.decided else None, why, left_out)


def too_few(groups: Iterable[Group], control: Fairness) -> str:
    """Why an entry has nothing to compare: each known group and its size."""
    sizes = ", ".join(f"{group.name} {group.decided:,}" for group in groups if group.known) or "none is known"
    return f"fewer than two known groups reach {control.min_group_size} decisions ({sizes})"


def pairs_of(entry: Entry, control: Fairness) -> list[Pair]:
    """The comparisons of an entry: every pair, or each group with the declared reference."""
    if control.reference is None:
        return list(combinations(entry.tested, 2))
    return [(group, entry.reference) for group in entry.tested if entry.reference and group != entry.reference]


def family_of(entries: Sequence[Entry], control: Fairness) -> Family:
    """Test every comparison of a control and adjust over all of them."""
    pairs = [pair for entry in entries for pair in pairs_of(entry, control)]
    confidence, adjust = comparisons.demanded(control.test)
    single = comparisons.fisher(*columns_of(pairs))
    tested = zip(pairs, single.tolist(), comparisons.adjusted(single, adjust).tolist(), strict=True)
    p = {frozenset(pair): (one, all_) for pair, one, all_ in tested}
    size = max(len(pairs), 1)
    return Family(p, 1 - (1 - confidence) / size, confidence, size, control.reference is None, adjust)


def columns_of(pairs: Sequence[Pair]) -> list[list[int]]:
    """Favorable and decided of the first groups, then of the second ones."""
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    return [counts for groups in sides for counts in ([g.favorable for g in groups], [g.decided for g in groups])]


def listed(group: Group, entry: Entry, control: Fairness, method: str) -> Measurement:
    """A group's row without a value: its size, whether it is tested, and what is to be said of it."""
    words = None if group in entry.tested else entry.why_none
    if not group.known:
        unknown = [name for name, value in group.values.items() if value is None]
        words = f"{' and '.join(unknown)} unknown: shown, not tested"
    elif group.decided < control.min_group_size:
        words = f"{group.decided:,} of {control.min_group_size} decisions: listed, not tested"
    return Measurement(
        metric=control.metric,
        attribute=entry.attributes,
        group=group.values,
        reference_group=entry.reference.values if entry.reference and control.metric not in RATES else None,
        n=group.decided,
        tested=group in entry.tested,
        method=method,
        note=joined(words, entry.without(group.undecided), None if group.decided else "no decision"),
    )


def joined(*parts: str | None) -> str | None:
    """Notes as one, each once; None where there is none."""
    return "; ".join(dict.fromkeys(part for part in parts if part)) or None
