"""One night of one system, step by step: what each asset of the graph does, without Dagster.

Every step reads what the steps before it wrote into the partition's folder and writes its own file there, whole or
not at all, so that a step killed at any moment can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gov_pipelines.access import granted, read_access_log
from gov_pipelines.decisions import (
    RowAccounting,
    decision_measurements,
    elsewhere,
    frame_digest,
    judge_decisions,
    judged_controls,
    read_partition,
)
from gov_pipelines.evidence import new_salt
from gov_pipelines.measure import Tally, Year
from gov_pipelines.pipeline.alarms import year_of
from gov_pipelines.pipeline.baseline import read_tally, read_total
from gov_pipelines.pipeline.erasing import not_to_return
from gov_pipelines.pipeline.kept import keep_changes, kept_digest, last_reading
from gov_pipelines.policy import (
    BoundClause,
    Partition,
    Policy,
    SystemDeclaration,
    controls_in_force,
    declaration_of,
    declaration_text,
    partition_of,
    policy_of,
    policy_text,
)
from gov_pipelines.store import Engine, Home, as_written, open_store, read_frame, write_atomic, write_frame


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
        alarms: how many controls share the year's error and how many did at first, as a signed night says; counted where
            None.
    """

    home: Home
    project: Path
    declaration: SystemDeclaration
    policies: Sequence[Policy]
    partition: date
    as_of: datetime
    environ: Mapping[str, str] = field(repr=False)
    run_id: str = ""
    alarms: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        # The order in which a person wrote is not signed, so nothing that is signed may depend on it.
        object.__setattr__(self, "declaration", declaration_of(declaration_text(self.declaration)))

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
        named = [policy_of(policy_text(each)) for each in self.policies if each.policy in self.declaration.policies]
        return controls_in_force(named, self.declaration, self.partition)

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
        with as_written(self.folder / name):
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
        erased=not_to_return(night),
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
