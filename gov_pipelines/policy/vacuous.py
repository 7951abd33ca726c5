"""What can be told without data of a control that can never fail, or a clause that can never speak.

`gov selftest` finds the rest by planting breaches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any

from gov_pipelines.policy import kinds
from gov_pipelines.policy.declaration import MayDecide, SystemDeclaration, rows_range
from gov_pipelines.policy.demands import demand_of, spoken_of
from gov_pipelines.policy.document import Clause
from gov_pipelines.policy.yaml_file import Place

_LONGEST_DAY_HOURS = 25
_NO_LOG = "no access log is declared, so nobody can tell what was read"


def can_fail(clause: Clause, declaration: SystemDeclaration) -> bool:
    """Whether anything could make a clause's control fail in a system, as far as the two files tell.

    False where no limit is set, where what it is held against is not declared or was before the system's first day, where
    no decision can meet its conditions and break its rule, or where whatever is outside is quarantined first.
    """
    control = clause.control
    able = control is None or (limited(control) and lacking(control, declaration) is None)
    return able and _breakable(clause, declaration)


def limited(control: kinds.Control) -> bool:
    """Whether a control has what it takes to fail: a measured one a limit."""
    if not isinstance(control, kinds.Fairness | kinds.Drift | kinds.LogQuality):
        return True
    return any(getattr(control, limit, None) is not None for limit in ("at_least", "at_most"))


def lacking(control: kinds.Control, declaration: SystemDeclaration) -> str | None:
    """What keeps a control from failing whatever is decided or read; None where nothing does."""
    found = (why for kind, lacks, why in _LACKING if isinstance(control, kind) and lacks(control, declaration))
    return next(found, None)


def _least_rows(control: kinds.Fairness | kinds.LogQuality) -> int:
    """The rows without which no group is compared: one group suffices for a rate."""
    if isinstance(control, kinds.LogQuality):
        return 0
    return control.min_group_size * (1 if control.metric in kinds.RATES else 2)


def _most_rows(control: kinds.Fairness | kinds.LogQuality, declaration: SystemDeclaration) -> float:
    """The rows that a window of days holds at most; any number where the declaration does not say."""
    most, days = rows_range(declaration.operating_range)[1], control.window.days
    hours = 24 if declaration.calendar.hourly else 1
    partitions = 1 if control.window.span == "partition" else days and days * hours
    return float("inf") if most is None or partitions is None else most * partitions


def _quarantined(control: kinds.OperatingRange, declaration: SystemDeclaration) -> bool:
    """Whether no number outside any of the ranges gets into the log."""
    for column, (low, high) in control.ranges_of(declaration.operating_range).items():
        declared = declaration.fields.get(column)
        least, most = declared.range if declared and declared.range else (None, None)
        if low is not None and (least is None or least < low):
            return False
        if high is not None and (most is None or most > high):
            return False
    return not (control.usual or control.new)


def _always_fresh(control: kinds.Freshness, declaration: SystemDeclaration) -> bool:
    """Whether a day's decision, at most a day old at its end, is young enough."""
    least = {"hours": 1, "days": 1} if declaration.calendar.hourly else {"hours": _LONGEST_DAY_HOURS, "days": 2}
    return (
        control.of is None and control.window.span == "partition" and control.within.count >= least[control.within.unit]
    )


_LACKING: Sequence[tuple[type[kinds.Control] | UnionType, Callable[[Any, SystemDeclaration], bool], str]] = (
    (kinds.Fairness | kinds.LogQuality, lambda control, system: _least_rows(control) > _most_rows(control, system),
     "the window never holds as many rows as its smallest groups need"),
    (kinds.Drift | kinds.AccessPattern | kinds.OperatingRange, lambda control, system: (control.reference.from_ or system.starts) < system.starts,
     "reference days before the system's first have no audit"),
    (kinds.DataAccess, lambda _, system: system.access_log is None and not system.intake.enforced, _NO_LOG),
    (kinds.AccessPattern, lambda _, system: system.access_log is None, _NO_LOG),
    (kinds.Freshness, lambda control, system: control.of == kinds.ACCESS_LOG and system.access_log is None, _NO_LOG),
    (kinds.OperatingRange, lambda control, system: {*control.usual} == {"hours"} and system.partitions == "hourly" and not control.ranges,
     "within an hour all decisions are of that hour"),
    (kinds.ApprovedModel, lambda control, system: not (control.models or system.intake.models),
     "neither the control nor the declaration lists models, so nothing can be held against them"),
    (kinds.HumanReview, lambda control, _: control.before is None,
     "it names no moment `before` which the review must come: a review may always still come"),
    (kinds.DecisionScope, lambda control, system: (control.may_decide or system.intake.may_decide or MayDecide()).boundless,
     "it names neither products nor an amount, so nothing is out of scope"),
    (kinds.OperatingRange, _quarantined, "rows outside its ranges are quarantined, for `fields` allows no more"),
    (kinds.Freshness, _always_fresh, f"the newest decision of a day is never older than {_LONGEST_DAY_HOURS} hours, that of an hour than one"),
)  # fmt: skip


def _breakable(clause: Clause, declaration: SystemDeclaration) -> bool:
    """Whether some decision meets the conditions and breaks the rule; also where that cannot be told."""
    asked = demand_of(clause, declaration)
    held = spoken_of([asked], declaration) if asked else None
    if asked is None or held is None:
        return True
    broken = (~held[0]).any() if asked.exact and asked.musts else True
    return broken and not held[0].is_empty()


def idle(clause: Clause, systems: Sequence[SystemDeclaration]) -> tuple[Place, str, str] | None:
    """Why, in each of the systems, no decision can meet a clause, none can fail it, or none can satisfy it.

    Returns:
        Where in the clause, the problem and the remedy; None where a decision of some system can do each of the three.
    """
    said = {_idle(clause, system) for system in systems}
    if len(said) != 1 or (only := said.pop()) is None:
        return None
    place, problem, remedy = only
    return place, f"for {', '.join(f'`{system.system}`' for system in systems)}, {problem}", remedy


def _idle(clause: Clause, declaration: SystemDeclaration) -> tuple[Place, str, str] | None:
    asked = demand_of(clause, declaration)
    if isinstance(clause.control, kinds.DecisionScope) and asked and not asked.musts:
        remedy = "Write `products`, `amount` or both, here or under `intake.may_decide`."
        return ("control",), "the scope names neither products nor an amount, so nothing lies outside it", remedy
    held = spoken_of([asked], declaration) if asked and asked.musts else None
    if asked is None or held is None:
        return None
    holds = held[0]
    if holds.is_empty():
        place, condition = list(asked.when.items())[-1]
        together = "" if len(asked.when) == 1 else " together with the clause's other condition"
        remedy = "Correct it, or the `outcomes` and `fields` the system declares; as it stands the clause never speaks."
        return place, f"no decision can meet `{condition}`{together}", remedy
    if isinstance(clause.control, kinds.DecisionRule) and not holds.any():
        remedy = "Correct it; to forbid what `when` picks, write the opposite of `when` as `must`, and no `when`."
        return ("control", "must"), "no decision the clause speaks of can meet it", remedy
    if isinstance(clause.control, kinds.DecisionRule) and not (~holds).any():
        remedy = "Correct it: a rule that nothing can break controls nothing."
        return ("control", "must"), "it cannot fail: every decision the clause speaks of meets it", remedy
    return None
