"""Every control of a system, with a breach that it must catch and a night without one that it must let pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from gov_pipelines.errors import GovError
from gov_pipelines.measure import Judgement, Measurement, tally_from_json
from gov_pipelines.pipeline.measuring import measurements_of
from gov_pipelines.pipeline.selftest import access, decisions, drift, expectation, fairness, quality
from gov_pipelines.pipeline.selftest.planted import audited, quarantine_reasons
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, MadeUp, Plant, Setting
from gov_pipelines.pipeline.verdicts import judge_controls
from gov_pipelines.policy import BoundClause, Policy, SystemDeclaration, controls_in_force, in_force
from gov_pipelines.policy.declaration import AuditSchedule
from gov_pipelines.policy.kinds import Freshness
from gov_pipelines.policy.vacuous import lacking, limited
from gov_pipelines.store import Home

Outcome = Literal["caught", "not caught", "cannot fail", "always fails", "reports only"]

PLANTS: Mapping[str, Callable[[Setting, Any], Plant]] = {
    "access_pattern": access.access_pattern,
    "approved_model": decisions.ruled,
    "data_access": access.data_access,
    "deadline": decisions.deadline,
    "decision_rule": decisions.ruled,
    "decision_scope": decisions.ruled,
    "drift": drift.drift,
    "fairness": fairness.fairness,
    "freshness": quality.freshness,
    "human_review": decisions.human_review,
    "log_quality": quality.log_quality,
    "operating_range": quality.operating_range,
}
"""Kind of control to what plants a breach of one; a native `expectation` is tried instead."""

_NOT_ENOUGH = {"insufficient", "warn"}
_NEWEST = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of the breach planted for one control.

    Attributes:
        system: the system.
        control: key of the control.
        kind: its kind.
        outcome: `caught`; `not caught`: the clause was broken and the control did not fail; `cannot fail`: no believable
            night breaks it; `always fails`: also a night without a breach does; `reports only`: it sets no limit.
        why: one sentence.
    """

    system: str
    control: str
    kind: str
    outcome: Outcome
    why: str

    @property
    def wrong(self) -> bool:
        """Whether something must be done: a clause that sets no limit is a gap, and no mistake."""
        return self.outcome not in {"caught", "reports only"}


def selftest(
    policies: Iterable[Policy],
    declaration: SystemDeclaration,
    partition: date,
    seen: Mapping[str, frozenset[str]] | None = None,
) -> Iterator[Finding]:
    """Plant a breach for each control in force on a day, in a throw-away folder, and tell what became of it.

    Args:
        policies: all versions.
        declaration: the system.
        partition: the local day whose controls are tested.
        seen: protected attributes and strata to the values that audited nights hold (`values_seen`).

    Yields:
        One finding a control, in the order of the declaration and of its policies.
    """
    known, partition = list(policies), declaration.calendar.day(partition)
    as_days = _as_days(declaration)
    for bound in controls_in_force(known, as_days, partition):
        setting = Setting(bound, as_days, partition, seen or {})
        if isinstance(bound.control, Freshness):
            setting = replace(setting, partition=quality.longest_day(setting))
        outcome, why = _tested(setting, known, lacking(bound.control, declaration))
        yield Finding(declaration.system, bound.key, bound.control.kind, outcome, why)


def _as_days(declaration: SystemDeclaration) -> SystemDeclaration:
    """The same system with days for hours: what a control finds in a day it would find in an hour.

    Made-up rows have every attribute beside them.
    """
    attributes = {
        name: each.model_copy(update={"in_log": True}) for name, each in declaration.protected_attributes.items()
    }
    usual = {"partitions": "daily", "schedule": AuditSchedule()} if declaration.calendar.hourly else {}
    return declaration.model_copy(update=usual | {"protected_attributes": attributes})


def values_seen(home: Home, declaration: SystemDeclaration) -> dict[str, frozenset[str]]:
    """The known values of each protected attribute and stratum in the newest audited nights of a system."""
    folder = home.partition_dir(declaration.system, declaration.starts).parent
    values: dict[str, set[str]] = {}
    for file in sorted(folder.glob("????-??-??*/tally.json"))[-_NEWEST:]:
        tally = tally_from_json(file.read_bytes())
        for name in tally.dimensions:
            values.setdefault(name, set()).update(tally.cells[name].drop_nulls())
    return {name: frozenset(found) for name, found in values.items()}


def _tested(setting: Setting, policies: Sequence[Policy], lacks: str | None) -> tuple[Outcome, str]:
    control = setting.bound.control
    if not limited(control):
        return "reports only", "it sets no limit: it reports."
    if lacks is not None:
        return "cannot fail", f"{lacks}."
    try:
        if control.kind == "expectation":
            return _tried(setting, policies)
        return _planted(setting, PLANTS[control.kind](setting, control))
    except CannotFail as reason:
        return "cannot fail", f"{reason}."
    except Exception as error:  # noqa: BLE001  (whatever dies on a breach does not catch it; the data are made up)
        named = str(error) if isinstance(error, GovError) else f"{type(error).__name__}: {error}"
        return "not caught", f"the night could not be judged: {named}"


def _planted(setting: Setting, plant: Plant) -> tuple[Outcome, str]:
    breaches = [part for part in plant.parts if isinstance(part, Breach)]
    never = [part for part in plant.parts if isinstance(part, str)]
    if not breaches:
        return "cannot fail", f"{'; '.join(never)}."
    for breach in breaches:
        if (missed := _missed(setting, breach)) is not None:
            return missed
    if plant.clean is None:
        return "always fails", "no decision was found that it would let pass"
    if (judgement := _judged(setting, plant.clean)).verdict == "fail":
        return "always fails", f"a night without a breach fails too: {judgement.reason}"
    told = [*(breach.what for breach in breaches), *(f"but nothing breaks {why}" for why in never)]
    return "caught", f"{'; '.join(told)}."


def _missed(setting: Setting, breach: Breach) -> tuple[Outcome, str] | None:
    """Why a breach was not caught; None where it was, on one of its nights."""
    for made in breach.nights:
        judgement = _judged(setting, made)
        decisive = judgement.decisive
        counted = judgement.breaches or (int(decisive.value or 0) if decisive else 0)
        why: str = judgement.verdict
        if judgement.verdict != breach.verdict:
            continue
        if not _about(breach, decisive):
            why = "it failed for another reason"
        elif breach.count is not None and counted != breach.count:
            why = f"{counted} of {breach.count} were counted"
        else:
            return None
    # The largest breach that there can be is too little for the data to tell: the limit, not the control, is at fault.
    population = setting.bound.control.judges == "population"
    weak = not breach.certain or (population and judgement.verdict in _NOT_ENOUGH)
    return ("cannot fail" if weak else "not caught"), f"{breach.what}: {why}. {judgement.reason}"


def _about(breach: Breach, decisive: Measurement | None) -> bool:
    if decisive is None:
        return breach.attribute is None and breach.metric is None
    return breach.attribute in {None, decisive.attribute} and breach.metric in {None, decisive.metric}


def _judged(setting: Setting, made: MadeUp) -> Judgement:
    """The verdict of the control on a made-up night, reached as on a real one."""
    key = setting.bound.key
    with TemporaryDirectory(prefix="gov-selftest-") as folder:
        night = audited(setting, made, [_narrowed(setting.bound)], Path(folder))
        judgement = judge_controls(night, measurements_of(night)).get(key) or Judgement("missing", "nothing was judged")
        reasons = quarantine_reasons(night)
    if judgement.verdict != "fail" and reasons and setting.bound.control.judges == "decision":
        raise CannotFail(f"such a decision is quarantined: {'; '.join(reasons)}")
    return judgement


def _tried(setting: Setting, policies: Sequence[Policy]) -> tuple[Outcome, str]:
    """A native expectation: some change of the measurements makes it fail, and some lets it pass."""
    names = (in_force(policies, name, setting.partition) for name in setting.declaration.policies)
    everything = [policy for policy in names if policy is not None]
    found: dict[str, str] = {}
    with TemporaryDirectory(prefix="gov-selftest-") as folder:
        night = audited(setting, expectation.some_of_everything(setting), everything, Path(folder))
        for verdict, reason in expectation.verdicts_tried(setting, night, _narrowed(setting.bound)):
            found.setdefault(verdict, reason)
            if found.keys() >= {"fail", "pass"}:
                break
    if "fail" not in found:
        return "cannot fail", f"no change of the measurements made it fail. {next(iter(found.values()))}"
    if "pass" not in found:
        return "always fails", f"no change of the measurements let it pass. {found['fail']}"
    return "caught", f"changed measurements: {found['fail']}"


def _narrowed(bound: BoundClause) -> Policy:
    """The policy with this one clause."""
    return bound.policy.model_copy(update={"clauses": [bound.clause]})
