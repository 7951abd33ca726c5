"""`gov selftest` as a person calls it, on copies of this project."""

import json

from command import told


def selftest(project, home, *arguments, check):
    return told(
        "selftest", *arguments, home=home, cwd=project, env={"GOV_PIPELINES_PROJECT": str(project)}, check=check
    )


def test_the_demo_has_no_control_to_mend(scratch_project, tmp_path):
    home = tmp_path / "home"
    found = json.loads(selftest(scratch_project, home, "--json", check=0).stdout)
    outcomes = {each["control"]: each["outcome"] for each in found["controls"]}
    assert set(outcomes.values()) <= {"caught", "reports only"}, found
    assert outcomes["house-fair-lending/FL-5"] == "caught"
    assert found["suites"] == []
    assert not home.exists(), "nothing is written to the home"


def test_a_vacuous_clause_and_an_emptied_suite_are_told(scratch_project, tmp_path):
    policy = scratch_project / "expectations" / "house-fair-lending.yaml"
    text = policy.read_text()
    assert text.count("within: 30 days") == 1
    policy.write_text(text.replace("within: 30 days", "within: 99 years"))
    suite = scratch_project / "expectations" / "suites" / "house-fair-lending@1.json"
    suite.write_text(json.dumps(json.loads(suite.read_bytes()) | {"expectations": []}))
    done = selftest(scratch_project, tmp_path / "home", "mortgage_underwriting", check=1)
    line = next(line for line in done.stdout.splitlines() if " deadline " in line)
    assert "cannot fail" in line
    assert "99 years never runs out" in line
    assert "suite house-fair-lending@1.json: different" in done.stdout
    assert "it holds 0 of" in done.stdout
    assert done.stdout.rstrip().endswith("2 to mend.")


def test_an_unknown_system_is_wrong_use(scratch_project, tmp_path):
    assert "There is no system `mortgage`" in selftest(scratch_project, tmp_path, "mortgage", check=2).stderr
