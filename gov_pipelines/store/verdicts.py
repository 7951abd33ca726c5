"""One row per control, system, partition and revision: what the snapshot, clearing, checks and report read.

A revision is *signed* once it has a row in `snapshots`; only signed revisions are history, and they never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.errors import EvidenceError
from gov_pipelines.measure.measurement import Verdict
from gov_pipelines.policy import partition_of
from gov_pipelines.store.snapshots import snapshots
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """The verdict of one control on one partition, with the measurement that decided it.

    Attributes:
        system: the audited system.
        partition: the local day audited.
        revision: from 1; a re-run of a signed partition is the next.
        control: `<policy>/<clause id>`.
        policy: name of the policy.
        policy_version: the version in force.
        clause: id of the clause.
        level: intake, runtime, output or people.
        kind: of the control, such as `fairness`.
        acts: prevents, holds or detects.
        severity: critical, warning or info.
        verdict: one of the seven.
        reason: one sentence for a person.
        metric: of the decisive measurement; None where none could decide. So are the numbers below.
        attribute: the columns that define the groups.
        group: column to value; None for an aggregate.
        reference_group: the group compared with.
        value: of the metric, in its own unit.
        lower: of the interval at `confidence`.
        upper: of the interval at `confidence`.
        confidence: between 0 and 1.
        n: rows the value rests on.
        p_adjusted: p value, adjusted over the control's family.
        threshold: the limit in words, such as `at least 0.8`; empty where there is none.
        breaches: decisions outside.
        window_start: first instant of the window, inclusive.
        window_end: last instant, exclusive.
        as_of: the instant the audit speaks from.
        recorded_at: when the row was written.
    """

    system: str
    partition: date
    revision: int
    control: str
    policy: str
    policy_version: int
    clause: str
    level: str
    kind: str
    acts: str
    severity: str
    verdict: Verdict
    reason: str
    metric: str | None = None
    attribute: tuple[str, ...] = ()
    group: dict[str, str | None] | None = None
    reference_group: dict[str, str | None] | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    n: int | None = None
    p_adjusted: float | None = None
    threshold: str = ""
    breaches: int = 0
    window_start: datetime
    window_end: datetime
    as_of: datetime
    recorded_at: datetime


_FIELDS = tuple(field.name for field in fields(VerdictRow))
_REVISION = ("system", "partition", "revision")
_LOOK_BACK = 400

NOT_AUDITED = "The window was not audited: "
"""How the reason of a verdict begins that says nothing of its control: the whole window was missed."""

control_verdicts = sa.Table("control_verdicts", metadata, *columns_of(VerdictRow, *_REVISION, "control"))


def put_verdicts(connection: Connection, rows: Sequence[VerdictRow]) -> None:
    """Write verdicts, replacing all that their system, partition and revision held before.

    Raises:
        EvidenceError: the revision is signed already.
    """
    for system, partition, revision in sorted({(row.system, row.partition, row.revision) for row in rows}):
        drop_verdicts(connection, system, partition, revision)
    if rows:
        connection.execute(sa.insert(control_verdicts), [asdict(row) for row in rows])


def drop_verdicts(connection: Connection, system: str, partition: date, revision: int) -> None:
    """Forget the verdicts of a revision that was never signed.

    Raises:
        EvidenceError: the revision is signed already.
    """
    key = {"system": system, "partition": partition, "revision": revision}
    if connection.execute(sa.select(snapshots.c.revision).filter_by(**key)).first():
        raise EvidenceError(
            f"revision {revision} of {system} {partition} is signed and cannot change; write revision {revision + 1}"
        )
    connection.execute(sa.delete(control_verdicts).filter_by(**key))


def verdicts_of(connection: Connection, system: str, partition: date, revision: int | None = None) -> list[VerdictRow]:
    """Read the verdicts of one partition by control.

    Args:
        connection: of the store.
        system: the audited system.
        partition: the local day.
        revision: signed or not; None for the latest signed one.
    """
    query = sa.select(control_verdicts).filter_by(system=system, partition=partition)
    query = _latest_signed(query) if revision is None else query.where(control_verdicts.c.revision == revision)
    return _rows(connection, query.order_by(control_verdicts.c.control))


def verdict_history(connection: Connection, system: str, control: str | None = None) -> list[VerdictRow]:
    """Read the latest signed revision of every partition of a system, by partition and control: of one, or of all."""
    query = _latest_signed(sa.select(control_verdicts).filter_by(system=system))
    if control is not None:
        query = query.where(control_verdicts.c.control == control)
    return _rows(connection, query.order_by(control_verdicts.c.partition, control_verdicts.c.control))


def judged(connection: Connection, system: str, partition: date) -> dict[str, list[tuple[date, Verdict | None]]]:
    """Read what was signed of each control around a partition: what an alert is recomputed from.

    The latest revision speaks for its partition; but a failure that was revised to `insufficient` stands. Far-off history
    would change nothing that is told: of the partitions before, the last 400 are read.

    Returns:
        By control, in order of partition: its verdict, None where the window was missed.
    """
    known = sa.select(snapshots.c.partition).where(snapshots.c.system == system, snapshots.c.partition <= partition)
    first = connection.scalar(known.distinct().order_by(snapshots.c.partition.desc()).offset(_LOOK_BACK).limit(1))
    of = control_verdicts.c
    key, missed = sa.type_coerce(of.partition, sa.String), of.reason.startswith(NOT_AUDITED)
    query = sa.select(of.control, key, of.verdict, missed).join(snapshots, _same_revision(snapshots))
    query = query.where(of.system == system, of.partition > first if first else sa.true())
    found: dict[str, dict[str, Verdict | None]] = {}
    for control, day, verdict, nothing in connection.execute(query.order_by(of.partition, of.revision)):
        days = found.setdefault(control, {})
        if verdict != "insufficient" or days.get(day) not in {"fail", "missing"}:
            days[day] = None if nothing else verdict
    read = cache(partition_of)
    return {control: [(read(day), said) for day, said in days.items()] for control, days in found.items()}


def _latest_signed(query: sa.Select[Any]) -> sa.Select[Any]:
    latest = (
        sa.select(snapshots.c.system, snapshots.c.partition, sa.func.max(snapshots.c.revision).label("revision"))
        .group_by(snapshots.c.system, snapshots.c.partition)
        .subquery()
    )
    return query.join(latest, _same_revision(latest))


def _same_revision(other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(control_verdicts.c[name] == other.c[name] for name in _REVISION))


def _rows(connection: Connection, query: sa.Select[Any]) -> list[VerdictRow]:
    found = connection.execute(query).mappings()
    return [VerdictRow(**{**row, "attribute": tuple(row["attribute"])}) for row in found]
