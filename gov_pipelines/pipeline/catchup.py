"""After an outage: the windows nobody audited, asked for oldest first, and the runs that died without a word, ended.

Dagster starts again where its schedules stand; what should have run while it was down, nobody asks for. A killed process
leaves its run as started for ever, and a queue that waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from gov_pipelines.errors import ConfigurationError, GovError, unquoted
from gov_pipelines.pipeline.assets import AS_OF
from gov_pipelines.pipeline.graph import SystemGraph, read_graph
from gov_pipelines.pipeline.home import AuditHome, audited_systems
from gov_pipelines.pipeline.names import AUDITS
from gov_pipelines.policy import Partition, partition_key

if TYPE_CHECKING:
    from gov_pipelines.store import SnapshotRow

LOOK_BACK = timedelta(days=14)
"""How far back windows are owed; an older hole is the operator's to fill, with `gov audit --from --to`."""

MOST = 48
"""Windows of one system asked for at a time."""

SOON = timedelta(minutes=15)
"""What the schedule has to ask for a window before the sensor does."""

SILENCE = {True: timedelta(minutes=2), False: timedelta(hours=1)}
"""How long a run may say nothing, by whether it is known that nobody audits its systems, and that it audits any."""

_GOING = [dg.DagsterRunStatus(name) for name in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")]
_UNFINISHED = [*_GOING, dg.DagsterRunStatus.QUEUED]


def owed(graph: SystemGraph, home: AuditHome, now: datetime) -> tuple[list[Partition], bool]:
    """Find the windows that should be audited by now and are not, oldest first, 48 at most.

    Those are the partitions of the last 14 days whose hour came after the system's first snapshot was signed (all before is
    history, which its operator audits) and that have no snapshot; and those signed as missed.

    Returns:
        The partitions, and whether the system's source answered when its last snapshot was signed.
    """
    from gov_pipelines.store import all_snapshots, reading  # noqa: PLC0415  (not needed to load definitions)

    with reading(home.store()) as connection:
        chain = all_snapshots(connection, graph.system)
    newest = graph.calendar.newest(now)
    if not chain or newest is None:
        return [], True
    standing = {row.partition: row for row in chain}  # of each partition the last revision
    since = graph.calendar.day(newest) - LOOK_BACK
    over = (each for each in graph.calendar.between(since, newest) if graph.as_of(each) <= now)
    missing = [
        each
        for each in over
        if (_missed(home, standing[each]) if each in standing else graph.as_of(each) > chain[0].signed_at)
    ]
    return missing[:MOST], not _missed(home, chain[-1])


def _missed(home: AuditHome, row: SnapshotRow) -> bool:
    """Whether a snapshot says that its window was not audited: it counts nothing."""
    return not (Path(home.home) / row.path / "tally.json").is_file()


def sweep(instance: dg.DagsterInstance, home: AuditHome, now: datetime) -> list[dg.DagsterRun]:
    """Mark runs as failed whose process died without a word, by SIGKILL or with its machine.

    A night holds a lock that dies with its process: where nobody holds that of its systems, a run that has said nothing
    for two minutes is dead. Of other runs, and where another audit of the same system is at work, an hour is waited.

    Returns:
        The runs as they are now. Whoever sees runs end settles what they missed.
    """
    dead = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_GOING)):
        run = record.dagster_run
        last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        heard = datetime.fromtimestamp(last[0].timestamp, UTC) if last else record.create_timestamp.astimezone(UTC)
        if now - heard >= SILENCE[True] and now - heard >= SILENCE[_nobody_audits(home, run)]:
            instance.report_run_failed(run, "The process died without a word; gov_pipelines noticed.")
            dead.append(instance.get_run_by_id(run.run_id) or run)
    return dead


def _nobody_audits(home: AuditHome, run: dg.DagsterRun) -> bool:
    systems = audited_systems(run)
    try:
        with home.auditing(systems, wait=0):
            return bool(systems)
    except GovError:
        return False


def catch_up(jobs: Iterable[Any]) -> dg.SensorDefinition:
    """The sensor that ends dead runs and asks for owed windows. On by itself.

    While a system's source does not answer, its oldest missed window alone is asked for, once an hour; the others follow
    when it was audited. Any one window is asked for once a day, so that a mistake in a file costs one run.

    Args:
        jobs: those of the code location.
    """
    audits = {job.name: job for job in jobs if job.name.startswith(AUDITS)}

    @dg.sensor(
        name="catch_up",
        jobs=list(audits.values()) or None,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs that died without a word; asks for windows nobody audited, and for those their source has changed.",
    )
    def tick(context: dg.SensorEvaluationContext, audit: AuditHome) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = datetime.now(UTC)
        died = sweep(context.instance, audit, now)
        records = context.instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
        busy = {record.dagster_run.job_name for record in records}
        with unquoted():
            asked = [one for name in sorted(audits.keys() - busy) for one in _requests(name, audit, now)]
        yield from asked
        if not asked:
            yield dg.SkipReason(f"Nothing is owed; {len(died)} runs had died.")

    return tick


def _requests(job: str, audit: AuditHome, now: datetime) -> Iterator[dg.RunRequest]:
    from gov_pipelines.pipeline.lookback import noted  # noqa: PLC0415  (not needed to load definitions)

    system = job.removeprefix(AUDITS)
    try:
        graph = read_graph(audit.place.declaration_file(system), audit.place.expectations)
    except ConfigurationError:
        return  # its stand-in tells every night
    if not graph.declaration.schedule.enabled:
        return
    windows, answers = owed(graph, audit, now - SOON)
    for window in windows if answers else windows[:1]:
        once = f"{now:%Y-%m-%d}" if answers else f"{now:%Y-%m-%dT%H}"
        key = partition_key(window)
        yield dg.RunRequest(run_key=f"{system}|{key}|{once}", job_name=job, partition_key=key)
    for before, as_of, again in filter(None, [noted(audit.files, system)]):
        for key in map(partition_key, again):
            name = f"{system}|{key}|changed before {partition_key(before)}"
            yield dg.RunRequest(run_key=name, job_name=job, partition_key=key, tags={AS_OF: as_of.isoformat()})
