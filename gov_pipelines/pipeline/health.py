"""What Dagster says of itself: daemons, schedules and sensors, runs, and windows that nobody audited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus

from gov_pipelines.pipeline.catchup import SILENCE, SOON, owed
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.policy import SystemDeclaration, partition_key

State = Literal["ok", "warn", "bad", "unknown"]

_FRESH = timedelta(minutes=2)  # a daemon says every half minute that it lives
_START = "start it: dagster-daemon run, or the unit in deploy/"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at, such as `daemon SENSOR`.
        state: ok, warn, bad, or unknown where it could not be looked at.
        found: in words, without addresses or secrets.
        do: what to do; empty where there is nothing.
    """

    check: str
    state: State
    found: str
    do: str = ""


def daemons(instance: dg.DagsterInstance, now: datetime) -> Iterator[Finding]:
    """Whether each daemon that this instance needs lives, and what it complains of."""
    heard = instance.get_daemon_heartbeats()
    for kind in instance.get_required_daemon_types():
        check, beat = f"daemon {kind}", heard.get(kind)
        if beat is None:
            yield Finding(check, "bad", "never ran on this instance", _START)
            continue
        ago = now - datetime.fromtimestamp(beat.timestamp, UTC)
        if ago > _FRESH:
            yield Finding(check, "bad", f"last heard of {ago.total_seconds() / 60:,.0f} minutes ago", _START)
        elif beat.errors:  # whose text may quote a row
            yield Finding(check, "warn", f"{len(beat.errors)} errors", "read the daemon's log")
        else:
            yield Finding(check, "ok", "lives")


def instigators(instance: dg.DagsterInstance, definitions: dg.Definitions) -> Iterator[Finding]:
    """Whether what a declaration has on is on: somebody may have turned it off by hand, and forgotten."""
    stored = {state.instigator_name: state.status for state in instance.all_instigator_state()}
    repository = definitions.get_repository_def()
    declared = {each.name: each.default_status.value == "RUNNING" for each in repository.schedule_defs}
    declared |= {each.name: each.default_status.value == "RUNNING" for each in repository.sensor_defs}
    said = {name: stored.get(name, InstigatorStatus.DECLARED_IN_CODE) for name in declared}
    off = [name for name in declared if declared[name] and said[name] is InstigatorStatus.STOPPED]
    by_hand = sum(said[name] is InstigatorStatus.RUNNING and not declared[name] for name in declared)
    on = sum(declared.values()) - len(off) + by_hand
    for name in off:
        yield Finding(f"schedule {name}", "bad", "turned off by hand", "turn it on in Dagster, under Automation")
    yield Finding("schedules and sensors", "ok" if on else "warn", f"{on} on, {len(off)} turned off")


def stuck_runs(instance: dg.DagsterInstance, now: datetime) -> Finding:
    """Whether runs say that they go on and have said nothing for an hour."""
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus(each) for each in ("STARTED", "STARTING", "CANCELING")])
    silent = 0
    for record in instance.get_run_records(going):
        last = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
        silent += not last or now - datetime.fromtimestamp(last[0].timestamp, UTC) > SILENCE[False]
    found = f"{silent} started and silent for an hour"
    remedy = "the catch_up sensor ends them while the daemon lives; else terminate them in Dagster"
    return Finding("runs", "bad", found, remedy) if silent else Finding("runs", "ok", found)


def windows(home: AuditHome, systems: Iterable[SystemDeclaration], now: datetime) -> Iterator[Finding]:
    """Which systems have windows that are over and were not audited."""
    late = 0
    for system in (each.system for each in systems if each.schedule.enabled):
        graph = read_graph(home.place.declaration_file(system), home.place.expectations)
        if missing := owed(graph, home, now - SOON)[0]:
            late += 1
            first, last = partition_key(missing[0]), partition_key(missing[-1])
            remedy = f"gov audit {system} --from {first} --to {last}"
            yield Finding(f"windows of {system}", "bad", f"{len(missing)} not audited, {first} to {last}", remedy)
    if not late:
        yield Finding("windows", "ok", "none is owed")
