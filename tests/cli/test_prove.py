"""A decision proved by the command, and what it says where nothing can be proved."""

import base64
import json
import shutil

import polars as pl
import pytest
from bank import Bank
from command import told

from gov_pipelines.evidence.decision_proof import inspect_proof
from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.keys import load_trust
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.evidence.verification import Checklist


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return Bank(tmp_path_factory.mktemp("bank")).audit()


def prove(bank, decision, *arguments, check=0, out="one.tlog-proof"):
    env = {"GOV_PIPELINES_PROJECT": str(bank.root)}
    words = ("prove", decision, "--system", "loans", "--out", bank.root / out, *arguments)
    done = told(*words, home=bank.root / ".gov", cwd=bank.root, env=env, check=check)
    return done if check == 0 else done.stderr


def opened(bank):
    proof = parse_proof((bank.root / "one.tlog-proof").read_bytes())
    shown = json.loads(proof.extra)["disclosures"][1:]
    return dict(json.loads(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4)))[1:] for each in shown)


def test_a_decision_is_proved_with_the_fields_that_are_asked_for(bank):
    said = prove(bank, "B").stdout
    assert "loans for 2026-09-01, revision 1, leaf 1 of 7 is decision B." in said
    assert "house/R pending" in said
    assert "Not proven:" in said
    assert opened(bank) == {"decision_id": "B"}
    found = json.loads(prove(bank, "B", "--disclose", "sex", "--disclose", "decided_at", "--json").stdout)
    assert opened(bank) == {"decided_at": "2026-09-01T09:01:00Z", "decision_id": "B", "sex": "m"}
    assert found["disclosed"] == ["decided_at", "decision_id", "sex"]
    assert found["bytes"] == (bank.root / "one.tlog-proof").stat().st_size


def test_the_proof_holds_for_who_has_the_key_and_for_nobody_with_another(bank):
    prove(bank, "D")
    proof = (bank.root / "one.tlog-proof").read_bytes()
    for key, holds in ((bank.root / ".gov" / "keys", True), (bank.root / "people" / "sue", False)):
        checks = Checklist()
        proves, _ = inspect_proof("p", proof, Asked(key=load_trust(key / "signing.pub.json")), checks)
        assert bool(proves) is all(check.ok for check in checks.checks) is holds


def test_what_cannot_be_proved_is_said_in_words(bank, tmp_path):
    (bank.root / "none.tlog-proof").unlink(missing_ok=True)
    assert "No decision Z of loans" in prove(bank, "Z", check=2, out="none.tlog-proof")
    assert "Did you mean `decision`?" in prove(bank, "B", "--disclose", "decisoin", check=2, out="none.tlog-proof")
    assert "was not written" in prove(bank, "B", check=2, out="absent/none.tlog-proof")
    assert not (bank.root / "none.tlog-proof").exists()
    ledger = bank.root / ".gov" / "evidence" / "ledger"
    ledger.rename(tmp_path / "ledger")
    assert "no ledger in this home" in prove(bank, "B", check=2)
    (tmp_path / "ledger").rename(ledger)


def test_without_its_salt_a_decision_is_nobodys(tmp_path):
    bank = Bank(tmp_path).audit()
    prove(bank, "B")
    file = bank.night().folder / "salts.parquet"
    salts = pl.read_parquet(file)
    salts.filter(pl.col("decision_id") != "B").write_parquet(file)
    assert "The salt of B is not kept any more" in prove(bank, "B", check=2)
    prove(bank, "C")
    salts.with_columns(pl.lit("another").alias("salt")).write_parquet(file)
    assert "not kept as the newest revision of its day signed it" in prove(bank, "C", check=2)


def test_a_snapshot_that_is_not_in_the_ledger_yet_proves_nothing(tmp_path):
    bank = Bank(tmp_path).audit()
    ledger = bank.root / ".gov" / "evidence" / "ledger"
    shutil.copytree(ledger, tmp_path / "before")
    bank.rows["A"] = bank.rows["A"].replace("100", "120")
    bank.audit()
    shutil.rmtree(ledger)
    (tmp_path / "before").rename(ledger)
    assert "is not in the ledger yet" in prove(bank, "B", check=2)
