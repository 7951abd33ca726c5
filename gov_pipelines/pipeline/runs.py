"""Running audits without a daemon: one process, one partition after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import dagster as dg

from gov_pipelines.errors import GovError, WrongUse, unquoted
from gov_pipelines.pipeline.assets import AS_OF, REPORT
from gov_pipelines.pipeline.broken import MISTAKES, broken_job_name
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.names import SNAPSHOT, job_name
from gov_pipelines.pipeline.watch import settle, unfinished
from gov_pipelines.policy import Partition, partition_key

# Dagster's events go to its own log, where the UI shows them; on the console they would bury ours.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class PartitionRun:
    """How the audit of one partition went. Verdicts are in the store, whatever they are; this is about the run.

    Attributes:
        partition: the local day.
        done: whether every step ended well.
        signed: whether the day's snapshot was signed, which a failing step after it does not undo.
        run_id: Dagster's run.
        problem: what stopped it, in words; None where nothing did.
        unreachable: whether that was a source that did not answer.
        again: why it was audited unasked; None where it was asked for.
    """

    partition: date
    done: bool
    signed: bool
    run_id: str
    problem: str | None = None
    unreachable: bool = False
    again: str | None = None


def audit(
    system: str,
    partitions: Sequence[date],
    instance: dg.DagsterInstance,
    *,
    definitions: dg.Definitions,
    home: AuditHome,
    as_of: datetime | None = None,
    report: bool = True,
    progress: Callable[[PartitionRun], None] | None = None,
    announce: Callable[[Mapping[Partition, str]], None] | None = None,
) -> list[PartitionRun]:
    """Audit partitions of one system in this process, in their order, and write the report at the end.

    A partition that fails is a missed window, signed and put in the outbox; the next one runs all the same. Earlier days
    whose pending decisions have run out of time by the last of these nights, or that other policies govern now, are audited
    again; so are those that are others at the source than when they were audited. Days of a range, too, since each was judged
    on its own next morning.

    Args:
        system: the audited system.
        partitions: local days, each one of the system's partitions and over.
        instance: Dagster's: that of the home, so that the UI shows the runs, or `DagsterInstance.ephemeral()`.
        definitions: the code location, `gov_pipelines.definitions.load(project)`.
        home: where results go; its steps are those of the definitions' resource.
        as_of: when the days are judged; each on its next morning unless given.
        report: whether to write the report.
        progress: called after each partition.
        announce: called before earlier days are audited unasked, if there are any: with each and why.

    Raises:
        GovError: the system's files cannot be read, with every mistake.
        WrongUse: there is no such system, or a day is none of its partitions.
    """
    repository = definitions.get_repository_def()
    job = _job(repository, system, partitions)
    graph = read_graph(home.place.declaration_file(system), home.place.expectations)
    if early := [day for day in partitions if as_of and as_of < graph.calendar.span(day)[1]]:
        raise WrongUse(
            f"{early[0]} is not over as of {as_of}. Give --as-of an instant after the day's end, or leave it out."
        )
    runs: list[PartitionRun] = []

    def run_day(day: date, moment: datetime | None, why: str | None = None) -> None:
        tags = {AS_OF: moment.isoformat()} if moment else {}
        try:
            with unquoted():
                result = job.execute_in_process(
                    run_config=_QUIET,
                    partition_key=partition_key(day),
                    instance=instance,
                    raise_on_error=False,
                    tags=tags,
                )
                runs.append(replace(_settled(instance, result.dagster_run, home, day), again=why))
        except GovError as error:  # outside the run's own steps: the next day goes on
            problem = (
                f"{error}. The run could not be begun or kept: are Dagster's disk and database there (`gov doctor`)?"
            )
            runs.append(PartitionRun(day, done=False, signed=False, run_id="", problem=problem, again=why))
        if progress:
            progress(runs[-1])

    for day in partitions:
        run_day(day, as_of)
    if partitions:
        newest = max(partitions)
        moment = as_of or graph.as_of(newest)
        stopped = {run.partition for run in runs if not run.done}  # asked a moment ago, and again in vain
        changed = dict.fromkeys(home.changed(graph, before=newest), "source changed")
        owed = home.overdue(graph, before=newest, as_of=moment) | changed
        again = {day: owed[day] for day in [*changed, *owed] if day not in stopped}
        if again and announce:
            announce(again)
        for day, why in again.items():
            run_day(day, moment, why)
    if report and runs:
        write_reports([system], instance, definitions=definitions)
    return runs


def write_reports(systems: Sequence[str], instance: dg.DagsterInstance, *, definitions: dg.Definitions) -> None:
    """Write the pages once, for all the systems whose report is thereby up to date.

    Raises:
        GovError: they could not be written.
    """
    keys = [dg.AssetKey([system, REPORT]) for system in systems]
    job = definitions.resolve_implicit_global_asset_job_def()
    pages = job.execute_in_process(run_config=_QUIET, asset_selection=keys, instance=instance, raise_on_error=False)
    if not pages.success:
        raise GovError(f"The pages could not be written; the log of run {pages.run_id} in Dagster says why.")


def _job(repository: dg.RepositoryDefinition, system: str, partitions: Sequence[date]) -> dg.JobDefinition:
    """The audit job of a system that has these days behind it."""
    if repository.has_job(broken_job_name(system)):
        key = dg.AssetKey([system, SNAPSHOT])
        raise GovError(str(repository.assets_defs_by_key[key].metadata_by_key[key][MISTAKES]))
    if not repository.has_job(job_name(system)):
        raise WrongUse(f"There is no system {system!r}. See the folders in assets/.")
    job = repository.get_job(job_name(system))
    over = set(job.partitions_def.get_partition_keys(current_time=datetime.now(UTC))) if job.partitions_def else set()
    if strange := [key for key in map(partition_key, partitions) if key not in over]:
        raise WrongUse(
            f"{', '.join(strange)}: no partition of {system}, or not over yet. "
            f"It has {len(over)}{f', {min(over)} to {max(over)}' if over else ''}."
        )
    return job


def _settled(instance: dg.DagsterInstance, run: dg.DagsterRun, home: AuditHome, day: date) -> PartitionRun:
    """What a run did, once its alerts are raised and its missed window is signed; the next day runs all the same."""
    left = unfinished(instance, run)
    problem = left.reason
    try:
        settle(instance, run, home, datetime.now(UTC))
    except GovError as error:
        problem = f"{problem}; the missed window could not be signed: {error}"
    return PartitionRun(
        partition=day,
        done=run.is_success,
        signed=not left.missed,
        run_id=run.run_id,
        problem=problem,
        unreachable="SourceUnreachable: " in (left.reason or ""),
    )
