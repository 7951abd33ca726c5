"""Who may sign: enrolled by the home's key, with a key of their own, until revoked."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from projects import found_home

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import PublicKey, generate
from gov_pipelines.evidence.roots import ROLES, new_root, sign_root
from gov_pipelines.people import (
    Act,
    acts_of,
    authority_of,
    enrol,
    record_act,
    refused_acts,
    revoke,
    roster_of,
    sign_act,
)
from gov_pipelines.store import ActRow, Home, open_store, put_act, reading

NOW = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)


def later(hours):
    return NOW + timedelta(hours=hours)


class Office:
    """A home with a store, an authority, and people with keys."""

    def __init__(self, folder):
        self.folder = folder
        self.engine = open_store(f"sqlite:///{folder}/store.db")
        self.home = found_home(folder / ".gov", "home", NOW)

    @property
    def authority(self):
        return authority_of(Home(self.folder / ".gov"))

    def succeed(self, signer, at):
        """Another key signs for the home from an instant on."""
        roots, roles = Home(self.folder / ".gov").roots_dir, dict.fromkeys(ROLES, ([signer.public], 1))
        new = new_root(2, at, at + timedelta(days=365), roles, self.authority.roots[0].origin)
        (roots / "2.root.json").write_bytes(sign_root(sign_root(new, self.home), signer))
        self.home = signer

    def key(self, name):
        return generate(self.folder / "keys" / name, name=name, created=NOW)

    def enrol(self, person, signer, *roles, by=None, at=NOW):
        with self.engine.begin() as connection:
            return enrol(connection, self.authority, by or self.home, person, roles or ("clerk",), signer.public, at)

    def revoke(self, person, at):
        with self.engine.begin() as connection:
            return revoke(connection, self.authority, self.home, person, at)

    def sign(self, person, signer, role="clerk", at=NOW, recorded=None):
        with self.engine.begin() as connection:
            return record_act(connection, sign_act(Act("attest", person, role, at, None, {}), signer), recorded or at)

    def record(self, act, signer, recorded=None):
        with self.engine.begin() as connection:
            return record_act(connection, sign_act(act, signer), recorded or act.at)

    def counted(self):
        with reading(self.engine) as connection:
            return [each.id for each in acts_of(connection, roster_of(connection, self.authority), "attest")]

    def refused(self):
        with reading(self.engine) as connection:
            return {each.id: each.why for each in refused_acts(connection, roster_of(connection, self.authority))}


def enrolment(person, signer, at=NOW):
    said = {"person": person, "roles": ["clerk"], "publicKey": signer.public.to_json().decode()}
    return Act("enrol", "home", "", at, None, said)


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.engine.dispose()


def test_what_an_enrolled_person_signs_counts(office):
    ann = office.key("ann")
    office.enrol("ann", ann)
    done = office.sign("ann", ann, at=later(1))
    assert office.counted() == [done]
    assert office.refused() == {}


@pytest.mark.parametrize(
    ("person", "by", "role", "why"),
    [
        ("bob", "bob", "clerk", "not enrolled"),
        ("ann", "bob", "clerk", "not made with the key of ann"),
        ("ann", "home", "clerk", "not made with the key of ann"),
        ("ann", "ann", "head", "did not hold the role 'head'"),
    ],
)
def test_what_others_sign_is_told_apart(office, person, by, role, why):
    signers = {"ann": office.key("ann"), "bob": office.key("bob"), "home": office.home}
    office.enrol("ann", signers["ann"])
    done = office.sign(person, signers[by], role, later(1))
    assert office.counted() == []
    assert why in office.refused()[done]


def test_an_enrolment_the_home_did_not_sign_is_worth_nothing(office):
    mallory = office.key("mallory")
    eve = office.key("eve")
    with pytest.raises(WrongUse, match="does not sign for this home"):
        office.enrol("mallory", mallory, by=eve)
    enrolled = office.record(enrolment("mallory", mallory), eve)
    done = office.sign("mallory", mallory, at=later(1))
    assert office.counted() == []
    assert "the home's at that time" in office.refused()[enrolled]
    assert "not enrolled" in office.refused()[done]


def test_what_the_home_signed_before_its_key_was_replaced_stands(office):
    old, new, ann, bob, eve = office.home, *map(office.key, ("new", "ann", "bob", "eve"))
    office.enrol("ann", ann)
    home = office.authority.home
    office.succeed(new, later(2))
    early = office.sign("ann", ann, at=later(1))
    office.enrol("bob", bob, at=later(3))
    done = {early, office.sign("ann", ann, at=later(4)), office.sign("bob", bob, at=later(4))}
    assert {*office.counted()} == done
    assert office.authority.home == home
    with pytest.raises(WrongUse, match="does not sign for this home"):
        office.enrol("eve", eve, by=old, at=later(3))
    with pytest.raises(WrongUse, match="of the home itself"):
        office.enrol("eve", old, at=later(3))
    stolen = office.record(enrolment("eve", eve, later(3)), old)
    backdated = office.record(enrolment("eve", eve, NOW), old, recorded=later(3))
    early_bird = office.record(enrolment("eve", eve, later(1)), new)
    assert {stolen, backdated, early_bird} == {each for each, why in office.refused().items() if "at that time" in why}
    office.revoke("ann", later(5))
    office.sign("ann", ann, at=later(6))
    assert {*office.counted()} == done


def test_a_row_that_is_not_its_envelope_counts_for_nothing(office):
    ann = office.key("ann")
    office.enrol("ann", ann)
    signed = sign_act(Act("report", "ann", "clerk", NOW, "lending", {}), ann)
    rows = [("attest", None, signed.decode()), ("attest", None, "anything")]
    with office.engine.begin() as connection:
        for number, (kind, system, text) in enumerate(rows):
            put_act(connection, ActRow(id=str(number), kind=kind, system=system, envelope=text, recorded_at=NOW))
    assert office.counted() == []
    assert set(office.refused()) == {"0", "1"}


def test_an_altered_act_is_forged(office):
    ann = office.key("ann")
    office.enrol("ann", ann, "clerk", "head")
    signed = sign_act(Act("attest", "ann", "clerk", NOW, None, {}), ann)
    other = sign_act(Act("attest", "ann", "head", NOW, None, {}), office.key("eve"))
    mixed = signed.replace(
        signed.split(b'"payload":"')[1].split(b'"')[0], other.split(b'"payload":"')[1].split(b'"')[0]
    )
    text = mixed.decode()
    with office.engine.begin() as connection:
        name = sha256(mixed).hexdigest()
        put_act(connection, ActRow(id=name, kind="attest", system=None, envelope=text, recorded_at=NOW))
    assert office.counted() == []
    assert "not made with the key of ann" in office.refused()[name]


def test_a_revoked_key_counts_until_its_instant(office):
    ann = office.key("ann")
    office.enrol("ann", ann)
    before = office.sign("ann", ann, at=later(1))
    office.revoke("ann", later(2))
    backdated = office.sign("ann", ann, at=later(1.5), recorded=later(3))
    after = office.sign("ann", ann, at=later(4))
    assert office.counted() == [before]
    assert set(office.refused()) == {backdated, after}
    with pytest.raises(WrongUse, match="not enrolled"):
        office.revoke("ann", later(5))


@pytest.mark.parametrize(
    "ended",
    [lambda office: office.revoke("ann", later(2)), lambda office: office.enrol("ann", office.key("new"), at=later(2))],
)
def test_a_later_date_in_the_database_revives_no_key(office, ended):
    ann = office.key("ann")
    enrolled = office.enrol("ann", ann)
    ended(office)
    with office.engine.begin() as connection:
        moved = {"at": later(3), "id": enrolled}
        connection.execute(sa.text("UPDATE acts SET recorded_at = :at WHERE id = :id"), moved)
    office.sign("ann", ann, at=later(4))
    assert office.counted() == []


def test_an_act_under_the_id_of_another_counts_for_nothing(office):
    ann = office.key("ann")
    office.enrol("ann", ann)
    agreed, other = office.sign("ann", ann), office.sign("ann", ann, at=later(1))
    with office.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM acts WHERE id = :id"), {"id": agreed})
        connection.execute(sa.text("UPDATE acts SET id = :to WHERE id = :id"), {"to": agreed, "id": other})
    assert office.counted() == []
    assert office.refused() == {agreed: "the row's id is not that of its envelope"}


def test_a_new_key_takes_the_place_of_the_old_one(office):
    old, new = office.key("old"), office.key("new")
    office.enrol("ann", old)
    first = office.sign("ann", old, at=later(1))
    office.enrol("ann", new, "clerk", "head", at=later(2))
    stale = office.sign("ann", old, at=later(3))
    second = office.sign("ann", new, "head", at=later(3))
    assert office.counted() == [first, second]
    assert set(office.refused()) == {stale}


def test_one_key_for_two_people_counts_for_neither(office):
    shared = office.key("shared")
    office.enrol("ann", shared)
    office.sign("ann", shared, at=later(1))
    with pytest.raises(WrongUse, match="enrolled for ann"):
        office.enrol("bob", shared)
    said = {"person": "bob", "roles": ["clerk"], "publicKey": shared.public.to_json().decode()}
    with office.engine.begin() as connection:  # two at one time could pass the question above
        record_act(connection, sign_act(Act("enrol", "home", "", NOW, None, said), office.home), NOW)
    office.sign("bob", shared, at=later(1))
    assert office.counted() == []
    assert all("somebody else" in why for why in office.refused().values())


@pytest.mark.parametrize("name", ["", "ann smith", "\u0430nn", "ann\n", "-ann", "a" * 101])
def test_names_that_could_be_mistaken_are_refused(office, name):
    ann = office.key("ann")
    with pytest.raises(WrongUse, match="is no name here"):
        office.enrol(name, ann)
    with pytest.raises(WrongUse, match="is no name here"):
        office.enrol("ann", ann, name)


def test_the_home_key_and_weak_keys_are_nobodys(office):
    with pytest.raises(WrongUse, match="of the home itself"):
        office.enrol("ann", office.home)
    with pytest.raises(EvidenceError, match="small order"):
        PublicKey.ed25519("ann", bytes([1]) + bytes(31))
