"""What people signed cannot be deleted unseen: the gate of a live bank stays shut until it is restored."""

import shutil
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from bank import FREE, POLICY, Bank

from gov_pipelines.evidence import generate
from gov_pipelines.evidence.roots import current_roots, sign_root
from gov_pipelines.evidence.succession import NEXT, next_root, publish, replaced
from gov_pipelines.people import authority_of, hand_of, order_erasure, order_expiry, revoke, roster_of
from gov_pipelines.pipeline import erasing, publishing
from gov_pipelines.pipeline.lost import lost
from gov_pipelines.store import reading


class House(Bank):
    """A bank whose store an insider writes."""

    def publish(self):
        publishing.publish(self.night().home, self.night().store, self.home, datetime.now(UTC))

    def sql(self, text, **values):
        with self.night().store.begin() as connection:
            return connection.execute(sa.text(text), values).rowcount

    def delete(self, kind, *, note=False):
        """Delete an act of a kind, its note too, and give its id."""
        with reading(self.night().store) as connection:
            act = connection.scalars(sa.text("SELECT id FROM acts WHERE kind = :kind"), {"kind": kind}).first()
        assert self.sql("DELETE FROM acts WHERE id = :act", act=act) == 1
        if note:
            assert self.sql("DELETE FROM ledger_entries WHERE subject = :act", act=act) == 1
        return act

    @property
    def gone(self):
        with reading(self.night().store) as connection:
            return lost(self.night().home, connection, roster_of(connection, authority_of(self.night().home)))

    def revoke(self, person):
        with self.night().store.begin() as connection:
            revoke(connection, authority_of(self.night().home), self.home, person, datetime.now(UTC))

    def expire(self, *acts):
        """An order that the home's key signed, over acts that it says were erased."""
        with self.night().store.begin() as connection:
            order_expiry(connection, self.home, "loans", {}, acts, datetime.now(UTC))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A live bank: approved, two decisions reviewed, one reviewer revoked since; all of it in the ledger."""
    bank = House(tmp_path_factory.mktemp("lived") / "bank")
    bank.policy(POLICY.replace("at_most: 0.1", "at_most: 0.5"))  # a row that was erased cannot be used
    bank.audit().approve()
    bank.review("sue", "B")
    bank.review("sid", "C")
    bank.revoke("sid")
    bank.publish()
    bank.clear()
    assert bank.answer.passed
    bank.night().store.dispose()
    return bank


@pytest.fixture
def bank(lived, tmp_path):
    copy = House.__new__(House)
    copy.__dict__ |= lived.__dict__ | {"root": shutil.copytree(lived.root, tmp_path / "bank")}
    return copy


def test_a_bank_that_nobody_touched_has_lost_nothing(bank):
    assert bank.gone == ""
    assert bank.clear() == {*FREE, "B", "C"}


@pytest.mark.parametrize("note", [False, True])
@pytest.mark.parametrize("kind", ["revoke", "review", "approve", "enrol"])
def test_nothing_is_cleared_once_an_act_was_deleted(bank, kind, note):
    bank.delete(kind, note=note)
    assert bank.clear() == set()
    assert not bank.answer.passed
    what = "1 entries that it never noted" if note else "1 signed acts of people"
    assert what in bank.answer.description
    assert bank.gone == what


@pytest.mark.parametrize("note", [False, True])
def test_nothing_is_cleared_once_a_snapshot_was_deleted(bank, note):
    bank.sql("DELETE FROM snapshots")
    if note:
        bank.sql("DELETE FROM ledger_entries WHERE kind = 'snapshot'")
    assert bank.clear() == set()
    assert ("1 entries that it never noted" if note else "1 signed snapshots") in bank.gone


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM ledger_entries", "entries that it never noted"),
        ("UPDATE ledger_entries SET position = position + 1", "not in the ledger where they were"),
        ("UPDATE ledger_entries SET leaf = 'ff' || substr(leaf, 3)", "entries that it never noted"),
        ("UPDATE acts SET id = 'ff' || substr(id, 3) WHERE kind = 'revoke'", "1 signed acts of people"),
    ],
)
def test_rows_that_were_rewritten_count_for_nothing(bank, change, what):
    assert bank.sql(change)
    assert bank.clear() == set()
    assert what in bank.gone


@pytest.mark.parametrize(
    "change", ["envelope = 'none'", "kind = 'review'", "system = 'cards'", "envelope = envelope || ' '"]
)
def test_an_act_whose_row_says_something_else_is_missed(bank, change):
    """The act that revokes a person is there by its id, and would count for nothing."""
    assert bank.sql(f"UPDATE acts SET {change} WHERE kind = 'revoke'")
    assert bank.clear() == set()
    assert bank.gone == "1 signed acts of people"


def test_a_date_in_the_database_brings_nobody_back(bank):
    """A revocation that is dated after the home's key was replaced would not have been signed by the home's key."""
    keys, roots = bank.night().home.keys_dir, bank.night().home.roots_dir
    new, before = generate(keys / NEXT, name="next", created=datetime.now(UTC)), current_roots(roots)[-1]
    data = next_root(before, datetime.now(UTC), replaced(before, bank.home.public, new.public))
    publish(keys, roots, sign_root(sign_root(data, bank.home), new))
    assert bank.gone == ""
    assert bank.sql("UPDATE acts SET recorded_at = '2099-01-01 00:00:00.000000' WHERE kind = 'revoke'")
    assert bank.gone == "1 signed acts of people"
    assert bank.clear() == set()


def test_a_row_that_somebody_wrote_by_hand_is_not_missed(bank):
    row = {"id": "a" * 64, "kind": "review", "envelope": "none", "at": "2026-09-01 00:00:00.000000"}
    bank.sql("INSERT INTO acts (id, kind, envelope, recorded_at) VALUES (:id, :kind, :envelope, :at)", **row)
    assert bank.gone == ""


def test_an_older_store_lets_nothing_through(bank, tmp_path):
    bank.night().store.dispose()
    store = bank.root / ".gov" / "store.db"
    shutil.copy(store, tmp_path / "old.db")
    bank.revoke("sue")
    bank.publish()
    bank.night().store.dispose()
    shutil.copy(tmp_path / "old.db", store)
    for side in ("-wal", "-shm"):
        store.with_name(store.name + side).unlink(missing_ok=True)
    assert bank.clear() == set()
    assert bank.gone == "1 entries that it never noted"


def test_an_older_ledger_lets_nothing_through(bank, tmp_path):
    ledger = bank.night().home.ledger_dir
    shutil.copytree(ledger, tmp_path / "old")
    bank.revoke("sue")
    bank.publish()
    shutil.rmtree(ledger)
    shutil.copytree(tmp_path / "old", ledger)
    assert bank.clear() == set()
    assert bank.gone == "1 entries of its own that are not in the ledger where they were"
    (ledger / "checkpoint").unlink()
    assert bank.clear() == set()


def test_what_was_noted_and_is_not_in_the_ledger_yet_is_missed_too(bank):
    bank.revoke("sue")
    bank.sql("DELETE FROM acts WHERE kind = 'revoke'")
    assert bank.gone == "2 signed acts of people"


def test_reviews_that_were_erased_by_order_are_not_missed(bank):
    one, now = bank.night(), datetime.now(UTC)

    def order(connection, counts, acts):
        assert acts
        hand = hand_of(connection, roster_of(connection, authority_of(one.home)), "own", bank.keys["own"], now)
        return order_erasure(hand, one.declaration, counts, acts, "She asked for it.", now)

    erasing.erase(one.home, one.store, one.declaration, order, reason="", now=now, decision="B")
    assert bank.gone == ""
    assert bank.audit().clear() == {*FREE, "C"}
    assert bank.answer.passed
    bank.sql("DELETE FROM acts WHERE kind = 'erase'")  # without the order, what it erased is missed with it
    assert bank.gone == "2 signed acts of people"
    assert bank.clear() == set()


def test_no_order_makes_an_act_forgotten_that_is_no_review(bank):
    """Who holds the home's key can sign an order; it does not bring back a reviewer who was revoked."""
    bank.expire(bank.delete("revoke"))
    bank.publish()
    assert bank.gone == "1 signed acts of people"
    assert bank.clear() == set()


def test_a_forged_order_makes_nothing_forgotten(bank):
    act = bank.delete("review")
    with bank.night().store.begin() as connection:
        order_expiry(connection, bank.keys["rob"], "loans", {}, [act], datetime.now(UTC))
    assert bank.gone == "1 signed acts of people"


def test_nothing_is_lost_before_anything_is_signed(tmp_path):
    bank = House(tmp_path / "bank")
    assert bank.gone == ""
    bank.approve()
    assert bank.gone == ""
