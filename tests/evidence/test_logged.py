"""Packages against the ledger they are in: place, order, key, policies, and the ledger that each stands on."""

from datetime import date, timedelta

import pytest
from ledgers import Book

from gov_pipelines.evidence import build_predicate, sign_package
from gov_pipelines.evidence.entries import act_entry, policy_entry, snapshot_entry
from gov_pipelines.evidence.verify import verify

FIRST = date(2026, 10, 1)


@pytest.fixture
def nights(tmp_path, content, files, signer):
    """Signs nights of a system, each after the one before, and puts into the ledger only what a test does."""

    class Nights:
        def __init__(self):
            self.folder, self.book, self.before = tmp_path / "evidence", Book(tmp_path / "evidence", signer), {}
            self.plain = build_predicate(content())
            self.policies = [policy_entry(each) for each in self.plain["policies"]]

        def sign(self, system="loans", by=signer, **changes):
            """A package, and its entry, which is not in the ledger yet."""
            number, previous = self.before.get(system, (0, None))
            link = {"sequence": number, "payloadSha256": previous} if number else None
            said = {"system": system, "sequence": number + 1, "previous": link, "ledger": self.book.standing}
            day = FIRST + timedelta(days=number)
            predicate = build_predicate(content(day, **(said | changes)))
            signed = sign_package(self.folder / system / day.isoformat() / "r1", files, predicate, by)
            self.before[system] = number + 1, signed.payload_sha256
            return snapshot_entry(signed.predicate, signed.payload_sha256, signed.signature)

        def failed(self):
            return {check.rule for check in self.found().failures}

        def found(self):
            return verify(self.folder)

    return Nights()


def test_nights_that_follow_the_rules_verify(nights):
    nights.book.add(*nights.policies)
    for system in ("loans", "cards", "loans"):
        nights.book.add(nights.sign(system), act_entry("review", "b" * 64))
    assert nights.failed() == set()


def test_a_night_that_is_not_in_the_ledger_is_named(nights):
    nights.book.add(*nights.policies, nights.sign())
    nights.sign()
    (failed,) = nights.found().failures
    assert (failed.rule, failed.got) == ("ledger-snapshot", "not in the ledger")
    assert failed.file.startswith("loans/2026-10-02/r1/")


def test_a_policy_stands_in_the_ledger_before_what_it_judges(nights):
    nights.book.add(nights.sign(), *nights.policies)
    assert nights.failed() == {"ledger-policy"}


def test_a_policy_that_never_came_into_the_ledger_is_named(nights):
    nights.book.add(nights.sign())
    (failed,) = nights.found().failures
    assert (failed.rule, failed.got) == ("ledger-policy", "not so: house@3")


@pytest.mark.parametrize("retroactive", [True, False])
def test_whether_a_policy_came_late_is_computed(nights, retroactive):
    """The fixture's policy was recorded in November, and the window ended in October."""
    nights.book.add(*nights.policies, nights.sign(retroactive=retroactive))
    assert nights.failed() == (set() if retroactive else {"retroactive"})


def test_a_policy_recorded_at_the_very_end_of_the_window_is_in_time(nights):
    end = nights.plain["partition"]["end"]
    policy = {**nights.plain["policies"][0], "recordedAt": end}
    stated = {**policy, "inForceFrom": FIRST}
    nights.book.add(policy_entry(policy), nights.sign(policies=[stated], retroactive=False))
    assert nights.failed() == set()


def test_a_key_that_no_root_names_signs_no_night(nights, other_signer):
    nights.book.add(*nights.policies, nights.sign(by=other_signer))
    assert "key-role" in nights.failed()


@pytest.mark.parametrize(
    "standing",
    [
        None,  # on no ledger
        {"size": 2, "rootHash": "f" * 64},  # on another one
        {"size": 9, "rootHash": "f" * 64},  # on what is yet to come
    ],
)
def test_a_night_stands_on_the_ledger_as_it_was(nights, standing):
    nights.book.add(*nights.policies)
    nights.book.add(nights.sign(ledger=standing))
    assert nights.failed() == {"ledger-standing"}


def test_nights_stand_in_the_ledger_in_the_order_in_which_they_were_signed(nights):
    nights.book.add(*nights.policies)
    first, other, second = nights.sign(), nights.sign("cards"), nights.sign()
    nights.book.add(second, other, first)
    failed = nights.found().failures
    assert {check.rule for check in failed} == {"ledger-order", "ledger-standing"}
    assert {check.file.partition("/r1")[0] for check in failed} == {"loans/2026-10-02"}


def test_a_night_stands_on_a_ledger_that_has_the_night_before(nights):
    nights.book.add(*nights.policies, nights.sign(), nights.sign())
    (failed,) = nights.found().failures
    assert (failed.rule, failed.file.partition("/r1")[0]) == ("ledger-standing", "loans/2026-10-02")


def test_a_night_that_is_withheld_is_named_and_other_systems_are_told(nights):
    nights.book.add(*nights.policies, nights.sign(), nights.sign("cards"))
    nights.book.add(nights.sign())
    (nights.folder / "cards").rename(nights.folder.parent / "cards")
    found = nights.found()
    assert found.ok, found.to_text()
    assert "other systems of the same ledger, which were not given: cards (1 snapshots)" in found.not_proven
    (nights.folder / "loans" / "2026-10-02").rename(nights.folder.parent / "withheld")
    (failed,) = nights.found().failures
    assert (failed.rule, failed.got) == ("ledger-complete", "loans/2026-10-02/r1 is not here")


def test_without_a_witness_the_second_party_is_not_proven(nights):
    nights.book.add(*nights.policies, nights.sign())
    assert any(each.startswith("a second party: no witness cosigned") for each in nights.found().not_proven)
