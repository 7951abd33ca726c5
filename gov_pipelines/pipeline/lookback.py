"""Partitions whose decisions are others at the source than when they were audited: late, corrected, labelled, gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from gov_pipelines.decisions import digests_now
from gov_pipelines.errors import GovError
from gov_pipelines.people import later
from gov_pipelines.policy import Partition, SystemDeclaration
from gov_pipelines.store import Home


def changed_since_audited(
    home: Home, declaration: SystemDeclaration, *, before: Partition, project: Path, environ: Mapping[str, str]
) -> list[Partition]:
    """The audited partitions to compare with the source whose digests are others now, those that lost rows first.

    Looked at are those of the declared look-back before a partition, and those whose labels matured within it. A source
    that does not answer says nothing: its own night tells that, and the next look-back looks at all of them again.
    """
    audited = home.audited(declaration.system, "rows.json")
    mine = filter(declaration.calendar.has, audited)
    partitions = [each for each in mine if each < before and _looked_at(declaration, each, before)]
    try:
        now = digests_now(declaration, partitions, project=project, environ=environ)
    except GovError:
        return []
    was = [json.loads(audited[each].read_bytes()).get("digests", []) for each in partitions]
    rows = [[sum(count for count, _ in each) for each in side] for side in (was, now)]
    grown = {each: after - before for each, before, after in zip(partitions, *rows, strict=True)}
    differ = [each for each, then, today in zip(partitions, was, now, strict=True) if then != today]
    return sorted(differ, key=grown.__getitem__)


def _looked_at(declaration: SystemDeclaration, partition: Partition, before: Partition) -> bool:
    calendar, label = declaration.calendar, declaration.label
    day, today = calendar.day(partition), calendar.day(before) + timedelta(days=1)
    first = today - timedelta(days=declaration.look_back.count)
    return first <= day or (label is not None and first <= later(day, label.matures_after) <= today)
