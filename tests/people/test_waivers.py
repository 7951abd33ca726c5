"""A clause is set aside by two people with two keys, for a time. Never by one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from crew import Crew

from gov_pipelines.errors import WrongUse
from gov_pipelines.people import Act, countersign, known_waivers, record_act, sign_act, waive, waivers_in_force
from gov_pipelines.policy import Policy, SystemDeclaration
from gov_pipelines.store import open_store, reading

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = ("lending", "house/H-1")
POLICY = Policy.model_validate(
    {
        "policy": "house", "version": 2, "in_force": {"from": "2026-01-01"}, "owner": "credit-risk",
        "document": {"title": "House rules"}, "clauses": [{"id": "H-1", "text": "Be fair.", "level": "runtime"}],
    }
)  # fmt: skip
LENDING = SystemDeclaration.model_validate(
    {
        "system": "lending", "owner": "team:credit", "purpose": "Lend.", "risk": "high", "zone": "America/New_York",
        "starts": "2026-09-01", "source": {"path": "x.csv"}, "policies": ["house"],
        "outcomes": {"favorable": ["yes"], "unfavorable": ["no"]}, "protected_attributes": {"sex": {}},
    }
)  # fmt: skip


@pytest.fixture
def engine(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path}/store.db")
    yield engine
    engine.dispose()


@pytest.fixture
def crew(engine, tmp_path):
    crew = Crew(engine, tmp_path / "keys")
    crew.enrol("ann", "underwriters", "credit-risk")
    crew.enrol("ben", "credit-risk")
    crew.enrol("cid", "underwriters")
    return crew


@pytest.fixture
def ask(engine, crew):
    def sign(person="ann", until=date(2026, 12, 1), why="Too few rows.", now=NOW):
        with engine.begin() as connection:
            return waive(
                crew.hand(connection, person, now), LENDING, POLICY, POLICY.clauses[0], why=why, until=until, now=now
            )

    return sign


@pytest.fixture
def agree(engine, crew):
    def sign(waiver, person="ben", now=NOW + timedelta(hours=1)):
        with engine.begin() as connection:
            found = next(each for each in known_waivers(connection, crew.roster, [POLICY]) if each.id == waiver)
            countersign(crew.hand(connection, person, now), found, {"credit-risk"}, now)

    return sign


@pytest.fixture
def in_force(engine, crew):
    def look(on):
        with reading(engine) as connection:
            return waivers_in_force(connection, crew.roster, [POLICY], on)

    return look


def test_two_people_waive_a_clause_until_local_midnight(ask, agree, in_force):
    waiver = ask()
    assert in_force(NOW + timedelta(days=1)) == {}
    agree(waiver)
    found = in_force(NOW + timedelta(days=1))[KEY]
    assert (found.id, found.why, found.by, found.countersigned_by, found.until, found.version) == (
        waiver, "Too few rows.", "ann", "ben", date(2026, 12, 1), 2,
    )  # fmt: skip
    midnight = datetime(2026, 12, 1, 5, tzinfo=UTC)  # of New York
    assert in_force(NOW) == {}  # not before it was countersigned
    assert KEY in in_force(midnight - timedelta(seconds=1))
    assert in_force(midnight) == {}


def test_one_person_signing_twice_waives_nothing(ask, agree, crew, engine, in_force):
    waiver = ask()
    with pytest.raises(WrongUse, match="Another person countersigns"):
        agree(waiver, "ann")
    later = NOW + timedelta(hours=1)
    with engine.begin() as connection:  # past the command
        crew.hand(connection, "ann", later).sign("countersign", "credit-risk", "lending", {"waiver": waiver}, later)
    assert in_force(NOW + timedelta(days=1)) == {}


def test_a_second_name_with_the_same_key_waives_nothing(ask, crew, engine, in_force):
    waiver = ask()
    key = crew.keys["ann"]
    said = {"person": "zoe", "roles": ["credit-risk"], "publicKey": key.public.to_json().decode()}
    later = NOW + timedelta(hours=1)
    with engine.begin() as connection:  # `enrol` refuses it, so it comes past the command
        record_act(connection, sign_act(Act("enrol", "the home", "", NOW, None, said), crew.home), NOW)
        act = Act("countersign", "zoe", "credit-risk", later, "lending", {"waiver": waiver})
        record_act(connection, sign_act(act, key), later)
    assert in_force(NOW + timedelta(days=1)) == {}


def test_the_countersigner_holds_the_role_of_the_policys_owner(ask, agree, crew, engine, in_force):
    waiver = ask()
    with pytest.raises(WrongUse, match="cid may not countersign"):
        agree(waiver, "cid")
    later = NOW + timedelta(hours=1)
    with engine.begin() as connection:
        crew.hand(connection, "cid", later).sign("countersign", "underwriters", "lending", {"waiver": waiver}, later)
    assert in_force(NOW + timedelta(days=1)) == {}


@pytest.mark.parametrize("zone", ["America", "x" * 5000, "\0", "Nowhere"])
def test_a_zone_that_is_none_waives_nothing_and_stops_nobody(crew, engine, ask, agree, in_force, zone):
    said = {"clause": "house/H-1", "version": 2, "why": "No.", "until": "2026-12-01", "zone": zone}
    with engine.begin() as connection:  # past the command
        crew.hand(connection, "ann", NOW).sign("waive", "underwriters", "lending", said, NOW)
    assert in_force(NOW + timedelta(days=1)) == {}
    agree(ask())
    assert KEY in in_force(NOW + timedelta(days=1))


def test_a_countersignature_is_of_one_waiver(ask, agree, in_force):
    agree(ask(until=date(2026, 11, 10)))
    ask(until=date(2026, 12, 1))
    assert in_force(NOW + timedelta(days=1))[KEY].until == date(2026, 11, 10)


def test_of_several_the_one_that_ends_last_counts(ask, agree, in_force):
    for day in (20, 10):
        agree(ask(until=date(2026, 11, day)))
    assert in_force(NOW + timedelta(days=1))[KEY].until == date(2026, 11, 20)


@pytest.mark.parametrize("until", [date(2026, 11, 1), date(2026, 11, 2), date(2027, 11, 3)])
def test_it_ends_after_today_and_within_a_year(ask, until):
    with pytest.raises(WrongUse, match="a year at most"):
        ask(until=until)


def test_a_longer_one_waives_nothing_though_it_is_signed(crew, engine, agree, in_force):
    said = {"clause": "house/H-1", "version": 2, "why": "x", "until": "2029-01-01", "zone": "America/New_York"}
    for broken in (said, said | {"until": "someday"}, said | {"zone": "Mars"}, {"clause": "house/H-1"}):
        with engine.begin() as connection:
            hand = crew.hand(connection, "ann", NOW)
            waiver = hand.sign("waive", "underwriters", "lending", broken, NOW)
            later = NOW + timedelta(hours=1)
            crew.hand(connection, "ben", later).sign("countersign", "credit-risk", "lending", {"waiver": waiver}, later)
    assert in_force(NOW + timedelta(days=1)) == {}


def test_a_year_to_the_day_is_allowed_also_in_leap_years(ask):
    ask(until=date(2027, 11, 2))
    ask(until=date(2029, 2, 28), now=datetime(2028, 2, 29, 12, tzinfo=UTC))


def test_a_reason_is_given(ask):
    with pytest.raises(WrongUse, match="reason is empty"):
        ask(why=" ")


def test_once_is_enough_and_late_is_too_late(ask, agree):
    waiver = ask()
    agree(waiver)
    with pytest.raises(WrongUse, match="countersigned by ben already"):
        agree(waiver)
    with pytest.raises(WrongUse, match="ended on 2026-11-03"):
        agree(ask(until=date(2026, 11, 3)), now=NOW + timedelta(days=2))
