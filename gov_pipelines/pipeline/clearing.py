"""What may go downstream, and what waits: `cleared_decisions` and `held_decisions` of one day.

Closed unless opened: a decision is cleared only under a snapshot that the home's key signed, of a live system that passes
the gate, when no control holds it. What was concluded is read from the signed statement, and what people did from acts
whose signatures are verified anew each time. `clearing` is the pure core; the rest reads and writes files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from gov_pipelines.decisions import verdicts_under
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import PublicKey, decisions_section, load_trust, read_package
from gov_pipelines.evidence.keys import PUBLIC_KEY
from gov_pipelines.people import (
    Case,
    Requirement,
    Roster,
    SignedAct,
    Snapshot,
    acts_of,
    facts_digest,
    facts_of,
    gate,
    known_waivers,
    releases,
    review_of,
    roster_of,
    signatures,
    standing_review,
)
from gov_pipelines.pipeline.night import Answer, Night, StepResult
from gov_pipelines.pipeline.signing import decision_leaves
from gov_pipelines.pipeline.verdicts import policies_in_force
from gov_pipelines.policy import BoundClause, SystemDeclaration, controls_in_force, log_schema, policy_digest
from gov_pipelines.policy.kinds import HumanReview
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

CLEARED, HELD = "cleared_decisions.parquet", "held_decisions.parquet"
HELD_SCHEMA = {
    "decision_id": pl.String(), "decided_at": pl.Datetime("us", "UTC"), "control": pl.String(), "on_fail": pl.String(),
    "reason": pl.String(), "may_release": pl.String(), "due": pl.Datetime("us", "UTC"), "revision": pl.Int64(), "snapshot": pl.String(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that holds a decision, or all of a day.

    Attributes:
        control: its key; None where the day or the system holds, and no control.
        on_fail: of the control; `gate`, `missed` or `unsigned` where none.
        reason: in words, without anything personal.
        may_release: the role or person whose signature releases it; None where nobody's does.
    """

    control: str | None
    on_fail: str
    reason: str
    may_release: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed revision of a day, read back from its package.

    Attributes:
        snapshot: what people refer to it by.
        signed_at: when it was signed.
        verdicts: control to verdict.
        missed: why the day was not audited; None where it was.
        root_hash: of the tree of its decisions and their verdicts.
        policies: digests of the policies that were in force.
    """

    snapshot: Snapshot
    signed_at: datetime
    verdicts: Mapping[str, str]
    missed: str | None
    root_hash: str
    policies: frozenset[str]


@dataclass(frozen=True, slots=True)
class People:
    """What people did that counts: acts by moment, and the (day, revision) to payload SHA-256 they may refer to."""

    roster: Roster
    reviews: Sequence[SignedAct]
    releases: Sequence[SignedAct]
    approvals: Sequence[SignedAct]
    waived: Collection[str]
    snapshots: Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Day:
    """The decisions of a day, and what was concluded of them.

    Attributes:
        declaration: the system.
        bound: the controls in force on that day.
        log: the decision log.
        verdicts: of each decision under each control.
        reasons: of those verdicts that are not within.
        salts: of each decision.
        statement: the newest signed revision; in words why there is none to rely on.
    """

    declaration: SystemDeclaration
    bound: Sequence[BoundClause]
    log: pl.DataFrame
    verdicts: pl.DataFrame
    reasons: pl.DataFrame
    salts: pl.DataFrame
    statement: Statement | str

    def cases(self, bound: BoundClause, ids: Iterable[str]) -> Iterator[Case]:
        """Decisions as a control's reviewer finds them: the role of a `human_review`, or the control's approver."""
        control, human = bound.control, isinstance(bound.control, HumanReview)
        reviewer = control.role if isinstance(control, HumanReview) else control.approver
        assert isinstance(self.statement, Statement)
        assert reviewer is not None  # asked only of controls that somebody reviews
        before = control.before if isinstance(control, HumanReview) else None
        carried = self.log["requester"].null_count() < self.log.height or "requester" in self.declaration.columns
        outcomes = self.declaration.outcomes
        rows = self.log.filter(pl.col("decision_id").is_in(list(ids))).join(self.salts, on="decision_id")
        for row in rows.iter_rows(named=True):
            facts = facts_of({name: value for name, value in row.items() if name != "salt"}, before)
            yield Case(
                snapshot=self.statement.snapshot,
                control=bound.key,
                decision_id=row["decision_id"],
                decision=row["decision"],
                outcomes=frozenset([*outcomes.favorable, *outcomes.unfavorable, *outcomes.undecided]),
                facts=facts_digest(row["salt"], facts),
                reviewer=reviewer,
                or_person=not human,
                before=row[before] if before else None,
                requester=row["requester"],
                requester_missing=carried and row["requester"] is None,
            )


@dataclass(frozen=True, slots=True)
class Clearing:
    """The decisions of a day, told apart: each stands in exactly one of the two; `held` has a row per hold."""

    cleared: pl.DataFrame
    held: pl.DataFrame


def clearing(
    day: Day, people: People, requirements: Sequence[Requirement], suspended: Sequence[tuple[str, date]]
) -> Clearing:
    """Tell what may go downstream from what waits.

    Args:
        day: the decisions.
        people: what people did.
        requirements: the gate's answer.
        suspended: control and day of each failure that suspends the system still.
    """
    everything = [*_of_the_system(day.declaration, requirements), *_of_the_day(day, people, suspended)]
    waiting, decided, reviews = [], defaultdict[str, set[str]](set), defaultdict[str, list[str]](list)
    if isinstance(day.statement, Statement):
        for bound in day.bound:
            if bound.on_fail == "hold_decision" and bound.key not in people.waived:
                held, passed = _of_each(day, people, bound)
                waiting.append(held)
                for case, signed, review_decision in passed:
                    decided[case.decision_id].add(review_decision or case.decision)
                    reviews[case.decision_id].append(signed.id)
    apart = [each for each, outcomes in decided.items() if len(outcomes) > 1]
    waiting.append(_rows(apart, Hold(None, "hold_decision", "its reviews disagree")))
    waiting += [_rows(day.log["decision_id"], hold) for hold in everything]
    named = day.statement.snapshot if isinstance(day.statement, Statement) else None
    under = (
        pl.lit(named.revision if named else None, dtype=pl.Int64).alias("revision"),
        pl.lit(named.payload_sha256 if named else None, dtype=pl.String).alias("snapshot"),
    )
    held = pl.concat(waiting).join(day.log.select("decision_id", "decided_at"), on="decision_id")
    final = {each: outcome for each, (outcome, *_) in decided.items()}
    put = pl.col("decision_id").replace_strict(final, default=None, return_dtype=pl.String)
    overridden = put != pl.col("decision")
    cleared = day.log.join(held, on="decision_id", how="anti").select(
        "decision_id",
        "decided_at",
        decision=pl.coalesce(put, "decision"),
        proposed_decision=pl.when(overridden)
        .then(pl.coalesce("proposed_decision", "decision"))
        .otherwise("proposed_decision"),
        overridden=overridden.fill_null(value=False),
        reviews=pl.col("decision_id").replace_strict(
            {each: " ".join(ids) for each, ids in reviews.items()}, default=None, return_dtype=pl.String
        ),
    )
    return Clearing(
        cleared.with_columns(*under).sort("decision_id"),
        held.with_columns(*under).select(*HELD_SCHEMA).sort("decision_id", "control", "reason"),
    )


def _of_the_system(declaration: SystemDeclaration, requirements: Sequence[Requirement]) -> Iterator[Hold]:
    if declaration.state != "live":
        yield Hold(None, "gate", f"the system is {declaration.state}, and only a live one has decisions cleared")
    elif unmet := [each for each in requirements if not each.met]:
        yield Hold(None, "gate", "the gate is shut: " + "; ".join(f"{each.name}: {each.why}" for each in unmet))


def _of_the_day(day: Day, people: People, suspended: Sequence[tuple[str, date]]) -> Iterator[Hold]:
    """What holds every decision of the day: no evidence, or a control."""
    for control, since in suspended:
        if control not in people.waived:
            yield Hold(control, "suspend", f"failed on {since}: suspended until owner and approver sign again")
    statement = day.statement
    if isinstance(statement, str):
        yield Hold(None, "unsigned", statement)
        return
    if statement.missed is not None:
        yield Hold(None, "missed", f"the day was not audited: {statement.missed}")
    for bound in day.bound:
        verdict, approver = statement.verdicts.get(bound.key, "missing"), bound.control.approver
        if bound.key in people.waived or bound.on_fail == "alert":
            continue
        if bound.on_fail == "hold_all":
            released = any(releases(each, statement.snapshot, bound.key, approver) for each in people.releases)
            if verdict in {"fail", "missing"} and not released:
                yield Hold(bound.key, "hold_all", f"the control is {verdict}: waits for a release", approver)
        elif verdict == "missing":  # one that suspends or judges decisions, and did not
            yield Hold(bound.key, bound.on_fail, "the control gave no verdict")


def _of_each(
    day: Day, people: People, bound: BoundClause
) -> tuple[pl.DataFrame, list[tuple[Case, SignedAct, str | None]]]:
    """The decisions one control holds, and those a review lets pass, with the decision it puts in place."""
    human = isinstance(bound.control, HumanReview)
    reviewer = bound.control.role if isinstance(bound.control, HumanReview) else bound.control.approver
    before = bound.control.before if isinstance(bound.control, HumanReview) else None
    due = day.log.select("decision_id", due=pl.col(before) if before else pl.lit(None, dtype=HELD_SCHEMA["due"]))
    concerned = verdicts_under(day.verdicts, bound.key)
    held = concerned if human else concerned.filter(pl.col("verdict") != "within")
    about = defaultdict[str, list[SignedAct]](list)
    for signed in people.reviews:
        review = review_of(signed)
        if review is not None and review.control == bound.key:
            about[review.decision_id].append(signed)
    passed, words = [], dict[str, str]()
    if reviewer is not None:
        for case in day.cases(bound, set(about) & set(held["decision_id"])):
            standing, why = standing_review(case, about[case.decision_id], people.snapshots)
            if standing is None:
                words[case.decision_id] = why
            elif (review := review_of(standing)) is not None:
                passed.append((case, standing, review.decision))
    waits = f"waits for a review by {reviewer}" if reviewer else "nobody is named who may release it"
    told = pl.lit(waits)
    if not human:
        own = day.reasons.filter(pl.col("control") == bound.key).select("decision_id", "reason")
        held = held.join(own, on="decision_id", how="left")
        told = pl.concat_str(
            pl.concat_str(pl.col("verdict").cast(pl.String), "reason", separator=": "), told, separator="; "
        )
    rows = held.filter(~pl.col("decision_id").is_in([case.decision_id for case, _, _ in passed])).select(
        "decision_id",
        control=pl.lit(bound.key),
        on_fail=pl.lit(bound.on_fail),
        reason=pl.coalesce(
            pl.col("decision_id").replace_strict(words, default=None, return_dtype=pl.String), told, pl.lit(waits)
        ),
        may_release=pl.lit(reviewer, dtype=pl.String),
    )
    return rows.join(due, on="decision_id"), passed


def _rows(ids: Iterable[str], hold: Hold) -> pl.DataFrame:
    """The same hold on many decisions."""
    said = (pl.lit(value, dtype=pl.String).alias(name) for name, value in asdict(hold).items())
    rows = pl.DataFrame({"decision_id": list(ids)}, schema={"decision_id": pl.String})
    return rows.with_columns(*said, due=pl.lit(None, dtype=HELD_SCHEMA["due"]))


def clear(night: Night) -> StepResult:
    """`cleared_decisions`: write what may go downstream and what waits; answer for the gate."""
    # One at a time: whoever reads the acts last writes last.
    with lock(night.home, f"clearing-{night.system}", engine=night.store):
        requirements, found = clearing_now(night)
        write_frame(night.folder / CLEARED, found.cleared)
        write_frame(night.folder / HELD, found.held)
    return StepResult({"cleared": found.cleared.height, **_held(found.held)}, gate_answer(night, requirements))


def tell_held(night: Night) -> StepResult:
    """`held_decisions`: what waits, as `cleared_decisions` left it."""
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
    roster = roster_of(connection, _authority(night))
    waivers = known_waivers(connection, roster, night.policies)
    signed = all_snapshots(connection, night.system)
    return People(
        roster=roster,
        reviews=acts_of(connection, roster, "review", night.system),
        releases=acts_of(connection, roster, "release", night.system),
        approvals=acts_of(connection, roster, "approve", night.system),
        waived=frozenset(each.clause for each in waivers if each.system == night.system and each.stands(now)),
        snapshots={(row.partition.isoformat(), row.revision): row.payload_sha256 for row in signed},
    )


def gate_now(night: Night, connection: Connection, people: People) -> list[Requirement]:
    """What the gate asks of the system at this moment, by the newest day that is signed."""
    newest = max(all_snapshots(connection, night.system), key=lambda row: (row.partition, row.revision), default=None)
    statement = _statement(night, newest)
    on = night.partition if newest is None else newest.partition
    controls = [each.key for each in controls_in_force(night.policies, night.declaration, on)]
    verdicts = None if isinstance(statement, str) else statement.verdicts
    return gate(night.declaration, controls, verdicts, people.approvals, people.roster)


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
        if statement.policies != {policy_digest(each) for each in policies_in_force(night)}:
            statement = "the policies have changed since the day was signed: audit it again"
        elif decisions_section(decision_leaves(night))["rootHash"] != statement.root_hash:
            statement = "the decisions of the day are not those that were signed: audit it again"
    return Day(night.declaration, night.bound, log, verdicts, reasons, salts, statement)


def _held(held: pl.DataFrame) -> dict[str, Any]:
    counts = held.group_by("control", "on_fail").agg(pl.col("decision_id").n_unique().alias("decisions"))
    return {"held": held["decision_id"].n_unique(), "by control": counts.sort("control", "on_fail").to_dicts()}


def _authority(night: Night) -> PublicKey:
    return load_trust(night.home.keys_dir / PUBLIC_KEY)


def _statement(night: Night, row: SnapshotRow | None) -> Statement | str:
    """What a row of the ledger stands for, as it was signed; in words why it stands for nothing."""
    if row is None:
        return "no snapshot of the day is signed"
    try:
        package = read_package(night.home.root / row.path)
    except (WrongUse, EvidenceError):
        return "the signed snapshot of the day cannot be read"
    said = package.predicate
    ours = (package.payload_sha256, package.key_id) == (row.payload_sha256, _authority(night).keyid)
    about = (said["system"], said["partition"]["key"], said["revision"])
    if not ours or about != (row.system, row.partition.isoformat(), row.revision):
        return "the snapshot of the day was not signed with the home's key"
    return Statement(
        snapshot=Snapshot(row.system, row.partition, row.revision, row.payload_sha256),
        signed_at=row.signed_at,
        verdicts={each["control"]: each["verdict"] for each in said["controls"]},
        missed=said["missed"] and said["missed"]["reason"],
        root_hash=said["decisions"]["rootHash"],
        policies=frozenset(each["sha256"] for each in said["policies"]),
    )


def _suspensions(night: Night, connection: Connection, people: People) -> Iterator[tuple[str, date]]:
    """Control and day of each failure, of this day or before, that suspends the system and was not signed away."""
    newest = {row.partition: row for row in all_snapshots(connection, night.system) if row.partition <= night.partition}
    for day, row in sorted(newest.items()):
        bound = controls_in_force(night.policies, night.declaration, day)
        if keys := [each.key for each in bound if each.on_fail == "suspend"]:
            statement = _statement(night, row)
            failed = [key for key in keys if isinstance(statement, str) or statement.verdicts.get(key) == "fail"]
            again = signatures(night.declaration, people.approvals, people.roster, after=row.signed_at)
            if not all(each.met for each in again):
                yield from ((key, day) for key in failed)
