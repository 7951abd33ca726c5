"""Reading YAML: every mistake at once, with its line and a remedy; one broken file never stops the others."""

from __future__ import annotations

import math
import shutil
from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from gov_pipelines.errors import ConfigurationError, WrongUse
from gov_pipelines.policy import Duration, Window, load_declaration, load_declarations, load_policies, load_policy
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.kinds import Fairness
from gov_pipelines.policy.loading import DefsFile


def line_of(path, text):
    return next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def test_a_declaration_is_read_as_written(declaration):
    assert declaration.system == "hiring"
    assert declaration.starts == date(2026, 9, 1)
    assert declaration.protected_attributes["age_band"].unknown == ["?"]


def test_a_policy_is_read_as_written(files):
    policy = load_policy(files.policy)
    assert policy.clauses[0].control.window == Window("days", 30)
    assert policy.clauses[2].obligation.every == Duration(1, "years")


def test_the_message_reads_as_documented(files):
    files.change(files.defs, "    favorable: [invited]", "    favourable: [invited]")
    with pytest.raises(ConfigurationError) as refused:
        load_declaration(files.defs)
    line = line_of(files.defs, "favourable")
    assert (
        f"assets/hiring/defs.yaml:{line}: attributes.outcomes.favourable: unknown field. Did you mean `favorable`?"
        in str(refused.value).splitlines()
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("risk: high", "risk: hihg", "risk", "`hihg` is not a known value. Did you mean `high`?"),
        ("zone: Europe/Berlin", "zone: Berlin", "zone", "write an IANA name"),
        ("starts: 2026-09-01", "starts: 2026-13-01", "starts", "Write it like `2026-09-01`."),
        ("{path: data/decisions.csv}", "{table: decisions}", "source", "name either `url_env` and `table`"),
        ("{path: data/decisions.csv}", "{path: x, table: y}", "source", "remove one of the two"),
        ('["1", "2"]', "[1, 2]", "fields.grade.values[0]", 'found a number. Put it in quotes: "1".'),
        ("range: [0, 60]", "range: [60, 0]", "fields.years.range", "write the lower end first"),
        ("range: [0, 60]", "range: 60", "fields.years.range", "expected a list of two, found a number"),
        ("type: number, range", "type: category, range", "fields.years", "write `values`, or `type: number`"),
        ("{unknown: [", "{unknwon: [", "protected_attributes.age_band.unknwon", "Did you mean `unknown`?"),
        ("sex: {}", "Sex: {}", "protected_attributes.Sex", "should match pattern"),
        ("favorable: [invited]\n", "favorable: []\n", "outcomes.favorable", "Add it, for example `favorable: [approved]`."),
        ("outcomes:\n", "outcomes:\n    undecided: [rejected]\n", "outcomes", "rejected stands more than once"),
        ("up_to: 100", "upto: 100", "intake.may_decide.amount.upto", "Did you mean `up_to`?"),
        ("[house-hiring]", "house-hiring", "policies", "expected a list, found a text. Write it as `[one, two]`."),
        ("owner: team:people", 'owner: ""', "owner", "is empty. Add it, for example `owner: team:credit-risk`."),
        ("owner: team:people", "owner: '{{ env.X }}'", "owner", "holds a template, which Dagster would run as code"),
        ("owner: team:people", "owner: people", "owner", "'people' is neither a team nor an e-mail address. Write `team:<name>`"),
        ("zone: Europe/Berlin", "zone: America", "zone", "write an IANA name"),
        ("zone: Europe/Berlin", f"zone: {'A' * 300}", "zone", "write an IANA name"),
        ("{path: data/decisions.csv}", "{path: data/../../x.csv}", "source.path", "'data/../../x.csv' leaves the project"),
        ("{path: data/reads.csv}", "{path: ..}", "access_log.path", "leaves the project"),
        ("range: [0, 60]", "range: [0, .inf]", "fields.years.range.1", "is not a number of ordinary size"),
        ("range: [0, 60]", "range: [null, null]", "fields.years.range", "write at least one of them"),
        ("up_to: 100", "up_to: 9007199254740993", "intake.may_decide.amount.up_to", "is not a number of ordinary size"),
        ("purpose: Rank", 'purpose: "\\uD800" # Rank', "purpose", "holds half a character"),
        ("owner: team:people", "owner: &team people", "owner", "has the anchor `&team`. Write the value out"),
        ("owner: team:people", "owner: !!binary aGk=", "owner", "has the tag"),
        ("owner: team:people", "owner: a\n  owner: b", "owner", "stands twice, first in line 4. Keep one of the two."),
    ],
)  # fmt: skip
def test_each_mistake_says_where_and_what_to_do(files, old, new, field, words):
    files.change(files.defs, old, new)
    with pytest.raises(ConfigurationError) as refused:
        load_declaration(files.defs)
    found = [str(mistake) for mistake in refused.value.mistakes if mistake.field == f"attributes.{field}"]
    assert len(found) == 1, str(refused.value)
    assert words.lower() in found[0].lower()
    assert f":{line_of(files.defs, '  outcomes:' if field == 'outcomes' else new.splitlines()[-1])}: " in found[0]


def test_every_mistake_comes_at_once_in_the_order_of_lines(files):
    files.change(files.defs, "risk: high", "risk: hihg")
    files.change(files.defs, "  purpose: Rank applications for interviews.\n", "")
    files.change(files.defs, "  strata:", "  strata: []\n  strata:")
    files.change(files.defs, "starts: 2026-09-01", "starts: soon")
    with pytest.raises(ConfigurationError) as refused:
        load_declaration(files.defs)
    fields = [mistake.field.removeprefix("attributes.") for mistake in refused.value.mistakes]
    assert fields == ["purpose", "risk", "starts", "strata"]


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("kind: fairness", "kind: fairnes", "clauses[H-1].control", "`fairnes` is not a kind of control. Did you mean `fairness`?"),
        ("kind: fairness, ", "", "clauses[H-1].control", "`kind` is missing. Add it, such as `kind: decision_rule`"),
        ("impact_ratio", "impact_rato", "clauses[H-1].control.metric", "Did you mean `impact_ratio`?"),
        ("window: 30 days", "window: 30", "clauses[H-1].control.window", "30 is not a window. Write `90 days`"),
        ("window: 30 days", "test: nope", "clauses[H-1].control.test", "Did you mean `none`?"),
        ("window: 30 days", "test: {agianst: x}", "clauses[H-1].control.test.agianst", "Did you mean `against`?"),
        ("by: [sex,", "by: [1,", "clauses[H-1].control.by[0]", 'Put it in quotes: "1".'),
        ("at_least: 0.8", "at_lest: 0.8", "clauses[H-1].control.at_lest", "Did you mean `at_least`?"),
        ("role: recruiter, ", "", "clauses[H-2].control.role", "Add it, for example `role: senior_underwriter`."),
        ("level: people", "level: peple", "clauses[H-3].level", "Did you mean `people`?"),
        ("every: 1 year", "every: yearly", "clauses[H-3].obligation.every", "'yearly' is not a duration. Write a count and a unit"),
        ("every: 1 year", "every: 101 years", "clauses[H-3].obligation.every", "a century at most"),
        ("every: 1 year", f"every: {'9' * 5000} days", "clauses[H-3].obligation.every", "a century at most"),
        ("window: 30 days", "window: 36526 days", "clauses[H-1].control.window", "(a century at most)"),
        ("window: 30 days", "min_group_size: 1000000001", "clauses[H-1].control.min_group_size", "less than or equal to"),
        ("version: 1", "version: 1000001", "version", "less than or equal to"),
        ("by: [sex, [sex, age_band]]", "by: [[sex, sex]]", "clauses[H-1].control.by", "Name each once"),
        ("by: [sex, [sex, age_band]]", "by: [[]]", "clauses[H-1].control.by", "Name each once"),
        ("by: [sex, [sex, age_band]]", "by: [sex, [sex]]", "clauses[H-1].control.by", "Name each once"),
        ("by: [sex, [sex, age_band]]", "by: [[sex, age_band], [age_band, sex]]", "clauses[H-1].control.by", "Name each once"),
        ("at_least: 0.8", "at_least: 0", "clauses[H-1].control.at_least", "`0` should be greater than 0"),
        ("at_least: 0.8", "at_least: 1.2", "clauses[H-1].control.at_least", "should be less than or equal to 1"),
        ("at_least: 0.8", "at_least: .nan", "clauses.0.control.at_least", "is not a number of ordinary size"),
        ("at_least: 0.8", "at_most: 0.8", "clauses[H-1].control", "Write `at_least`, such as 0.8"),
        ("id: H-3", "id: H-1", "the whole file", "clause id H-1 stands more than once"),
        ("{from: 2026-09-01}", "{from: 2026-09-01, until: 2026-09-01}", "in_force", "is not after from"),
    ],
)  # fmt: skip
def test_a_policys_mistakes_name_the_clause(files, old, new, field, words):
    files.change(files.policy, old, new)
    with pytest.raises(ConfigurationError) as refused:
        load_policy(files.policy)
    assert [mistake.field for mistake in refused.value.mistakes] == [field], str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("control", "field", "words"),
    [
        ("{kind: freshness, within: 3 working days}", "within", "`3 working days` has no fixed length. Write hours or days."),
        ("{kind: freshness, within: 1 month}", "within", "Write hours or days."),
        ("{kind: freshness, of: access_log, within: 1 month}", "within", "Write hours or days."),
        ("{kind: operating_range, usual: [volume], reference: {from: 2026-09-01, until: 2026-09-28}}", "reference", "fewer than four of each"),
        ("{kind: access_pattern, usual: [rows], reference: {from: 2026-09-01, until: 2026-09-11}}", "reference", "Write four weeks or more."),
        ("{kind: expectation, expect: expect_x, arguments: {row_condition: 'metric == \"psi\"'}}", "arguments", "`row_condition` is a text"),
    ],
)  # fmt: skip
def test_a_control_that_could_not_be_judged_is_refused(files, control, field, words):
    files.control(control)
    with pytest.raises(ConfigurationError) as refused:
        load_policy(files.policy)
    assert [mistake.field for mistake in refused.value.mistakes] == [f"clauses[H-1].control.{field}"]
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policy: [", "is not YAML"),
        ("policy: a\n---\npolicy: b\n", "is not YAML"),
        ("", "expected fields, found nothing"),
        ("- a\n", "expected fields, found a list"),
        ("1: a\n", "has the key `1`, which is not text"),
        ('"\\uD800": a\n', "has the key `\\ud800`"),
        ('a: "\\U00110000"\n', "is not YAML"),
        ("a: !!bool x\n", "unknown field"),
        ("[" * 3000, "it nests too deep"),
        ("- " * 3000, "it nests too deep"),
        (f"policy: {'[' * 33}{']' * 33}\n", "lies deeper than 32 levels"),
    ],
)
def test_a_file_of_another_shape_is_refused_in_words(files, text, words):
    files.policy.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_policy(files.policy)
    assert words in str(refused.value)
    assert "expectations/house-hiring.yaml" in str(refused.value)


def test_yaml_is_version_1_2(files):
    files.change(files.defs, "[invited]", "[yes, on, 012]")
    files.change(files.defs, "[rejected]", "[no]")
    with pytest.raises(ConfigurationError) as refused:
        load_declaration(files.defs)
    assert [mistake.field for mistake in refused.value.mistakes] == ["attributes.outcomes.favorable[2]"]


def test_bytes_that_are_no_text_are_refused(files):
    files.policy.write_bytes(b"policy: \xff")
    with pytest.raises(ConfigurationError, match="Save it as UTF-8"):
        load_policy(files.policy)


def test_a_missing_file_is_wrong_use(files):
    with pytest.raises(WrongUse, match=r"expectations/nowhere\.yaml cannot be read"):
        load_policy(files.policy.with_name("nowhere.yaml"))


def test_the_folder_has_the_systems_name(files):
    files.change(files.defs, "system: hiring", "system: hirings")
    with pytest.raises(ConfigurationError, match="`hirings` is in the folder `hiring`"):
        load_declaration(files.defs)


def test_a_folder_or_another_encoding_in_a_files_place_is_one_mistake(files):
    assets, expectations = files.root / "assets", files.root / "expectations"
    (assets / "folder" / "defs.yaml").mkdir(parents=True)
    (assets / "utf16").mkdir()
    (assets / "utf16" / "defs.yaml").write_bytes(files.defs.read_text().encode("utf-16-le"))
    (expectations / "folder.yaml").mkdir()
    outside = files.root / "outside.yaml"
    files.policy.rename(outside)
    (expectations / "linked.yaml").symlink_to(outside)
    declarations, mistakes = load_declarations(assets)
    assert (list(declarations), len(mistakes)) == (["hiring"], 2)
    policies, mistakes = load_policies(expectations)
    assert ([policy.policy for policy in policies], len(mistakes)) == (["house-hiring"], 1)


@pytest.mark.parametrize(
    "control",
    [
        {"metric": "adverse_impact_ratio", "reference": {"sex": "m"}, "at_least": 0.8, "at_most": 1.25},
        {"metric": "demographic_parity_difference", "at_most": 0},
        {"metric": "selection_rate", "at_least": 0.1, "at_most": 0.9},
    ],
)
def test_a_limit_that_fits_its_metric_is_read(control):
    assert Fairness(kind="fairness", **control)


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"metric": "adverse_impact_ratio", "reference": {"sex": "m"}, "at_most": 1}, "above 1, such as 1.25"),
        ({"metric": "demographic_parity_difference", "at_least": 0.1}, "write `at_most`, such as 0.05"),
        ({"metric": "demographic_parity_difference", "at_most": 1}, "`at_most` below 1"),
        ({"metric": "demographic_parity_difference", "at_most": -0.1}, "`at_most` below 1"),
        ({"metric": "demographic_parity_ratio", "at_most": 0.9}, "write `at_least`, such as 0.8"),
        ({"metric": "selection_rate", "at_least": 0.5, "at_most": 0.4}, "not under `at_least`"),
        ({"metric": "adverse_impact_ratio", "reference": {"sex": "m"}, "at_most": math.inf}, "finite"),
    ],
)
def test_a_limit_that_cannot_fail_or_makes_no_sense_is_refused(control, words):
    with pytest.raises(ValidationError) as refused:
        Fairness(kind="fairness", **control)
    assert words in str(refused.value)


def test_one_broken_system_never_stops_the_others(files):
    broken = files.root / "assets" / "lending" / "defs.yaml"
    broken.parent.mkdir()
    shutil.copy(files.defs, broken)
    declarations, mistakes = load_declarations(files.root / "assets")
    assert list(declarations) == ["hiring"]
    assert {mistake.file for mistake in mistakes} == {"assets/lending/defs.yaml"}


def test_one_broken_policy_never_stops_the_others_and_suites_are_no_policies(files):
    for name in ("packs/law.yaml", "suites/house.yaml"):
        path = files.root / "expectations" / name
        path.parent.mkdir()
        path.write_text("policy: X\n")
    policies, mistakes = load_policies(files.root / "expectations")
    assert [policy.policy for policy in policies] == ["house-hiring"]
    assert {mistake.file for mistake in mistakes} == {"expectations/packs/law.yaml"}


def required_fields(model: type[BaseModel]) -> list[str]:
    """Every required field below a model whose schema has neither an example nor a list of values."""
    schema = model.model_json_schema()
    parts = {"": schema, **schema.get("$defs", {})}
    return [
        f"{name}.{field}"
        for name, part in parts.items()
        for field in part.get("required", ())
        if name not in {"Duration", "Window"}
        if not {"examples", "enum", "const"} & set(part["properties"][field])
    ]


@pytest.mark.parametrize("model", [DefsFile, SystemDeclaration, Policy])
def test_every_required_field_has_an_example_to_show(model):
    assert required_fields(model) == []


@pytest.mark.parametrize(
    ("control", "remedy"),
    [
        ('{kind: decision_rule, must: "amount > 5 && years < 3"}', "Write AND and OR as words."),
        ('{kind: decision_rule, must: "amount =< 5"}', "Write <= and >=."),
        ('{kind: decision_rule, must: "amount <= 500,000"}', "Write numbers without commas, such as 500000."),
        ("{kind: decision_rule, must: 'product = \"clerk\"'}", "If it is a text, write it in single quotes: 'clerk'."),
        ('{kind: decision_rule, must: "product contains \'x\'"}', "Write it as LIKE '%word%'."),
        ('{kind: decision_rule, must: "decided_at < today()"}', "limits in time are `kind: deadline` or `freshness`."),
        ('{kind: decision_rule, must: "lower(product) = \'x\'"}', "compute it where the decisions come from, and declare the column."),
        ('{kind: decision_rule, must: "reviewer != NULL"}', "Write `IS NULL` or `IS NOT NULL`."),
        ('{kind: decision_rule, must: "Amount < 5"}', "Did you mean `amount`?"),
        ("{kind: decision_rule, must: 5}", 'Put it in quotes: "5".'),
        ("{kind: rule, must: amount > 1}", "Known here: `access_pattern`, `approved_model`"),
        ("{kind: fairness, metric: impact_ratio, at_least: 80%}", "Write it alone, without signs or units, such as 0.8."),
        ("{kind: fairness, metric: impact_ratio, at_least: 80}", "should be less than or equal to 1"),
        ("{kind: fairness, metric: impact_ratio, window: 30d}", "write `90 days` (a century at most), `calendar month`"),
        ("{kind: approved_model, notify: me}", "Write it as `[one, two]`."),
        ("{kind: approved_model, severity: high}", "Known here: `critical`, `info`, `warning`."),
    ],
)  # fmt: skip
def test_what_people_commonly_write_gets_one_line_that_says_what_to_write(files, control, remedy):
    files.control(control)
    said = files.only_mistake()
    assert "\n" not in said
    assert remedy.lower() in said.lower()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("in_force: {from: 2026-09-01}", "in_force: 2026-09-01", "found a date. Write it like `{from: 2026-10-01}`."),
        ("    level: runtime", "\tlevel: runtime", "this line is indented with a tab"),
        ("    control: {kind: fairness", "   control: {kind: fairness", "this line is indented like none above it"),
        ("policy: house-hiring", "policy: house: hiring", "a second `: ` stands here"),
    ],
)
def test_yaml_gone_wrong_is_told_in_words(files, old, new, words):
    files.change(files.policy, old, new)
    assert words in files.only_mistake()
