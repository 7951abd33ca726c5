"""Clauses that ask nothing, ask what cannot be, use what is forbidden, stand twice, or contradict each other."""

from __future__ import annotations

import shutil

import pytest

from gov_pipelines.policy.linter import examine


def second_control(files, control: str, **more: str) -> None:
    """Give H-2 another control, beside that of H-1."""
    lines = files.policy.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if "kind: human_review" in line)
    lines[place : place + 1] = [f"    control: {control}", *(f"    {name}: {text}" for name, text in more.items())]
    files.policy.write_text("\n".join(lines))


def notes(files) -> list[str]:
    return [str(note) for note in examine(files.root / "assets", files.root / "expectations").notes]


@pytest.mark.parametrize(
    ("control", "applies", "field", "words"),
    [
        ('{kind: decision_rule, must: "amount > 1", when: "years > 60"}', None, "control.when", "no decision can meet `years > 60`"),
        ('{kind: decision_rule, must: "amount > 1", when: "years > 5 AND years < 5"}', None, "control.when", "the clause never speaks"),
        ('{kind: deadline, from: completed_at, to: notice_sent_at, within: 3 days, when: "decided_at < \'2026-09-01\' AND decided_at > \'2026-10-01\'"}', None, "control.when", "no decision can meet"),
        ("{kind: approved_model}", "decision NOT IN ('invited', 'rejected')", "applies.when", "no decision can meet"),
        ('{kind: decision_rule, must: "amount > 1", when: "years > 5"}', "years < 5", "control.when", "together with the clause's other condition"),
        ('{kind: decision_rule, must: "years <= 60"}', None, "control.must", "it cannot fail"),
        ('{kind: decision_rule, must: "amount > 5", when: "amount > 10"}', None, "control.must", "it cannot fail"),
        ('{kind: decision_rule, must: "reviewer IS NULL OR reviewer IS NOT NULL"}', None, "control.must", "it cannot fail"),
        ('{kind: decision_rule, must: "years > 60"}', None, "control.must", "no decision the clause speaks of can meet it"),
        ('{kind: decision_rule, must: "product <> \'cook\'", when: "product = \'cook\'"}', None, "control.must", "to forbid what `when` picks"),
        ("{kind: decision_scope, may_decide: {role: recommends}}", None, "control", "names neither products nor an amount"),
    ],
)  # fmt: skip
def test_a_clause_that_can_never_speak_fail_or_hold_is_a_mistake(files, control, applies, field, words):
    files.control(control, **({"applies": f'{{when: "{applies}"}}'} if applies else {}))
    mistake = files.only_mistake()
    assert f": clauses[H-1].{field}: for `hiring`, " in mistake
    assert words in mistake


@pytest.mark.parametrize(
    "control",
    [
        '{kind: decision_rule, must: "years < 60"}',
        '{kind: decision_rule, must: "amount > 5", when: "amount > 4"}',
        '{kind: decision_rule, must: "amount > years"}',
        '{kind: decision_rule, must: "amount * 0 = 0", when: "years > 60"}',
        '{kind: decision_rule, must: "reviewer IS NOT NULL", when: "decision = \'rejected\'"}',
    ],
)
def test_a_rule_that_can_fail_or_that_cells_cannot_tell_is_none(files, control):
    files.control(control)
    assert files.lint() == []


def test_a_clause_that_can_fail_in_one_of_two_systems_is_no_mistake(files):
    files.control('{kind: decision_rule, must: "years <= 60"}')
    assert len(files.lint()) == 1
    other = files.root / "assets" / "casting" / "defs.yaml"
    other.parent.mkdir()
    shutil.copy(files.defs, other)
    files.change(other, "system: hiring", "system: casting")
    assert "for `casting`, `hiring`, it cannot fail" in files.only_mistake()
    files.change(other, "years: {type: number, range: [0, 60]}", "years: {type: number, range: [0, 70]}")
    assert files.lint() == []


def test_a_review_that_no_decision_needs_is_a_mistake_of_the_system(files):
    files.change(files.defs, "AND years > 10", "AND years > 60")
    assert "attributes.intake.needs_review: no decision can meet it" in files.only_mistake()


CONFLICTS = [
    ('{kind: decision_rule, must: "amount < 5"}', '{kind: decision_rule, must: "amount > 5"}', "no decision that both speak of"),
    ("{kind: decision_rule, must: \"decision = 'invited'\", when: \"years > 20\"}", "{kind: decision_rule, must: \"decision = 'rejected'\", when: \"years < 30\"}", "no decision that both"),
    ("{kind: decision_scope, may_decide: {products: [clerk], role: recommends}}", "{kind: decision_rule, must: \"product = 'cook'\"}", "no decision that both"),
    ("{kind: decision_scope}", '{kind: decision_rule, must: "amount > 100"}', "no decision that both"),
    ("{kind: approved_model, models: [{version: v1, approved_from: 2026-08-01}]}", "{kind: decision_rule, must: \"model_version = 'v2'\"}", "no decision that both"),
    ("{kind: approved_model}", '{kind: decision_rule, must: "model_version IS NULL"}', "no decision that both"),
    ("{kind: human_review, role: r}", '{kind: decision_rule, must: "reviewed_at IS NULL"}', "no decision that both"),
    ("{kind: deadline, from: completed_at, to: notice_sent_at, within: 3 days}", '{kind: decision_rule, must: "notice_sent_at IS NULL"}', "no decision that both"),
    ("{kind: data_access, may_read: [years, grade, amount]}", "{kind: data_access, never: [amount]}", "house-hiring/H-1 permits reading `amount`, which house-hiring/H-2 never does"),
    ("{kind: operating_range, ranges: {score: [0, 1]}}", "{kind: operating_range, ranges: {score: [2, 3]}}", "no `score` is in both ranges"),
    ("{kind: fairness, metric: selection_rate, at_most: 0.3}", "{kind: fairness, metric: selection_rate, at_least: 0.4}", "no selection_rate is within both limits"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "words"), CONFLICTS)
def test_controls_that_cannot_both_hold_are_a_mistake_of_the_later_one(files, first, second, words):
    files.control(first)
    second_control(files, second)
    mistake = files.only_mistake()
    assert ": clauses[H-2].control: for `hiring`, " in mistake
    assert words in mistake
    assert "part them by `when`" in mistake


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{kind: decision_rule, must: "amount < 6"}', '{kind: decision_rule, must: "amount > 5"}'),
        ("{kind: decision_rule, must: \"decision = 'invited'\", when: \"years > 20\"}", "{kind: decision_rule, must: \"decision = 'rejected'\", when: \"years < 20\"}"),
        ("{kind: approved_model}", "{kind: decision_rule, must: \"model_version <> 'v2'\"}"),
        ("{kind: data_access, may_read: [years, grade]}", "{kind: data_access, never: [amount]}"),
        ("{kind: operating_range, ranges: {score: [0, 1]}}", "{kind: operating_range, ranges: {score: [1, 3]}}"),
        ("{kind: fairness, metric: selection_rate, at_most: 0.3, by: [sex]}", "{kind: fairness, metric: selection_rate, at_least: 0.4, by: [age_band]}"),
    ],
)  # fmt: skip
def test_controls_that_can_both_hold_are_none(files, first, second):
    files.control(first)
    second_control(files, second)
    assert files.lint() == []


@pytest.mark.parametrize(("start", "conflicts"), [("2026-10-01", 0), ("2026-10-05", 1), ("2026-10-08", 0)])
def test_models_conflict_only_on_days_that_both_policies_are_in_force(files, start, conflicts):
    """The later policy exchanges v1 for v2 on the fifth; the earlier one wants v1, until the eighth."""
    first = "[{version: v1, approved_from: 2026-08-01}]"
    exchanged = "[{version: v1, approved_from: 2026-08-01, approved_until: 2026-10-05}, {version: v2, approved_from: 2026-10-05}]"
    files.change(files.defs, f"    models: {first}\n", "")
    files.control(f"{{kind: approved_model, models: {first}}}")
    text = files.policy.read_text().replace("policy: house-hiring", "policy: later").replace(first, exchanged)
    files.policy.with_name("later.yaml").write_text(text.replace("{from: 2026-09-01}", f"{{from: {start}}}"))
    files.change(files.policy, "{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-10-08}")
    files.change(files.defs, "policies: [house-hiring]", "policies: [house-hiring, later]")
    found = [mistake.field for mistake in files.lint() if "no decision that both" in str(mistake)]
    assert found == ["clauses[H-1].control"] * conflicts


def test_versions_of_one_policy_never_conflict(files):
    files.control('{kind: decision_rule, must: "amount < 5"}')
    later = files.policy.with_name("house-hiring-2.yaml")
    text = files.policy.read_text().replace("version: 1", "version: 2").replace("amount < 5", "amount > 5")
    later.write_text(text.replace("{from: 2026-09-01}", "{from: 2026-10-01}"))
    files.change(files.policy, "{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-10-01}")
    assert files.lint() == []


def test_the_same_control_twice_in_one_policy_is_a_mistake(files):
    files.control("{kind: approved_model, severity: critical}")
    second_control(files, "{kind: approved_model, severity: critical}")
    assert "clauses[H-2].control: is the same control as that of H-1. Keep one" in files.only_mistake()
    assert notes(files) == []


@pytest.mark.parametrize(
    ("first", "second", "redundant"),
    [
        ('{kind: decision_rule, must: "amount < 9"}', '{kind: decision_rule, must: "amount < 5"}', "H-1"),
        ('{kind: decision_rule, must: "amount < 5"}', '{kind: decision_rule, must: "amount < 5", when: "years > 3"}', "H-2"),
        ("{kind: deadline, from: completed_at, to: notice_sent_at, within: 3 days}", "{kind: deadline, from: completed_at, to: notice_sent_at, within: 2 days}", "H-1"),
        ('{kind: decision_rule, must: "amount < 9", severity: critical}', '{kind: decision_rule, must: "amount < 5"}', None),
        ('{kind: decision_rule, must: "amount < 9"}', '{kind: decision_rule, must: "amount < 5", when: "years > 3"}', None),
    ],
)  # fmt: skip
def test_a_control_that_another_implies_is_a_note(files, first, second, redundant):
    files.control(first)
    second_control(files, second)
    assert files.lint() == []
    said = notes(files)
    assert len(said) == (redundant is not None)
    if redundant:
        other = {"H-1": "H-2", "H-2": "H-1"}[redundant]
        assert f"clauses[{redundant}].control: asks nothing on `hiring` that house-hiring/{other} does not" in said[0]


def test_days_without_any_version_are_a_note(files):
    later = files.policy.with_name("house-hiring-2.yaml")
    text = files.policy.read_text().replace("version: 1", "version: 2")
    later.write_text(text.replace("{from: 2026-09-01}", "{from: 2026-10-05}"))
    files.change(files.policy, "{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-10-01}")
    assert files.lint() == []
    (note,) = notes(files)
    assert note.startswith("expectations/house-hiring-2.yaml:3: in_force: no version is in force from 2026-10-01 until")
    assert note.endswith(
        "2026-10-05: nothing of it is controlled then. If that is not meant, write `from: 2026-10-01`."
    )


def test_a_version_recorded_with_another_text_is_a_mistake(files):
    found = examine(files.root / "assets", files.root / "expectations", lambda policy: policy.version == 1).mistakes
    (mistake,) = map(str, found)
    assert mistake.startswith("expectations/house-hiring.yaml:2: version: version 1 was recorded with another text")
    assert mistake.endswith("Restore that text, close it with `until`, and write version 2.")


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("may_read: [years", "may_read: [gender, years", "may_read[0]", "`gender` is the protected attribute `sex`"),
        ("may_read: [years", "may_read: [Age-Band, years", "may_read[0]", "`Age-Band` is the protected attribute `age_band`"),
        ("may_read: [years", "may_read: [region, years", "may_read[0]", "`region` is the protected attribute `sex`"),
        ("years > 10", "sex = 'f'", "needs_review", "reads `sex`, the protected attribute `sex`"),
    ],
)  # fmt: skip
def test_the_intake_uses_no_protected_attribute_under_any_name(files, old, new, field, words):
    if new.startswith("may_read: [region"):
        files.change(files.defs, "sex: {}", "sex: {column: area}")
    files.change(files.defs, old, new)
    mistake = files.only_mistake()
    assert f"attributes.intake.{field}: {words}" in mistake


@pytest.mark.parametrize(
    ("control", "field", "words"),
    [
        ("{kind: data_access, never: [zip_code]}", "intake.may_read[2]", "declares `postal_code`, which is `zip_code`, which is laxer"),
        ("{kind: data_access, never: [area]}", "intake.may_read[3]", "declares `region`, which is `area`"),
        ("{kind: data_access, never: [Region]}", "intake.may_read[3]", "declares `region`, which is `Region`"),
        ("{kind: data_access, never: [YEARS]}", "intake.may_read[0]", "declares `years`, which is `YEARS`"),
    ],
)  # fmt: skip
def test_what_a_clause_forbids_is_forbidden_under_its_other_names(files, control, field, words):
    files.change(files.defs, "may_read: [years, grade]", "may_read: [years, grade, postal_code, region]")
    files.control(control)
    assert any(f"attributes.{field}: {words}" in str(mistake) for mistake in files.lint())


def test_a_review_rule_reads_nothing_that_a_clause_forbids(files):
    files.change(files.defs, "may_read: [years, grade]", "may_read: [grade]")
    files.control("{kind: data_access, never: [years]}")
    assert "attributes.intake.needs_review: reads `years`, which is laxer than house-hiring/H-1" in files.only_mistake()


def test_a_rule_of_the_intake_reads_no_protected_attribute_and_one_of_the_output_may(files):
    second_control(files, '{kind: decision_rule, must: "sex IS NOT NULL"}')
    assert "clauses[H-2].control.must: for `hiring`, reads `sex`, the protected attribute" in files.only_mistake()
    files.change(files.policy, "level: intake", "level: output")
    assert files.lint() == []


def test_a_control_permits_no_protected_attribute_and_nothing_it_forbids(files):
    files.control("{kind: data_access, may_read: [years, grade, sex]}")
    assert "control.may_read[2]: for `hiring`, `sex` is the protected attribute `sex`" in files.only_mistake()
    files.change(files.policy, "may_read: [years, grade, sex]", "may_read: [years, grade], never: [grade]")
    assert "control.never: `grade` stands under `may_read` too" in files.only_mistake()
