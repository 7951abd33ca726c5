"""Erasing and retention as people run them, and what can be proved afterwards."""

import json

import pytest
from bank import FREE, POLICY, Bank
from command import told

from gov_pipelines.evidence import verify


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    bank = Bank(tmp_path_factory.mktemp("audited"))
    bank.policy(POLICY.replace("at_most: 0.1", "at_most: 0.5"))  # one of seven rows is erased
    bank.audit().approve().clear()
    return bank


@pytest.fixture
def bank(audited, tmp_path):
    return audited.copy(tmp_path)


def run(bank, *arguments, check=0):
    env = {"GOV_PIPELINES_PROJECT": str(bank.root)}
    return told(*arguments, home=bank.root / ".gov", cwd=bank.root, env=env, check=check)


def erase(bank, *what, person="own", check=0):
    by = ("--as", person, "--key", bank.root / "people" / person)
    return run(bank, "erase", *what, "--system", "loans", "--reason", "Request 17", *by, check=check)


def prove(bank, decision, check=0):
    return run(bank, "prove", decision, "--system", "loans", "--out", bank.root / f"{decision}.tlog-proof", check=check)


def verified(bank, decision):
    trust = bank.root / ".gov" / "keys" / "signing.pub.json"
    return run(bank, "verify", bank.root / f"{decision}.tlog-proof", "--trust", trust)


def test_an_erased_decision_can_be_proved_no_more_and_every_other_one_as_before(bank):
    for decision in "BC":
        prove(bank, decision)
    said = erase(bank, "C").stdout
    assert "1 of loans on 2026-09-01 erased by act" in said
    assert "Backups made before hold them still" in said.splitlines()[-1]
    assert "C was erased on" in prove(bank, "C", check=2).stderr
    assert "C was erased on" in run(bank, "explain", "C", "--system", "loans", check=2).stderr
    verified(bank, "B")  # of the file handed out before
    for decision in "ABDEFG":
        prove(bank, decision)
        verified(bank, decision)
    bank.audit()
    assert "C was erased on" in prove(bank, "C", check=2).stderr
    for decision in "ABDEFG":
        assert "revision 2, leaf" in prove(bank, decision).stdout
        verified(bank, decision)
    assert verify.verify(bank.root / ".gov" / "evidence").ok
    assert bank.clear() == FREE


@pytest.mark.parametrize(
    ("what", "person", "words"),
    [
        (["Z"], "own", "loans keeps nothing of Z"),
        (["C"], "rob", "rob may not erase decisions of loans"),
        ([], "own", "Name one decision, or a subject"),
        (["C", "--subject", "C"], "own", "Name one decision, or a subject"),
    ],
)
def test_what_cannot_be_erased_is_said_in_words(bank, what, person, words):
    assert words in erase(bank, *what, person=person, check=2).stderr


def test_a_backup_keeps_the_tombstones_key_and_no_restored_home_takes_it_in_again(bank, tmp_path):
    (row,) = json.loads(erase(bank, "C", "--json").stdout)
    assert (row["partition"], row["count"], row["reason"]) == ("2026-09-01", 1, "erasure")
    bank.audit()
    run(bank, "backup", tmp_path / "copy", "--with-keys")
    run(bank, "restore", tmp_path / "copy", "--to", tmp_path / "restored")
    key = tmp_path / "restored" / "keys" / "erasure.key"
    assert key.read_bytes() == (bank.root / ".gov" / "keys" / "erasure.key").read_bytes()
    assert key.stat().st_mode & 0o077 == 0


def test_retention_says_how_long_and_what_clashes(bank):
    (row,) = json.loads(run(bank, "retention", "--json").stdout)
    assert row == {
        "system": "loans", "kept_since": "2026-09-01", "retain_until": None, "delete_by": None,
        "deletable_days": 0, "deletable_rows": 0, "conflicts": [],
    }  # fmt: skip
    house = bank.root / "expectations" / "house.yaml"
    kept = "  - {id: K, text: Kept., level: people, retention: {of: decisions, RULE}}\n"
    asked = house.read_text()
    house.write_text(asked + kept.replace("RULE", "delete_after: 1 day"))
    assert "loans" in run(bank, "retention", "loans").stdout
    assert json.loads(run(bank, "retention", "--json").stdout)[0]["deletable_rows"] == 7
    both = kept.replace("RULE", "delete_after: 1 day") + kept.replace("RULE", "keep: 1 year").replace("id: K", "id: L")
    house.write_text(asked + both)
    assert "house/K deletes by 2026-09-02 what house/L keeps until 2027-09-01" in run(bank, "retention", check=1).stdout
    house.write_text(asked + kept.replace("RULE", "delete_after: 1 day"))
    after = json.loads(run(bank, "retention", "--apply", "--json").stdout)
    assert (after[0]["kept_since"], after[0]["deletable_rows"]) == (None, 0)
    assert not list(bank.night().folder.glob("salts.parquet"))
