"""What goes downstream on real nights: nothing that needs a person and has not got one, and exactly what has."""

import sys
from datetime import UTC, datetime, timedelta
from shutil import rmtree

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa
from bank import DEFS, FIRST, FREE, POLICY, ROWS, START, Bank
from projects import found_home

from gov_pipelines.definitions import load
from gov_pipelines.evidence import generate
from gov_pipelines.people import Act, authority_of, record_act, release_subject, revoke, sign_act
from gov_pipelines.pipeline import AuditHome, audit, signing
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.clearing import CLEARED, HELD, open_day
from gov_pipelines.project import Project
from gov_pipelines.store import ActRow, put_act, write_frame


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    bank = Bank(tmp_path_factory.mktemp("audited")).audit().approve()
    assert bank.clear() == FREE
    assert bank.answer.passed
    return bank


@pytest.fixture
def bank(audited, tmp_path):
    return audited.copy(tmp_path)


def test_a_review_clears_exactly_the_decision_it_is_about(bank):
    act = bank.review("sue", "B")
    assert bank.clear() == {*FREE, "B"}
    row = bank.cleared.filter(decision_id="B").to_dicts()[0]
    assert (row["decision"], row["proposed_decision"], row["overridden"], row["reviews"]) == ("no", None, False, act)
    assert row["snapshot"] == bank.case("C").snapshot.payload_sha256


def test_an_override_replaces_the_decision_and_keeps_the_proposed_one(bank):
    bank.review("sue", "B", changed={"outcome": "override", "decision": "yes", "reason_code": "R7"})
    assert bank.clear() == {*FREE, "B"}
    row = bank.cleared.filter(decision_id="B").to_dicts()[0]
    assert (row["decision"], row["proposed_decision"], row["overridden"]) == ("yes", "no", True)
    last = bank.review("sid", "B")  # the last word counts
    bank.clear()
    assert bank.cleared.filter(decision_id="B")["decision"].to_list() == ["no"]
    with bank.night().store.begin() as connection:  # and a date in the database makes no other one the last
        later = sa.text(
            "UPDATE acts SET recorded_at = '2099-01-01 00:00:00.000000' WHERE kind = 'review' AND id <> :id"
        )
        connection.execute(later, {"id": last})
    bank.clear()
    assert bank.cleared.filter(decision_id="B")["reviews"].to_list() == [last]


def forge(bank):
    bank.review("sue", "B", signer=generate(bank.root / "eve", name="sue", created=START))


def share_a_key(bank):
    said = {"person": "eve", "roles": ["senior"], "publicKey": bank.keys["sue"].public.to_json().decode()}
    with bank.night().store.begin() as connection:
        record_act(connection, sign_act(Act("enrol", "bank", "", START, None, said), bank.home), START)
    bank.review("sue", "B")
    bank.review("eve", "B", role="senior", signer=bank.keys["sue"])


def sign_for_another(bank):
    bank.review("sid", "B", signer=bank.keys["sue"])


def enrol_oneself(bank):
    eve = generate(bank.root / "eve", name="eve", created=START)
    said = {"person": "eve", "roles": ["senior"], "publicKey": eve.public.to_json().decode()}
    with bank.night().store.begin() as connection:
        record_act(connection, sign_act(Act("enrol", "bank", "", START, None, said), eve), START)
    bank.review("eve", "B", role="senior", signer=eve)


def write_a_row(bank):
    review = bank.review("sue", "C")
    with bank.night().store.begin() as connection:
        text = connection.execute(sa.text("SELECT envelope FROM acts WHERE id = :id"), {"id": review}).scalar_one()
        for row in ("acts WHERE id", "ledger_entries WHERE subject"):
            connection.execute(sa.text(f"DELETE FROM {row} = :id"), {"id": review})  # it was never noted
        put_act(connection, ActRow(id="0" * 64, kind="review", system="loans", envelope=text + " ", recorded_at=START))
        put_act(connection, ActRow(id=review, kind="approve", system="loans", envelope=text, recorded_at=START))


def revoked(bank):
    with bank.night().store.begin() as connection:
        revoke(connection, authority_of(bank.night().home), bank.home, "sue", datetime(2026, 9, 2, tzinfo=UTC))
    bank.review("sue", "B", at=datetime(2026, 9, 1, 10, tzinfo=UTC))


def correct_the_source(bank):
    bank.review("sue", "B")
    assert "B" in bank.clear()
    bank.rows["B"] = ROWS["B"].replace("600", "601")
    bank.audit()


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        (lambda _: None, "waits for a review by senior"),
        (lambda bank: bank.review("rob", "B"), "only senior may review"),
        (lambda bank: bank.review("rob", "B", role="senior"), "waits for a review by senior"),
        (lambda bank: bank.review("head", "B"), "only senior may review"),
        (lambda bank: bank.review("sue", "B", changed={"facts": bank.case("C").facts}), "earlier revision"),
        (lambda bank: bank.review("sue", "B", changed={"decision_id": "C"}), "waits for a review by senior"),
        (lambda bank: bank.review("sue", "B", changed={"partition": "2026-09-02"}), "another decision"),
        (lambda bank: bank.review("sue", "B", system="cards"), "waits for a review by senior"),
        (lambda bank: bank.review("sue", "B", changed={"revision": 2}), "earlier revision"),
        (lambda bank: bank.review("sue", "B", changed={"snapshot": "0" * 64}), "earlier revision"),
        (lambda bank: bank.review("sue", "B", changed={"outcome": "override", "decision": "maybe"}), "an override"),
        (lambda bank: bank.review("sue", "B", changed={"outcome": "override", "decision": "no"}), "an override"),
        (lambda bank: bank.review("sue", "B", changed={"decision": "yes"}), "waits for a review by senior"),
        (lambda bank: bank.review("sue", "B", changed={"more": 1}), "waits for a review by senior"),
        (correct_the_source, "earlier revision"),
        (forge, "waits for a review by senior"),
        (sign_for_another, "waits for a review by senior"),
        (share_a_key, "waits for a review by senior"),
        (enrol_oneself, "waits for a review by senior"),
        (write_a_row, "waits for a review by senior"),
        (revoked, "waits for a review by senior"),
    ],
)
def test_a_decision_that_needs_review_is_not_cleared(bank, attack, why):
    attack(bank)
    assert bank.clear() == FREE
    assert why in bank.why("B")


def test_nobody_reviews_what_they_asked_for_or_may_have_asked_for(bank):
    bank.review("sue", "C")
    bank.review("sue", "G")
    assert bank.clear() == FREE
    assert "whoever asked" in bank.why("C")
    assert "does not say who asked" in bank.why("G")
    bank.review("sid", "C")
    assert bank.clear() == {*FREE, "C"}


@pytest.mark.parametrize(
    ("at", "recorded", "in_time"),
    [
        (datetime(2026, 9, 5, 11, tzinfo=UTC), datetime(2026, 9, 5, 12, tzinfo=UTC), True),
        (datetime(2026, 9, 5, 11, tzinfo=UTC), datetime(2026, 9, 5, 12, 0, 1, tzinfo=UTC), False),
        (datetime(2026, 9, 5, 12, 0, 1, tzinfo=UTC), datetime(2026, 9, 5, 12, 0, 1, tzinfo=UTC), False),
        (datetime(2026, 9, 5, 11, tzinfo=UTC), None, False),
    ],
)
def test_in_time_is_judged_by_the_later_of_the_reviewers_word_and_the_stores_clock(bank, at, recorded, in_time):
    bank.review("sue", "E", at=at, recorded=recorded)
    assert bank.clear() == (FREE | {"E"} if in_time else FREE)
    if not in_time:
        assert "too late" in bank.why("E")


def test_auditing_an_unchanged_day_again_changes_nothing(bank):
    bank.review("sid", "B")
    cleared, revision = bank.clear(), open_day(bank.night()).statement.snapshot.revision
    assert bank.audit().clear() == cleared >= {"B"}
    assert open_day(bank.night()).statement.snapshot.revision == revision


def test_a_revision_that_leaves_the_decision_as_it_was_keeps_its_review(bank):
    bank.review("sue", "B")
    bank.rows["A"] = ROWS["A"].replace("100", "101")
    bank.rows["B"] = (
        ROWS["B"] + (datetime.now(UTC) + timedelta(days=1)).isoformat()
    )  # told later: no fact of the decision
    bank.audit()
    assert bank.clear() == {*FREE, "B"}
    assert bank.cleared["revision"].to_list() == [2, 2, 2]


def test_what_the_log_says_of_reviews_clears_nothing(bank):
    bank.header += ",reviewer,reviewer_role,reviewed_at"
    bank.rows = {name: f"{row},sid,senior,2026-09-01T10:00:00" for name, row in ROWS.items()}
    bank.audit()
    assert bank.clear() == FREE
    assert open_day(bank.night()).verdicts.filter(decision_id="B")["house/R"].to_list() == ["within"]
    assert bank.why("B") == "waits for a review by senior"


def test_where_two_reviews_differ_the_decision_stays_held(bank):
    bank.rows["H"] = ROWS["B"].replace("B,", "H,").replace("600", "6000")
    bank.audit()
    bank.review("sue", "H")
    assert bank.clear() == FREE
    bank.review("head", "H", control="house/S", changed={"outcome": "override", "decision": "yes"})
    assert bank.clear() == FREE
    assert "its reviews disagree" in bank.held.filter(decision_id="H")["reason"].to_list()
    bank.review("head", "H", control="house/S")
    assert bank.clear() == {*FREE, "H"}


def test_when_nothing_arrives_the_gate_is_shut(bank):
    bank.rows = {}
    bank.audit()
    assert bank.clear() == set()
    assert "their data is there: no verdict" in bank.answer.description


def test_what_is_outside_waits_for_the_approver(bank):
    assert bank.why("D", "house/S") == "outside: amount above 5000; waits for a review by head"
    bank.review("sue", "D", control="house/S")
    assert bank.clear() == FREE
    bank.review("head", "D", control="house/S")
    assert bank.clear() == {*FREE, "D"}


def test_without_an_approver_nobody_releases_it(bank):
    bank.policy(POLICY.replace("{amount: {up_to: 5000}}, approver: head", "{amount: {up_to: 5000}}").replace(
        "version: 1", "version: 2"))  # fmt: skip
    bank.audit()
    bank.approve()
    assert bank.clear() == FREE
    assert "nobody is named" in bank.why("D", "house/S")


def spoil(bank):
    """A third of the rows cannot be used."""
    for name in "XYZ":
        bank.rows[name] = f"{name},2026-09-01T10:00:00,perhaps,m,10,kim,"
    return bank.audit()


def test_a_control_that_holds_all_is_released_by_its_approver_for_this_revision(bank):
    spoil(bank)
    assert bank.clear() == set()
    assert bank.why("A", "house/Q") == "the control is fail: waits for a release"
    subject = release_subject(bank.case("B").snapshot, "house/Q")
    bank.act("release", "sue", subject)
    bank.act("release", "head", subject | {"control": "house/O"})
    bank.act("release", "head", subject | {"revision": 1})
    assert bank.clear() == set()
    bank.act("release", "head", subject)
    assert bank.clear() == FREE
    bank.rows["W"] = bank.rows["X"].replace("X", "W")
    bank.audit()
    assert bank.clear() == set()


def test_a_verdict_changed_in_the_database_releases_nothing(bank):
    spoil(bank)
    with bank.night().store.begin() as connection:
        changed = connection.execute(sa.text("UPDATE control_verdicts SET verdict = 'pass' WHERE verdict = 'fail'"))
        assert changed.rowcount
    assert bank.clear() == set()


def test_a_suspended_system_clears_nothing_until_both_have_signed_again(bank):
    bank.rows["A"] = ROWS["A"].replace("100", "0")
    bank.rows["N"] = ROWS["A"].replace("A,", "N,").replace("2026-09-01", "2026-09-02")
    bank.audit()
    second = FIRST + timedelta(days=1)
    bank.audit(second)
    assert bank.clear(second) == set()
    assert bank.why("N", "house/O") == "failed on 2026-09-01: suspended until owner and approver sign again"
    with bank.night().store.begin() as connection:  # a date in the database makes no signature a later one
        connection.execute(sa.text("UPDATE snapshots SET signed_at = '2026-01-01 00:00:00.000000'"))
        connection.execute(sa.text("UPDATE acts SET recorded_at = '2099-01-01 00:00:00.000000' WHERE kind = 'approve'"))
    assert bank.clear(second) == set()
    bank.approve("own")
    assert bank.clear(second) == set()
    bank.approve("head")
    assert bank.clear(second) == {"N"}
    assert bank.clear() == FREE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("state: live", "state: suspended"), "the system is suspended"),
        (("state: live", "state: draft"), "the system is draft"),
        (("state: live", "state: retired"), "the system is retired"),
        (("Decide on loans", "Decide on anything"), "has not signed it as it is"),
        (("approver: head", "approver: chief"), "chief has not signed"),
    ],
)
def test_a_system_that_is_not_live_as_signed_clears_nothing(bank, change, why):
    bank.declare(DEFS.replace(*change))
    bank.review("sue", "B")
    assert bank.clear() == set()
    assert any(why in reason for reason in bank.held.filter(on_fail="gate")["reason"])
    assert bank.answer.passed == ("state" in change[0])


def test_without_a_signed_snapshot_nothing_is_cleared(tmp_path):
    bank = Bank(tmp_path).approve()
    one = bank.night()
    for step in (steps.read_decisions, steps.judge):
        step(one)
    assert bank.clear() == set()
    assert "no snapshot of the day is signed" in bank.held["reason"].to_list()


def test_a_missed_day_holds_whatever_is_known_of_it(tmp_path):
    bank = Bank(tmp_path).approve()
    signing.sign_missed(bank.night(), "the source did not answer")
    steps.read_decisions(bank.night())
    assert bank.clear() == set()
    assert "the day was not audited: the source did not answer" in bank.held["reason"].to_list()


def drop_the_control(bank):
    file = bank.night().folder / "decision_verdicts.parquet"
    write_frame(file, pl.read_parquet(file).drop("house/R"))


def add_a_decision(bank):
    folder = bank.night().folder
    for name in ("decision_log", "decision_verdicts", "salts"):
        frame = pl.read_parquet(folder / f"{name}.parquet")
        more = frame.filter(decision_id="A").with_columns(decision_id=pl.lit("Z"))
        write_frame(folder / f"{name}.parquet", pl.concat([frame, more]))


def in_the_log(change):
    """Change the log alone, of which no leaf is made."""

    def attack(bank):
        file = bank.night().folder / "decision_log.parquet"
        write_frame(file, change(pl.read_parquet(file)))

    return attack


def one_more(log):
    return pl.concat([log, log.filter(decision_id="A").with_columns(decision_id=pl.lit("Z"))])


def twice(log):
    return pl.concat([log, log.filter(decision_id="A").with_columns(decision=pl.lit("no"))])


def forget_a_revision(bank):
    spoil(bank)
    with bank.night().store.begin() as connection:
        connection.execute(sa.text("DELETE FROM snapshots WHERE revision = 2"))
    bank.rows = dict(ROWS)
    for step in (steps.read_decisions, steps.judge):
        step(bank.night())


def sign_with_another_key(bank):
    """The day is one of a home whose root of trust never named the key that signed it."""
    home = bank.night().home
    for folder in (home.keys_dir, home.roots_dir):
        rmtree(folder)
    assert found_home(home.root, "mallory", START).public.keyid != bank.home.public.keyid


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (drop_the_control, "not those that were signed"),
        (add_a_decision, "not those that were signed"),
        (in_the_log(one_more), "not those that were signed"),
        (in_the_log(twice), "not those that were signed"),
        (
            in_the_log(lambda log: log.with_columns(pl.col("decision_id").replace("B", "B2"))),
            "not those that were signed",
        ),
        (in_the_log(lambda log: log.with_columns(requester=pl.lit("somebody else"))), "not those that were signed"),
        (in_the_log(lambda log: log.with_columns(notice_sent_at=None)), "not those that were signed"),
        (lambda bank: bank.policy(POLICY.replace("amount > 500", "amount > 5000")), "policies have changed"),
        (forget_a_revision, "a later revision of the day is signed"),
        (sign_with_another_key, "not signed with the home's key"),
    ],
)
def test_what_was_changed_after_the_day_was_signed_clears_nothing(bank, change, why):
    change(bank)
    assert bank.clear() == set()
    assert any(why in reason for reason in bank.held.filter(on_fail="unsigned")["reason"])


def test_closing_a_version_after_the_day_changes_nothing_of_it(bank):
    bank.review("sue", "B")
    bank.policy(POLICY.replace("in_force: {from: 2026-01-01}", "in_force: {from: 2026-01-01, until: 2026-10-01}"))
    assert bank.night().policies[0].in_force.until is not None
    assert bank.clear() == {*FREE, "B"}


def test_a_waived_control_holds_nothing_while_the_waiver_stands(bank):
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    said = {"clause": "house/R", "version": 1, "why": "No senior this month.", "until": until, "zone": "UTC"}
    waiver = bank.act("waive", "rob", said)
    assert bank.clear() == FREE
    bank.act("countersign", "cora", {"waiver": waiver})
    assert bank.clear() == {*FREE, "B", "C", "E", "G"}


def test_an_owner_in_a_version_that_does_not_hold_on_the_day_waives_nothing(bank):
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    said = {"clause": "house/R", "version": 1, "why": "No senior this month.", "until": until, "zone": "UTC"}
    bank.act("countersign", "sid", {"waiver": bank.act("waive", "rob", said)})
    later = POLICY.replace("version: 1", "version: 2").replace("from: 2026-01-01", "from: 2099-01-01")
    (bank.root / "expectations" / "house2.yaml").write_text(later.replace("owner: credit", "owner: senior"))
    assert bank.clear() == FREE


def test_a_day_on_which_no_control_was_in_force_clears_nothing(bank):
    day = FIRST.replace(year=2025)
    bank.rows["O"] = ROWS["A"].replace("A,2026", "O,2025")
    bank.audit(day)
    assert bank.clear(day) == set()
    assert bank.held["reason"].to_list() == ["no control was in force on the day"]
    assert bank.clear() == FREE


@pytest.mark.parametrize("state", ["live", "draft"])
def test_a_night_in_dagster_clears_and_answers_for_the_gate(tmp_path, monkeypatch, state):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    bank = Bank(tmp_path)
    bank.declare(
        DEFS.replace("state: live", f"state: {state}").replace(
            "starts: 2026-09-01", "starts: 2026-09-01\n  ends: 2026-09-02"
        )
    )
    bank.approve()
    project = Project(tmp_path, tmp_path / ".gov")
    home = AuditHome.of(project)
    with dg.DagsterInstance.ephemeral() as instance:
        (done,) = audit("loans", [FIRST], instance, definitions=load(project, {}, home), home=home, report=False)
        key = dg.AssetCheckKey(dg.AssetKey(["loans", "cleared_decisions"]), "gate")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    said = record.event.dagster_event.asset_check_evaluation_data
    assert done.done
    assert said.passed
    assert said.description.startswith("open" if state == "live" else "not_applicable: the system is draft")
    folder = bank.night().folder
    assert set(pl.read_parquet(folder / CLEARED)["decision_id"]) == (FREE if state == "live" else set())
    assert set(pl.read_parquet(folder / HELD)["decision_id"]) == set(ROWS) - (FREE if state == "live" else set())
