"""What a system needs to be live, and whose signatures."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from projects import authority

from gov_pipelines.evidence import PublicKey, generate
from gov_pipelines.people import (
    TRANSITIONS,
    Act,
    Enrolment,
    Roster,
    SignedAct,
    approval_subject,
    approved_digest,
    gate,
    signatures,
)
from gov_pipelines.policy import SystemDeclaration

NOW = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)
HOME, ELSEWHERE = (
    authority(PublicKey.ed25519(name, Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
    for name in ("home", "staging")
)


def declaration(**more):
    said = {
        "system": "loans", "state": "live", "owner": "team:credit", "approver": "head", "purpose": "Decide.",
        "risk": "high", "zone": "UTC", "starts": date(2026, 9, 1), "source": {"path": "loans.csv"},
        "outcomes": {"favorable": ["yes"], "unfavorable": ["no"]}, "protected_attributes": {"sex": {}},
        "policies": ["house"],
    }  # fmt: skip
    return SystemDeclaration.model_validate(said | more)


@pytest.fixture
def roster(tmp_path):
    roles = {"own": {"team:credit"}, "eve": {"head"}, "both": {"team:credit", "head"}, "rob": {"clerk"}}
    keys = {name: generate(tmp_path / name, name=name, created=NOW).public for name in roles}
    people = [Enrolment(name, frozenset(held), keys[name], NOW, None) for name, held in roles.items()]
    return Roster(HOME, tuple(people), frozenset())


def approved(*people, at=NOW, by=None, at_home=HOME):
    subject = approval_subject(by or declaration(), at_home)
    return [SignedAct(Act("approve", each, "", at, "loans", subject), each, "k", at) for each in people]


def unmet(roster, approvals=(), controls=("house/A",), verdicts=None, of=None):
    said = {"house/A": "fail"} if verdicts is None else verdicts
    return {each.name for each in gate(of or declaration(), controls, said or None, approvals, roster) if not each.met}


def test_signatures_given_in_another_home_open_nothing_here(roster):
    assert unmet(roster, approved("own", "eve", at_home=ELSEWHERE)) == SIGNATURES


SIGNATURES = {"the owner has signed", "the approver has signed", "they are two people"}


def test_a_failing_control_is_no_reason_to_keep_the_gate_shut(roster):
    assert unmet(roster, approved("own", "eve")) == set()


def test_each_requirement_is_told_by_name(roster):
    both = approved("own", "eve")
    assert unmet(roster, both, controls=()) == {"controls are bound", "their data is there"}
    assert unmet(roster, both, verdicts={}) == {"their data is there", "a first audit has run"}
    assert unmet(roster, both, verdicts={"house/A": "missing"}) == {"their data is there"}
    assert unmet(roster, both, controls=("house/A", "house/B")) == {"their data is there"}
    assert unmet(roster) == SIGNATURES


@pytest.mark.parametrize(("one", "other"), [*product(["own", "eve", "both", "rob"], repeat=2)])
def test_it_takes_two_people_one_the_owner_one_the_approver(roster, one, other):
    enough = {("own", "eve"), ("own", "both"), ("eve", "both")}
    assert (unmet(roster, approved(one, other)) == set()) == (
        tuple(sorted((one, other), key=["own", "eve", "both", "rob"].index)) in enough
    )


def test_an_owner_may_be_named_as_a_person(roster):
    named = declaration(owner="own@bank.example", approver="eve")
    key = roster.enrolments[3].key
    person = Enrolment("own@bank.example", frozenset({"x"}), key, NOW, None)
    people = Roster(roster.authority, (*roster.enrolments[:3], person), frozenset())
    assert unmet(people, approved("own@bank.example", "eve", by=named), of=named) == set()


def test_any_change_but_of_the_state_needs_new_signatures(roster):
    signed = approved("own", "eve")
    assert unmet(roster, signed, of=declaration(state="suspended")) == set()
    assert unmet(roster, signed, of=declaration(purpose="Decide more.")) == SIGNATURES
    assert approved_digest(declaration()) != approved_digest(declaration(risk="limited"))


def test_signatures_of_before_do_not_count_after(roster):
    after = NOW + timedelta(hours=1)
    early, late = approved("own", "eve"), approved("own", "eve", at=after + timedelta(seconds=1))
    assert not any(each.met for each in signatures(declaration(), early, roster, after))
    assert not all(each.met for each in signatures(declaration(), [early[0], late[1]], roster, after))
    assert all(each.met for each in signatures(declaration(), late, roster, after))
    kept = [replace(each, recorded_at=after + timedelta(days=1)) for each in early]  # as a row can say
    assert not any(each.met for each in signatures(declaration(), kept, roster, after))


def test_every_state_says_what_it_leads_to():
    assert set(TRANSITIONS) == set(SystemDeclaration.model_fields["state"].annotation.__args__)
