"""The plant for `fairness`: two groups, one of which gets everything and the other nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from gov_pipelines.measure import examples
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting
from gov_pipelines.policy.kinds import DIFFERENCES, NEEDS, RATES, SHAPES, SIGNED, Fairness

_INVENTED = ("group a", "group b")
_BELIEVABLE = 50
"""Decisions of a group that the most modest breach has, where `min_group_size` does not ask for more."""
_NEEDS_BOTH = frozenset({"common_odds_ratio", "standardized_mean_difference"})
"""Undefined where all of a group fare alike: one of each group fares like the other."""


Sides = list[list[Row]]
"""The groups that fare well, and those that fare badly."""


@dataclass(frozen=True, slots=True)
class _Fared:
    """How a group fared: its decisions in the window and the favorable ones among them."""

    group: Row
    size: int
    favorable: int


def fairness(setting: Setting, control: Fairness) -> Plant:
    """For each entry of `by` and each limit, the largest disparity there is: first of small groups, then of large ones."""
    _among(setting, control)
    groups = 1 if _alone(control) else 2
    largest = setting.capacity // (groups * len(control.rates))
    if control.min_group_size > largest:
        raise CannotFail(f"it tests groups of {control.min_group_size:,} or more, but {setting.holds}")
    sizes = sorted({min(max(control.min_group_size, _BELIEVABLE), largest), largest})
    parts: list[Breach | str] = []
    alike: list[_Fared] = []
    named = control.availability or control.by or setting.declaration.protected_attributes
    entries = [(entry,) if isinstance(entry, str) else tuple(entry) for entry in named]
    for by in entries:
        try:
            pair = _groups(setting, control, by)
            alike += _alike(control, by, pair, sizes[0])
            sides: Sides = [[pair[0]], [pair[-1]]]
            if any({*other} < {*by} for other in entries):
                sides = _crossed(setting, control, by, pair[0]) or sides
            # What is above a limit is the other way round, but a difference, which is of the better from the worse.
            above = sides if control.metric in DIFFERENCES else sides[::-1]
            for limit, worst in ((control.at_least, sides), (control.at_most, above)):
                if limit is not None:
                    parts.append(_breach(setting, control, by, worst, sizes, limit))
        except CannotFail as reason:
            parts.append(f"{' and '.join(by)}: {reason}")
    return Plant(parts, _night(setting, control, alike))


def _breach(
    setting: Setting, control: Fairness, by: tuple[str, ...], sides: Sides, sizes: Sequence[int], limit: float
) -> Breach:
    """All of the first groups fare well and none of the second ones."""
    well, badly = sides
    one = 1 if control.metric in _NEEDS_BOTH else 0
    few = one
    if control.metric in SHAPES and limit > 1:  # the reference fares badly, and a ratio to none is none
        sizes, few = [size for size in sizes if size > limit], 1
        if not sizes:
            raise CannotFail(f"no ratio is above {limit:g}: {setting.holds}")
    nights = []
    for size in sizes:
        good = [_Fared(group, size, size - one) for group in well]
        bad = [_Fared(group, size, few) for group in badly]
        alone = good if limit == control.at_most else bad
        nights.append(_night(setting, control, alone if well == badly else [*good, *bad]))
    better, worse = ("; ".join(_name(group, by) for group in side) for side in sides)
    what = f"{' and '.join(by)}: {better} fare as well as can be, {worse} as badly"
    certain = control.metric not in SIGNED | _NEEDS_BOTH
    return Breach(what, nights, attribute=by, metric=control.metric, certain=certain)


def _alone(control: Fairness) -> bool:
    """Whether one group is enough; scores are held against the median of all."""
    return control.metric in RATES and control.metric != "scoring_rate"


def _alike(control: Fairness, by: tuple[str, ...], pair: Sequence[Row], size: int) -> list[_Fared]:
    """Groups with one rate, inside the limits where they are limits of the rate itself; or with their shares of a pool."""
    if control.availability is not None:
        share = control.availability[by[0]][str(pair[-1][by[0]])]
        sizes = (round(2 * size * (1 - share)), round(2 * size * share))
        return [_Fared(group, each, each) for group, each in zip(pair, sizes, strict=True)]
    most = 0.5 if control.metric == "scoring_rate" else 1.0  # at most half lie above a median
    rate = ((control.at_least or 0) + min(most, control.at_most or most)) / 2 if control.metric in RATES else 0.5
    return [_Fared(group, size, round(size * rate)) for group in pair]


def _night(setting: Setting, control: Fairness, groups: Sequence[_Fared]) -> MadeUp:
    """Groups with their size in the window and how many fared well; the same each day, what does not divide on the last."""
    last = [row for fared in groups for row in _rows(setting, control, fared, last=True)]
    usual = [row for fared in groups for row in _rows(setting, control, fared, last=False)]
    days = dict.fromkeys(setting.days, Happened(tuple(usual)))
    return MadeUp({**days, setting.partition: Happened(tuple(last))})


def _rows(setting: Setting, control: Fairness, fared: _Fared, *, last: bool) -> list[tuple[Row, int]]:
    number = control.of or "score"
    worst, best = setting.ends(number)
    days = len(setting.days)
    found: list[tuple[Row, int]] = []
    for rate in control.rates:  # of several each has its own rows, and all are broken alike
        well, badly = _decisions(setting, rate)
        for row, value, count in ((well, best, fared.favorable), (badly, worst, fared.size - fared.favorable)):
            found.append(({**fared.group, **row, number: value}, count // days + (count % days if last else 0)))
    return found


def _decisions(setting: Setting, rate: str) -> tuple[Row, Row]:
    """A decision that counts in a rate's numerator, and one that counts in its denominator alone."""
    declaration = setting.declaration
    if NEEDS.get(rate) == "label" and declaration.label is None:
        raise CannotFail("the system declares no `label`")
    positive = declaration.label.positive if declaration.label else True
    negative = str(not positive) if isinstance(positive, bool) else f"not {positive}"
    outcomes = declaration.outcomes
    words: dict[str, object] = {"positive": str(positive), "negative": negative, "reviewed": setting.noon()}
    words |= {"favorable": outcomes.favorable[0], "unfavorable": outcomes.unfavorable[0]}
    words["undecided"] = next(iter(outcomes.undecided), None)
    made: list[Row] = [{name: words[word] for name, word in row.items()} for row in examples(rate)]
    if any(value is None for row in made for value in row.values()):
        raise CannotFail("no outcome is declared `undecided`")
    return made[0], made[1]


def _groups(setting: Setting, control: Fairness, by: tuple[str, ...]) -> list[Row]:
    """Two groups: who fares well where there is a lower limit, then who fares badly. One alone is enough for a rate."""
    values = [setting.values(name) or _INVENTED for name in by]
    found: list[Row] = [dict(zip(by, key, strict=True)) for key in product(*values)]
    found = [group for group in found if all(group.get(name, value) == value for name, value in control.among.items())]
    known = "; ".join(_name(group, by) for group in found) or "none"
    of_interest: Mapping[str, str] | None = None
    if control.availability is not None:
        of_interest = {by[0]: next(iter(control.availability[by[0]]))}
    elif control.reference is not None and control.metric not in RATES:
        of_interest = {name: control.reference[name] for name in by if name in control.reference}
        if len(of_interest) < len(by):
            raise CannotFail("the reference names no value of it")
    if of_interest is not None:
        if all(setting.values(name) for name in by) and of_interest not in found:
            raise CannotFail(f"no decision is ever about {_name(of_interest, by)}; known are {known}")
        found = [of_interest, *(group for group in found if group != of_interest)]
    if not _alone(control) and len(found) < 2:
        raise CannotFail(f"there is one group only, so nothing to compare: {known}")
    more: Row = {**control.among, **{name: setting.some(name) for name in control.over or ()}}
    pair: list[Row] = [{**more, **group} for group in found[:2]]
    # A reference fares well and the other group badly; a group with a share of a pool is itself the one that fares badly.
    return pair[::-1] if control.availability is not None else pair


def _crossed(setting: Setting, control: Fairness, by: tuple[str, ...], first: Row) -> Sides | None:
    """Groups that fare unequally while each of their attributes alone does not; None where there are too few of them.

    Of two attributes: the first group and its opposite in both, against those that differ in one.
    """
    others = {}
    for name in by:
        values = [value for value in setting.values(name) or _INVENTED if value != first[name]]
        if not values or name in control.among:
            return None
        others[name] = values[0]
    if max(control.min_group_size, _BELIEVABLE) * 2 ** len(by) > setting.capacity:
        return None
    sides: Sides = [[], []]
    for differs in product((False, True), repeat=len(by)):
        changed = {name: others[name] for name, other in zip(by, differs, strict=True) if other}
        sides[sum(differs) % 2].append({**first, **changed})
    return sides


def _among(setting: Setting, control: Fairness) -> None:
    for name, value in control.among.items():
        known = setting.values(name)
        if known and value not in known:
            raise CannotFail(f"no decision is ever among {name} {value}; known are {', '.join(known)}")


def _name(group: Row, by: Sequence[str]) -> str:
    return ", ".join(str(group[name]) for name in by)
