"""What serves no clause: parameters nobody takes, checks and expectations that name none."""

from __future__ import annotations

import json
from datetime import date

import pytest

from gov_pipelines.policy import load_declaration, load_policy, orphans

TODAY = date(2026, 10, 5)
TAKEN = {
    "intake.needs_review": "{kind: human_review, role: r, before: notice_sent_at}",
    "intake.models": "{kind: approved_model}",
    "intake.may_decide": "{kind: decision_scope}",
    "intake.may_read": "{kind: data_access}",
    "access_log": "{kind: data_access}",
    "operating_range": "{kind: operating_range}",
    "documents.bias_audit": "{kind: freshness, of: bias_audit, within: 365 days}",
}


@pytest.fixture
def project(files):
    files.change(files.defs, "  strata:", "  documents: {bias_audit: 2026-08-01}\n  strata:")
    return files


def found(files, today=TODAY):
    policies, systems = [load_policy(files.policy)], [load_declaration(files.defs)]
    return {each.where: each for each in orphans(policies, systems, files.root, today=today)}


@pytest.mark.parametrize("where", TAKEN)
def test_a_parameter_serves_a_clause_only_through_a_control_that_takes_it(project, where):
    project.change(project.policy, "    control: {kind: human_review, role: recruiter, before: notice_sent_at}\n", "")
    assert set(found(project)) == set(TAKEN)
    assert found(project)[where].sentence.startswith(f"{where} of hiring is declared, but no ")
    project.control(TAKEN[where])
    assert set(TAKEN) - set(found(project)) == {key for key, control in TAKEN.items() if control == TAKEN[where]}


def test_a_control_with_its_own_limit_leaves_the_declared_one_unused(project):
    project.change(project.policy, "role: recruiter", "when: \"decision = 'rejected'\", role: recruiter")
    assert "intake.needs_review" in found(project)


@pytest.mark.parametrize(
    "control", ["{kind: freshness, of: access_log, within: 24 hours}", "{kind: access_pattern, reference: {weeks: 8}}"]
)
def test_what_watches_reads_takes_the_access_log_alone(project, control):
    project.control(control)
    assert "access_log" not in found(project)
    assert "intake.may_read" in found(project)


def test_an_operating_range_that_asks_for_what_is_usual_leaves_the_declared_ranges_unused(project):
    project.control("{kind: operating_range, usual: [volume]}")
    assert "operating_range" in found(project)


def test_a_policy_no_longer_in_force_takes_nothing(project):
    assert "intake.needs_review" not in found(project)
    project.change(project.policy, "{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-09-20}")
    assert "intake.needs_review" in found(project)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('@dg.asset_check(asset="a", metadata={"clause": "house-hiring/H-1"})\ndef check(): ...', None),
        ('@dg.asset_check(asset="a")\ndef check(): ...', "names no clause"),
        ('@asset_check(asset="a", metadata={"clause": "house-hiring/H-9"})\ndef check(): ...', "house-hiring/H-9"),
        ('specs = [dg.AssetCheckSpec("check", asset="a")]', "names no clause"),
        ("checks = dg.build_last_update_freshness_checks(assets=[])", "names no clause"),
        ("def check(:", None),
        ("raise SystemExit('never run')", None),
    ],
)
def test_checks_of_ones_own_name_their_clause(files, source, why):
    (files.defs.parent / "own.py").write_text(f"\n{source}\n")
    mine = {where: each for where, each in found(files).items() if where.startswith("assets/")}
    assert list(mine) == (["assets/hiring/own.py:2"] if why else [])
    assert all(why in each.sentence for each in mine.values())


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("house-hiring@1.json", {"expectations": [{"type": "e", "meta": {"control": "house-hiring/H-1"}}]}, None),
        ("house-hiring@1.json", {"expectations": [{"type": "e", "meta": {"control": "house-hiring/H-3"}}]}, "H-3"),
        ("house-hiring@1.json", {"expectations": [{"type": "e", "meta": None}]}, "no clause"),
        ("house-hiring@2.json", {"expectations": [{"type": "e", "meta": {"control": "house-hiring/H-1"}}]}, "@2"),
        ("house-hiring@1.json", ["expectations"], "no suite"),
    ],
)
def test_expectations_serve_a_clause_of_their_version(files, name, content, why):
    suites = files.root / "expectations" / "suites"
    suites.mkdir()
    (suites / name).write_text(json.dumps(content))
    mine = [each.sentence for where, each in found(files).items() if where.startswith("expectations/")]
    assert len(mine) == bool(why)
    assert all(why in sentence for sentence in mine)
