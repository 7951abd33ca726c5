"""Partitions whose decisions are others at the source than when they were audited: late, corrected, labelled, gone."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gov_pipelines.decisions import digests_now, touched_since
from gov_pipelines.errors import GovError
from gov_pipelines.people import later
from gov_pipelines.policy import Calendar, Partition, SystemDeclaration, partition_key, partition_of
from gov_pipelines.store import Home, as_written, write_atomic

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night


def changed_since_audited(
    home: Home, declaration: SystemDeclaration, *, before: Partition, project: Path, environ: Mapping[str, str]
) -> list[Partition]:
    """The audited partitions to compare with the source whose digests are others now, those that lost rows first.

    Looked at are those of the declared look-back before a partition, and of any day since the last look; those whose labels
    matured in that time; those that differed at the last look; and, where the source has a cursor, any that it was written
    to since. A source that does not answer says nothing: its own night tells that, and the next look-back looks at all of
    them again.
    """
    audited = home.audited(declaration.system, "reading.json")
    known = [each for each in audited if declaration.calendar.has(each)]
    mine = [each for each in known if each < before]
    file = home.root / "artifacts" / declaration.system / "looked.json"
    with as_written(file):
        last = json.loads(file.read_bytes()) if file.is_file() else {"cursor": {}, "differed": [], "today": None}
        looked = last["today"] and date.fromisoformat(last["today"])
    today, cursor = declaration.calendar.day(before) + timedelta(days=1), declaration.source.cursor
    first = min(today, looked or today) - timedelta(days=declaration.look_back.count)
    try:
        touched = touched_since(declaration, last["cursor"].get(cursor), before, project=project, environ=environ)
        partitions = [
            each
            for each in mine
            if partition_key(each) in last["differed"]
            or _within(declaration, each, first, today)
            or _touched(declaration, each, touched.moments)
        ]
        now = digests_now(declaration, partitions, project=project, environ=environ)
    except GovError:
        return []
    was = [json.loads(audited[each].read_bytes())["digests"] for each in partitions]
    rows = [[sum(int(count) for count, _ in each) for each in side] for side in (was, now)]
    grown = {each: after - before for each, before, after in zip(partitions, *rows, strict=True)}
    differ = [each for each, then, there in zip(partitions, was, now, strict=True) if then != there]
    if before >= max(known, default=before):  # an older night does not look at what was written after it
        # What differs is looked at until it does not: the cursor passes it before it is audited again.
        told = {"cursor": {cursor: touched.newest}, "differed": [*map(partition_key, differ)], "today": str(today)}
        write_atomic(file, json.dumps(told).encode())
    return sorted(differ, key=grown.__getitem__)


def _touched(declaration: SystemDeclaration, partition: Partition, moments: Sequence[datetime]) -> bool:
    start, end = declaration.calendar.span(partition)
    return bisect_left(moments, start) < bisect_left(moments, end)


def _within(declaration: SystemDeclaration, partition: Partition, first: date, today: date) -> bool:
    day, label = declaration.calendar.day(partition), declaration.label
    return first <= day or (label is not None and first <= later(day, label.matures_after) <= today)


def is_due(calendar: Calendar, partition: Partition, last: Partition | None) -> bool:
    """Whether a partition ends its local day, or is an hour of a day before which the last look-back missed the day's end."""
    begun = calendar.day(partition)
    return calendar.day(calendar.span(partition)[1]) != begun or (
        last is not None and calendar.day(calendar.span(last)[1]) < begun
    )


def look_back(night: Night) -> None:
    """Leave a note of what must be audited again, where the night's partition is the newest and a look-back is due.

    It is done in the run, which may take its time: a schedule or a sensor must answer within a minute.
    """
    calendar, partition, last = night.declaration.calendar, night.partition, noted(night.home, night.system)
    if partition == calendar.newest(datetime.now(UTC)) and is_due(calendar, partition, last[0] if last else None):
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
    with as_written(file):
        note = json.loads(file.read_bytes())
        again = [partition_of(key) for key in note["again"]]
        return partition_of(note["before"]), datetime.fromisoformat(note["as_of"]), again


def _note(home: Home, system: str) -> Path:
    return home.root / "artifacts" / system / "look_back.json"
