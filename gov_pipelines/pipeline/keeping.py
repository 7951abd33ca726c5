"""Retention as an asset: once a day, for every system, what the policies keep no longer is deleted, and counted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from gov_pipelines.errors import GovError
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.metadata import shown
from gov_pipelines.policy import partition_key

if TYPE_CHECKING:
    from gov_pipelines.store import ErasureRow

RETENTION = dg.AssetKey(["home", "retention"])


@dg.asset(
    key=RETENTION,
    group_name="home",
    kinds={"parquet"},
    description="Deletes the days that a policy keeps no longer, proves that they were what was signed, and finishes erasures.",
)
def retention_of_home(audit: AuditHome) -> dg.MaterializeResult[None]:
    """Delete what is over of every system; one that fails does not stop the others, and is told."""
    from gov_pipelines.evidence import load_signer  # noqa: PLC0415  (not needed to load definitions)
    from gov_pipelines.pipeline.register import open_books  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.retaining import retain  # noqa: PLC0415  (as above)

    now = datetime.now(UTC)
    books, done, failed = open_books(audit.place), [], []
    signer = load_signer(audit.files.keys_dir, os.environ)
    for declaration in books.systems.values():
        try:
            done += retain(audit.files, audit.store(), signer, declaration, books.policies, now)
        except GovError as error:
            failed.append(f"{declaration.system}: {error}")
    audit.deliver(now)
    if failed:
        raise dg.Failure("; ".join(failed), metadata=_counted(done))
    return dg.MaterializeResult(metadata={**_counted(done), "files not read": len(books.mistakes)})


def _counted(done: list[ErasureRow]) -> dict[str, Any]:
    """What was deleted of each day: the same count as was signed of it, without what was erased before."""
    rows = [
        {"system": row.system, "partition": partition_key(row.partition), "reason": row.reason, "decisions": row.count}
        for row in done
    ]
    return shown({"deleted": rows, "decisions": sum(row.count for row in done)})


def retention() -> dg.Definitions:
    """Retention, and the schedule that runs it each morning after the register, UTC. On by itself."""
    job = dg.define_asset_job("retention_of_home", selection=[RETENTION])
    daily = dg.ScheduleDefinition(
        name="retention_of_home_daily",
        job=job,
        cron_schedule="30 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes each morning what a policy keeps no longer; where none says so, nothing.",
    )
    return dg.Definitions(assets=[retention_of_home], jobs=[job], schedules=[daily])
