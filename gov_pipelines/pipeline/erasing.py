"""Erasing decisions from what a home keeps: an order is recorded first, then carried out, file by file.

After the order the decisions cannot come back, for their tombstones stand; what a crash leaves undone is done by the next
`gov erase` of the system or the next night. Leaves, roots, tallies and everything signed stay as they are.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions import NOTHING_ERASED, Tombstones, frame_digest
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence.entries import erasure_entry
from gov_pipelines.people import reviews_about
from gov_pipelines.policy import Partition, SystemDeclaration, partition_key
from gov_pipelines.store import (
    Connection,
    Engine,
    ErasureRow,
    Home,
    as_written,
    close_erasure,
    erasures,
    forget,
    lock,
    note_entry,
    put_erasure,
    read_frame,
    reading,
    settle_log,
    tombstones,
    write_atomic,
    write_frame,
)

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night

KEY_FILE = "erasure.key"
SALTS = "salts.parquet"
_NAMING = (SALTS, "decision_log.parquet", "quarantine.parquet")
Order = Callable[[Connection, Mapping[Partition, int], Sequence[str]], str]
"""Signs and records an act over how many decisions of which days go, and which acts with them; returns its id."""


def not_to_return(night: Night) -> Tombstones:
    """What was erased of a night's system.

    Raises:
        WrongUse: the rows of the night were deleted, so nothing is left that its next revision could be held against;
            or the key of the tombstones is not there.
    """
    with reading(night.store) as connection:
        if gone := deleted_on(connection, night.system, night.partition):
            raise WrongUse(
                f"The rows of {partition_key(night.partition)} were deleted on {gone}, as the policies on retention say. "
                "The day cannot be audited again; what was signed of it stands, and `gov verify` checks it."
            )
        return _stones(night.home, connection, night.system)


def erased_on(home: Home, connection: Connection, system: str, decision: str) -> date | None:
    """The date, UTC, on which a decision was erased; None where it was not.

    Raises:
        WrongUse: the key of the tombstones is not there.
    """
    mark = _stones(home, connection, system).mark(decision)
    moment = tombstones(connection, system).get(mark)
    return moment and moment.astimezone(UTC).date()


def deleted_on(connection: Connection, system: str, partition: Partition) -> date | None:
    """The date, UTC, on which all rows of a partition were ordered to be deleted; None where they are kept."""
    rows = erasures(connection, system, partition)
    return next((row.erased_at.astimezone(UTC).date() for row in rows if row.reason == "retention"), None)


@contextmanager
def alone(home: Home, engine: Engine, system: str) -> Iterator[None]:
    """Hold the rights to audit a system and to clear its decisions, so that nobody writes its files meanwhile.

    Raises:
        GovError: an audit of the system runs, and did so for ten minutes.
    """
    with lock(home, f"night-{system}", engine=engine), lock(home, f"clearing-{system}", engine=engine):
        yield


def erase(
    home: Home,
    engine: Engine,
    declaration: SystemDeclaration,
    order: Order,
    *,
    reason: str,
    now: datetime,
    decision: str | None = None,
    subject: str | None = None,
) -> list[ErasureRow]:
    """Erase a decision, or all decisions of a subject, from every file that holds single decisions, and from the store.

    Args:
        home: where.
        engine: of the store.
        declaration: the system's.
        order: signs the act.
        reason: what the act says, which stays.
        now: the clock.
        decision: its id.
        subject: the `subject_key`, where no decision is named.

    Returns:
        What was carried out, day by day, also what a crash had left.

    Raises:
        WrongUse: nothing is kept of them, the decision was erased before, or the reason names one of them.
        GovError: an audit of the system runs.
    """
    system = declaration.system
    with alone(home, engine, system):
        done = carry_out(home, engine, system, now)
        found = {
            day: texts for day in _days(home, system) if (texts := _texts(home, declaration, day, decision, subject))
        }
        if found:
            with engine.begin() as connection:
                _make_key(home, connection)
                everyone = set().union(*found.values())
                persons = (_subjects(home.partition_dir(system, day), texts) for day, texts in found.items())
                _check_silent(reason, everyone.union(*persons, {subject} if subject else ()))
                reviews = [*reviews_about(connection, system, everyone)]
                act = order(connection, {day: len(texts) for day, texts in found.items()}, reviews)
                stones = _stones(home, connection, system)
                for day, texts in found.items():
                    row = ErasureRow(
                        system=system, partition=day, act_sha256=act, reason="erasure", count=len(texts), erased_at=now
                    )
                    put_erasure(connection, row, map(stones.mark, texts))
                forget(connection, system, everyone, reviews)
            done += carry_out(home, engine, system, now)
        elif not done:
            with reading(engine) as connection:
                before = erased_on(home, connection, system, decision) if decision else None
            nothing = (
                f"{system} keeps nothing of {decision or subject}. Ids and subjects are those of the system's source."
            )
            raise WrongUse(f"{decision} was erased on {before}." if before else nothing)
    return done


def _check_silent(reason: str, names: Iterable[str]) -> None:
    if any(re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", reason, re.IGNORECASE) for name in names):
        raise WrongUse(
            "The reason names a decision or a subject that is to be erased, and the reason is kept. "
            "Say it without, such as `Request 17 of the register`."
        )


def expire(
    home: Home, engine: Engine, system: str, counts: Mapping[Partition, int], order: Order, now: datetime
) -> list[ErasureRow]:
    """Delete all rows of days; the caller has the system for itself.

    Returns:
        What was carried out, also what a crash had left.
    """
    if counts:
        with engine.begin() as connection:
            salts = (read_frame(home.partition_dir(system, day) / SALTS) for day in counts)
            everyone = {each for frame in salts for each in frame["decision_id"]}
            reviews = [*reviews_about(connection, system, everyone)]
            act = order(connection, counts, reviews)
            for day, count in counts.items():
                row = ErasureRow(
                    system=system, partition=day, act_sha256=act, reason="retention", count=count, erased_at=now
                )
                put_erasure(connection, row)
            forget(connection, system, everyone, reviews)
    return carry_out(home, engine, system, now)


def carry_out(home: Home, engine: Engine, system: str, now: datetime) -> list[ErasureRow]:
    """Do what was ordered and is not done, and note it for the ledger; the caller has the system for itself.

    Salts go first: whatever happens next, no leaf can be opened.
    """
    with reading(engine) as connection:
        due = [row for row in erasures(connection, system) if not row.done]
        stones = _stones(home, connection, system)
    for row in due:
        folder = home.partition_dir(system, row.partition)
        if row.reason == "retention":
            _empty(folder)
        else:
            _purge(folder, stones)
    if due:
        with engine.begin() as connection:
            for row in due:
                close_erasure(connection, row)
                said = (row.system, partition_key(row.partition), row.count, row.reason, row.act_sha256)
                note_entry(connection, erasure_entry(*said), now)
        settle_log(engine)
    return due


def _purge(folder: Path, stones: Tombstones) -> None:
    """Rewrite each frame of a day that names what was erased, and of extensions that span days; and the day's accounting."""
    spanning = folder.parent / "extensions"
    for file in _frames(folder, spanning):
        frame = read_frame(file)
        kept = stones.without(frame)
        if kept.height < frame.height:
            write_frame(file, kept)
    with suppress(FileNotFoundError):  # a day that was never read to its end
        rows = json.loads((folder / "rows.json").read_bytes())
        log = read_frame(folder / "decision_log.parquet")
        moved = rows["accepted"] - log.height
        # Other than signed, so the next night audits the day again and says in a revision what is gone.
        rows |= {"accepted": log.height, "quarantined": rows["quarantined"] + moved, "log": frame_digest(log)}
        write_atomic(folder / "rows.json", json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False).encode())


def _empty(folder: Path) -> None:
    """Delete what is kept of single decisions of a day; who read data on it, counts and tallies stay."""
    for file in [*_frames(folder), folder / "reading.json"]:
        if file.name != "access_log.parquet":
            file.unlink(missing_ok=True)


def _frames(*folders: Path) -> list[Path]:
    """The frames in some folders, salts first, without what killed writers left: nobody writes there now."""
    for folder in folders:
        for left in folder.rglob(".*.tmp"):
            left.unlink()
    found = (file for folder in folders for file in folder.rglob("*.parquet"))
    return sorted(found, key=lambda file: (file.name != SALTS, file))


def _days(home: Home, system: str) -> list[Partition]:
    return sorted({day for name in _NAMING for day in home.audited(system, name)})


def _texts(
    home: Home, declaration: SystemDeclaration, day: Partition, decision: str | None, subject: str | None
) -> set[str]:
    """What a day keeps of a decision or a subject: ids, and the quarantined rows of the subject that have none."""
    folder = home.partition_dir(declaration.system, day)
    if decision is not None:
        held = (_ids(folder / name, pl.col("decision_id") == decision) for name in _NAMING if (folder / name).is_file())
        return set().union(*held)
    found = _ids(folder / "decision_log.parquet", pl.col("subject_key") == subject)
    column = declaration.columns.get("subject_key", "subject_key")
    for row, ident in read_frame(folder / "quarantine.parquet").select("source_row", "decision_id").iter_rows():
        if row is not None and json.loads(row).get(column) == subject:
            found.add(ident or row)
    return found


def _subjects(folder: Path, decisions: set[str]) -> set[str]:
    file = folder / "decision_log.parquet"
    log = read_frame(file).filter(pl.col("decision_id").is_in([*decisions])) if file.is_file() else None
    return set() if log is None else {*log["subject_key"].drop_nulls()}


def _ids(file: Path, which: pl.Expr) -> set[str]:
    with as_written(file, pl.exceptions.PolarsError):
        return set(pl.scan_parquet(file, glob=False).filter(which).select("decision_id").collect()["decision_id"])


def _stones(home: Home, connection: Connection, system: str) -> Tombstones:
    """The tombstones of a system; each system's marks are made with a key of its own."""
    file = home.keys_dir / KEY_FILE
    if file.is_file():
        key = hmac.digest(file.read_bytes(), system.encode(), "sha256")
        return Tombstones(key, frozenset(tombstones(connection, system)))
    if any(row.reason == "erasure" for row in erasures(connection)):
        raise WrongUse(
            f"{file} is not there, by which decisions that were erased are known: without it they would come back. "
            "Restore it from where this home's keys are kept."
        )
    return NOTHING_ERASED


def _make_key(home: Home, connection: Connection) -> None:
    """Draw the key of the tombstones, unless there is one."""
    _stones(home, connection, "")  # a lost key is not replaced
    file = home.keys_dir / KEY_FILE
    drawn = file.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}.tmp")
    drawn.touch(mode=0o600)
    try:
        drawn.write_bytes(secrets.token_bytes(32))
        with suppress(FileExistsError):  # it stands, or somebody else was faster: two keys would know half each
            os.link(drawn, file)
    finally:
        drawn.unlink()
