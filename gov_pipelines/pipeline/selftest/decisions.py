"""Plants for the controls that judge each decision: one that meets the clause's condition and breaks its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from gov_pipelines.policy.kinds import ApprovedModel, Deadline, DecisionRule, DecisionScope, HumanReview

LONGEST_CLOCK = timedelta(days=3660)
"""Ten years: no decision is believed to wait longer."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def ruled(setting: Setting, control: DecisionRule | DecisionScope | ApprovedModel) -> Plant:
    """For each rule of the clause a decision that it is about and that breaks it, beside one that breaks none."""
    del control
    asked, together = setting.asked, _together(setting)
    meets = [*asked.when.values()]
    if find_decision(setting, {}, meets=meets) is None:
        raise CannotFail(f"no decision meets {together}")
    found = {must: find_decision(setting, {}, meets=meets, breaks=must) for must in asked.musts}
    where = f" that meets {together}" if meets else ""
    never = [
        f"no decision{where} was found that breaks `{must}`" for must, decision in found.items() if decision is None
    ]
    bad = {in_words(decision): decision for decision in found.values() if decision is not None}
    return _plant(setting, bad, find_decision(setting, {}, meets=[*meets, *asked.musts]), never=never)


def deadline(setting: Setting, control: Deadline) -> Plant:
    """A decision whose second moment comes a few days too late, and one where it never comes."""
    limit = longest(control.within)
    if limit > LONGEST_CLOCK:
        raise CannotFail(f"a clock of {control.within} never runs out: ten years are the longest believed")
    for column in (control.from_, control.to):
        setting.dtype(column)
    if control.from_ == control.to:
        raise CannotFail(f"`{control.to}` is always in time after itself")
    noon, beyond = setting.noon(), limit + (_HOUR if control.within.unit == "hours" else 3 * _DAY)
    start, late = (noon, noon + beyond) if control.from_ == "decided_at" else (noon - beyond, noon)
    planted: dict[str, Row] = {
        "late": {control.from_: start, control.to: late},
        "never done": {control.from_: start, control.to: None},
        "in time": {control.from_: noon, control.to: noon},
    }
    if control.to == "decided_at":
        del planted["never done"]  # each decision has been made
    plant = _nights(setting, planted, good="in time", after=max(NEXT_MORNING, late - noon + _DAY))
    still_open = find_decision(setting, {control.from_: noon, control.to: None}, meets=[*setting.asked.when.values()])
    if plant.clean is None and still_open is not None:  # the rule is about what is not done yet
        return replace(plant, clean=setting.every_day((still_open, 1)))
    return plant


def human_review(setting: Setting, control: HumanReview) -> Plant:
    """Decisions that need a review and were not reviewed in time, by the wrong role, or by who asked for them."""
    before, noon = str(control.before), setting.noon()
    setting.dtype(before)
    proper = {
        before: noon,
        "reviewed_at": noon - _HOUR,
        "reviewer": "reviewer-1",
        "reviewer_role": control.role,
        "requester": "requester-1",
    }
    planted: dict[str, Row] = {
        "not reviewed": {**proper, "reviewed_at": None, "reviewer": None, "reviewer_role": None},
        "reviewed late": {**proper, "reviewed_at": noon + _HOUR},
        "reviewed in the wrong role": {**proper, "reviewer_role": f"not {control.role}"},
        "reviewed by who asked for it": {**proper, "reviewer": "requester-1"},
        "in order": proper,
    }
    if before == "reviewed_at":  # a review is never later than itself
        del planted["not reviewed"], planted["reviewed late"]
    if "requester" not in setting.declaration.columns:
        del planted["reviewed by who asked for it"]  # the log does not say who asked
    return _nights(setting, planted, good="in order")


def _nights(setting: Setting, planted: Mapping[str, Row], *, good: str, after: timedelta = NEXT_MORNING) -> Plant:
    """The planted values on decisions that meet the conditions; those that cannot meet them are left out."""
    meets = [*setting.asked.when.values()]
    found = {name: find_decision(setting, fixed, meets=meets) for name, fixed in planted.items()}
    bad = {name: decision for name, decision in found.items() if name != good and decision is not None}
    return _plant(
        setting, bad, found.get(good), after, never=() if bad else [f"no decision meets {_together(setting)}"]
    )


def _plant(
    setting: Setting,
    bad: Mapping[str, Row],
    good: Row | None,
    after: timedelta = NEXT_MORNING,
    never: Sequence[str] = (),
) -> Plant:
    """All bad decisions on the partition, beside a good one; the days before hold good ones where there can be any."""
    if not bad:
        return Plant(never, None)
    last = [*bad.values(), *([good] if good is not None else [])]
    days = dict.fromkeys(setting.days, Happened(((last[-1], 1),)))
    planted = MadeUp({**days, setting.partition: Happened(tuple((row, 1) for row in last))}, after)
    breach = Breach("; ".join(bad), [planted], count=len(bad) if good is not None else None)
    return Plant([breach, *never], MadeUp(days, after) if good is not None else None)


def _together(setting: Setting) -> str:
    return " and ".join(f"`{text}`" for text in setting.asked.when.values())
