"""The plant for `fairness`: two groups, one of which gets everything and the other nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting
from gov_pipelines.policy.kinds import Fairness

_INVENTED = ("group a", "group b")
_BELIEVABLE = 50
"""Decisions of a group that the most modest breach has, where `min_group_size` does not ask for more."""


def fairness(setting: Setting) -> Plant:
    """For each entry of `by` and each limit, the largest disparity there is: first of small groups, then of large ones."""
    control = setting.bound.control
    assert isinstance(control, Fairness)
    if control.at_least is None and control.at_most is None:
        raise CannotFail("it sets no limit: it reports", reports_only=True)
    _among(setting, control)
    groups = 1 if control.metric == "selection_rate" else 2
    largest = setting.capacity // groups
    if control.min_group_size > largest:
        raise CannotFail(f"it tests groups of {control.min_group_size:,} or more, but {setting.holds}")
    sizes = sorted({min(max(control.min_group_size, _BELIEVABLE), largest), largest})
    breaches, unplantable, clean = [], [], []
    for entry in control.by or list(setting.declaration.protected_attributes):
        by = (entry,) if isinstance(entry, str) else tuple(entry)
        try:
            pair = _groups(setting, control, by)
            clean += [(group, setting.declaration.outcomes.favorable[0]) for group in pair]
            for side, limit in (("at_least", control.at_least), ("at_most", control.at_most)):
                if limit is not None:
                    breaches.append(_breach(setting, control, by, pair, sizes, side, limit))
        except CannotFail as reason:
            unplantable.append(f"{' and '.join(by)}: {reason}")
    if not breaches:
        raise CannotFail("; ".join(unplantable))
    return Plant(breaches, _alike(setting, control, [group for group, _ in clean], sizes[0]), unplantable)


def _breach(
    setting: Setting,
    control: Fairness,
    by: tuple[str, ...],
    pair: Sequence[Row],
    sizes: Sequence[int],
    side: str,
    limit: float,
) -> Breach:
    """The second group against the first, which is the reference where one is declared."""
    first, second = pair[0], pair[-1]
    if side == "at_most" and control.metric == "adverse_impact_ratio":
        sizes = [size for size in sizes if size > limit]  # one favorable decision in the reference, all in the other
        if not sizes:
            raise CannotFail(f"no ratio is above {limit:g}: {setting.holds}")
        shares = ("one", "all")
    elif side == "at_most" and control.metric == "selection_rate":
        shares = ("all", "all")
    else:
        shares = ("all", "none")
    nights = [_night(setting, [(first, size, shares[0]), (second, size, shares[1])]) for size in sizes]
    what = f"{' and '.join(by)}: favorable for {shares[0]} of {_name(first, by)}, {shares[1]} of {_name(second, by)}"
    return Breach(what, nights, attribute=by)


def _alike(setting: Setting, control: Fairness, groups: Sequence[Row], size: int) -> MadeUp:
    """All groups with one rate, inside the limits where they are limits of the rate itself."""
    low, high = (control.at_least or 0, 1 if control.at_most is None else control.at_most)
    rate = (low + high) / 2 if control.metric == "selection_rate" else 0.5
    return _night(setting, [(group, size, rate) for group in groups])


def _night(setting: Setting, groups: Sequence[tuple[Row, int, str | float]]) -> MadeUp:
    """Groups with their size in the window and the share of them that is decided favorably; the same each day."""
    outcomes, days = setting.declaration.outcomes, len(setting.days)
    rows = []
    for group, size, share in groups:
        each = -(-size // days)
        favorable = {"all": each, "none": 0, "one": 0}[share] if isinstance(share, str) else round(each * share)
        rows += [({**group, "decision": outcomes.favorable[0]}, favorable)]
        rows += [({**group, "decision": outcomes.unfavorable[0]}, each - favorable)]
    night = setting.every_day(*rows)
    alone = [group for group, _, share in groups if share == "one"]
    if not alone:
        return night
    one = ({**alone[0], "decision": outcomes.favorable[0]}, 1)
    last = night.days[setting.partition]
    changed = Happened((*last.decisions, one))
    return MadeUp({**night.days, setting.partition: changed})


def _groups(setting: Setting, control: Fairness, by: tuple[str, ...]) -> list[Row]:
    """The group compared with and another one; one alone is enough for a rate."""
    values = [_values(setting, name) for name in by]
    found: list[Row] = [dict(zip(by, key, strict=True)) for key in product(*values)]
    found = [group for group in found if all(group.get(name, value) == value for name, value in control.among.items())]
    if control.reference is not None and control.metric != "selection_rate":
        reference = {name: control.reference[name] for name in by if name in control.reference}
        if len(reference) < len(by):
            raise CannotFail("the reference names no value of it")
        if all(setting.values(name) for name in by) and reference not in found:
            raise CannotFail(f"no decision is ever about the reference {_name(reference)}: known are {_known(found)}")
        found = [reference, *(group for group in found if group != reference)]
    if control.metric != "selection_rate" and len(found) < 2:
        raise CannotFail(f"there is one group only, so nothing to compare: {_known(found)}")
    return [{**group, **control.among} for group in found[:2]]


def _values(setting: Setting, name: str) -> Sequence[str]:
    return setting.values(name) or _INVENTED


def _among(setting: Setting, control: Fairness) -> None:
    for name, value in control.among.items():
        known = setting.values(name)
        if known and value not in known:
            raise CannotFail(f"no decision is ever among {name} {value}: known are {', '.join(known)}")


def _name(group: Row, by: Sequence[str] = ()) -> str:
    return ", ".join(str(group[name]) for name in by or group)


def _known(groups: Sequence[Row]) -> str:
    return "; ".join(map(_name, groups)) or "none"
