"""Every attempt to audit a partition, also those that ended badly: a window that could not run is never silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.tables import audits

INTERRUPTED = "the process ended before the audit did"

State = Literal["running", "done", "missed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One attempt to audit a partition.

    Attributes:
        id: of the attempt, rising.
        system: the audited system.
        partition: the local day.
        state: running, done, missed (its source was not reached) or failed.
        started_at: when it began.
        finished_at: None while running.
        as_of: the instant the audit speaks from.
        run_id: Dagster's, where it ran there.
        message: in words, where it ended badly.
    """

    id: int
    system: str
    partition: date
    state: State
    started_at: datetime
    finished_at: datetime | None
    as_of: datetime
    run_id: str | None
    message: str | None


def start_audit(
    connection: Connection, system: str, partition: date, *, now: datetime, as_of: datetime, run_id: str | None = None
) -> int:
    """Note that an audit begins, and that an earlier one of this partition still `running` was interrupted.

    Call it under the system's lock: then whatever is still noted as running has died.

    Returns:
        The audit's id.
    """
    connection.execute(
        sa.update(audits)
        .filter_by(system=system, partition=partition, state="running")
        .values(state="failed", finished_at=now, message=INTERRUPTED)
    )
    return _insert(connection, system, partition, state="running", started_at=now, as_of=as_of, run_id=run_id)


def finish_audit(
    connection: Connection,
    audit_id: int,
    *,
    now: datetime,
    state: Literal["done", "missed", "failed"] = "done",
    message: str | None = None,
) -> None:
    """Note how an audit ended.

    Args:
        connection: of the store.
        audit_id: from `start_audit`.
        now: when it ended.
        state: how.
        message: why, in words, where it ended badly. No personal data.
    """
    connection.execute(sa.update(audits).filter_by(id=audit_id).values(state=state, finished_at=now, message=message))


def miss_audit(
    connection: Connection,
    system: str,
    partition: date,
    *,
    now: datetime,
    as_of: datetime,
    message: str,
    run_id: str | None = None,
) -> int:
    """Note a missed window: a partition that could not be audited.

    Returns:
        The audit's id.
    """
    return _insert(
        connection,
        system,
        partition,
        state="missed",
        started_at=now,
        finished_at=now,
        as_of=as_of,
        run_id=run_id,
        message=message,
    )


def audits_of(connection: Connection, system: str, partition: date | None = None) -> list[AuditRow]:
    """Read the attempts of a system, of all partitions or one, oldest first."""
    query = sa.select(audits).filter_by(system=system).order_by(audits.c.id)
    if partition is not None:
        query = query.filter_by(partition=partition)
    return [AuditRow(**row) for row in connection.execute(query).mappings()]


def _insert(connection: Connection, system: str, partition: date, **values: object) -> int:
    statement = sa.insert(audits).values(system=system, partition=partition, **values).returning(audits.c.id)
    audit_id: int = connection.execute(statement).scalar_one()
    return audit_id
