"""What holds each decision of a day, and so what may go downstream. Pure.

Closed unless opened: a decision is cleared only under a signed snapshot, of a live system that passes the gate, when no
control holds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import polars as pl

from gov_pipelines.decisions import verdicts_under
from gov_pipelines.people import (
    Case,
    Requirement,
    Roster,
    SignedAct,
    Snapshot,
    facts_digest,
    facts_of,
    releases,
    review_of,
    standing_review,
)
from gov_pipelines.policy import BoundClause, SystemDeclaration
from gov_pipelines.policy.kinds import HumanReview

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
        files: name to SHA-256 of the files that were signed with it.
        policies: name and version of the policies in force, to the digest of their text and their `until` as it was then.
    """

    snapshot: Snapshot
    signed_at: datetime
    verdicts: Mapping[str, str]
    missed: str | None
    files: Mapping[str, str]
    policies: Mapping[tuple[str, int], tuple[str, date | None]]


@dataclass(frozen=True, slots=True)
class People:
    """What people did that counts: acts by moment, and the (day, revision) to payload SHA-256 they may refer to."""

    roster: Roster
    reviews: Sequence[SignedAct]
    releases: Sequence[SignedAct]
    approvals: Sequence[SignedAct]
    waived: Collection[str]
    snapshots: Mapping[tuple[str, int], str]


def reviewer_of(bound: BoundClause) -> tuple[str | None, str | None]:
    """Who lets pass what a control holds, and by which column's moment: a role as a `human_review` says, else the approver."""
    control = bound.control
    return (control.role, control.before) if isinstance(control, HumanReview) else (control.approver, None)


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
        reviewer, before = reviewer_of(bound)
        assert isinstance(self.statement, Statement)
        assert reviewer is not None  # asked only of controls that somebody reviews
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
                or_person=not isinstance(bound.control, HumanReview),
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
    reviewer, before = reviewer_of(bound)
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
