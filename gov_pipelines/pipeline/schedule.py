"""When the audit of yesterday runs: the system's own hour, in its own zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.errors import unquoted
from gov_pipelines.pipeline.arrivals import stands
from gov_pipelines.pipeline.assets import AS_OF
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.policy import partition_key

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def nightly(graph: SystemGraph, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The schedule that audits the day that has just ended.

    It is on by itself where the declaration enables it and a partition is still to come; a system whose dates are past,
    such as the demo's, has it off.
    """
    goes_on = graph.goes_on(datetime.now(UTC))
    on = graph.declaration.schedule.enabled and goes_on
    ended = "" if goes_on else f" Off: the system's last day is before {graph.declaration.ends}."

    cron, zone, says = _hours(graph)

    @dg.schedule(
        name=f"nightly_{graph.system}",
        job=job,
        cron_schedule=cron,
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description=f"{says}.{ended}",
    )
    def tick(
        context: dg.ScheduleEvaluationContext, audit: dg.ResourceParam[AuditHome]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        due = graph.calendar.just_over(context.scheduled_execution_time)
        if not graph.calendar.has(due):
            until = f" until before {graph.calendar.ends}" if graph.calendar.ends else ""
            yield dg.SkipReason(
                f"{due} is no partition of {graph.system}: it runs from {graph.calendar.starts}{until}."
            )
            return
        key = partition_key(due)
        moment = graph.as_of(due)
        tags = {AS_OF: moment.isoformat()}
        with unquoted():
            again = audit.overdue(graph, before=due, as_of=moment)
            stood = graph.declaration.schedule.on_arrival and stands(graph, audit, due)
        asked = [dg.RunRequest(run_key=f"{day}@{key}", partition_key=partition_key(day), tags=tags) for day in again]
        if not stood:
            asked.insert(0, dg.RunRequest(run_key=key, partition_key=key))
        yield from asked
        if not asked:
            yield dg.SkipReason(f"{due} was audited when its rows arrived, and they are the same now.")

    return tick


def _hours(graph: SystemGraph) -> tuple[str, str, str]:
    """When the schedule fires: a cron text, the zone of its hours, and both in words."""
    schedule, zone = graph.declaration.schedule, graph.calendar.zone
    if graph.calendar.hourly:
        says = f"Audits the last hour's decisions of {graph.system} at minute {schedule.minute} of each hour"
        return f"{schedule.minute} * * * *", "UTC", says
    says = f"Audits yesterday's decisions of {graph.system} at {schedule.at:%H:%M}, {zone}"
    return f"{schedule.at.minute} {schedule.at.hour} * * *", zone, says
