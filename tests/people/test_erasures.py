"""The order to erase: who may sign it, and what it says."""

from datetime import UTC, date, datetime, timedelta

import pytest
from bank import START, Bank

from gov_pipelines.errors import WrongUse
from gov_pipelines.people import acts_of, authority_of, hand_of, order_erasure, order_expiry, refused_acts, roster_of
from gov_pipelines.store import reading

NOW = datetime.now(UTC)
COUNTS = {date(2026, 9, 2): 1, date(2026, 9, 1): 3}


@pytest.fixture
def bank(tmp_path):
    return Bank(tmp_path)


def order(bank, person, reason="Request 17."):
    one = bank.night()
    with one.store.begin() as connection:
        hand = hand_of(
            connection, roster_of(connection, authority_of(bank.night().home)), person, bank.keys[person], NOW
        )
        return order_erasure(hand, one.declaration, COUNTS, ["b", "a"], reason, NOW)


def acts(bank, kind):
    with reading(bank.night().store) as connection:
        roster = roster_of(connection, authority_of(bank.night().home))
        return acts_of(connection, roster, kind, "loans"), refused_acts(connection, roster)


def test_owner_approver_and_privacy_office_may_and_their_acts_count(bank):
    bank.enrol("rob", "clerk", "privacy-office", at=START + timedelta(days=1))
    ids = [order(bank, person) for person in ("own", "head", "rob")]
    found, refused = acts(bank, "erase")
    assert sorted(each.id for each in found) == sorted(ids)
    assert not refused
    said = {"partitions": {"2026-09-01": 3, "2026-09-02": 1}, "acts": ["a", "b"], "reason": "Request 17."}
    assert all(each.act.subject == said for each in found)


@pytest.mark.parametrize("person", ["sue", "rob", "cora"])
def test_nobody_else_may(bank, person):
    with pytest.raises(WrongUse, match=f"{person} may not erase decisions of loans"):
        order(bank, person)
    assert acts(bank, "erase") == ([], [])


def test_a_reason_is_asked_for(bank):
    with pytest.raises(WrongUse, match="reason is empty"):
        order(bank, "own", "  ")


def test_only_the_home_says_that_days_are_over(bank):
    with bank.night().store.begin() as connection:
        act = order_expiry(connection, bank.home, "loans", COUNTS, [], NOW)
    forged = bank.act("expire", "own", {"partitions": {"2026-09-03": 7}})
    found, refused = acts(bank, "expire")
    assert [each.id for each in found] == [act]
    assert [each.id for each in refused] == [forged]
