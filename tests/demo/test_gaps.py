"""The matrix of the demo: each state, what changes it, and where a waiver shows."""

import json
from typing import get_args

import pytest
from command import copy_home, told

from gov_pipelines.cli.demo.loanapp import DAYS, SYSTEM
from gov_pipelines.policy import State

EXPECTED = {
    "FL-1": "detect_only", "FL-2": "working", "FL-3": "working", "FL-4": "working", "FL-5": "failing", "FL-6": "working",
    "FL-7": "waived", "FL-8": "unable_to_fail", "FL-9": "insufficient_long", "FL-10": "working", "FL-11": "working",
    "FL-12": "working", "FL-13": "not_applicable", "FL-14": "none", "FL-15": "human_only", "PL-1": "stale",
    "PO-1": "working", "PO-2": "failing", "PO-3": "unable_to_fail", "PO-4": "working", "PO-5": "working", "PO-6": "unable_to_fail",
    "PO-7": "working", "PO-8": "working", "PO-9": "none", "PO-10": "none", "PO-11": "human_only",
}  # fmt: skip


def matrix(home, **more):
    cells = json.loads(told("gaps", "--json", home=home, check=0, **more).stdout)
    return {cell["clause"]: cell for cell in cells}


@pytest.fixture(scope="module")
def cells(demo_home):
    return matrix(demo_home)


def test_it_shows_each_state(cells):
    assert {clause: cell["state"] for clause, cell in cells.items()} == EXPECTED
    assert set(EXPECTED.values()) == set(get_args(State))


def test_the_riskiest_come_first(cells):
    risks = [cell["risk"] for cell in cells.values()]
    assert risks == sorted(risks, reverse=True)
    assert list(cells)[:3] == ["FL-5", "PO-2", "FL-14"]
    assert {clause for clause, cell in cells.items() if not cell["risk"]} == {
        clause for clause, state in EXPECTED.items() if state in {"working", "not_applicable"}
    }


def test_each_says_why(cells):
    assert cells["FL-5"]["gap"] is None  # failing is red, not a gap
    assert cells["FL-5"]["verdict"] == "fail"
    assert cells["FL-9"]["sentence"].endswith(f"could not tell for {DAYS} partitions in a row, since 2026-09-01.")
    assert cells["FL-14"]["sentence"].endswith("nothing stands behind it but the policy itself.")
    assert cells["PL-1"]["sentence"].endswith("is in force on 2026-09-30; version 1 ended with 2026-09-14.")
    assert "Beneath it: fairness detects; warn since" in cells["FL-7"]["sentence"]


def test_the_words_end_with_what_serves_no_clause(demo_home):
    text = told("gaps", home=demo_home, check=0).stdout
    assert "27 clauses: 2 red, 11 gaps, 1 waived." in text
    assert (
        text.split("Controls that serve no clause:")[1].strip().startswith("operating_range of mortgage_underwriting")
    )
    told("gaps", "--strict", home=demo_home, check=1)


def test_what_serves_no_clause_by_itself(demo_home, scratch_project):
    asked = {"home": demo_home, "env": {"GOV_PIPELINES_PROJECT": str(scratch_project)}}
    (found,) = json.loads(told("gaps", "--orphans", "--json", **asked, check=0).stdout)
    assert (found["system"], found["where"]) == (SYSTEM, "operating_range")
    told("gaps", "--orphans", "--strict", **asked, check=1)
    defs = scratch_project / "assets" / SYSTEM / "defs.yaml"
    lines = defs.read_text().splitlines(keepends=True)
    defs.write_text("".join(line for line in lines if not line.startswith("  operating_range:")))
    policy = scratch_project / "expectations" / "house-model-pilot.yaml"
    policy.unlink()
    defs.write_text(defs.read_text().replace(", house-model-pilot]", "]"))
    (scratch_project / "expectations" / "suites" / "house-model-pilot@1.json").unlink()
    assert told("gaps", "--orphans", **asked, check=0).stdout == "Every control serves a clause.\n"


def test_a_waiver_shows_on_every_page_of_its_clause(demo_home, cells):
    assert cells["FL-7"]["waiver"].split(" until ")[-1].count("countersigned by demo-owner") == 1
    for page in ("index.html", f"{SYSTEM}.html"):
        assert cells["FL-7"]["waiver"].split(": ")[0] in (demo_home / "report" / page).read_text()


def test_yaml_alone_closes_a_gap_and_opens_one(demo_home, demo_environment, scratch_project, tmp_path):
    """A new version from the last day on: FL-14 gets a control, FL-2 loses its own."""
    home = copy_home(demo_home, tmp_path / "home")
    first = scratch_project / "expectations" / "house-fair-lending.yaml"
    text = first.read_text()
    first.write_text(text.replace("{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-09-30}", 1))
    second = text.replace("{from: 2026-09-01}", "{from: 2026-09-30}", 1).replace("version: 1", "version: 2", 1)
    reasons = "    text: The reasons given to a denied applicant are the reasons that decided.\n    level: output\n"
    review = next(line for line in text.splitlines(keepends=True) if "kind: human_review" in line)
    assert reasons in second
    second = second.replace(reasons, f'{reasons}    control: {{kind: decision_rule, must: "amount > 0"}}\n')
    (first.parent / "house-fair-lending-2.yaml").write_text(second.replace(review, ""))
    asked = {"env": {**demo_environment, "GOV_PIPELINES_PROJECT": str(scratch_project)}}
    told("compile", home=home, **asked, check=0)
    before = matrix(home, **asked)
    assert before["FL-14"]["sentence"].endswith("its control (decision_rule) has never given a verdict.")
    assert before["FL-2"]["sentence"].endswith("nothing stands behind it but the policy itself.")
    told("audit", SYSTEM, "--date", "2026-09-30", home=home, **asked, check=1)  # FL-5 still fails
    after = matrix(home, **asked)
    assert (after["FL-14"]["state"], after["FL-14"]["gap"]) == ("working", None)
    assert (after["FL-2"]["state"], after["FL-2"]["gap"], after["FL-2"]["verdict"]) == ("none", "no control", None)
    kept = EXPECTED | {"FL-14": "working", "FL-2": "none"}
    assert {clause: cell["state"] for clause, cell in after.items()} == kept
