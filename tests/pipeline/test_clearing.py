"""What goes downstream on real nights: nothing that needs a person and has not got one, and exactly what has."""

import os
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from gov_pipelines.evidence import generate, load_signer
from gov_pipelines.people import Act, approval_subject, enrol, record_act, release_subject, revoke, sign_act
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline import signing, verdicts
from gov_pipelines.pipeline.clearing import CLEARED, HELD, clear, open_day
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import load_declaration, load_policies
from gov_pipelines.store import ActRow, Home, put_act, write_frame

DEFS = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: loans
  state: live
  owner: team:credit
  approver: head
  purpose: Decide on loans.
  risk: high
  zone: UTC
  starts: 2026-09-01
  source: {path: loans.csv}
  columns: {decision_id: id, decided_at: at, decision: d, notice_sent_at: told, requester: asked}
  outcomes: {favorable: ["yes"], unfavorable: ["no"]}
  protected_attributes: {sex: {}}
  policies: [house]
"""
POLICY = """\
policy: house
version: 1
in_force: {from: 2026-01-01}
owner: credit
document: {title: House rules}
clauses:
  - id: R
    text: A senior looks at denials of large amounts before the applicant hears.
    level: intake
    control: {kind: human_review, when: "decision = 'no' AND amount > 500", role: senior, before: notice_sent_at}
  - id: S
    text: The system decides up to 5,000.
    level: intake
    control: {kind: decision_scope, may_decide: {amount: {up_to: 5000}}, approver: head}
  - id: Q
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1, on_fail: hold_all, approver: head}
  - id: O
    text: Amounts are what they were made for.
    level: runtime
    control: {kind: operating_range, ranges: {amount: [1, 100000]}, on_fail: suspend}
"""
FIRST = date(2026, 9, 1)
START = datetime(2026, 8, 1, tzinfo=UTC)
ROWS = {
    "A": "A,2026-09-01T09:00:00,yes,f,100,kim,2026-09-01T12:00:00",
    "B": "B,2026-09-01T09:01:00,no,m,600,kim,",
    "C": "C,2026-09-01T09:02:00,no,f,700,sue,",
    "D": "D,2026-09-01T09:03:00,yes,m,9000,kim,",
    "E": "E,2026-09-01T09:04:00,no,f,800,kim,2026-09-05T12:00:00",
    "F": "F,2026-09-01T09:05:00,no,m,50,kim,",
    "G": "G,2026-09-01T09:06:00,no,m,650,,",
}  # B may be reviewed; C was asked for by sue, G by nobody knows whom; D is out of scope; E was told on the 5th
FREE = {"A", "F"}
ROLES = {"own": "team:credit", "head": "head", "sue": "senior", "sid": "senior", "rob": "clerk", "cora": "credit"}


class Bank:
    """A home with a live system, its people and their keys."""

    def __init__(self, root):
        self.root, self.rows, self.keys = root, dict(ROWS), {}
        (root / "assets" / "loans").mkdir(parents=True)
        (root / "expectations").mkdir()
        self.declare(DEFS)
        self.policy(POLICY)
        self.home = generate(Home(root / ".gov").keys_dir, name="bank", created=START)
        for person, role in ROLES.items():
            self.keys[person] = generate(root / "people" / person, name=person, created=START)
            self.enrol(person, role)

    def declare(self, text):
        (self.root / "assets" / "loans" / "defs.yaml").write_text(text)

    def policy(self, text):
        (self.root / "expectations" / "house.yaml").write_text(text)

    def night(self, day=FIRST):
        (self.root / "loans.csv").write_text("\n".join(["id,at,d,sex,amount,asked,told", *self.rows.values()]) + "\n")
        declaration = load_declaration(self.root / "assets" / "loans" / "defs.yaml")
        policies, mistakes = load_policies(self.root / "expectations")
        assert not mistakes
        as_of = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=30)
        return Night(
            home=Home(self.root / ".gov"), project=self.root, declaration=declaration, policies=policies, partition=day,
            as_of=as_of, environ=dict(os.environ) | {"GOV_STORE_URL": ""},
        )  # fmt: skip

    def audit(self, day=FIRST):
        one = self.night(day)
        for step in (
            steps.read_decisions, steps.judge, steps.read_access, steps.compare_access, steps.tally,
            steps.measure_fairness, steps.measure_shift, verdicts.reach_verdicts, signing.sign,
        ):  # fmt: skip
            step(one)
        return self

    def clear(self, day=FIRST):
        """Ids that are cleared; every other one must be held."""
        one = self.night(day)
        self.answer = clear(one).answer
        self.cleared, self.held = (pl.read_parquet(one.folder / name) for name in (CLEARED, HELD))
        found, waiting = set(self.cleared["decision_id"]), set(self.held["decision_id"])
        assert not found & waiting
        assert found | waiting == set(open_day(one).log["decision_id"])
        return found

    def why(self, decision, control="house/R"):
        (row,) = self.held.filter(decision_id=decision, control=control).to_dicts()
        return row["reason"]

    def enrol(self, person, *roles, signer=None, at=START):
        with self.night().store.begin() as connection:
            enrol(connection, self.home, person, roles, (signer or self.keys[person]).public, at)

    def act(self, kind, person, subject, *, role=None, at=None, recorded=None, signer=None, system="loans"):
        now = recorded or datetime.now(UTC)
        act = Act(kind, person, role or ROLES[person], at or now, system, subject)
        envelope = sign_act(act, signer or self.keys[person])
        with self.night().store.begin() as connection:
            return record_act(connection, envelope, now)

    def case(self, decision, control="house/R", day=FIRST):
        one = open_day(self.night(day))
        bound = next(each for each in one.bound if each.key == control)
        (case,) = one.cases(bound, [decision])
        return case

    def review(self, person, decision, *, control="house/R", changed=None, **more):
        case = self.case(decision, control)
        said = {
            "partition": "2026-09-01", "revision": case.snapshot.revision, "snapshot": case.snapshot.payload_sha256,
            "control": control, "decision_id": decision, "facts": case.facts, "outcome": "approve", "decision": None,
            "reason_code": None, "reason": None, "opened_at": None,
        }  # fmt: skip
        return self.act("review", person, said | (changed or {}), **more)

    def approve(self, *people):
        declaration = self.night().declaration
        for person in people or ("own", "head"):
            self.act("approve", person, approval_subject(declaration))
        return self


@pytest.fixture
def bank(tmp_path):
    bank = Bank(tmp_path).audit().approve()
    assert bank.clear() == FREE
    assert bank.answer.passed
    return bank


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
    bank.review("sid", "B")  # the last word counts
    bank.clear()
    assert bank.cleared.filter(decision_id="B")["decision"].to_list() == ["no"]


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
        put_act(connection, ActRow(id="0" * 64, kind="review", system="loans", envelope=text + " ", recorded_at=START))
        connection.execute(sa.text("UPDATE acts SET kind = 'approve' WHERE id = :id"), {"id": review})


def revoked(bank):
    with bank.night().store.begin() as connection:
        revoke(connection, bank.home, "sue", datetime(2026, 9, 2, tzinfo=UTC))
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


def test_a_revision_that_leaves_the_decision_as_it_was_keeps_its_review(bank):
    bank.review("sue", "B")
    bank.rows["A"] = ROWS["A"].replace("100", "101")
    bank.rows["B"] = (
        ROWS["B"] + (datetime.now(UTC) + timedelta(days=1)).isoformat()
    )  # told later: no fact of the decision
    bank.audit()
    assert bank.clear() == {*FREE, "B"}
    assert bank.cleared["revision"].to_list() == [2, 2, 2]


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


def sign_with_another_key(bank):
    one = bank.night()
    for file in one.home.keys_dir.iterdir():
        file.unlink()
    generate(one.home.keys_dir, name="mallory", created=START)
    assert load_signer(one.home.keys_dir).public.keyid != bank.home.public.keyid


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (drop_the_control, "not those that were signed"),
        (add_a_decision, "not those that were signed"),
        (lambda bank: bank.policy(POLICY.replace("amount > 500", "amount > 5000")), "policies have changed"),
        (sign_with_another_key, "not signed with the home's key"),
    ],
)
def test_what_was_changed_after_the_day_was_signed_clears_nothing(bank, change, why):
    change(bank)
    assert bank.clear() == set()
    assert any(why in reason for reason in bank.held.filter(on_fail="unsigned")["reason"])


def test_a_waived_control_holds_nothing_while_the_waiver_stands(bank):
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    said = {"clause": "house/R", "version": 1, "why": "No senior this month.", "until": until, "zone": "UTC"}
    waiver = bank.act("waive", "rob", said)
    assert bank.clear() == FREE
    bank.act("countersign", "cora", {"waiver": waiver})
    assert bank.clear() == {*FREE, "B", "C", "E", "G"}
