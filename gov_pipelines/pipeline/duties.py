"""The register as an asset: once a day, what is due from people is told. No check sits on it, and no control."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from gov_pipelines.pipeline.home import AuditHome

REGISTER = dg.AssetKey(["people", "register"])


@dg.asset(
    key=REGISTER,
    group_name="people",
    kinds={"sql"},
    description="What people owe and have not done, waivers that end, findings past due, incident clocks: told once each.",
)
def register_of_people(audit: AuditHome) -> dg.MaterializeResult[None]:
    """Run the register and send what is due."""
    from gov_pipelines.people import authority_of  # noqa: PLC0415  (not needed to load definitions)
    from gov_pipelines.pipeline.register import open_books, register  # noqa: PLC0415  (as above)

    now = datetime.now(UTC)
    books = open_books(audit.place)
    new = register(audit.store(), books, authority_of(audit.files), now)
    audit.deliver(now)
    return dg.MaterializeResult(metadata={"new alerts": new, "files not read": len(books.mistakes)})


def duties() -> dg.Definitions:
    """The register, and the schedule that runs it each morning, UTC. On by itself."""
    job = dg.define_asset_job("register_of_people", selection=[REGISTER])
    daily = dg.ScheduleDefinition(
        name="register_of_people_daily",
        job=job,
        cron_schedule="0 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Tells each morning what is due from people.",
    )
    return dg.Definitions(assets=[register_of_people], jobs=[job], schedules=[daily])
