"""One night of one system, step by step: what each asset of the graph does, without Dagster.

Every step reads what the steps before it wrote into the partition's folder and writes its own file there, whole or
not at all, so that a step killed at any moment can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gov_pipelines.access import (
    Privileges,
    access_measurements,
    access_outside,
    declared_outside,
    granted,
    granted_outside,
    new_values,
    pattern_measurements,
    read_access_log,
    unnamed,
)
from gov_pipelines.decisions import (
    RowAccounting,
    decision_measurements,
    elsewhere,
    frame_digest,
    judge_decisions,
    judged_controls,
    read_partition,
    with_attributes_apart,
)
from gov_pipelines.evidence import new_salt
from gov_pipelines.measure import (
    BULKY,
    SCORING,
    Measurement,
    Tally,
    Year,
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
from gov_pipelines.pipeline.alarms import since, year_of
from gov_pipelines.pipeline.baseline import (
    baseline_of,
    freshness_of_reads,
    proxies_of,
    read_tally,
    read_total,
    reads_of,
    reference_of,
    table_of,
    usual_of,
    weekdays_of,
)
from gov_pipelines.pipeline.kept import keep_changes, kept_digest, last_reading
from gov_pipelines.policy import (
    BoundClause,
    Partition,
    Policy,
    SystemDeclaration,
    controls_in_force,
    partition_key,
    partition_of,
    policy_digest,
)
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
from gov_pipelines.store import Engine, Home, open_store, read_frame, write_atomic, write_frame
from gov_pipelines.validate import DEFINED_BY_FAIRLEARN, SecondOpinion, second_opinion


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step says to the check it answers itself."""

    passed: bool
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    severity: Literal["ERROR", "WARN"] = "ERROR"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves behind besides its file.

    Attributes:
        metadata: counts, short texts and small tables (lists of rows); nothing of a single person.
        answer: to the step's own check.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer | None = None


@dataclass(frozen=True)
class Night:
    """One partition of one system, and all that its audit depends on.

    Attributes:
        home: where results are kept.
        project: folder that file sources are relative to.
        declaration: the system.
        policies: every version of every policy; which is in force depends on the partition.
        partition: the local day, or the hour.
        as_of: the instant from which the audit looks: what happened later has not happened.
        environ: where named secrets are read.
        run_id: of the Dagster run.
    """

    home: Home
    project: Path
    declaration: SystemDeclaration
    policies: Sequence[Policy]
    partition: date
    as_of: datetime
    environ: Mapping[str, str] = field(repr=False)
    run_id: str = ""

    @property
    def system(self) -> str:
        """The system's name."""
        return self.declaration.system

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store: GOV_STORE_URL, or the home's own SQLite."""
        return self.environ.get("GOV_STORE_URL") or self.home.store_url

    @property
    def store(self) -> Engine:
        """The store, one engine a process and URL."""
        return _opened(self.store_url)

    @property
    def folder(self) -> Path:
        """Where this partition's files are."""
        return self.home.partition_dir(self.system, self.partition)

    @property
    def day(self) -> date:
        """The local day of the partition: its own, or that of the hour's start."""
        return self.declaration.calendar.day(self.partition)

    @cached_property
    def bound(self) -> list[BoundClause]:
        """The clauses with a control that are in force on this day."""
        return controls_in_force(self.policies, self.declaration, self.partition)

    def window(self, bound: BoundClause) -> list[date]:
        """The partitions a control looks at; this one is the last."""
        return self.declaration.calendar.window(bound.control.window, self.partition)

    @cached_property
    def year(self) -> Year:
        """The nights of the calendar year so far, for controls that hold their error over it."""
        return year_of(self)

    def files(self, name: str, days: Iterable[date]) -> list[Path]:
        """One file of some days, where it is there."""
        files = (self.home.partition_dir(self.system, day) / name for day in days)
        return [file for file in files if file.is_file()]

    def tally_of(self, days: Sequence[date], without: Collection[str] = ()) -> tuple[Tally | None, int]:
        """The sum of the tallies of some days, without some tables of `BULKY`; and how many of the days are there."""
        files = self.files("tally.json", days)
        return (read_total(files, without) if files else None), len(files)

    def tallies(self, days: Iterable[Partition]) -> dict[Partition, Tally]:
        """The tallies of some days, of those that are there."""
        files = self.files("tally.json", days)
        return {partition_of(file.parent.name): read_tally(file) for file in files}

    def access_logs(self, days: Iterable[Partition]) -> dict[Partition, pl.DataFrame]:
        """The access logs of some days, of those that are there."""
        files = self.files("access_log.parquet", days)
        return {partition_of(file.parent.name): read_frame(file) for file in files}

    def read_json(self, name: str) -> Any:
        """One of this partition's JSON files."""
        return json.loads((self.folder / name).read_bytes())

    def write_json(self, name: str, data: Any) -> None:
        """Write one of this partition's JSON files."""
        text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        write_atomic(self.folder / name, text.encode())


@cache
def _opened(url: str) -> Engine:
    return open_store(url)


def read_decisions(night: Night) -> StepResult:
    """`decision_log`: pull the day's decisions, keep what can be judged, quarantine the rest, count everything."""
    extract = read_partition(
        night.declaration,
        night.partition,
        project=night.project,
        environ=night.environ,
        as_of=night.as_of,
        kept=last_reading(night),
    )
    changed = keep_changes(night, extract.changes)
    write_frame(night.folder / "fingerprints.parquet", extract.seen)
    write_frame(night.folder / "quarantine.parquet", extract.quarantine)
    _keep_salts(night, extract.log)
    night.write_json(
        "rows.json",
        {
            **extract.rows.to_dict(),
            "adds_up": extract.rows.adds_up,
            "log": frame_digest(extract.log),  # signed with this file: what is cleared must be what was judged
            "notes": list(extract.notes),
            "inputs": [{"name": each.name, "rows": each.rows, "sha256": each.digest} for each in extract.inputs],
        },
    )
    night.write_json(
        "reading.json",  # of how it was read; what is signed is in rows.json, and the same however it was read
        {
            "digests": [[each.sums.rows, each.sums.value] for each in extract.inputs],
            "kept": kept_digest(night),
            "fetched": extract.fetched,
            "changed": changed,
            "ahead": extract.ahead and extract.ahead.isoformat(),
        },
    )
    write_frame(night.folder / "decision_log.parquet", extract.log)
    reasons = extract.quarantine.group_by("reason").len("rows").sort("reason")
    declaration = night.declaration
    made_up = declaration.synthetic
    notes = {"about_data": declaration.about_data, "synthetic": made_up.note if made_up else None}
    told = {name: text for name, text in notes.items() if text}
    logs = night.home.audited(night.system, "decision_log.parquet")
    twice = elsewhere([file for day, file in logs.items() if day != night.partition], extract.log["decision_id"])
    counts = {
        **extract.rows.to_dict(), "quarantine": reasons.to_dicts(), "fetched": extract.fetched, "changed": changed, **told
    }  # fmt: skip
    return StepResult(counts, rows_answer(extract.rows, twice, extract.gaps))


def rows_answer(rows: RowAccounting, twice: Mapping[date, int], gaps: Sequence[str] = ()) -> Answer:
    """Whether every source row was accepted, quarantined or a duplicate, of this day and of no other."""
    counts = rows.to_dict()
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    if rows.undated:
        told += "; undated rows belong to no day, so no day is sure to be complete"
    told = "; ".join([told, *gaps])  # a sequence may skip numbers, as those of databases do: told, not failed
    for day, ids in sorted(twice.items()):
        told += f"; {ids} also stand in the log of {day}: audit that day again"
    return Answer(rows.complete and not twice, told, counts)


def _keep_salts(night: Night, log: pl.DataFrame) -> None:
    """One salt a decision, drawn when it is first seen and never again: leaves must not change when a night is re-run."""
    file = night.folder / "salts.parquet"
    kept = read_frame(file) if file.is_file() else pl.DataFrame(schema={"decision_id": pl.String, "salt": pl.String})
    new = log.select("decision_id").join(kept, on="decision_id", how="anti")
    drawn = new.with_columns(pl.Series("salt", [new_salt() for _ in range(new.height)], dtype=pl.String))
    write_frame(file, pl.concat([kept, drawn]).sort("decision_id"))


def judge(night: Night) -> StepResult:
    """`decision_verdicts`: every decision under every rule in force on its day, and why where it is not within."""
    log = pl.scan_parquet(night.folder / "decision_log.parquet", glob=False)
    judged = judge_decisions(log, night.bound, night.declaration, partition=night.partition, as_of=night.as_of)
    write_frame(night.folder / "decision_reasons.parquet", judged.reasons)
    write_frame(night.folder / "decision_verdicts.parquet", judged.verdicts)
    counts = [
        {"control": key, **{each.metric.removeprefix("decisions_"): int(each.value or 0) for each in measured}}
        for key in judged_controls(judged.verdicts)
        for measured in [decision_measurements(judged.verdicts, key)]
    ]
    return StepResult({"decisions": judged.verdicts.height, "verdicts": counts})


def read_access(night: Night) -> StepResult:
    """`access_log`: who read what on that day, and what the database grants the system's role now."""
    log = read_access_log(night.declaration, night.partition, project=night.project, environ=night.environ)
    privileges = granted(night.declaration, project=night.project, environ=night.environ)
    night.write_json("grants.json", privileges.to_dict() if privileges else None)
    write_frame(night.folder / "access_log.parquet", log)
    counts: dict[str, Any] = {"reads": log.height, "declared": night.declaration.access_log is not None}
    return StepResult(counts | ({"granted": len(privileges.columns)} if privileges else {}))


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
    for bound in night.bound:
        control = bound.control
        days = night.window(bound)
        counted, _ = night.tally_of(days, BULKY)  # no control here looks at numbers
        if counted is None:
            continue
        if isinstance(control, Fairness):
            if control.metric in SCORING:
                counted = scored_tally(counted, _logs_of(night, days))
            year = night.year if over_year(control) else None
            digest = policy_digest(bound.policy)
            rows = fairness_measurements(counted, control, night.declaration, year, digest)
            if control.metric in DEFINED_BY_FAIRLEARN:
                compared = {name for row in rows for name in row.attribute}
                known = None if compared.intersection(night.declaration.attributes_apart) else _rows_of(night, days)
                opinions.append(second_opinion(rows, counted, known, reference=control.reference))
        elif isinstance(control, LogQuality):
            rows = quality_measurements(counted, control, night.declaration)
        elif isinstance(control, OperatingRange):
            rows = range_measurements(counted, control, night.declaration)
            rows += usual_of(night, bound, control) if control.usual or control.new else []
        elif isinstance(control, Freshness) and control.of != ACCESS_LOG:
            rows = [freshness_measurement(counted.newest, counted.rows, control, night.declaration, night.partition)]
        else:
            continue
        measured[bound.key] = _placed(night, bound, rows)
    night.write_json("fairness_metrics.json", _records(measured))
    opinion = _together(opinions)
    night.write_json("second_opinion.json", None if opinion is None else asdict(opinion))
    return StepResult({"measurements": sum(map(len, measured.values()))}, opinion_answer(opinion))


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
        if isinstance(control := bound.control, Drift):
            if (current := night.tally_of(night.window(bound))[0]) is None:
                continue
            reference, why = reference_of(night, bound, control.reference)
            if reference is None:
                rows = [Measurement(metric=control.metric, attribute=(name,), note=why) for name in control.of]
            else:
                rows = drift_measurements(current, reference, control)
                shares[bound.key] = drift_shares(current, reference, control)
                rows = over_the_year(rows, since(night, control.reference), control) if over_year(control) else rows
            measured[bound.key] = _placed(night, bound, rows)
    night.write_json("distribution_shift.json", {"measurements": _records(measured), "shares": shares})
    proxies = proxies_of(night)
    night.write_json("proxies.json", _records({"proxies": proxies})["proxies"])
    return StepResult(
        {"moved": table_of([each for rows in measured.values() for each in rows]), "proxies": table_of(proxies)}
    )


def measurements_of(night: Night) -> dict[str, list[Measurement]]:
    """Every measurement of this night by control key."""
    measured = measurements_in(night.folder)
    for bound in night.bound:
        if bound.control.judges == "decision":
            verdicts = _verdicts_of(night, night.window(bound))
            measured[bound.key] = _placed(night, bound, decision_measurements(verdicts, bound.key))
    everything = [each for rows in measured.values() for each in rows]
    native = {bound.key: everything for bound in night.bound if isinstance(bound.control, Expectation)}
    return measured | native


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
    rows = json.loads((folder / "rows.json").read_bytes())
    return rows["source_count"] > 0 or may_be_empty(night.declaration)


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
