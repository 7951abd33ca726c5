"""Keys of people, reviews, releases and the gate, as people run them."""

import json
import re
from datetime import UTC, date, datetime

import polars as pl
import pytest
from bank import DEFS, FIRST, FREE, Bank
from command import ROOT, told

from gov_pipelines.people import acts_of, authority_of, roster_of
from gov_pipelines.pipeline.clearing import CLEARED
from gov_pipelines.store import reading


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    bank = Bank(tmp_path_factory.mktemp("audited")).audit().approve()
    bank.clear()
    return bank


@pytest.fixture
def bank(audited, tmp_path):
    return audited.copy(tmp_path)


def run(bank, *arguments, check=0):
    env = {"GOV_PIPELINES_PROJECT": str(bank.root)}
    return told(*arguments, home=bank.root / ".gov", cwd=bank.root, env=env, check=check)


def by(bank, person):
    return ("--as", person, "--key", bank.root / "people" / person)


def cleared(bank):
    return set(pl.read_parquet(bank.night().folder / CLEARED)["decision_id"])


def signed(bank, kind):
    with reading(bank.night().store) as connection:
        return [each.act for each in acts_of(connection, roster_of(connection, authority_of(bank.night().home)), kind)]


def test_a_person_is_enrolled_reviews_and_is_revoked(bank):
    folder = bank.root / "keys" / "ann"
    run(bank, "keys", "person", "ann", "--out", folder)
    assert (folder / "signing.pem").stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0
    ann = ("--as", "ann", "--key", folder)
    assert "ann is not enrolled" in run(bank, "review", "approve", "loans", "B", *ann, check=2).stderr
    public = folder / "signing.pub.json"
    run(bank, "keys", "add", "ann", "--role", "senior", "--public", public)
    assert "enrolled for ann" in run(bank, "keys", "add", "bob", "--role", "senior", "--public", public, check=2).stderr
    known = json.loads(run(bank, "keys", "list", "--json").stdout)["people"]
    assert [each["roles"] for each in known if each["person"] == "ann"] == [["senior"]]
    assert "B is cleared" in run(bank, "review", "approve", "loans", "B", *ann).stdout
    assert cleared(bank) == {*FREE, "B"}
    run(bank, "keys", "revoke", "ann")
    assert "ann is not enrolled" in run(bank, "review", "approve", "loans", "C", *ann, check=2).stderr


def test_a_weak_key_is_nobodys(bank):
    file = bank.root / "weak.pem"
    file.write_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n")  # fmt: skip
    assert "small order" in run(bank, "keys", "add", "ann", "--role", "senior", "--public", file, check=1).stderr


def test_reviews_of_which_no_proposal_is_known_are_counted_and_said_to_be_left_out(bank):
    log = bank.night().folder / "decision_log.parquet"
    text = pl.String()
    pl.read_parquet(log).with_columns(
        reviewer=pl.when(pl.col("decision_id").is_in(["B", "C"])).then(pl.lit("rob")).cast(text),
        proposed_decision=pl.when(pl.col("decision_id") == "B").then(pl.col("decision")).cast(text),
    ).write_parquet(log)
    said = run(bank, "reviewers", "loans").stdout
    assert "2 reviews of loans by 1 person.\n  1 left out below: the log has no `proposed_decision`" in said
    assert "rob: 1 review, overrides 0.0%" in said


def test_what_waits_is_listed_with_who_may_review_it(bank):
    said = json.loads(run(bank, "review", "list", "loans", "--json").stdout)
    assert {(each["decision_id"], each["control"], each["may_release"]) for each in said["decisions"]} == {
        ("B", "house/R", "senior"), ("C", "house/R", "senior"), ("E", "house/R", "senior"), ("G", "house/R", "senior"),
        ("D", "house/S", "head"),
    }  # fmt: skip
    text = run(bank, "review", "loans").stdout
    assert "2026-09-05 12:00Z" in text
    assert "waits for a review by senior" in text


def test_time_per_case_runs_from_the_first_opening_and_is_signed(bank):
    shown = run(bank, "review", "show", "loans", "B", "--key", bank.root / "people" / "sue")
    assert "600.0" in shown.stdout
    assert "\nsex" not in shown.stdout
    assert "held by house/R" in shown.stdout
    first = datetime.now(UTC)
    run(bank, "review", "show", "loans", "B", "--key", bank.root / "people" / "sue")
    done = run(bank, "review", "override", "loans", "B", "--decision", "yes", "--reason-code", "R7", "--reason",
               "They told us of a second income.", *by(bank, "sue"))  # fmt: skip
    assert "second income" not in done.stdout + done.stderr
    (act,) = signed(bank, "review")
    said = act.subject
    assert (said["outcome"], said["decision"], said["reason_code"]) == ("override", "yes", "R7")
    assert datetime.fromisoformat(said["opened_at"]) < first < act.at
    row = pl.read_parquet(bank.night().folder / CLEARED).filter(decision_id="B").to_dicts()[0]
    assert (row["decision"], row["proposed_decision"]) == ("yes", "no")
    assert "second income" not in json.dumps([{**row, "decided_at": ""}])


@pytest.mark.parametrize(
    ("person", "decision", "says"),
    [
        ("rob", "B", "only senior may review"),
        ("sue", "C", "whoever asked"),
        ("sue", "E", "too late"),
        ("sue", "Q", "stands on no day"),
        ("sue", "A", "nothing to sign"),
        ("head", "B", "only senior may review"),
    ],
)
def test_what_may_not_be_reviewed_is_told_and_not_signed(bank, person, decision, says):
    done = run(bank, "review", "approve", "loans", decision, *by(bank, person), check=2)
    assert says in done.stderr
    assert signed(bank, "review") == []
    assert cleared(bank) == FREE


def test_reviewing_takes_no_private_key_but_ones_own(bank):
    (bank.root / ".gov" / "keys" / "signing.pem").unlink()
    assert "B is cleared" in run(bank, "review", "approve", "loans", "B", *by(bank, "sue")).stdout
    run(bank, "gate", "loans")
    public = bank.root / "people" / "sue" / "signing.pub.json"
    assert "no signing key" in run(bank, "keys", "add", "sue", "--role", "x", "--public", public, check=2).stderr


def test_anothers_key_signs_nothing(bank):
    key = bank.root / "people" / "rob"
    done = run(bank, "review", "approve", "loans", "B", "--as", "sue", "--key", key, check=2)
    assert "not the one sue is enrolled with" in done.stderr


def test_an_approver_releases_a_day(bank):
    for name in "XYZ":
        bank.rows[name] = f"{name},2026-09-01T10:00:00,perhaps,m,10,kim,"
    bank.audit()
    assert bank.clear() == set()
    assert "all 7 decisions are held by house/Q" in run(bank, "review", "loans").stdout
    release = ("review", "release", "loans", "house/Q", "--date", FIRST)
    assert "sue may not release" in run(bank, *release, *by(bank, "sue"), check=2).stderr
    assert "Now 2 decisions are cleared and 5 held" in run(bank, *release, *by(bank, "head")).stdout
    assert cleared(bank) == FREE


def test_the_gate_asks_for_two_signatures_of_the_declaration_as_it_is(bank):
    assert json.loads(run(bank, "gate", "loans", "--json").stdout)["open"]
    bank.declare(DEFS.replace("Decide on loans", "Decide on anything"))
    shut = json.loads(run(bank, "gate", "loans", "--json", check=1).stdout)
    assert [each["name"] for each in shut["requirements"] if not each["met"]] == [
        "the owner has signed", "the approver has signed", "they are two people",
    ]  # fmt: skip
    sign = ("gate", "loans", "--approve")
    assert "sue may not sign for loans" in run(bank, *sign, *by(bank, "sue"), check=2).stderr
    assert "name who signs" in run(bank, *sign, check=2).stderr
    run(bank, *sign, *by(bank, "own"))
    run(bank, "gate", "loans", check=1)
    run(bank, *sign, *by(bank, "head"))
    assert "it may be live" in run(bank, "gate", "loans").stdout


INTAKE = """\
  intake:
    may_read: [amount, income]
    may_decide: {products: [home], amount: {up_to: 9000}}
    models: [{version: v3, approved_from: 2026-09-01, approved_until: 2026-12-01}]
"""


def test_a_program_that_obeys_the_exported_intake_stays_within_it(bank):
    bank.declare(DEFS + INTAKE)
    bank.audit().approve()
    file = bank.root / "intake.json"
    run(bank, "export-intake", "loans", "--out", file)
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "reviews.md").read_text(), re.DOTALL)[1]
    program = {}
    exec(compile(example, "docs/reviews.md", "exec"), program)
    intake = program["load"](file)
    assert intake["clauses"].keys() == {"house/R", "house/S"}
    assert intake["may_decide"] == {"products": ["home"], "amount_up_to": 5000, "role": "decides"}  # the clause narrows
    usual = {"decision": "yes", "amount": 100, "product": "home", "model_version": "v3"}
    asked = [
        ({}, {"amount"}, "decide"),
        ({"decision": "no", "amount": 600}, {"amount"}, "review"),
        ({"decision": "no", "amount": 500}, {"amount"}, "decide"),
        ({"decision": None, "amount": 600}, {"amount"}, "review"),
        ({"amount": 5001}, {"amount"}, "refuse"),
        ({"amount": None}, {"amount"}, "refuse"),
        ({"amount": 0}, set(), "decide"),
        ({"product": "car"}, {"amount"}, "refuse"),
        ({"model_version": "v4"}, {"amount"}, "refuse"),
        ({}, {"amount", "sex"}, "refuse"),
    ]
    for changed, read, wanted in asked:
        assert program["may"](intake, usual | changed, read, FIRST) == wanted, changed
    assert program["may"](intake, usual, {"amount"}, date(2026, 12, 1)) == "refuse"
    bank.declare((DEFS + INTAKE).replace("state: live", "state: suspended"))
    shut = json.loads(run(bank, "export-intake", "loans").stdout)
    assert (shut["open"], shut["gate"]["open"]) == (False, True)
    assert program["may"](shut, usual, {"amount"}, FIRST) == "refuse"


def test_a_live_system_without_an_approver_is_a_mistake(bank):
    bank.declare(DEFS.replace("  approver: head\n", ""))
    assert "nobody is named who signs it off" in run(bank, "lint", check=1).stdout
