"""`gov lint` and `gov compile` on this project and on broken copies of it."""

import json

from command import gov


def lint(project, tmp_path, *arguments, check):
    return gov(
        *arguments, home=tmp_path / "home", cwd=project, env={"GOV_PIPELINES_PROJECT": str(project)}, check=check
    )


def test_this_project_has_no_mistakes_and_no_stale_suites(tmp_path):
    gov("lint", home=tmp_path, check=0)
    gov("compile", "--check", home=tmp_path, check=0)


def test_all_mistakes_at_once_with_file_line_field_and_remedy(scratch_project, tmp_path):
    file = scratch_project / "assets" / "mortgage_underwriting" / "defs.yaml"
    text = file.read_text().replace("risk: high", "risk: hihg").replace("favorable:", "favourable:", 1)
    file.write_text(text)
    lines = text.splitlines()
    policy = scratch_project / "expectations" / "house-fair-lending.yaml"
    policy.write_text(policy.read_text().replace("metric: impact_ratio", "metric: impact_ration", 1))
    mistakes = json.loads(lint(scratch_project, tmp_path, "lint", "--json", check=1).stdout)
    by_field = {each["field"]: each for each in mistakes}
    risk = by_field["attributes.risk"]
    assert risk["line"] == next(n for n, line in enumerate(lines, 1) if "hihg" in line)
    assert "high" in risk["remedy"]
    assert "favorable" in by_field["attributes.outcomes.favourable"]["remedy"]
    metric = next(each for each in mistakes if each["file"].endswith("house-fair-lending.yaml"))
    assert "impact_ratio" in metric["remedy"]
    assert all(each["line"] for each in mistakes)


def test_a_changed_policy_makes_its_suite_stale_until_compiled(scratch_project, tmp_path):
    policy = scratch_project / "expectations" / "house-fair-lending.yaml"
    policy.write_text(policy.read_text().replace("at_least: 0.80", "at_least: 0.85", 1))
    done = lint(scratch_project, tmp_path, "compile", "--check", check=1)
    assert "house-fair-lending@1.json" in done.stdout
    lint(scratch_project, tmp_path, "compile", check=0)
    lint(scratch_project, tmp_path, "compile", "--check", check=0)
