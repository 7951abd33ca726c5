"""What stands in the graph for a system whose files cannot be read: something that fails, loudly, every night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from gov_pipelines.pipeline.names import SNAPSHOT
from gov_pipelines.pipeline.watch import DAY

CHECK = "files_are_readable"
MISTAKES = "mistakes"


def broken_job_name(system: str) -> str:
    """The job of a stand-in."""
    return f"broken_{system}"


def stand_in(system: str, mistakes: str) -> dg.Definitions:
    """Definitions for a broken system: a snapshot that cannot be made, a check that fails, a nightly run of both.

    The run fails, so the failure sensor raises the alert of a missed window; no verdict is written, so each control of
    the day is `missing`.

    Args:
        system: name of the folder.
        mistakes: what is wrong, one mistake a line, as `gov lint` says it.
    """
    key = dg.AssetKey([system, SNAPSHOT])

    @dg.asset(
        key=key,
        group_name="broken",
        metadata={MISTAKES: mistakes},
        description=f"The files of {system} cannot be read, so it is not audited:\n\n```\n{mistakes}\n```",
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, description="The files that declare the system can be read.")],
    )
    def snapshot() -> Iterator[Any]:
        yield dg.AssetCheckResult(
            check_name=CHECK, passed=False, severity=dg.AssetCheckSeverity.ERROR, description=mistakes
        )
        raise dg.Failure(mistakes, allow_retries=False)

    job = dg.define_asset_job(broken_job_name(system), selection=dg.AssetSelection.assets(key))

    # Its own hour and zone are in the file nobody can read.
    @dg.schedule(
        name=f"nightly_{system}",
        job=job,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Raises the alert that {system} is not audited.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=yesterday, tags={DAY: yesterday})

    return dg.Definitions(assets=[snapshot], jobs=[job], schedules=[tick])
