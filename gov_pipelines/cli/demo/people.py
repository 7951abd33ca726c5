"""The demo's people: enrolled with keys of their own in the demo's home, acting at made-up times. None of them exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gov_pipelines.cli.demo.loanapp import JUNIOR, SYSTEM, applications, reviews
from gov_pipelines.cli.desk import clause_in_force
from gov_pipelines.cli.place import Workplace
from gov_pipelines.evidence import generate, load_signer
from gov_pipelines.people import (
    Hand,
    Review,
    accept,
    approval_subject,
    assign,
    attest,
    countersign,
    enrol,
    finding_id,
    hand_of,
    known_findings,
    known_waivers,
    may_accept,
    policy_owners,
    waive,
)
from gov_pipelines.pipeline.clearing import clear, open_day
from gov_pipelines.pipeline.night import Night
from gov_pipelines.store import Connection

POLICY = "house-fair-lending"
REVIEWED, UNSETTLED, TRAINED, FAILING, LATE = (f"{POLICY}/FL-{number}" for number in (2, 7, 15, 5, 12))
OWNER, APPROVER = "demo-owner", "demo-approver"
CAST: Mapping[str, frozenset[str]] = {
    OWNER: frozenset({"team:credit-risk", "credit-risk"}),
    APPROVER: frozenset({"head_of_credit"}),
    **{f"reviewer-{number:02d}": frozenset({"senior_underwriter", "underwriters"}) for number in (1, 2, 3)},
    JUNIOR: frozenset({"underwriter", "underwriters"}),
}
ENROLLED = datetime(2026, 8, 20, 9, tzinfo=UTC)
APPROVED = datetime(2026, 8, 28, 9, tzinfo=UTC)
ATTESTED = datetime(2026, 9, 10, 15, tzinfo=UTC)


def before_the_first_day(place: Workplace) -> None:
    """Enrol everybody, and have owner and approver sign the declaration: the gate opens with the first audit."""
    declaration = place.system(SYSTEM)
    with place.store.begin() as connection:
        hands = _hands(place, connection)
        for person, role in ((OWNER, declaration.owner), (APPROVER, declaration.approver)):
            assert role is not None  # the demo's declaration names both
            hands[person].sign("approve", role, SYSTEM, approval_subject(declaration, place.authority), APPROVED)


def after_the_last_day(place: Workplace, days: Iterable[date]) -> None:
    """Review what the made-up source says was reviewed, attest, waive one clause, see to two findings; then clear again."""
    nights = [place.night(place.system(SYSTEM), day) for day in days]
    with place.store.begin() as connection:
        hands = _hands(place, connection)
        made = {application: told for application, *told in reviews(applications())}
        for night in nights:
            _review(hands, night, made)
        _attest(hands, place)
        _waive(connection, hands, place)
        _see_to_findings(connection, hands, place)
    for night in nights:
        clear(night)


def _hands(place: Workplace, connection: Connection) -> dict[str, Hand]:
    """Everybody with their key. Keys are made and people enrolled once in a home."""
    signer, folder = load_signer(place.home.keys_dir), place.home.root / "demo" / "people"
    roster = place.roster(connection)
    for person, roles in CAST.items():
        if not (folder / person).is_dir():
            generate(folder / person, name=f"{person}, demo (untrusted)", created=ENROLLED)
        if roster.enrolled(person, ENROLLED) is None:
            enrol(connection, place.authority, signer, person, roles, load_signer(folder / person).public, ENROLLED)
    roster = place.roster(connection)
    return {each: hand_of(connection, roster, each, load_signer(folder / each), ENROLLED) for each in CAST}


def _review(hands: Mapping[str, Hand], night: Night, made: Mapping[str, Sequence[Any]]) -> None:
    """Sign the reviews of one day, each at the time and in the role that the made-up source tells."""
    bound = next(each for each in night.bound if each.key == REVIEWED)
    day = open_day(night)
    for case in day.cases(bound, set(day.log["decision_id"]) & made.keys()):
        person, role, at, _ = made[case.decision_id]
        moment = at.replace(tzinfo=ZoneInfo(night.declaration.zone)).astimezone(UTC)
        review = Review(
            partition=night.partition.isoformat(),
            revision=case.snapshot.revision,
            snapshot=case.snapshot.payload_sha256,
            control=case.control,
            decision_id=case.decision_id,
            facts=case.facts,
            outcome="approve",
            opened_at=(moment - timedelta(minutes=4 + int(case.decision_id[-1]))).isoformat(),
        )
        hands[person].sign("review", role, SYSTEM, asdict(review), moment)


def _attest(hands: Mapping[str, Hand], place: Workplace) -> None:
    policy, clause = clause_in_force(place, TRAINED)
    for person in ("reviewer-01", "reviewer-02", "reviewer-03"):  # the fourth is overdue
        attest(hands[person], policy, clause, None, ATTESTED)


def _waive(connection: Connection, hands: Mapping[str, Hand], place: Workplace) -> None:
    """Waive a clause that the data cannot settle yet, for 90 days from now."""
    if place.waivers(connection):
        return
    now, roster = place.now, place.roster(connection)
    policy, clause = clause_in_force(place, UNSETTLED)
    why = "the groups are too small to settle it; looked at again when a quarter's decisions are in"
    until = now.date() + timedelta(days=90)
    asked = waive(hands[APPROVER], place.system(SYSTEM), policy, clause, why=why, until=until, now=now)
    waiver = next(each for each in known_waivers(connection, roster, place.policies) if each.id == asked)
    countersign(hands[OWNER], waiver, policy_owners(place.policies)[POLICY], now)


def _see_to_findings(connection: Connection, hands: Mapping[str, Hand], place: Workplace) -> None:
    """Say what is being done about the failing clause, and accept the one late notice."""
    now, found = place.now, known_findings(connection, place.roster(connection), SYSTEM)
    failing, late = (found.get(finding_id(SYSTEM, control)) for control in (FAILING, LATE))
    if failing and failing.action is None:
        action = "reviewing the rules behind denials of Black and Hispanic applicants"
        assign(connection, failing, owner=None, action=action, due=None, today=now.date(), now=now)
    if late and late.state == "open":
        entitled = may_accept(place.system(SYSTEM), clause_in_force(place, LATE)[1])
        accept(hands[OWNER], late, entitled, "one notice went astray; the applicant was told", now)
