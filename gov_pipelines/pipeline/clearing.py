"""What may go downstream, and what waits: `cleared_decisions` and `held_decisions` of one day, written.

What was concluded is read from the signed statement, and what people did from acts whose signatures are verified anew each
time. What follows from that is `holds.clearing`, which is pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import polars as pl

from gov_pipelines.decisions import frame_digest
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import LEAVES, read_package, write_leaves
from gov_pipelines.people import (
    Requirement,
    Snapshot,
    acts_of,
    authority_of,
    gate,
    known_waivers,
    roster_of,
    signatures,
)
from gov_pipelines.pipeline.holds import Clearing, Day, People, Statement, clearing
from gov_pipelines.pipeline.leaves import decision_leaves
from gov_pipelines.pipeline.lookback import look_back
from gov_pipelines.pipeline.lost import lost
from gov_pipelines.pipeline.night import Answer, Night, StepResult
from gov_pipelines.pipeline.verdicts import policies_in_force
from gov_pipelines.policy import controls_in_force, digest_while, log_schema, partition_key
from gov_pipelines.store import (
    Connection,
    SnapshotRow,
    all_snapshots,
    lock,
    read_frame,
    reading,
    snapshot_of,
    write_frame,
)

CLEARED, HELD, ROWS = "cleared_decisions.parquet", "held_decisions.parquet", "rows.json"


def clear(night: Night) -> StepResult:
    """`cleared_decisions`: write what may go downstream and what waits; answer for the gate."""
    # One at a time: whoever reads the acts last writes last.
    with lock(night.home, f"clearing-{night.system}", engine=night.store):
        requirements, found = clearing_now(night)
        write_frame(night.folder / CLEARED, found.cleared)
        write_frame(night.folder / HELD, found.held)
    return StepResult({"cleared": found.cleared.height, **_held(found.held)}, gate_answer(night, requirements))


def tell_held(night: Night) -> StepResult:
    """`held_decisions`: what waits, as `cleared_decisions` left it. Last of a night's steps: what changed before is noted."""
    look_back(night)
    return StepResult(_held(read_frame(night.folder / HELD)))


def gate_answer(night: Night, requirements: Sequence[Requirement]) -> Answer:
    """What the gate says of the system, as a check."""
    state = night.declaration.state
    if state != "live":
        return Answer(True, f"not_applicable: the system is {state}, and nothing is cleared")
    unmet = [each for each in requirements if not each.met]
    said = "; ".join(f"{each.name}: {each.why}" for each in unmet)
    return Answer(not unmet, f"refused: {said}" if unmet else "open", {each.name: each.why for each in requirements})


def clearing_now(night: Night) -> tuple[list[Requirement], Clearing]:
    """Tell apart the decisions of a day, by what is signed and done at this moment; nothing is written."""
    day = open_day(night)
    with reading(night.store) as connection:
        people = people_of(night, connection)
        requirements = gate_now(night, connection, people)
        suspended = list(_suspensions(night, connection, people))
    return requirements, clearing(day, people, requirements, suspended)


def people_of(night: Night, connection: Connection) -> People:
    """What people did about a system that counts."""
    now = datetime.now(UTC)
    roster = roster_of(connection, authority_of(night.home))
    # Who owns a policy is read in the versions the day was signed with: one that was added later entitles nobody.
    waivers = known_waivers(connection, roster, policies_in_force(night))
    signed = all_snapshots(connection, night.system)
    return People(
        roster=roster,
        reviews=acts_of(connection, roster, "review", night.system),
        releases=acts_of(connection, roster, "release", night.system),
        approvals=acts_of(connection, roster, "approve", night.system),
        waived=frozenset(each.clause for each in waivers if each.system == night.system and each.stands(now)),
        snapshots={(partition_key(row.partition), row.revision): row.payload_sha256 for row in signed},
    )


def gate_now(night: Night, connection: Connection, people: People) -> list[Requirement]:
    """What the gate asks of the system at this moment, by the newest day that is signed."""
    newest = max(all_snapshots(connection, night.system), key=lambda row: (row.partition, row.revision), default=None)
    statement = _statement(night, newest)
    on = night.partition if newest is None else newest.partition
    controls = [each.key for each in controls_in_force(night.policies, night.declaration, on)]
    verdicts = None if isinstance(statement, str) else statement.verdicts
    gone = lost(night.home, connection, people.roster)
    whole = Requirement("the store has what the ledger holds", not gone, f"gone: {gone}" if gone else "all of it")
    return [*gate(night.declaration, controls, verdicts, people.approvals, people.roster), whole]


def open_day(night: Night) -> Day:
    """Read the decisions of a day and its newest signed revision."""
    with reading(night.store) as connection:
        statement = _statement(night, snapshot_of(connection, night.system, night.partition))
    ids = {"decision_id": pl.String()}
    empty: dict[str, Mapping[str, Any]] = {
        "decision_log": log_schema(night.declaration), "decision_verdicts": ids,
        "decision_reasons": ids | {"control": pl.String(), "reason": pl.String()}, "salts": ids | {"salt": pl.String()},
    }  # fmt: skip
    files = {name: night.folder / f"{name}.parquet" for name in empty}
    log, verdicts, reasons, salts = (
        read_frame(file) if file.is_file() else pl.DataFrame(schema=empty[name]) for name, file in files.items()
    )
    if not isinstance(statement, str) and statement.missed is None:
        if not _as_judged(night, statement):
            statement = "the policies have changed since the day was signed: audit it again"
        elif not night.bound:
            statement = "no control was in force on the day"
        elif not _as_signed(night, log, statement):
            statement = "the decisions of the day are not those that were signed: audit it again"
    return Day(night.declaration, night.bound, log, verdicts, reasons, salts, statement)


def _as_judged(night: Night, statement: Statement) -> bool:
    """Whether the policies that govern the day are those of the statement; a version may have been closed since."""
    now = {(each.policy, each.version): each for each in policies_in_force(night)}
    return now.keys() == statement.policies.keys() and all(
        digest_while(now[key], until) == digest for key, (digest, until) in statement.policies.items()
    )


def _as_signed(night: Night, log: pl.DataFrame, statement: Statement) -> bool:
    """Whether the day's rows and their verdicts are those of the signed statement."""
    rows = (night.folder / ROWS).read_bytes()
    leaves = write_leaves(decision_leaves(night))
    signed = {name: sha256(data).hexdigest() for name, data in ((ROWS, rows), (LEAVES, leaves))}
    return signed.items() <= statement.files.items() and json.loads(rows).get("log") == frame_digest(log)


def _held(held: pl.DataFrame) -> dict[str, Any]:
    counts = held.group_by("control", "on_fail").agg(pl.col("decision_id").n_unique().alias("decisions"))
    return {"held": held["decision_id"].n_unique(), "by control": counts.sort("control", "on_fail").to_dicts()}


def _statement(night: Night, row: SnapshotRow | None) -> Statement | str:
    """What a row of the ledger stands for, as it was signed; in words why it stands for nothing."""
    if row is None:
        return "no snapshot of the day is signed"
    try:
        package = read_package(night.home.root / row.path)
    except (WrongUse, EvidenceError):
        return "the signed snapshot of the day cannot be read"
    if night.home.snapshot_dir(row.system, row.partition, row.revision + 1).exists():
        return "a later revision of the day is signed that the store does not know: audit it again"
    said = package.predicate
    mine = package.key_id in {key.keyid for key in authority_of(night.home).keys_at(row.signed_at)}
    about = (said["system"], said["partition"]["key"], said["revision"])
    if (
        not mine
        or package.payload_sha256 != row.payload_sha256
        or about != (row.system, partition_key(row.partition), row.revision)
    ):
        return "the snapshot of the day was not signed with the home's key"
    return Statement(
        snapshot=Snapshot(row.system, row.partition, row.revision, row.payload_sha256),
        signed_at=datetime.fromisoformat(said["timeCreated"]),
        verdicts={each["control"]: each["verdict"] for each in said["controls"]},
        missed=said["missed"] and said["missed"]["reason"],
        files={each["name"]: each["sha256"] for each in said["manifest"]},
        policies={
            (each["name"], each["version"]): (
                each["sha256"],
                date.fromisoformat(each["inForceUntil"]) if each["inForceUntil"] else None,
            )
            for each in said["policies"]
        },
    )


def _suspensions(night: Night, connection: Connection, people: People) -> Iterator[tuple[str, date]]:
    """Control and day of each failure, of this day or before, that suspends the system and was not signed away."""
    newest = {row.partition: row for row in all_snapshots(connection, night.system) if row.partition <= night.partition}
    for day, row in sorted(newest.items()):
        bound = controls_in_force(night.policies, night.declaration, day)
        if keys := [each.key for each in bound if each.on_fail == "suspend"]:
            statement = _statement(night, row)
            failed, signed_at = keys, row.signed_at  # evidence that is lost may have said so
            if isinstance(statement, Statement):
                failed = [key for key in keys if statement.verdicts.get(key) == "fail"]
                signed_at = statement.signed_at
            again = signatures(night.declaration, people.approvals, people.roster, after=signed_at)
            if not all(each.met for each in again):
                yield from ((key, day) for key in failed)
