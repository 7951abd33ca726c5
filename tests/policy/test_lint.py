"""What the files of a project must agree on with each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gov_pipelines.policy import lint

PROJECT = Path(__file__).parents[2]


def test_a_sound_project_has_no_mistakes(files):
    assert files.lint() == []


def test_the_projects_own_files_have_no_mistakes():
    assert lint(PROJECT / "assets", PROJECT / "expectations") == []


def test_an_empty_project_has_no_mistakes(tmp_path):
    assert lint(tmp_path / "assets", tmp_path / "expectations") == []


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("region: area", "regoin: area", "columns.regoin", "Did you mean `region`?"),
        ("strata: [grade, region]", "strata: [grade, region, gender]", "strata[2]", "`gender` is not declared"),
        ("strata: [grade, region]", "strata: [years, region]", "strata[0]", "`years` is not a category"),
        ("sex: {}", "product: {}", "protected_attributes.product", "is the name of a canonical column"),
        ("sex: {}", "sex: {}, n: {}", "protected_attributes", "`n` is a name of the tally's own"),
        ("may_read: [years", "may_read: [sex, years", "intake.may_read[0]", "`sex` is the protected attribute `sex`"),
        ("years > 10", "yeras > 10", "intake.needs_review", "unknown column `yeras`. Did you mean `years`?"),
        ("'rejected'", "'reject'", "intake.needs_review", "`decision` is never 'reject'. Did you mean `rejected`?"),
        ("years: [0, 60]}", "yeers: [0, 60]}", "operating_range.yeers", "Did you mean `years`?"),
        ("years: [0, 60]}", "grade: [0, 60]}", "operating_range.grade", "is not a column of numbers"),
        ("[house-hiring]", "[house-hiring, house-hiring]", "policies[1]", "stands more than once"),
        ("[house-hiring]", "[house-hiring, house-hirings]", "policies[1]", "there is no policy `house-hirings`. Did you mean `house-hiring`?"),
        ("years: {type: number, range: [0, 60]}", "years: {type: number}\n    score: {type: category}", "fields.score.type", "canonical column is of another type"),
        ("years: {type: number, range: [0, 60]}", "years: {type: number}\n    product: {type: number}", "fields.product.type", "canonical column is of another type"),
    ],
)  # fmt: skip
def test_a_declaration_agrees_with_itself(files, old, new, field, words):
    files.change(files.defs, old, new)
    found = [str(mistake) for mistake in files.lint() if mistake.field == f"attributes.{field}"]
    assert len(found) == 1
    assert words in found[0]
    assert found[0].startswith("assets/hiring/defs.yaml:")


def test_a_protected_attribute_may_not_be_read_under_its_columns_name_either(files):
    files.change(files.defs, "sex: {}", "sex: {column: geschlecht}")
    files.change(files.defs, "may_read: [years", "may_read: [geschlecht, years")
    assert "`geschlecht` is the protected attribute `sex`" in files.only_mistake()


@pytest.mark.parametrize(
    ("control", "field", "words"),
    [
        ("{kind: fairness, metric: impact_ratio, by: [sxe]}", "by[0]", "`sxe` is not a protected attribute or a stratum. Did you mean `sex`?"),
        ("{kind: fairness, metric: impact_ratio, by: [sex, [sex, age]]}", "by[1]", "`age` is not a protected"),
        ("{kind: fairness, metric: impact_ratio, by: [sex], among: {years: '1'}}", "among.years", "`years` is not a protected"),
        ("{kind: fairness, metric: common_odds_ratio, by: [region], reference: {region: n}, over: [grade, region]}", "over[1]", "`region` is compared, so no stratum"),
        ("{kind: fairness, metric: common_odds_ratio, reference: {sex: f}, over: [sex]}", "over[0]", "`sex` is compared, so no stratum"),
        ("{kind: fairness, metric: impact_ratio, by: [sex], among: {grade: '3'}}", "among.grade", "`grade` is never '3'. Known here: `1`, `2`."),
        ("{kind: fairness, metric: impact_ratio, by: [sex], reference: {gender: f}}", "reference.gender", "`gender` is not a protected"),
        ("{kind: drift, of: [yeers], reference: {from: 2026-09-01, until: 2026-09-02}}", "of[0]", "Did you mean `years`?"),
        ("{kind: drift, of: [reviewer], reference: {from: 2026-09-01, until: 2026-09-02}}", "of[0]", "is not a counted column"),
        ("{kind: drift, of: [region], metric: ks, reference: {weeks: 8}}", "of[0]", "`region` is not a column of numbers that is counted; ks needs one"),
        ("{kind: drift, of: [model_version], per: [sex], reference: {weeks: 8}}", "of[0]", "`model_version` is not counted by group, as the"),
        ("{kind: drift, of: [decision], per: [sxe], reference: {weeks: 8}}", "per[0]", "Did you mean `sex`?"),
        ("{kind: log_quality, metric: missing_share, of: [sxe]}", "of[0]", "`sxe` is not a column. Did you mean `sex`?"),
        ("{kind: operating_range, ranges: {grade: [0, 1]}}", "ranges.grade", "`grade` is not a column of numbers"),
        ("{kind: operating_range, usual: [volume, hours, decision, years]}", "usual[3]", "`years` is not a counted category"),
        ("{kind: operating_range, new: [region, reviewer]}", "new[1]", "`reviewer` is not a counted category"),
        ("{kind: deadline, from: complete_at, to: notice_sent_at, within: 3 days}", "from", "Did you mean `completed_at`?"),
        ("{kind: deadline, from: completed_at, to: product, within: 3 days}", "to", "`product` is not a column of moments"),
        ("{kind: human_review, role: r, before: notice_sent}", "before", "Did you mean `notice_sent_at`?"),
        ('{kind: decision_rule, must: "amuont > 1"}', "must", "Did you mean `amount`?"),
        ('{kind: decision_rule, must: "amount > \'1\'"}', "must", "compares a number with a text"),
        ('{kind: decision_rule, must: "amount > 1", when: "grade = \'3\'"}', "when", "`grade` is never '3'"),
    ],
)  # fmt: skip
def test_a_clause_finds_what_it_needs_in_the_system(files, control, field, words):
    files.control(control)
    mistake = files.only_mistake()
    assert f": clauses[H-1].control.{field}: for `hiring`, " in mistake
    assert words in mistake


def test_a_clauses_condition_is_read_against_the_log(files):
    files.control("{kind: approved_model}", applies="{when: \"produkt = 'clerk'\"}")
    assert (
        "clauses[H-1].applies.when: for `hiring`, unknown column `produkt`. Did you mean `product`?"
        in files.only_mistake()
    )


@pytest.mark.parametrize(
    ("control", "gone", "words"),
    [
        ("{kind: approved_model}", "    models: [{version: v1, approved_from: 2026-08-01}]\n", "Declare `intake.models`."),
        ("{kind: decision_scope}", "    may_decide: {products: [clerk], amount: {up_to: 100}, role: recommends}\n", "Declare `intake.may_decide`."),
        ("{kind: operating_range}", "  operating_range: {rows_per_day: [1, 50], years: [0, 60]}\n", "Declare `operating_range`."),
        ("{kind: data_access}", "  access_log: {path: data/reads.csv}\n", "Declare `access_log`."),
    ],
)  # fmt: skip
def test_a_control_that_nothing_gives_parameters_is_refused(files, control, gone, words):
    files.control(control)
    assert files.lint() == []
    files.change(files.defs, gone, "")
    assert words in files.only_mistake()


@pytest.mark.parametrize(
    ("control", "field", "words"),
    [
        ("{kind: decision_scope, may_decide: {amount: {up_to: 50}}}", "intake.may_decide.amount", "declares up to 100, which is laxer than house-hiring/H-1"),
        ("{kind: decision_scope, may_decide: {products: [cook]}}", "intake.may_decide.products", "The clause has cook"),
        ("{kind: approved_model, models: [{version: v2, approved_from: 2026-08-01}]}", "intake.models[0]", "approves v1"),
        ("{kind: approved_model, models: [{version: v1, approved_from: 2026-08-02}]}", "intake.models[0]", "approves v1 from 2026-08-01"),
        ("{kind: approved_model, models: [{version: v1, approved_from: 2026-08-01, approved_until: 2027-01-01}]}", "intake.models[0]", "v1 from 2026-08-01 until 2027-01-01"),
        ('{kind: human_review, role: r, when: "decision = \'rejected\' AND years > 5"}', "intake.needs_review", "a decision with decision rejected, years 6.0, which is laxer"),
        ("{kind: human_review, role: r, when: years > 20}", "intake.needs_review", "needs no review of a decision with decision invited, years 21.0"),
        ("{kind: human_review, role: r, when: \"decided_at > '2026-10-01'\"}", "intake.needs_review", "needs no review of a decision with decided_at 2026-09-30 22:00:00.000001+00:00"),
        ("{kind: data_access, never: [grade]}", "intake.may_read[1]", "declares `grade`"),
        ("{kind: data_access, may_read: [years]}", "intake.may_read[1]", "The clause has years"),
        ("{kind: operating_range, ranges: {years: [0, 50]}}", "operating_range.years", "is wider"),
        ("{kind: operating_range, ranges: {years: [1, null]}}", "operating_range.years", "is wider"),
    ],
)  # fmt: skip
def test_a_declaration_laxer_than_the_clause_is_refused_where_it_stands(files, control, field, words):
    files.control(control)
    mistake = files.only_mistake()
    assert mistake.startswith("assets/hiring/defs.yaml:")
    assert f": attributes.{field}: " in mistake
    assert words in mistake


@pytest.mark.parametrize(
    "control",
    [
        "{kind: decision_scope, may_decide: {products: [clerk, cook], amount: {up_to: 100}, role: recommends}}",
        "{kind: approved_model, models: [{version: v1, approved_from: 2026-07-01}, {version: v2, approved_from: 2026-07-01}]}",
        "{kind: data_access, may_read: [years, grade, product], never: [sex]}",
        "{kind: human_review, role: r, when: \"years > 11 AND decision = 'rejected'\"}",
        "{kind: human_review, role: r, when: \"years > 10 AND decision <> 'invited'\"}",
        '{kind: human_review, role: r, when: "years * 2 > 10"}',
        "{kind: human_review, role: r, when: \"decision = 'rejected'\"}\n    applies: {when: years > 10}",
        "{kind: operating_range, ranges: {years: [0, 60], rows_per_day: [0, 100]}}",
    ],
)
def test_a_declaration_as_strict_as_the_clause_is_accepted(files, control):
    files.control(control)
    assert files.lint() == []


def test_a_scope_of_no_products_is_inside_any(files):
    files.change(files.defs, "products: [clerk]", "products: []")
    files.control("{kind: decision_scope, may_decide: {products: [cook], amount: {up_to: 100}}}")
    assert not [mistake for mistake in files.lint() if "laxer" in str(mistake)]


def second_version(files, **changes):
    later = files.policy.with_name("house-hiring-2.yaml")
    text = files.policy.read_text().replace("version: 1", f"version: {changes['version']}")
    later.write_text(text.replace("{from: 2026-09-01}", changes["in_force"]))


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("{from: 2026-09-01}", "{from: 2026-10-01}", True),
        ("{from: 2026-09-01, until: 2026-10-02}", "{from: 2026-10-01}", True),
        ("{from: 2026-09-01, until: 2026-10-01}", "{from: 2026-10-01}", False),
        ("{from: 2026-10-01}", "{from: 2026-09-01, until: 2026-10-01}", False),
        ("{from: 2026-09-01}", "{from: 2026-09-01}", True),
    ],
)
def test_versions_must_not_overlap(files, first, second, overlap):
    second_version(files, version=2, in_force=second)
    files.change(files.policy, "{from: 2026-09-01}", first)
    if overlap:
        assert "version 2 is in force while version 1 still is" in files.only_mistake()
    else:
        assert files.lint() == []


def test_two_versions_with_one_number_are_refused(files):
    second_version(files, version=1, in_force="{from: 2026-10-01}")
    files.change(files.policy, "{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-10-01}")
    assert "version 1 stands in expectations/house-hiring" in files.only_mistake()


def test_a_policy_that_no_system_names_is_refused_except_in_packs(files):
    unused = files.root / "expectations" / "packs" / "law.yaml"
    unused.parent.mkdir()
    unused.write_text(files.policy.read_text().replace("policy: house-hiring", "policy: law"))
    assert files.lint() == []
    unused.rename(files.root / "expectations" / "law.yaml")
    assert "expectations/law.yaml:1: policy: no system names `law`." in files.only_mistake()


def test_a_broken_file_still_counts_as_naming_what_it_names(files):
    files.change(files.defs, "risk: high", "risk: hihg")
    assert "Did you mean `high`?" in files.only_mistake()
    files.change(files.defs, "risk: hihg", "risk: high")
    files.change(files.policy, "version: 1", "version: one")
    assert "expectations/house-hiring.yaml:2: version" in files.only_mistake()


def test_a_text_that_one_of_two_systems_knows_is_no_mistake(files):
    other = files.root / "assets" / "casting" / "defs.yaml"
    other.parent.mkdir()
    shutil.copy(files.defs, other)
    files.change(other, "system: hiring", "system: casting")
    files.change(other, "unfavorable: [rejected]", "unfavorable: [rejected, declined]")
    files.control("{kind: decision_rule, must: \"decision <> 'declined'\"}")
    assert files.lint() == []
    files.change(files.policy, "'declined'", "'declind'")
    assert {mistake.problem for mistake in files.lint()} == {
        "for `hiring`, `decision` is never 'declind'",
        "for `casting`, `decision` is never 'declind'",
    }


def test_mistakes_are_sorted_and_told_once(files):
    files.control("{kind: fairness, metric: impact_ratio, by: [sxe, sxe]}")
    files.change(files.defs, "years > 10", "yeras > 10")
    found = files.lint()
    assert found == sorted(set(found))
