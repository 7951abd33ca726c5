"""Plants for the controls that judge each decision: one that meets the clause's condition and breaks its rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from gov_pipelines.pipeline.selftest.search import find_decision, in_words
from gov_pipelines.pipeline.selftest.setting import (
    NEXT_MORNING,
    Breach,
    CannotFail,
    Happened,
    MadeUp,
    Plant,
    Row,
    Setting,
    longest,
)
from gov_pipelines.policy import Duration
from gov_pipelines.policy.declaration import MayDecide
from gov_pipelines.policy.kinds import ApprovedModel, Deadline, DecisionRule, DecisionScope, HumanReview

LONGEST_CLOCK = timedelta(days=3660)
"""Ten years: no decision is believed to wait longer."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def decision_rule(setting: Setting) -> Plant:
    """A decision that the rule is about and that does not hold."""
    control = setting.bound.control
    assert isinstance(control, DecisionRule)
    meets = _conditions(setting, control.when)
    return _held_against(setting, meets, control.must)


def deadline(setting: Setting) -> Plant:
    """A decision whose second moment comes a few days too late, and one where it never comes."""
    control = setting.bound.control
    assert isinstance(control, Deadline)
    limit = longest(control.within)
    if limit > LONGEST_CLOCK:
        raise CannotFail(f"a clock of {control.within} never runs out: ten years are the longest believed")
    for column in (control.from_, control.to):
        setting.dtype(column)
    if control.from_ == control.to:
        raise CannotFail(f"`{control.to}` is always in time after itself")
    noon = setting.noon()
    start = noon if control.from_ == "decided_at" else noon - _beyond(control.within, limit)
    late = noon if control.from_ != "decided_at" else noon + _beyond(control.within, limit)
    after = max(NEXT_MORNING, late - noon + _DAY)
    meets = _conditions(setting, control.when)
    planted: dict[str, Row] = {
        "late": {control.from_: start, control.to: late},
        "never done": {control.from_: start, control.to: None},
        "in time": {control.from_: noon, control.to: noon},
    }
    if control.to == "decided_at":
        del planted["never done"]  # each decision has been made
    plant = _nights(setting, meets, planted, good="in time", after=after)
    still_open = find_decision(setting, {control.from_: noon, control.to: None}, meets=meets)
    if plant.clean is None and still_open is not None:  # the rule is about what is not done yet
        return replace(plant, clean=setting.every_day((still_open, 1)))
    return plant


def human_review(setting: Setting) -> Plant:
    """Decisions that need a review and were not reviewed in time, by the wrong role, or by who asked for them."""
    control = setting.bound.control
    assert isinstance(control, HumanReview)
    if control.before is None:
        raise CannotFail("it names no moment `before` which the review must come: a review may always still come")
    setting.dtype(control.before)
    noon = setting.noon()
    proper = {
        control.before: noon,
        "reviewed_at": noon - _HOUR,
        "reviewer": "reviewer-1",
        "reviewer_role": control.role,
        "requester": "requester-1",
    }
    none = {"reviewed_at": None, "reviewer": None, "reviewer_role": None}
    planted: dict[str, Row] = {
        "not reviewed": {**proper, **none},
        "reviewed late": {**proper, "reviewed_at": noon + _HOUR},
        "reviewed in the wrong role": {**proper, "reviewer_role": f"not {control.role}"},
        "reviewed by who asked for it": {**proper, "reviewer": "requester-1"},
        "in order": proper,
    }
    if control.before == "reviewed_at":  # a review is never later than itself
        planted = {name: row for name, row in planted.items() if name not in {"not reviewed", "reviewed late"}}
    if "requester" not in setting.declaration.columns:
        del planted["reviewed by who asked for it"]  # the log does not say who asked
    meets = _conditions(setting, control.when or setting.declaration.intake.needs_review)
    return _nights(setting, meets, planted, good="in order")


def decision_scope(setting: Setting) -> Plant:
    """A decision on another product, and one above the amount."""
    control = setting.bound.control
    assert isinstance(control, DecisionScope)
    scope = control.may_decide or setting.declaration.intake.may_decide
    if scope is None or (scope.products is None and scope.amount is None):
        raise CannotFail("it names neither products nor an amount, so nothing is out of scope")
    plants, unplantable = [], []
    for rule in _scope_rules(scope):
        try:
            plants.append(_held_against(setting, _conditions(setting, None), rule, within=[*_scope_rules(scope)]))
        except CannotFail as reason:
            unplantable.append(str(reason))
    if not plants:
        raise CannotFail("; ".join(unplantable))
    return Plant([breach for plant in plants for breach in plant.breaches], plants[0].clean, unplantable)


def approved_model(setting: Setting) -> Plant:
    """A decision by a version that is not approved on that day."""
    control, declaration, day = setting.bound.control, setting.declaration, setting.partition
    assert isinstance(control, ApprovedModel)
    models = control.models or declaration.intake.models
    if not models:
        raise CannotFail("neither the control nor the declaration lists models, so nothing can be held against them")
    approved = {
        model.version
        for model in models
        if model.approved_from <= day and (model.approved_until is None or day < model.approved_until)
    }
    known = setting.values("model_version")
    foreign = [version for version in known or ["a version nobody approved"] if version not in approved]
    if not foreign:
        raise CannotFail(f"each version that the declaration lets a row have is approved: {', '.join(sorted(known))}")
    planted: dict[str, Row] = {"by a version that is not approved": {"model_version": foreign[0]}}
    if approved:
        planted["in order"] = {"model_version": min(approved)}
    return _nights(setting, _conditions(setting, None), planted, good="in order")


def _conditions(setting: Setting, when: str | None) -> list[str]:
    applies = setting.bound.clause.applies
    return [text for text in (when, applies.when if applies else None) if text is not None]


def _held_against(setting: Setting, meets: Sequence[str], must: str, within: Sequence[str] = ()) -> Plant:
    """A decision that meets the conditions and breaks `must`, and one that breaks nothing."""
    if find_decision(setting, {}, meets=meets) is None:
        raise CannotFail(f"no decision meets {_together(meets)}")
    bad = find_decision(setting, {}, meets=meets, breaks=must)
    if bad is None:
        where = f" that meets {_together(meets)}" if meets else ""
        raise CannotFail(f"no decision{where} was found that breaks `{must}`")
    good = find_decision(setting, {}, meets=[*meets, *(within or [must])])
    return _plant(setting, {in_words(bad): bad}, good, NEXT_MORNING)


def _nights(
    setting: Setting, meets: Sequence[str], planted: dict[str, Row], *, good: str, after: timedelta = NEXT_MORNING
) -> Plant:
    """The planted values on decisions that meet the conditions; those that cannot meet them are left out."""
    found = {name: find_decision(setting, fixed, meets=meets) for name, fixed in planted.items()}
    bad = {name: decision for name, decision in found.items() if name != good and decision is not None}
    if not bad:
        raise CannotFail(f"no decision meets {_together(meets)}")
    return _plant(setting, bad, found.get(good), after)


def _plant(setting: Setting, bad: dict[str, dict[str, object]], good: Row | None, after: timedelta) -> Plant:
    """All bad decisions on the partition, beside a good one; the days before hold good ones where there can be any."""
    usual = Happened(((good if good is not None else next(iter(bad.values())), 1),))
    last = Happened((*((row, 1) for row in bad.values()), *(((good, 1),) if good is not None else ())))
    days = dict.fromkeys(setting.days, usual)
    breach = Breach(
        "; ".join(bad), [MadeUp({**days, setting.partition: last}, after)], count=len(bad) if good is not None else None
    )
    return Plant([breach], MadeUp(days, after) if good is not None else None)


def _scope_rules(scope: MayDecide) -> Iterator[str]:
    if scope.products is not None:
        quoted = ", ".join("'" + product.replace("'", "''") + "'" for product in scope.products)
        yield f"product IN ({quoted})" if scope.products else "product IS NULL"
    if scope.amount is not None:
        yield f"amount <= {scope.amount.up_to:f}"


def _beyond(within: Duration, limit: timedelta) -> timedelta:
    return limit + (_HOUR if within.unit == "hours" else 3 * _DAY)


def _together(meets: Sequence[str]) -> str:
    return " and ".join(f"`{text}`" for text in meets)
