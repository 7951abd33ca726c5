"""When the audit of yesterday runs: the system's own hour, in its own zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.pipeline.assets import AS_OF
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def nightly(graph: SystemGraph, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The schedule that audits the day that has just ended.

    It is on by itself where the declaration enables it and a partition is still to come; a system whose dates are past,
    such as the demo's, has it off.
    """
    at = graph.declaration.schedule.at
    goes_on = graph.goes_on(datetime.now(UTC))
    on = graph.declaration.schedule.enabled and goes_on
    ended = "" if goes_on else f" Off: the system's last day is before {graph.declaration.ends}."

    @dg.schedule(
        name=f"nightly_{graph.system}",
        job=job,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=graph.declaration.zone,
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description=f"Audits yesterday's decisions of {graph.system} at {at:%H:%M}, {graph.declaration.zone}.{ended}",
    )
    def tick(
        context: dg.ScheduleEvaluationContext, audit: dg.ResourceParam[AuditHome]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from gov_pipelines.pipeline.overdue import overdue  # noqa: PLC0415  (not needed to load definitions)
        from gov_pipelines.store import Home  # noqa: PLC0415  (as above)

        yesterday = context.scheduled_execution_time.astimezone(graph.zone).date() - timedelta(days=1)
        if not graph.has(yesterday):
            until = f" until before {graph.declaration.ends}" if graph.declaration.ends else ""
            yield dg.SkipReason(
                f"{yesterday} is no partition of {graph.system}: it runs from {graph.declaration.starts}{until}."
            )
            return
        key = yesterday.isoformat()
        yield dg.RunRequest(run_key=key, partition_key=key)
        moment = graph.as_of(yesterday)
        files = Home(audit.place.home)
        for day in overdue(files, graph.declaration, graph.policies, before=yesterday, as_of=moment):
            tags = {AS_OF: moment.isoformat()}
            yield dg.RunRequest(run_key=f"{day}@{key}", partition_key=day.isoformat(), tags=tags)

    return tick
