"""What a night measures, from what it has read: who read what, the tally, groups, drift. Each step writes its own file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from functools import cache, partial
from typing import Any

import polars as pl

from gov_pipelines.access import (
    Privileges,
    access_measurements,
    access_outside,
    declared_outside,
    granted_outside,
    new_values,
    pattern_measurements,
    unnamed,
)
from gov_pipelines.decisions import decision_measurements, with_attributes_apart
from gov_pipelines.measure import (
    BULKY,
    SCORING,
    Measurement,
    Tally,
    columns_of,
    drift_measurements,
    drift_shares,
    fairness_measurements,
    freshness_measurement,
    over_the_year,
    quality_measurements,
    range_measurements,
    scored_tally,
    tally_digest,
    tally_json,
)
from gov_pipelines.measure import tally as count
from gov_pipelines.pipeline.alarms import since
from gov_pipelines.pipeline.baseline import (
    baseline_of,
    freshness_of_reads,
    proxies_of,
    reads_of,
    reference_of,
    table_of,
    usual_of,
    weekdays_of,
)
from gov_pipelines.pipeline.night import Answer, Night, StepResult
from gov_pipelines.policy import BoundClause, SystemDeclaration, partition_key, policy_digest
from gov_pipelines.policy.declaration import ROWS, rows_range
from gov_pipelines.policy.kinds import (
    ACCESS_LOG,
    AccessPattern,
    DataAccess,
    Drift,
    Expectation,
    Fairness,
    Freshness,
    LogQuality,
    OperatingRange,
    over_year,
)
from gov_pipelines.report import measurements_in
from gov_pipelines.store import as_written, read_frame, write_atomic
from gov_pipelines.validate import DEFINED_BY_FAIRLEARN, SecondOpinion, second_opinion


def compare_access(night: Night) -> StepResult:
    """`access_patterns`: what is declared, granted and read outside what it may be, and reads unlike those before."""
    log, grants = read_frame(night.folder / "access_log.parquet"), night.read_json("grants.json")
    privileges = None if grants is None else Privileges.from_dict(grants)
    measured: dict[str, list[Measurement]] = {}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("outside", "declared", "granted", "new", "unusual")}
    for bound in night.bound:
        named, control = {"control": bound.key}, bound.control
        if isinstance(control, DataAccess):
            rows = access_measurements(log, night.declaration, control, privileges)
            found["outside"] += [named | row for row in _plain(access_outside(log, night.declaration, control))]
            found["declared"] += [named | {"field": name} for name in declared_outside(night.declaration, control)]
            excess = granted_outside(privileges, night.declaration, control) if privileges else []
            found["granted"] += [
                named
                | {"relation": f"{one.schema}.{one.relation}", "column": one.column, "routes": "; ".join(one.routes)}
                for one in excess
            ]
        elif isinstance(control, AccessPattern):
            days, zone = night.window(bound), night.declaration.zone
            reads, baseline = reads_of(night, days), baseline_of(night, bound, control)
            weekdays = {partition_key(day): weekday for day, weekday in weekdays_of(night, bound, days).items()}
            rows, who = unnamed(pattern_measurements(reads, baseline, control, zone, weekdays))
            found["unusual"] += [named | each for each in who]
            found["new"] += [named | row for row in _plain(new_values(reads, baseline, control, zone))]
        elif isinstance(control, Freshness) and control.of == ACCESS_LOG:
            rows = [freshness_of_reads(night, bound, control)]
        else:
            continue
        measured[bound.key] = _placed(night, bound, rows)
    notes = list(privileges.notes) if privileges else []
    night.write_json("access_patterns.json", {"measurements": _records(measured), "notes": notes, **found})
    told: dict[str, Any] = {name: found[name] for name in ("declared", "granted")}
    told |= {name: len(found[name]) for name in ("outside", "new", "unusual")}  # of people, how many
    return StepResult({**told, "notes": "\n".join(notes)} if notes else told)


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.write_json())
    return rows


def tally(night: Night) -> StepResult:
    """`tally`: the one scan of the rows; everything below computes from it."""
    kept, rows = read_frame(night.folder / "decision_log.parquet"), night.read_json("rows.json")
    log, notes = with_attributes_apart(kept, night.declaration, project=night.project, environ=night.environ)
    counts = {name: rows[name] for name in ("source_count", "accepted", "quarantined", "duplicate", "undated")}
    ranges = [
        limit
        for bound in night.bound
        if isinstance(bound.control, OperatingRange)
        for limit in bound.control.ranges.items()
        if limit[0] not in ROWS
    ]
    moments = {bound.control.of for bound in night.bound if isinstance(bound.control, Fairness) and bound.control.of}
    drifts = [bound.control for bound in night.bound if isinstance(bound.control, Drift)]
    scored = any(each.per and "score" in each.of for each in drifts)
    counted = count(log, night.declaration, counts, night.partition, ranges, moments, scored=scored)
    write_atomic(night.folder / "tally.json", tally_json(counted))
    found = {"accepted": log.height, "cells": counted.cells.height, "digest": tally_digest(counted)}
    return StepResult(found | ({"notes": "\n".join(notes)} if notes else {}))


def measure_fairness(night: Night) -> StepResult:
    """`fairness_metrics`: group measures of each control's window, and fairlearn's opinion of the same."""
    measured: dict[str, list[Measurement]] = {}
    opinions: list[SecondOpinion] = []
    rows_of = cache(partial(_rows_of, night))
    for bound in night.bound:
        control, days = bound.control, tuple(night.window(bound))
        if (rows := counted_measurements(night, bound)) is None:
            continue
        measured[bound.key] = rows
        if isinstance(control, Fairness) and control.metric in DEFINED_BY_FAIRLEARN:
            counted, _ = night.tally_of(days, BULKY)
            assert counted is not None  # it was measured
            compared = {name for row in rows for name in row.attribute}
            known = None if compared.intersection(night.declaration.attributes_apart) else rows_of(days)
            opinions.append(second_opinion(rows, counted, known, reference=control.reference))
    night.write_json("fairness_metrics.json", _records(measured))
    opinion = _together(opinions)
    night.write_json("second_opinion.json", None if opinion is None else asdict(opinion))
    return StepResult({"measurements": sum(map(len, measured.values()))}, opinion_answer(opinion))


def counted_measurements(night: Night, bound: BoundClause) -> list[Measurement] | None:
    """What a control's window amounts to, of one that looks at groups, quality, ranges or the newest decision.

    It follows from tallies alone, but for scores held against the median of everybody's. None where the control looks at
    something else, or its window has no tally.
    """
    control, declaration, days = bound.control, night.declaration, night.window(bound)
    counted, _ = night.tally_of(days, BULKY)  # no control here looks at numbers
    if counted is None:
        return None
    if isinstance(control, Fairness):
        if control.metric in SCORING:
            counted = scored_tally(counted, _logs_of(night, days))
        year = night.year if over_year(control) else None
        rows = fairness_measurements(counted, control, declaration, year, policy_digest(bound.policy))
    elif isinstance(control, LogQuality):
        rows = quality_measurements(counted, control, declaration)
    elif isinstance(control, OperatingRange):
        rows = range_measurements(counted, control, declaration)
        rows += usual_of(night, bound, control) if control.usual or control.new else []
    elif isinstance(control, Freshness) and control.of != ACCESS_LOG:
        rows = [freshness_measurement(counted.newest, counted.rows, control, declaration, night.partition)]
    else:
        return None
    return _placed(night, bound, rows)


def opinion_answer(opinion: SecondOpinion | None) -> Answer:
    """Whether fairlearn computes the same numbers; None where no control in force compares groups."""
    if opinion is None:
        return Answer(True, "not_applicable: no control in force compares groups")
    facts = {name: value for name, value in asdict(opinion).items() if name not in {"agrees", "disagreements"}}
    if apart := len(opinion.disagreements):
        return Answer(False, f"{apart} of {opinion.compared} numbers differ", facts)
    if not opinion.compared:  # agreeing on nothing is not agreeing; nor is it a difference
        return Answer(False, "insufficient: no number of ours could be compared", facts, "WARN")
    return Answer(opinion.agrees, f"{opinion.compared} numbers agree", facts)


def _together(opinions: Sequence[SecondOpinion]) -> SecondOpinion | None:
    """One opinion of several windows; None where no control is about fairness."""
    if not opinions:
        return None
    return SecondOpinion(
        agrees=all(each.agrees for each in opinions if each.compared),
        compared=sum(each.compared for each in opinions),
        largest_difference=max(each.largest_difference for each in opinions),
        disagreements=tuple(found for each in opinions for found in each.disagreements),
        rows="accepted rows" if all(each.rows == "accepted rows" for each in opinions) else "tally cells",
        fairlearn=opinions[0].fairlearn,
    )


def measure_shift(night: Night) -> StepResult:
    """`distribution_shift`: columns of each control's window against its stored reference; what features tell of groups."""
    measured: dict[str, list[Measurement]] = {}
    shares: dict[str, list[dict[str, Any]]] = {}
    for bound in night.bound:
        if isinstance(control := bound.control, Drift) and (found := drifted(night, bound, control)):
            measured[bound.key], compared = found
            if compared:
                shares[bound.key] = drift_shares(*compared, control)
    night.write_json("distribution_shift.json", {"measurements": _records(measured), "shares": shares})
    proxies = proxies_of(night)
    night.write_json("proxies.json", _records({"proxies": proxies})["proxies"])
    return StepResult(
        {"moved": table_of([each for rows in measured.values() for each in rows]), "proxies": table_of(proxies)}
    )


def drifted(
    night: Night, bound: BoundClause, control: Drift
) -> tuple[list[Measurement], tuple[Tally, Tally] | None] | None:
    """How far a control's columns are from its reference, and the two tallies compared; None where no day is there.

    Where the reference is none, the measurements say why, and nothing was compared.
    """
    if (current := night.tally_of(night.window(bound))[0]) is None:
        return None
    reference, why = reference_of(night, bound, control.reference)
    if reference is None:
        rows = [Measurement(metric=control.metric, attribute=(name,), note=why) for name in control.of]
        return _placed(night, bound, rows), None
    rows = drift_measurements(current, reference, control)
    rows = over_the_year(rows, since(night, control.reference), control) if over_year(control) else rows
    return _placed(night, bound, rows), (current, reference)


def measurements_of(night: Night) -> dict[str, list[Measurement]]:
    """Every measurement of this night by control key."""
    counted = {
        bound.key: judged_measurements(night, bound) for bound in night.bound if bound.control.judges == "decision"
    }
    return with_native(night, measurements_in(night.folder) | counted)


def judged_measurements(night: Night, bound: BoundClause) -> list[Measurement]:
    """The counts of a control's verdicts on the decisions of its window."""
    verdicts = _verdicts_of(night, night.window(bound))
    return _placed(night, bound, decision_measurements(verdicts, bound.key))


def with_native(night: Night, measured: Mapping[str, list[Measurement]]) -> dict[str, list[Measurement]]:
    """The measurements, and for each native expectation all of them: that is the table it is asked about."""
    everything = [each for rows in measured.values() for each in rows]
    return {**measured, **{one.key: everything for one in night.bound if isinstance(one.control, Expectation)}}


def presence_of(night: Night) -> dict[str, tuple[int, int]]:
    """Partitions present and expected in each control's window; a day on which nothing arrived is a hole."""
    windows = {bound.key: night.window(bound) for bound in night.bound}
    arrived = {day for day in set().union(*windows.values()) if _arrived(night, day)}
    return {key: (len(arrived & set(days)), len(days)) for key, days in windows.items()}


def may_be_empty(declaration: SystemDeclaration) -> bool:
    """Whether a day without a decision is in the declared range."""
    return rows_range(declaration.operating_range)[0] == 0


def _arrived(night: Night, day: date) -> bool:
    folder = night.home.partition_dir(night.system, day)
    if not (folder / "tally.json").is_file():
        return False
    with as_written(folder / "rows.json"):
        there = json.loads((folder / "rows.json").read_bytes())["source_count"] > 0
    return there or may_be_empty(night.declaration)


def _rows_of(night: Night, days: Sequence[date]) -> pl.DataFrame:
    """Accepted decisions of some days, with their outcome."""
    outcomes = night.declaration.outcomes
    meaning = {value: name for name in ("favorable", "unfavorable", "undecided") for value in getattr(outcomes, name)}
    columns = dict.fromkeys([*night.declaration.attributes_in_log, *night.declaration.strata])
    log = _logs_of(night, days)
    positive = columns_of(night.declaration, log.columns).label_positive
    label = pl.when(pl.col("label").is_in(positive)).then(pl.lit("positive"))
    return log.select(
        *columns,
        outcome=pl.col("decision").replace_strict(meaning, return_dtype=pl.String),
        label=label.when(pl.col("label").is_not_null()).then(pl.lit("negative")),
    )


def _logs_of(night: Night, days: Sequence[date]) -> pl.DataFrame:
    """Accepted decisions of some days."""
    return pl.concat(map(read_frame, night.files("decision_log.parquet", days)))


def _verdicts_of(night: Night, days: Sequence[date]) -> pl.LazyFrame:
    """The verdicts of some days; a control that was not in force on one of them is null there."""
    files = night.files("decision_verdicts.parquet", days)
    return pl.concat([pl.scan_parquet(file, glob=False) for file in files], how="diagonal")


def _placed(night: Night, bound: BoundClause, rows: Sequence[Measurement]) -> list[Measurement]:
    """Measurements with the system and the window they speak of."""
    start, end = night.declaration.calendar.bounds(bound.control.window, night.partition)
    return [replace(row, system=night.system, window_start=start, window_end=end) for row in rows]


def measurement_record(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain JSON data; `report.measurements_in` reads it back."""
    record = asdict(measurement) | {"attribute": list(measurement.attribute)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}


def _records(measured: Mapping[str, Sequence[Measurement]]) -> dict[str, list[dict[str, Any]]]:
    return {key: [measurement_record(row) for row in rows] for key, rows in measured.items()}
