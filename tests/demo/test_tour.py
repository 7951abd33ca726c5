"""The tour, verification and explanation on the demo's home."""

import json
import shutil

import pytest
from command import copy_home, gov, told

from gov_pipelines.cli.demo.loanapp import LATE_NOTICE, SYSTEM, UNREVIEWED
from gov_pipelines.evidence import ENVELOPE, verify


@pytest.fixture(scope="module")
def copy(demo_home, tmp_path_factory):
    return copy_home(demo_home, tmp_path_factory.mktemp("tour") / "home")


def test_the_tour_walks_from_a_clause_to_tampering(copy):
    text = gov("demo", "--tour", home=copy, check=0).stdout
    for step in (
        "A clause",
        "Its measurement",
        "One decision",
        "Its proof",
        "verifies",
        "flipped byte",
        "control removed",
    ):
        assert step in text
    assert "decision_leaves.jsonl" in text
    assert "manifest-sha256" in text
    assert "ledger-complete" in text
    assert "was judged" in text
    assert "nothing stands behind it" in text
    assert text.rstrip().endswith("Every step held.")


def test_verify_with_and_without_a_trusted_key(copy):
    evidence = copy / "evidence" / SYSTEM
    alone = told("verify", evidence, home=copy, check=0).stdout
    assert "nobody vouched for" in alone
    trusted = json.loads(
        told("verify", evidence, "--trust", copy / "keys" / "signing.pub.json", "--json", home=copy, check=0).stdout
    )
    assert trusted["ok"]
    assert trusted["trusted"]
    assert any("demo (untrusted)" in each for each in trusted["not_proven"])


def test_a_byte_flipped_in_any_covered_file_is_named(demo_home, tmp_path):
    package = demo_home / "evidence" / SYSTEM / "2026-09-14" / "r1"
    for name in sorted(path.name for path in package.iterdir()):
        broken = tmp_path / name / "r1"
        shutil.copytree(package, broken)
        data = bytearray((broken / name).read_bytes())
        data[len(data) // 3] ^= 0x01
        (broken / name).write_bytes(data)
        result = verify.verify(broken)
        assert not result.ok, name
        assert any(check.file.endswith(name) and check.rule for check in result.failures), (name, result.failures)


def test_the_covered_files_are_what_an_auditor_needs(demo_home):
    package = demo_home / "evidence" / SYSTEM / "2026-09-14" / "r1"
    assert {path.name for path in package.iterdir()} == {
        ENVELOPE, "decision_leaves.jsonl", "tally.json", "rows.json", "key.json", "policy.house-fair-lending@1.json",
        "policy.house-model-pilot@1.json", "declaration.json",
    }  # fmt: skip


def test_a_decision_explained(demo_home):
    found = json.loads(told("explain", UNREVIEWED, "--system", SYSTEM, "--json", home=demo_home, check=0).stdout)
    judged = {each["clause"]: each["verdict"] for each in found["judged"]}
    assert judged["house-fair-lending/FL-2"] == "outside"
    assert judged["house-fair-lending/FL-3"] == "within"
    assert "house-fair-lending/FL-5" in {each["clause"] for each in found["population"]}
    assert [each["clause"] for each in found["people"]] == ["house-fair-lending/FL-15"]
    assert [each["clause"] for each in found["nothing"]] == ["house-fair-lending/FL-14"]
    assert found["leaf"]["sequence"] == 14


def test_a_decision_explained_in_words(demo_home):
    text = told("explain", LATE_NOTICE, "--system", SYSTEM, home=demo_home, check=0).stdout
    assert "Cleared: it may go downstream." in text
    held = told("explain", UNREVIEWED, "--system", SYSTEM, home=demo_home, check=0).stdout
    assert "Held: house-fair-lending/FL-2: waits for a review by senior_underwriter" in held
    assert "outside" in text
    assert "Judges only the population" in text
    assert "Binds only people" in text
    assert "Nothing enforces" in text


def test_decisions_that_cannot_be_explained_say_why(demo_home):
    absent = told("explain", "BF-9999", "--system", SYSTEM, home=demo_home, check=2)
    assert "No decision BF-9999" in absent.stderr
    quarantined = told("explain", "BF-0881", "--system", SYSTEM, home=demo_home, check=2)
    assert "quarantined" in quarantined.stderr


def test_an_explanation_says_what_is_waived(demo_home):
    found = json.loads(told("explain", LATE_NOTICE, "--system", SYSTEM, "--json", home=demo_home, check=0).stdout)
    waived = {each["clause"]: each["waiver"] for each in found["population"] if each["waiver"]}
    assert list(waived) == ["house-fair-lending/FL-7"]
    assert "countersigned by demo-owner" in waived["house-fair-lending/FL-7"]
    text = told("explain", LATE_NOTICE, "--system", SYSTEM, home=demo_home, check=0).stdout
    assert f"    waived {waived['house-fair-lending/FL-7']}" in text
