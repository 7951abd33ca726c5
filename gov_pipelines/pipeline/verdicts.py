"""Verdicts of one night: suites run, every control given a row, and no row out of ignorance."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gov_pipelines.measure import Judgement, Measurement
from gov_pipelines.pipeline.measuring import may_be_empty, measurements_of, presence_of
from gov_pipelines.pipeline.night import Night, StepResult
from gov_pipelines.policy import BoundClause, Policy, control_keys, controls_in_force, in_force, unit_of
from gov_pipelines.policy.declaration import rows_range
from gov_pipelines.policy.kinds import AccessPattern, Expectation, Freshness, OperatingRange
from gov_pipelines.store import VerdictRow, put_verdicts, reading, snapshot_of
from gov_pipelines.validate import compile_suites, run_suite


def reach_verdicts(night: Night) -> StepResult:
    """`control_verdicts`: one row per control into the store, as the revision that is about to be signed."""
    rows = verdict_rows_of(night, judge_controls(night, measurements_of(night)), next_revision(night))
    with night.store.begin() as connection:
        put_verdicts(connection, rows)
    table = [{"control": row.control, "verdict": row.verdict, "reason": row.reason} for row in rows]
    return StepResult({"verdicts": table})


def verdict_rows_of(night: Night, judged: Mapping[str, Judgement], revision: int) -> list[VerdictRow]:
    """A row for every control of every version: judged, `missing` where due and absent, else not in force."""
    now = datetime.now(UTC)
    bound = {each.key: each for each in night.bound}
    rows = []
    for key in control_keys(night.policies, night.declaration):
        if key in bound:
            judgement = judged.get(key) or Judgement("missing", "Due, and nothing was judged.")
            rows.append(_row(night, bound[key], judgement, revision, now))
        else:
            elsewhere = _of_another_version(night, key)
            rows.append(_row(night, elsewhere, Judgement("not_applicable", "Not in force on this day."), revision, now))
    return rows


def _of_another_version(night: Night, key: str) -> BoundClause:
    """A control that is not in force on this day, as the newest version that has it binds it."""
    dates = sorted({policy.in_force.from_ for policy in night.policies}, reverse=True)
    versions = (controls_in_force(night.policies, night.declaration, day) for day in dates)
    return next(bound for version in versions for bound in version if bound.key == key)


def next_revision(night: Night) -> int:
    """The revision that a new snapshot of this partition would be."""
    with reading(night.store) as connection:
        signed = snapshot_of(connection, night.system, night.partition)
    return signed.revision + 1 if signed else 1


def policies_in_force(night: Night) -> list[Policy]:
    """The version of each of the system's policies in force on this day."""
    found = (in_force(night.policies, name, night.day) for name in night.declaration.policies)
    return [policy for policy in found if policy is not None]


def judge_controls(night: Night, measurements: Mapping[str, Sequence[Measurement]]) -> dict[str, Judgement]:
    """The suites of the policies in force run over the night's measurements: control key to judgement."""
    nothing = _nothing_arrived(night)
    if nothing:
        return {bound.key: Judgement("missing", nothing) for bound in night.bound}
    presence = presence_of(night)
    judged: dict[str, Judgement] = {}
    for suite in compile_suites(policies_in_force(night)).values():
        judged |= run_suite(json.loads(suite), measurements, presence)
    return judged


def _nothing_arrived(night: Night) -> str | None:
    """Zero rows are missing, unless the declared range allows none."""
    if night.read_json("rows.json")["source_count"]:
        return None
    if may_be_empty(night.declaration):
        return None
    least, unit = rows_range(night.declaration.operating_range)[0], unit_of(night.partition)
    each = "an hour" if unit == "hour" else "a day"
    expected = f"at least {least:g} {each}" if least else f"some: no rows_per_{unit} of 0 is declared"
    return f"No decision arrived for {night.partition}; expected {expected}."


def _row(night: Night, bound: BoundClause, judgement: Judgement, revision: int, now: datetime) -> VerdictRow:
    control, decisive = bound.control, judgement.decisive
    start, end = night.declaration.calendar.bounds(control.window, night.partition)
    numbers = {name: getattr(decisive, name) for name in _NUMBERS} if decisive is not None else {}
    return VerdictRow(
        system=night.system,
        partition=night.partition,
        revision=revision,
        control=bound.key,
        policy=bound.policy.policy,
        policy_version=bound.policy.version,
        clause=bound.clause.id,
        level=bound.clause.level,
        kind=control.kind,
        acts=bound.acts,
        severity=control.severity,
        verdict=judgement.verdict,
        reason=judgement.reason,
        threshold=limit_in_words(bound, unit_of(night.partition)),
        breaches=judgement.breaches,
        window_start=start,
        window_end=end,
        as_of=night.as_of,
        recorded_at=now,
        **numbers,
    )


def control_record(row: VerdictRow, texts: Mapping[str, str]) -> dict[str, Any]:
    """A verdict as the statement says it: in camelCase, without what the statement says once or does not sign."""
    once = {"system", "partition", "revision", "clause", "as_of", "recorded_at"}
    said = {name: value for name, value in asdict(row).items() if name not in once}
    record = {re.sub(r"_(.)", lambda found: found[1].upper(), name): value for name, value in said.items()}
    return record | {"text": texts.get(row.control), "attribute": list(row.attribute)}


_NUMBERS = (
    "metric", "attribute", "group", "reference_group", "value", "lower", "upper", "confidence", "n", "p_adjusted",
)  # fmt: skip

_OF_DECISIONS = ("decision_rule", "deadline", "human_review", "decision_scope", "approved_model")
_LIMITS = {
    **dict.fromkeys(_OF_DECISIONS, "no decision outside"),
    "data_access": "no field declared, granted or read outside",
}


def limit_in_words(bound: BoundClause, unit: str = "day") -> str:
    """The limit of a control as a person would say it; empty where there is none."""
    control = bound.control
    if isinstance(control, Freshness) and control.document is not None:
        return f"{control.document} at most {control.within} old"
    if isinstance(control, Freshness):
        return f"newest {'read' if control.of else 'decision'} at most {control.within} before the {unit}'s end"
    if isinstance(control, Expectation):
        return control.expect
    if isinstance(control, AccessPattern):
        most = f"at most {control.at_most_new} new {', '.join(f'{column}s' for column in control.watch)}"
        ends = control.reads or (None, None)
        told = [f"{side} {end:g}" for side, end in zip(("at least", "at most"), ends, strict=True) if end is not None]
        most += f"; reads {' and '.join(told)} times the reference's" if told else ""
        return f"{most}; {_usual_in_words(control)}" if control.usual else most
    if isinstance(control, OperatingRange):
        said = [] if control.own and not control.ranges else ["within the declared ranges"]
        said += [_usual_in_words(control)] if control.usual else []
        return "; ".join(said + ([f"no new {', '.join(control.new)}"] if control.new else []))
    limits = {"at least": getattr(control, "at_least", None), "at most": getattr(control, "at_most", None)}
    words = " and ".join(f"{side} {limit:g}" for side, limit in limits.items() if limit is not None)
    return _LIMITS.get(control.kind, words)


def _usual_in_words(control: AccessPattern | OperatingRange) -> str:
    weeks = control.reference.weeks
    since = f"the {weeks} weeks before" if weeks else f"{control.reference.from_} until {control.reference.until}"
    rare = f"one false alarm in {control.one_false_alarm_in:,} nights"
    return f"{', '.join(control.usual)} as on the same weekdays of {since} ({rare})"
