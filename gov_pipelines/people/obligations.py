"""What people owe, whether they did it, and whom to tell when they did not. Never a control of a system. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from gov_pipelines.people.acts import SignedAct
from gov_pipelines.people.roster import Enrolment, Roster
from gov_pipelines.people.working_days import later, working_days_since
from gov_pipelines.policy import Clause, Duration, Obligation, Policy, control_key, in_force
from gov_pipelines.policy.document import Escalation

State = Literal["done", "due", "overdue", "nobody enrolled", "nothing to attest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an escalation whose day has come: its place from 1, and the route it goes to."""

    place: int
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one person owes under one clause.

    Attributes:
        clause: `<policy>/<clause id>`.
        version: of the policy in force.
        text: of the clause.
        shape: periodic duty, approved tools or prohibited use.
        who: the role or person the clause names.
        person: who owes it; None where nobody is enrolled, or nothing is to be attested.
        state: overdue once a working day has begun after the due date.
        due: the local date of the next attestation, or of the one that is overdue.
        working_days_overdue: counted from the due date.
        attested_at: the last attestation that counts.
        attested_version: of the policy it names.
        steps: of the escalation whose day has come while it is overdue.
    """

    clause: str
    version: int
    text: str
    shape: str
    who: str
    person: str | None = None
    state: State
    due: date | None = None
    working_days_overdue: int = 0
    attested_at: datetime | None = None
    attested_version: int | None = None
    steps: tuple[Step, ...] = ()


def obligations_in_force(policies: Sequence[Policy], on: date) -> list[tuple[Policy, Clause, Obligation]]:
    """Every clause that obliges people on a date, in the order of policies and clauses."""
    versions = (in_force(policies, name, on) for name in sorted({policy.policy for policy in policies}))
    return [
        (policy, clause, clause.obligation)
        for policy in versions
        if policy
        for clause in policy.clauses
        if clause.obligation
    ]


def owed_by_people(policies: Sequence[Policy], roster: Roster, acts: Iterable[SignedAct], now: datetime) -> list[Owed]:
    """What everybody owes, clause by clause.

    An attestation counts as long as the clause says what it said when it was attested. Whoever is enrolled later owes
    from then on.

    Args:
        policies: every version of every policy.
        roster: who is enrolled.
        acts: `attest` acts whose signature holds.
        now: the clock; dates are UTC.
    """
    today, attested = now.astimezone(UTC).date(), list(acts)
    found = []
    for policy, clause, owes in obligations_in_force(policies, today):
        people = [each for each in roster.enrolments if each.stands(now) and each.answers_to(owes.who)]
        base = Owed(
            clause=control_key(policy, clause),
            version=policy.version,
            text=clause.text,
            shape=owes.shape,
            who=owes.who,
            state="nobody enrolled",
        )
        same = {each.version: each.in_force.from_ for each in policies if _says_the_same(each, policy, clause)}
        for each in people:
            mine = _last(attested, each.person, base.clause, list(same))
            begins = max(min(same.values()), _enrolled_on(roster, each, owes.who))
            found.append(_of_one(base, policy, owes, each.person, mine, begins, today))
        if not people:
            found.append(base)
    return found


def _of_one(
    base: Owed, policy: Policy, owes: Obligation, person: str, last: SignedAct | None, begins: date, today: date
) -> Owed:
    due = None
    if last is not None:
        due = later(last.earliest.astimezone(UTC).date(), owes.every, policy.holidays) if owes.every else None
    elif owes.first_due is not None:
        due = max(owes.first_due, begins)
    elif owes.every is not None:
        due = later(begins, owes.every, policy.holidays)
    elif owes.shape == "periodic duty":
        due = begins
    days = working_days_since(due, today, policy.holidays) if due else 0
    state: State = "done" if last else "due" if due else "nothing to attest"
    steps: list[Step] = []
    if due is not None and days:
        state = "overdue"
        ladder = owes.escalate or [Escalation(to=policy.owner, after=Duration(1, "working days"))]
        reached = (later(due, each.after, policy.holidays) <= today for each in ladder)
        placed = enumerate(zip(ladder, reached, strict=True), 1)
        steps = [Step(place=at, to=each.to) for at, (each, come) in placed if come]
    elif due is not None and due <= today:
        state = "due"
    return replace(
        base,
        person=person,
        state=state,
        due=due,
        working_days_overdue=days,
        attested_at=last.earliest if last else None,
        attested_version=last.act.subject["version"] if last else None,
        steps=tuple(steps),
    )


def _last(acts: Iterable[SignedAct], person: str, clause: str, versions: Container[int]) -> SignedAct | None:
    """The last attestation of a clause by a person, of one of some versions."""
    mine = (each for each in acts if each.act.person == person and each.act.subject.get("clause") == clause)
    counting = (each for each in mine if each.act.subject.get("version") in versions)
    return max(counting, key=lambda each: each.earliest, default=None)


def _says_the_same(version: Policy, policy: Policy, clause: Clause) -> bool:
    """Whether a version of a policy asks of people what another does: its words, its tools, its prohibitions."""

    def asked(each: Clause) -> tuple[object, ...]:
        return each.id, each.text, each.obligation and (each.obligation.tools, each.obligation.never)

    return version.policy == policy.policy and asked(clause) in [asked(each) for each in version.clauses]


def _enrolled_on(roster: Roster, person: Enrolment, who: str) -> date:
    """The UTC date since when somebody is enrolled as what a clause names: a new key is no new start."""
    mine = (each for each in roster.enrolments if each.person == person.person and each.answers_to(who))
    return min(each.since for each in mine).astimezone(UTC).date()
