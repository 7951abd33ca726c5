"""What can be told without data of a control that can never fail. `gov selftest` finds the rest by planting breaches."""

from __future__ import annotations

import polars as pl

from gov_pipelines.policy.contradictions import demand_of
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Clause
from gov_pipelines.policy.durations import Window
from gov_pipelines.policy.kinds import (
    RATES,
    AccessPattern,
    ApprovedModel,
    DataAccess,
    DecisionScope,
    Drift,
    Fairness,
    Freshness,
    HumanReview,
    LogQuality,
    OperatingRange,
)
from gov_pipelines.policy.reasoning import space_of, survey

_LONGEST_DAY_HOURS = 25


def can_fail(clause: Clause, declaration: SystemDeclaration) -> bool:
    """Whether anything could make a clause's control fail in a system, as far as the two files tell.

    False where no limit is set, where what it is held against is not declared or was before the system's first day, where
    no decision can meet its conditions and break its rule, or where whatever is outside is quarantined first.
    """
    control, intake = clause.control, declaration.intake
    found = True
    match control:
        case Fairness() | LogQuality():
            found = _limited(control) and _least_rows(control) <= _most_rows(control, declaration)
        case Drift():
            found = _limited(control) and declaration.starts <= control.reference.from_
        case DataAccess():
            found = declaration.access_log is not None or bool(intake.database_role and intake.database_url_env)
        case AccessPattern():
            found = declaration.access_log is not None and declaration.starts <= control.reference.from_
        case ApprovedModel():
            found = bool(control.models or intake.models)
        case HumanReview():
            found = control.before is not None  # else a review may always still come
        case DecisionScope():
            scope = control.may_decide or intake.may_decide
            found = scope is not None and (scope.products is not None or scope.amount is not None)
        case OperatingRange():
            ranges = control.ranges or declaration.operating_range
            found = any(not _quarantined(column, *limits, declaration) for column, limits in ranges.items())
        case Freshness(window=Window(span="partition"), of=None):  # a day's decision is at most a day old at its end
            found = control.within.count < {"hours": _LONGEST_DAY_HOURS, "days": 2}[control.within.unit]
    return found and _breakable(clause, declaration)


def _limited(control: Fairness | Drift | LogQuality) -> bool:
    return any(getattr(control, limit, None) is not None for limit in ("at_least", "at_most"))


def _least_rows(control: Fairness | LogQuality) -> int:
    """The rows without which no group is compared: one group suffices for a rate."""
    if isinstance(control, LogQuality):
        return 0
    return control.min_group_size * (1 if control.metric in RATES else 2)


def _most_rows(control: Fairness | LogQuality, declaration: SystemDeclaration) -> float:
    """The rows that a window of days holds at most; any number where the declaration does not say."""
    most, days = declaration.operating_range.get("rows_per_day", (None, None))[1], control.window.days
    days = 1 if control.window.span == "partition" else days
    return float("inf") if most is None or days is None else most * days


def _quarantined(column: str, low: float | None, high: float | None, declaration: SystemDeclaration) -> bool:
    """Whether no number outside a range gets into the log."""
    declared = declaration.fields.get(column)
    least, most = declared.range if declared and declared.range else (None, None)
    return (low is None or (least is not None and least >= low)) and (
        high is None or (most is not None and most <= high)
    )


def _breakable(clause: Clause, declaration: SystemDeclaration) -> bool:
    """Whether some decision meets the conditions and breaks the rule; also where that cannot be told."""
    asked = demand_of(clause, declaration)
    if asked is None:
        return True
    rules = [*asked.when.values(), *([asked.must] if asked.must and asked.exact else [])]
    found = survey(rules, space_of(declaration)) if rules else None
    if found is None:
        return True
    answers = [pl.col(f"#{place}") for place in range(len(rules))]
    if len(rules) > len(asked.when):
        answers[-1] = ~answers[-1]
    return not found.filter(*answers).is_empty()
