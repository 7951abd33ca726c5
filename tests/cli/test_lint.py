"""`gov lint` and `gov compile` on this project and on broken copies of it."""

import json
from datetime import UTC, datetime

from command import told

from gov_pipelines.policy import load_policy
from gov_pipelines.store import Home, open_store, record_policy


def lint(project, tmp_path, *arguments, check):
    return told(
        *arguments, home=tmp_path / "home", cwd=project, env={"GOV_PIPELINES_PROJECT": str(project)}, check=check
    )


def test_this_project_has_no_mistakes_and_no_stale_suites(tmp_path):
    told("lint", home=tmp_path, check=0)
    told("compile", "--check", home=tmp_path, check=0)


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


def test_a_suite_that_no_policy_has_is_said_to_be_removed(scratch_project, tmp_path):
    left = scratch_project / "expectations" / "suites" / "gone@1.json"
    left.write_text("{}")
    said = lint(scratch_project, tmp_path, "compile", check=0).stdout
    assert said.strip() == "removed expectations/suites/gone@1.json: no policy has this version"
    assert not left.exists()


PAST = """\
application_id,decided_on,action,model,amount,income,gdlin,obrat,race,requested_by,completed_on,notice_sent_on,product,role,reviewed_on,reviewer
1,2026-09-01T10:00:00,approved,v3,1000,50000,1,30,white,a,2026-08-20T10:00:00,2026-09-02T10:00:00,home_loan,,,
2,2026-09-01T10:00:00,denied,v2,300000,50000,1,30,black,a,2026-07-20T10:00:00,2026-09-02T10:00:00,car,senior_underwriter,2026-09-01T12:00:00,b
3,2026-09-02T10:00:00,denied,v3,2000000,50000,1,30,black,a,2026-08-20T10:00:00,,home_loan,,,
4,,denied,v3,2000000,50000,1,30,black,a,2026-08-20T10:00:00,,home_loan,,,
5,2026-09-02T10:00:00,maybe,v3,2000000,50000,1,30,black,a,2026-08-20T10:00:00,,home_loan,,,
"""


def test_against_past_decisions_each_rule_says_what_it_would_hit(tmp_path):
    file = tmp_path / "past [1].csv"
    file.write_text(PAST)
    asked = ("lint", "--against", file, "--system", "mortgage_underwriting")
    found = json.loads(told(*asked, "--json", home=tmp_path, check=0).stdout)
    assert found["rows"] == {"source_count": 4, "accepted": 3, "quarantined": 1, "duplicate": 0, "undated": 1}
    assert found["days"] == ["2026-09-01", "2026-09-02"]
    assert found["absent"] == ["sex", "review_outcome"]
    counts = ("concerned", "within", "outside", "pending", "undecidable")
    hits = {each["control"].split("/")[1]: tuple(each[name] for name in counts) for each in found["rules"]}
    expected = {
        "FL-2": (2, 1, 0, 1, 0),  # reviewed in time; not told yet
        "FL-3": (3, 2, 1, 0, 0),  # v2 is not approved
        "FL-4": (3, 1, 2, 0, 0),  # a car; two million
        "FL-12": (3, 1, 2, 0, 0),  # late; never told
        "FL-13": (1, 0, 1, 0, 0),
    }
    assert {name: hits[name] for name in expected} == expected
    said = told(*asked, home=tmp_path, check=0).stdout
    assert "house-fair-lending/FL-13@1: speaks of 1: 1 outside  <- every decision it speaks of is outside" in said


def test_against_counts_a_rule_that_is_not_in_force_yet_and_one_that_concerns_nobody(scratch_project, tmp_path):
    policy = scratch_project / "expectations" / "house-fair-lending.yaml"
    text = (
        policy.read_text()
        .replace("version: 1", "version: 2")
        .replace("from: 2026-09-01}\nowner", "from: 2030-01-01}\nowner")
    )
    later = text.replace("amount > 1000000", "product = 'boat'")
    (policy.parent / "next.yaml").write_text(later)
    policy.write_text(
        policy.read_text().replace("from: 2026-09-01}\nowner", "from: 2026-09-01, until: 2030-01-01}\nowner")
    )
    (scratch_project / "past.csv").write_text(PAST)
    asked = ("--against", "past.csv", "--system", "mortgage_underwriting")
    said = lint(scratch_project, tmp_path, "lint", *asked, check=0).stdout
    assert "house-fair-lending/FL-13@2: speaks of 0  <- speaks of no past decision" in said


def test_against_needs_to_know_whose_decisions_and_columns(scratch_project, tmp_path):
    other = scratch_project / "assets" / "cards"
    other.mkdir()
    text = (scratch_project / "assets" / "mortgage_underwriting" / "defs.yaml").read_text()
    (other / "defs.yaml").write_text(text.replace("system: mortgage_underwriting", "system: cards"))
    (scratch_project / "past.csv").write_text(PAST.replace("decided_on", "decided"))
    done = lint(scratch_project, tmp_path, "lint", "--against", "past.csv", check=2)
    assert "--against needs --system, one of: cards, mortgage_underwriting, release_decisions." in done.stderr
    done = lint(scratch_project, tmp_path, "lint", "--against", "past.csv", "--system", "cards", check=2)
    assert "`decided_on`: Did you mean `decided`?" in done.stderr


def test_notes_are_printed_and_do_not_count(scratch_project, tmp_path):
    policy = scratch_project / "expectations" / "house-fair-lending.yaml"
    doubled = "  - id: FL-99\n    text: Twice.\n    level: output\n    control: {kind: deadline, from: completed_at, to: notice_sent_at, within: 60 days}\n"
    policy.write_text(policy.read_text() + doubled)
    said = lint(scratch_project, tmp_path, "lint", check=0).stdout
    assert "note: expectations/house-fair-lending.yaml:" in said
    assert "asks nothing on `mortgage_underwriting` that house-fair-lending/FL-12 does not" in said
    found = json.loads(lint(scratch_project, tmp_path, "lint", "--json", check=0).stdout)
    assert [each["severity"] for each in found] == ["note"]


def test_a_policy_edited_in_place_is_a_mistake_where_its_text_is_recorded(scratch_project, tmp_path):
    file = scratch_project / "expectations" / "house-fair-lending.yaml"
    policy, home = load_policy(file), Home(tmp_path / "home")
    (tmp_path / "home").mkdir()
    with open_store(home.store_url).begin() as connection:
        record_policy(connection, policy, datetime(2026, 9, 1, tzinfo=UTC))
    lint(scratch_project, tmp_path, "lint", check=0)
    file.write_text(file.read_text().replace("within: 30 days", "within: 45 days"))
    said = lint(scratch_project, tmp_path, "lint", check=1).stdout
    assert "house-fair-lending.yaml:4: version: version 1 was recorded with another text" in said
    assert "write version 2" in said
