"""Reviews of single decisions and releases of whole days: what is signed, and whether it counts.

A review counts for one decision under one control, while the decision's facts are those the reviewer saw: it signs a
salted digest of them. A revision that leaves the decision's facts as they were keeps it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal

from gov_pipelines.evidence import canonical
from gov_pipelines.people.acts import SignedAct
from gov_pipelines.policy import partition_key

COMES_LATER = frozenset(
    {"reviewer", "reviewer_role", "reviewed_at", "review_outcome", "notice_sent_at", "label", "label_at", "source_seq"}
)
"""Columns of the log that fill after the decision, and so are none of the facts a reviewer sees."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A signed revision of a day, as people refer to it."""

    system: str
    partition: date
    revision: int
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Case:
    """One decision under one control, as its reviewer finds it.

    Attributes:
        snapshot: the current one of its day.
        control: key of the control that holds it.
        decision_id: the decision.
        decision: as it was decided.
        outcomes: the decisions that could be put in its place.
        facts: salted digest of what is known of it, from `facts_digest`.
        reviewer: the role that reviews; also a person's name where `or_person`.
        or_person: whether a person may be named, as an approver may.
        before: the moment by which it must be reviewed; None where that has not come.
        requester: who asked for the decision; None where nobody did.
        requester_missing: the log carries requesters and not this one, so anybody may have asked.
    """

    snapshot: Snapshot
    control: str
    decision_id: str
    decision: str
    outcomes: frozenset[str]
    facts: str
    reviewer: str
    or_person: bool = False
    before: datetime | None = None
    requester: str | None = None
    requester_missing: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer signs: the subject of an act, field by field.

    Attributes:
        partition: the local day, ISO.
        revision: of the day, as it was seen.
        snapshot: SHA-256 of that revision's signed payload, hex.
        control: key of the control.
        decision_id: the decision.
        facts: salted digest of the facts that were seen.
        outcome: `approve` lets it pass as decided, `override` puts another decision in its place.
        decision: that other decision; None with `approve`.
        reason_code: why, in a code; with `override` only.
        reason: why, in words; never printed in a log.
        opened_at: when the reviewer first opened it; None where they did not.
    """

    partition: str
    revision: int
    snapshot: str
    control: str
    decision_id: str
    facts: str
    outcome: Literal["approve", "override"]
    decision: str | None = None
    reason_code: str | None = None
    reason: str | None = None
    opened_at: str | None = None


def review_of(signed: SignedAct) -> Review | None:
    """Read the review in an act; None where it is none."""
    try:
        review = Review(**signed.act.subject)
    except TypeError:
        return None
    needed = (review.partition, review.snapshot, review.control, review.decision_id, review.facts)
    optional = (review.decision, review.reason_code, review.reason, review.opened_at)
    typed = all(isinstance(each, str) for each in needed) and all(isinstance(each, str | None) for each in optional)
    sound = typed and isinstance(review.revision, int) and review.outcome in ("approve", "override")  # may be a list
    return review if sound and (review.decision is None) == (review.outcome == "approve") else None


def facts_of(row: Mapping[str, Any], before: str | None = None) -> dict[str, Any]:
    """What is known of a decision when it is reviewed: the columns of the log that have a value and do not come later.

    Args:
        row: of the decision log, by column.
        before: the column a review must precede; it fills after the decision, too.
    """
    known = {name: value for name, value in row.items() if name not in COMES_LATER and name != before}
    return {
        name: canonical.instant(value.astimezone(UTC)) if isinstance(value, datetime) else value
        for name, value in known.items()
        if value is not None
    }


def facts_digest(salt: str, facts: Mapping[str, Any]) -> str:
    """SHA-256, hex, of the canonical JSON of `[salt, "facts", facts]`; without the salt nobody can guess them."""
    return sha256(canonical.dumps([salt, "facts", facts])).hexdigest()


def objection(signed: SignedAct, case: Case, snapshots: Mapping[tuple[str, int], str]) -> str | None:
    """Why a review, whose signature was verified, does not count for a case; None where it does.

    Args:
        signed: an act of the kind `review`.
        case: the decision as it stands now.
        snapshots: (day, revision) to payload SHA-256 of what was ever signed of the system.
    """
    review, act, snapshot = review_of(signed), signed.act, case.snapshot
    if review is None:
        return "it is not a review"
    about = (act.system, review.partition, review.decision_id, review.control)
    asked_by = _as_read(case.requester or "")
    seen = snapshots.get((review.partition, review.revision)) == review.snapshot
    due = canonical.instant(case.before) if case.before else ""
    mine = (snapshot.system, partition_key(snapshot.partition), case.decision_id, case.control)
    may = act.role == case.reviewer or (case.or_person and act.person == case.reviewer)
    earlier = not seen or review.revision > snapshot.revision or review.facts != case.facts
    undeclared = review.decision is not None and review.decision not in case.outcomes - {case.decision}
    problems = (
        (about != mine, "it is a review of another decision"),
        (not may, f"only {case.reviewer} may review it"),
        (case.requester_missing, "the log does not say who asked for the decision, so it could be anybody"),
        (asked_by == act.person.casefold(), "whoever asked for a decision cannot review it"),
        (earlier, "it is a review of an earlier revision: the facts have changed since"),
        (case.before is not None and signed.moment > case.before, f"it came too late: it was due by {due}"),
        (undeclared, f"an override puts another declared outcome in place of {case.decision}"),
    )
    return next((problem for wrong, problem in problems if wrong), None)


def _as_read(name: str) -> str:
    """A name as it is read, not as it is spelled: without what is invisible, wide letters as letters, in one case."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in plain if letter.isprintable()).strip()


def standing_review(
    case: Case, reviews: Iterable[SignedAct], snapshots: Mapping[tuple[str, int], str]
) -> tuple[SignedAct | None, str]:
    """The last review that counts for a case, and in words why it waits where there is none.

    Args:
        case: the decision as it stands now.
        reviews: acts about it, by moment.
        snapshots: as for `objection`.
    """
    why = f"waits for a review by {case.reviewer}"
    for signed in reversed(list(reviews)):
        problem = objection(signed, case, snapshots)
        if problem is None:
            return signed, ""
        why = f"waits for a review by {case.reviewer}; one does not count: {problem}"
    return None, why


def release_subject(snapshot: Snapshot, control: str) -> dict[str, Any]:
    """What an approver signs to release a day that a control holds: this revision, and no other."""
    day, revision = partition_key(snapshot.partition), snapshot.revision
    return {"partition": day, "revision": revision, "snapshot": snapshot.payload_sha256, "control": control}


def releases(signed: SignedAct, snapshot: Snapshot, control: str, approver: str | None) -> bool:
    """Whether an act of the kind `release`, whose signature was verified, releases a day from a control."""
    named = approver is not None and approver in {signed.act.role, signed.act.person}
    return named and signed.act.system == snapshot.system and signed.act.subject == release_subject(snapshot, control)
