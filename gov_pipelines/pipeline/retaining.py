"""Deleting what the policies keep no longer, day by day, with proof that it was what was signed; by default all is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.evidence import Signer, read_package
from gov_pipelines.notify import told
from gov_pipelines.people import order_expiry
from gov_pipelines.pipeline.erasing import alone, expire
from gov_pipelines.policy import Keeping, Partition, Policy, SystemDeclaration, keeping, partition_key, retention_rules
from gov_pipelines.store import (
    Alert,
    Connection,
    Engine,
    ErasureRow,
    Home,
    as_written,
    enqueue,
    erasures,
    reading,
    snapshot_of,
)


@dataclass(frozen=True, slots=True)
class KeptDay:
    """What is kept of a day, and how long.

    Attributes:
        partition: the day, or the hour.
        keeping: what the policies say.
        rows: decisions that are kept of it; counted where it is over, else 0.
        unproved: why these are not what was signed, in words; None where they are.
    """

    partition: Partition
    keeping: Keeping
    rows: int
    unproved: str | None

    @property
    def conflict(self) -> str | None:
        """Why nothing of it is deleted, though it should be."""
        return self.keeping.conflict or self.unproved


def kept_days(
    home: Home, connection: Connection, declaration: SystemDeclaration, policies: Sequence[Policy], today: date
) -> list[KeptDay]:
    """The days of a system whose decisions are kept, oldest first; what is over is held against what was signed."""
    found = []
    maxima = retention_rules(policies, declaration, [today])
    for partition, log in home.audited(declaration.system, "decision_log.parquet").items():
        day = declaration.calendar.day(partition)
        minima = retention_rules(policies, declaration, [day, today])
        moments = {rule.from_ for rule in (*minima.values(), *maxima.values())}
        begun: dict[str, date | None] = {moment: _begun(log, moment, day, declaration.zone) for moment in moments}
        how = keeping(minima, maxima, begun)
        over = how.ended(today)
        rows = _rows(log) if over else 0
        unproved = _unproved(home, connection, declaration.system, partition, rows) if over else None
        found.append(KeptDay(partition, how, rows, unproved))
    return found


def retain(
    home: Home,
    engine: Engine,
    signer: Signer,
    declaration: SystemDeclaration,
    policies: Sequence[Policy],
    now: datetime,
) -> list[ErasureRow]:
    """Delete the days that are over, tell once of those that cannot be, and finish erasures that a crash left.

    Returns:
        What was carried out, day by day.

    Raises:
        GovError: an audit of the system runs.
    """
    system, today = declaration.system, now.astimezone(ZoneInfo(declaration.zone)).date()
    with alone(home, engine, system):
        with reading(engine) as connection:
            days = kept_days(home, connection, declaration, policies, today)
        over = {day.partition: day.rows for day in days if day.keeping.ended(today) and not day.unproved}

        def order(connection: Connection, counts: Mapping[Partition, int], acts: Sequence[str]) -> str:
            return order_expiry(connection, signer, system, counts, acts, now)

        done = expire(home, engine, system, over, order, now)
    with engine.begin() as connection:
        enqueue(connection, _alerts(system, days, now))
    return done


def retention_table(days: Sequence[KeptDay], declaration: SystemDeclaration, today: date) -> dict[str, Any]:
    """What `gov retention` says of a system, as plain JSON. Dates are those of the oldest day kept."""
    oldest = days[0] if days else None
    over = [day for day in days if day.keeping.ended(today) and not day.unproved]
    until, by = (oldest.keeping.retain_until, oldest.keeping.delete_by) if oldest else (None, None)
    return {
        "system": declaration.system,
        "kept_since": oldest and partition_key(oldest.partition),
        "retain_until": "not begun" if until == date.max else until and until.isoformat(),
        "delete_by": by and by.isoformat(),
        "deletable_days": len(over),
        "deletable_rows": sum(day.rows for day in over),
        "conflicts": list(dict.fromkeys(day.conflict for day in days if day.conflict)),
    }


def _rows(log: Path) -> int:
    with as_written(log, pl.exceptions.PolarsError):
        return int(pl.scan_parquet(log, glob=False).select(pl.len()).collect().item())


def _begun(log: Path, moment: str, day: date, zone: str) -> date | None:
    """The local date of the last such moment of a day; None where it has not come for every decision."""
    if moment == "decided_at":
        return day
    with as_written(log, pl.exceptions.PolarsError):
        column = pl.scan_parquet(log, glob=False).select(moment).collect()[moment]
    if column.null_count():
        return None
    last = column.max()
    return last.astimezone(ZoneInfo(zone)).date() if isinstance(last, datetime) else day


def _unproved(home: Home, connection: Connection, system: str, partition: Partition, rows: int) -> str | None:
    """Why the rows kept of a day are not those of its newest snapshot, but for what was erased since; None where they are."""
    signed = snapshot_of(connection, system, partition)
    if signed is None:
        return f"{partition_key(partition)} is not signed; audit it, so that it is proved what is deleted"
    accepted = read_package(home.root / signed.path).predicate["ingest"]["accepted"]
    since = sum(row.count for row in erasures(connection, system, partition) if row.erased_at > signed.signed_at)
    if rows <= accepted <= rows + since:
        return None
    return f"{partition_key(partition)} keeps {rows:,} decisions, and {accepted:,} are signed; audit it again"


def _alerts(system: str, days: Sequence[KeptDay], now: datetime) -> Iterator[Alert]:
    """One for each two clauses that clash, by the oldest day; and one for each day that is not what was signed."""
    clashes = {(day.keeping.minimum, day.keeping.maximum): day for day in reversed(days) if day.keeping.conflict}
    for day in [*clashes.values(), *(day for day in days if day.unproved)]:
        about = f"{day.keeping.minimum}|{day.keeping.maximum}" if day.keeping.conflict else partition_key(day.partition)
        facts = {
            "Verdict": day.conflict,
            "What to do": "decide which of the two holds, and change the policy; `gov retention`",
        }
        title = f"{system}: decisions are kept that a policy deletes"
        where: dict[str, Any] = {"system": system, "partition": day.partition, "raised_at": now, "severity": "warning"}
        yield told(f"{system}|retention|{about}", title, facts, **where)
