"""Partitions whose decisions are others at the source than when they were audited: late, corrected, labelled, gone."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gov_pipelines.decisions import digests_now, touched_since
from gov_pipelines.errors import GovError
from gov_pipelines.people import later
from gov_pipelines.policy import Partition, SystemDeclaration, partition_key, partition_of
from gov_pipelines.store import Home, write_atomic

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night


def changed_since_audited(
    home: Home, declaration: SystemDeclaration, *, before: Partition, project: Path, environ: Mapping[str, str]
) -> list[Partition]:
    """The audited partitions to compare with the source whose digests are others now, those that lost rows first.

    Looked at are those of the declared look-back before a partition, those whose labels matured within it, and, where the
    source has a cursor, any that it was written to since the last time. A source
    that does not answer says nothing: its own night tells that, and the next look-back looks at all of them again.
    """
    audited = home.audited(declaration.system, "rows.json")
    known = [each for each in audited if declaration.calendar.has(each)]
    mine = [each for each in known if each < before]
    try:
        written = _written_to(home, declaration, known, before, project, environ)
        partitions = [each for each in mine if each in written or _looked_at(declaration, each, before)]
        now = digests_now(declaration, partitions, project=project, environ=environ)
    except GovError:
        return []
    was = [json.loads(audited[each].read_bytes()).get("digests", []) for each in partitions]
    rows = [[sum(int(count) for count, _ in each) for each in side] for side in (was, now)]
    grown = {each: after - before for each, before, after in zip(partitions, *rows, strict=True)}
    differ = [each for each, then, today in zip(partitions, was, now, strict=True) if then != today]
    return sorted(differ, key=grown.__getitem__)


def _written_to(
    home: Home,
    declaration: SystemDeclaration,
    partitions: Sequence[Partition],
    before: Partition,
    project: Path,
    environ: Mapping[str, str],
) -> set[Partition]:
    """The partitions that hold rows written since the cursor of the last look-back, less the overlap."""
    if declaration.source.cursor is None:
        return set()
    file = home.root / "artifacts" / declaration.system / "cursor.json"
    since = json.loads(file.read_bytes()).get(declaration.source.cursor) if file.is_file() else None
    touched = touched_since(declaration, since, before, project=project, environ=environ)
    if before >= max(partitions, default=before):  # an older night does not look at what was written after it
        write_atomic(file, json.dumps({declaration.source.cursor: touched.newest}).encode())
    spans = {each: declaration.calendar.span(each) for each in partitions}
    at = touched.moments
    return {each for each, (start, end) in spans.items() if bisect_left(at, start) < bisect_left(at, end)}


def _looked_at(declaration: SystemDeclaration, partition: Partition, before: Partition) -> bool:
    calendar, label = declaration.calendar, declaration.label
    day, today = calendar.day(partition), calendar.day(before) + timedelta(days=1)
    first = today - timedelta(days=declaration.look_back.count)
    return first <= day or (label is not None and first <= later(day, label.matures_after) <= today)


def look_back(night: Night) -> None:
    """Leave a note of what must be audited again, where the night's partition is the newest and the last of its local day.

    It is done in the run, which may take its time: a schedule or a sensor must answer within a minute.
    """
    calendar, partition = night.declaration.calendar, night.partition
    ends_the_day = calendar.day(calendar.span(partition)[1]) != calendar.day(partition)
    if partition == calendar.newest(datetime.now(UTC)) and ends_the_day:
        again = changed_since_audited(
            night.home, night.declaration, before=partition, project=night.project, environ=night.environ
        )
        note = {
            "before": partition_key(partition),
            "as_of": night.as_of.isoformat(),
            "again": [*map(partition_key, again)],
        }
        write_atomic(_note(night.home, night.system), json.dumps(note).encode())


def noted(home: Home, system: str) -> tuple[Partition, datetime, list[Partition]] | None:
    """The newest look-back: before which partition, as of when, and what must be audited again; None before the first."""
    file = _note(home, system)
    if not file.is_file():
        return None
    note = json.loads(file.read_bytes())
    again = [partition_of(key) for key in note["again"]]
    return partition_of(note["before"]), datetime.fromisoformat(note["as_of"]), again


def _note(home: Home, system: str) -> Path:
    return home.root / "artifacts" / system / "look_back.json"
