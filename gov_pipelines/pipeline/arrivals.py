"""Audits as data arrive: a sensor that asks the source what it holds of the newest partitions, and reads no rows.

The schedule still runs, so that silence is noticed; what the sensor had audited and nobody changed, it leaves alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.errors import GovError, unquoted
from gov_pipelines.pipeline.assets import AS_OF
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.policy import Partition, partition_key

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EVERY = {True: 60, False: 300}
"""Seconds between two looks at the source, by whether partitions are hours."""

NEWEST = 3
"""Partitions looked at, those that ended last; what arrives later still is found by the look-back of the scheduled audit."""


def arrivals(graph: SystemGraph, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that has partitions audited once they are over and rows of them have arrived or changed.

    Each state of a partition at the source is asked for once, also across restarts, and only when two looks in a row found
    it: while rows still pour in, nothing is audited. At most three runs are asked for at a time.
    """
    schedule = graph.declaration.schedule
    on = schedule.enabled and schedule.on_arrival and graph.goes_on(datetime.now(UTC))

    @dg.sensor(
        name=f"arrivals_{graph.system}",
        job=job,
        minimum_interval_seconds=EVERY[graph.calendar.hourly],
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description=f"Audits what has arrived or changed of {graph.system} as soon as it stands still.",
    )
    def tick(context: dg.SensorEvaluationContext, audit: AuditHome) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = datetime.now(UTC)
        newest = list(_newest(graph, now))
        try:
            with unquoted():
                states = dict(changed(graph, audit, newest))
        except GovError as error:
            yield dg.SkipReason(f"The source does not answer: {error}")
            return
        seen = json.loads(context.cursor or "{}")
        context.update_cursor(json.dumps({partition_key(each): state for each, state in states.items()}))
        still = {each: state for each, state in states.items() if seen.get(partition_key(each)) == state}
        for partition, state in still.items():
            key = partition_key(partition)
            early = {AS_OF: graph.calendar.span(partition)[1].isoformat()} if now < graph.as_of(partition) else {}
            yield dg.RunRequest(run_key=f"{key}|{state}", partition_key=key, tags=early)
        if not still:
            yield dg.SkipReason(f"{len(states)} of the newest {len(newest)} partitions are others than when audited.")

    return tick


def changed(graph: SystemGraph, audit: AuditHome, partitions: Sequence[Partition]) -> Iterator[tuple[Partition, str]]:
    """The partitions that hold other rows at the source than when they were audited, and what they hold, as a digest.

    One that was never audited counts from its first row.

    Raises:
        GovError: the source does not answer, or is not as declared.
    """
    from gov_pipelines.decisions import digests_now  # noqa: PLC0415  (not needed to load definitions)
    from gov_pipelines.store import as_written  # noqa: PLC0415  (as above)

    found = digests_now(graph.declaration, partitions, project=audit.place.root, environ=os.environ)
    for partition, digests in zip(partitions, found, strict=True):
        file = audit.files.partition_dir(graph.system, partition) / "reading.json"
        with as_written(file):
            known = json.loads(file.read_bytes())["digests"] if file.is_file() else [[0, None]]
            rows = known[0][0]
        if digests != known and (digests[0][0] or rows):
            yield partition, sha256(json.dumps(digests).encode()).hexdigest()[:16]


def stands(graph: SystemGraph, audit: AuditHome, partition: Partition) -> bool:
    """Whether a partition was audited, and the source holds the same of it now; where that cannot be told, it does not."""
    from gov_pipelines.store import reading, snapshot_of  # noqa: PLC0415  (as above)

    with reading(audit.store()) as connection:
        signed = snapshot_of(connection, graph.system, partition)
    if signed is None or not (audit.place.home / signed.path / "tally.json").is_file():
        return False  # never audited, or signed as missed
    try:
        return not list(changed(graph, audit, [partition]))
    except GovError:
        return False


def _newest(graph: SystemGraph, now: datetime) -> Iterator[Partition]:
    partition = graph.calendar.newest(now)
    for _ in range(NEWEST):
        if partition is not None:
            yield partition
            partition = graph.calendar.before(partition)
