"""After a run: what it should have done and did not, told; and what waits in the outbox, sent.

Dagster alerts on none of this: a run with failed checks is a success to it, a planned check that gave no result is
nothing, and a failed run is a red dot. Verdicts raise their alerts where they are signed, in `signing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.errors import FULL, ConfigurationError, GovError, unquoted
from gov_pipelines.pipeline.graph import SystemGraph, read_graph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.names import SNAPSHOT
from gov_pipelines.policy import Partition, controls_in_force, partition_of

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData

    from gov_pipelines.notify import Delivery
    from gov_pipelines.store import Alert

DAY = "gov/day"
"""Run tag: the day a run without partitions speaks of."""

NO_SNAPSHOT = "the run ended without a snapshot"
_PARTITION = "dagster/partition"
_EVENTS = (
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a run planned and did not do.

    Attributes:
        missed: systems whose snapshot was planned and not made.
        undone: planned checks without a result and planned assets not made, of systems whose snapshot was.
        reason: why the run stopped, in one line; None where it did not.
    """

    missed: tuple[str, ...]
    undone: tuple[dg.AssetKey | dg.AssetCheckKey, ...]
    reason: str | None


def unfinished(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Unfinished:
    """Compare what a run planned with what it did."""
    planned: set[dg.AssetKey | dg.AssetCheckKey] = set()
    made: set[dg.AssetKey | dg.AssetCheckKey] = set()
    reason = None
    for record in instance.get_records_for_run(run.run_id, of_type=set(_EVENTS)).records:
        event = record.event_log_entry.get_dagster_event()
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED if event.asset_key:
                planned.add(event.asset_key)
            case dg.DagsterEventType.ASSET_MATERIALIZATION if event.asset_key:
                made.add(event.asset_key)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                planned.add(event.asset_check_planned_data.asset_check_key)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                made.add(event.asset_check_evaluation_data.asset_check_key)
            case _:
                reason = reason or f"{event.step_key}: {_told(event.step_failure_data)}"
    if run.is_failure_or_canceled and reason is None:
        reason = f"the run was {run.status.value.lower()} before a step failed"
    lost = planned - made
    missed = {_system(key) for key in lost if isinstance(key, dg.AssetKey) and key.path[-1] == SNAPSHOT}
    # Where the snapshot is missing, the missed window says it once for all that was to stand on it.
    undone = [key for key in lost if _system(key) not in missed]
    return Unfinished(tuple(sorted(missed)), tuple(sorted(undone, key=str)), reason)


def _system(key: dg.AssetKey | dg.AssetCheckKey) -> str:
    return (key.asset_key if isinstance(key, dg.AssetCheckKey) else key).path[0]


def settle(instance: dg.DagsterInstance, run: dg.DagsterRun, audit: AuditHome, now: datetime) -> Delivery:
    """Raise the alerts a run leaves, sign the windows it missed, and send what is due.

    The alert is written before the missed window is signed: if signing fails too, somebody hears.

    Args:
        instance: Dagster's, with the run's events.
        run: one that has ended.
        audit: the home.
        now: the clock.
    """
    from gov_pipelines.pipeline.signing import sign_missed  # noqa: PLC0415  (not needed to load definitions)
    from gov_pipelines.store import enqueue  # noqa: PLC0415  (as above)

    left = unfinished(instance, run)
    partition = run.tags.get(_PARTITION)
    if partition is not None and left.missed:
        left = replace(left, missed=tuple(_still_missed(audit, instance, run, left.missed, partition_of(partition))))
    graphs = {system: _graph(audit, system) for system in left.missed}
    alerts = list(_alerts(run, left, graphs, now))
    if alerts:
        with audit.store().begin() as connection:
            enqueue(connection, alerts)
    try:
        for graph in graphs.values():
            # Of a system whose declaration is broken nobody can say what its window is; its alert is in the outbox.
            if graph is not None and partition is not None:
                night = audit.night(graph, partition_of(partition), run_id=run.run_id)
                sign_missed(night, left.reason or NO_SNAPSHOT)
    finally:
        delivery = audit.deliver(now)
    return delivery


def _still_missed(
    audit: AuditHome, instance: dg.DagsterInstance, run: dg.DagsterRun, missed: Iterable[str], partition: Partition
) -> Iterator[str]:
    """The systems whose window nobody else audited since the run began: a run may be found dead days later."""
    from gov_pipelines.store import reading, snapshot_of  # noqa: PLC0415  (as above)

    record = instance.get_run_record_by_id(run.run_id)
    with reading(audit.store()) as connection:
        for system in missed:
            signed = snapshot_of(connection, system, partition)
            if record is None or signed is None or signed.signed_at < record.create_timestamp.astimezone(UTC):
                yield system


def _graph(audit: AuditHome, system: str) -> SystemGraph | None:
    try:
        return read_graph(audit.place.declaration_file(system), audit.place.expectations)
    except ConfigurationError:
        return None


def sensors() -> list[dg.SensorDefinition]:
    """Three sensors on how runs end, and one that tries again what could not be delivered. All on by themselves."""
    ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    return [*(_on(status) for status in ended), _outbox()]


def reports() -> dg.AutomationConditionSensorDefinition:
    """The sensor that has the report written when days have been signed. Dagster's own of this kind is off by itself."""
    return dg.AutomationConditionSensorDefinition(
        "reports",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes a system's report once the days in flight are signed.",
    )


def _on(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"alerts_on_{status.value.lower()}",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells what a run that ended in {status.value} left undone, and sends waiting alerts.",
    )
    def watch(context: dg.RunStatusSensorContext, audit: AuditHome) -> dg.SkipReason | None:
        if context.dagster_run.tags.get("dagster/will_retry") == "true":
            return dg.SkipReason("Dagster will run this again; that run will tell.")
        with unquoted():
            settle(context.instance, context.dagster_run, audit, datetime.now(UTC))
        return None

    return watch


def _outbox() -> dg.SensorDefinition:
    @dg.sensor(
        name="alerts_waiting",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends alerts whose receiver did not answer before: after 1, 2, 4 ... minutes, at most an hour apart.",
    )
    def outbox(audit: AuditHome) -> dg.SkipReason:
        with unquoted():
            sent = audit.deliver(datetime.now(UTC))
        counted = f"{sent.delivered} delivered, {sent.failed} failed, {sent.waiting} waiting."
        return dg.SkipReason(" ".join([counted, *sent.problems]))

    return outbox


def _alerts(
    run: dg.DagsterRun, left: Unfinished, graphs: Mapping[str, SystemGraph | None], now: datetime
) -> Iterator[Alert]:
    from gov_pipelines.notify import missed_window, told  # noqa: PLC0415  (as above)

    named = run.tags.get(_PARTITION) or run.tags.get(DAY)
    day = partition_of(named) if named else (now - timedelta(days=1)).date()
    for system, graph in graphs.items():
        bound = controls_in_force(graph.policies, graph.declaration, day) if graph else []
        routes = tuple(sorted({route for each in bound for route in each.control.notify}))
        yield missed_window(system, day, reason=left.reason or NO_SNAPSHOT, notify=routes, raised_at=now)
    for key in left.undone:
        system = _system(key)
        again = f"run the day again: `gov audit {system} --date {day}`" if named else "materialize it again in Dagster"
        kind, name = ("check", key.name) if isinstance(key, dg.AssetCheckKey) else ("asset", key.path[-1])
        facts = {
            "Verdict": f"none: it was planned, and {left.reason or 'nothing says why it gave no result'}",
            "What to do": again,
        }
        about, title = f"{system}|{name}|{day}|{run.run_id}|missing", f"{system}: {kind} {name} of {day} gave no result"
        yield told(about, title, facts, system=system, partition=day, control=name, raised_at=now)


def _told(failure: StepFailureData) -> str:
    """Why a step failed, in words that may leave the house: ours, or else only the kind of error.

    The text of any other error may quote a row.
    """
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    if FULL.search(str(failure.error)):
        return "the disk is full. Free some space, then audit again"
    ours = {GovError.__name__, *(kind.__name__ for kind in GovError.__subclasses__())}
    error, last = failure.error, "an error"
    while error is not None:
        last = error.cls_name or last
        if last in ours:
            text = re.sub(rf"^[\w.]*{last}: ", "", error.message.strip())
            return f"{last}: {text}"
        error = error.cause
    return f"{last}; the run's log has the rest"
