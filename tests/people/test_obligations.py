"""Who owes what, by when, with real signatures in a real store."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from crew import ENROLLED, Crew

from gov_pipelines.errors import WrongUse
from gov_pipelines.people import attest, known_obligations, revoke
from gov_pipelines.policy import Policy
from gov_pipelines.store import open_store, reading

TEXT = "Underwriters complete fair-lending training each year."


def policy(owes, *, version=1, begins="2026-01-01", until=None, text=TEXT, holidays=()):
    return Policy.model_validate(
        {
            "policy": "house",
            "version": version,
            "in_force": {"from": begins, "until": until},
            "owner": "credit-risk",
            "document": {"title": "House rules"},
            "holidays": list(holidays),
            "clauses": [{"id": "P-1", "text": text, "level": "people", "obligation": owes}],
        }
    )


YEARLY = {"who": "underwriters", "every": "1 year", "first_due": "2026-03-02"}
STEPS = [{"to": "manager", "after": "5 working days"}, {"to": "board", "after": "2 months"}]


@pytest.fixture
def engine(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path}/store.db")
    yield engine
    engine.dispose()


@pytest.fixture
def crew(engine, tmp_path):
    crew = Crew(engine, tmp_path / "keys")
    crew.enrol("ann", "underwriters")
    return crew


@pytest.fixture
def owed(engine, crew):
    """What everybody owes under policies on a day."""

    def look(policies, day):
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        with reading(engine) as connection:
            return known_obligations(connection, crew.roster, policies, now)

    return look


@pytest.fixture
def attested(engine, crew):
    def sign(one, day, person="ann", note=None):
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        with engine.begin() as connection:
            attest(crew.hand(connection, person, now), one, one.clauses[0], note, now)

    return sign


def state(found):
    (one,) = found
    return one.state, one.due, one.working_days_overdue


def test_from_due_to_overdue_to_done_to_due_again(owed, attested):
    one = policy(YEARLY)
    due = date(2026, 3, 2)  # a Monday
    assert state(owed([one], date(2026, 2, 1))) == ("due", due, 0)
    assert state(owed([one], due)) == ("due", due, 0)
    assert state(owed([one], date(2026, 3, 3))) == ("overdue", due, 1)
    assert state(owed([one], date(2026, 3, 9))) == ("overdue", due, 5)
    attested(one, date(2026, 3, 10))
    again = date(2027, 3, 10)
    assert state(owed([one], date(2026, 3, 10))) == ("done", again, 0)
    assert state(owed([one], date(2027, 3, 9))) == ("done", again, 0)
    assert state(owed([one], again)) == ("due", again, 0)
    assert state(owed([one], date(2027, 3, 12))) == ("overdue", again, 2)


def test_a_later_date_in_the_database_makes_no_attestation_fresh(owed, attested, engine):
    one = policy(YEARLY)
    attested(one, date(2026, 3, 2))
    with engine.begin() as connection:
        moved = sa.text("UPDATE acts SET recorded_at = '2027-03-01 00:00:00.000000' WHERE kind = 'attest'")
        connection.execute(moved)
    assert state(owed([one], date(2027, 3, 3))) == ("overdue", date(2027, 3, 2), 1)


def test_an_attestation_that_makes_no_sense_counts_for_nothing(owed, crew, engine):
    at = ENROLLED + timedelta(days=1)
    with engine.begin() as connection:  # past the command
        said = {"clause": "house/P-1", "version": [], "note": None}
        crew.hand(connection, "ann", at).sign("attest", "underwriters", None, said, at)
    assert state(owed([policy(YEARLY)], date(2026, 3, 3))) == ("overdue", date(2026, 3, 2), 1)


def test_nothing_is_overdue_before_a_working_day_has_begun(owed):
    one = policy(YEARLY | {"first_due": "2026-03-06"}, holidays=["2026-03-09"])  # Friday; Monday is a holiday
    assert [state(owed([one], date(2026, 3, day)))[0] for day in (6, 7, 8, 9, 10)] == ["due"] * 4 + ["overdue"]


@pytest.mark.parametrize(
    ("owes", "due"),
    [
        ({"who": "underwriters", "every": "3 months"}, date(2026, 4, 5)),  # one period after enrolment, on 5 January
        ({"who": "underwriters", "first_due": "2025-12-01"}, date(2026, 1, 5)),  # not before there was anybody
        ({"who": "underwriters"}, date(2026, 1, 5)),
        ({"who": "ann", "first_due": "2026-02-02"}, date(2026, 2, 2)),  # by name
        ({"who": "underwriters", "never": ["customer names in chats"]}, None),
        ({"who": "underwriters", "tools": [{"name": "Helper"}]}, None),
        ({"who": "underwriters", "never": ["customer names"], "every": "1 year"}, date(2027, 1, 5)),
    ],
)
def test_when_the_first_is_due(owed, owes, due):
    (one,) = owed([policy(owes)], date(2026, 1, 5))
    assert one.due == due
    assert one.state == ("due" if due else "nothing to attest")


def test_without_a_period_once_is_enough(owed, attested):
    one = policy({"who": "underwriters", "first_due": "2026-02-02"})
    attested(one, date(2026, 2, 1))
    assert state(owed([one], date(2030, 1, 1))) == ("done", None, 0)


def test_nobody_enrolled_is_shown(owed):
    (one,) = owed([policy(YEARLY | {"who": "traders"})], date(2027, 1, 1))
    assert (one.state, one.person, one.who) == ("nobody enrolled", None, "traders")


def test_everybody_with_the_role_owes_and_the_revoked_no_more(owed, crew, engine):
    crew.enrol("ben", "underwriters", "clerks")
    crew.enrol("cid", "clerks")
    assert [each.person for each in owed([policy(YEARLY)], date(2026, 2, 1))] == ["ann", "ben"]
    with engine.begin() as connection:
        revoke(connection, crew.authority, crew.home, "ann", ENROLLED + timedelta(days=1))
    assert [each.person for each in owed([policy(YEARLY)], date(2026, 2, 1))] == ["ben"]


def test_a_new_key_is_no_new_start(owed, crew):
    one = policy({"who": "underwriters", "every": "3 months"})
    crew.enrol("ann", "underwriters", "clerks", at=datetime(2026, 4, 1, tzinfo=UTC))
    assert state(owed([one], date(2026, 4, 2)))[1] == date(2026, 4, 5)


def test_an_attestation_of_the_same_words_stands_in_a_new_version_and_of_others_not(owed, attested):
    old = policy(YEARLY, until="2026-07-01")
    attested(old, date(2026, 3, 1))
    same = policy(YEARLY | {"escalate": STEPS}, version=2, begins="2026-07-01")
    (one,) = owed([old, same], date(2026, 8, 1))
    assert (one.state, one.version, one.attested_version) == ("done", 2, 1)
    other = policy({"who": "underwriters", "every": "1 year"}, version=2, begins="2026-07-01", text="Something else.")
    (one,) = owed([old, other], date(2026, 8, 1))
    assert (one.state, one.due, one.attested_at) == ("due", date(2027, 7, 1), None)


def test_escalation_goes_by_the_clause_and_ends_with_an_attestation(owed, attested):
    one = policy(YEARLY | {"escalate": STEPS})

    def steps(*day):
        (found,) = owed([one], date(2026, *day))
        return [(step.place, step.to) for step in found.steps]

    assert steps(3, 6) == []
    assert steps(3, 9) == [(1, "manager")]
    assert steps(5, 1) == [(1, "manager")]
    assert steps(5, 2) == [(1, "manager"), (2, "board")]
    attested(one, date(2026, 5, 4))
    assert steps(5, 4) == []


def test_without_a_ladder_the_policys_owner_hears_on_the_first_working_day(owed):
    (one,) = owed([policy(YEARLY)], date(2026, 3, 3))
    assert [(step.place, step.to) for step in one.steps] == [(1, "credit-risk")]


def test_who_does_not_owe_it_cannot_attest(crew, attested):
    crew.enrol("cid", "clerks")
    with pytest.raises(WrongUse, match="it takes underwriters, and cid is enrolled as clerks"):
        attested(policy(YEARLY), date(2026, 3, 1), person="cid")


def test_a_record_is_asked_for(attested, owed):
    one = policy(YEARLY | {"evidence": "record"})
    with pytest.raises(WrongUse, match="--note"):
        attested(one, date(2026, 3, 1))
    attested(one, date(2026, 3, 1), note="course 17")
    assert state(owed([one], date(2026, 3, 1)))[0] == "done"


def test_what_obliges_nobody_cannot_be_attested(attested):
    with pytest.raises(WrongUse, match="obliges no person"):
        attested(policy(None), date(2026, 3, 1))


def test_a_key_that_is_not_theirs_or_nobody_of_that_name(crew, attested):
    crew.enrol("ben", "underwriters")
    crew.keys["ann"] = crew.keys["ben"]
    with pytest.raises(WrongUse, match="not the one ann is enrolled with"):
        attested(policy(YEARLY), date(2026, 3, 1))
    crew.keys["zoe"] = crew.keys["ben"]
    with pytest.raises(WrongUse, match="zoe is not enrolled"):
        attested(policy(YEARLY), date(2026, 3, 1), person="zoe")
