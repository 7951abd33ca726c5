"""The schemas editors use: current, true of every file here, and as strict about shapes as the loader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from gov_pipelines.errors import ConfigurationError
from gov_pipelines.policy import load_declaration, load_policy, schema_files

PROJECT = Path(__file__).parents[2]
SCHEMAS = {name: json.loads(text) for name, text in schema_files().items()}
POLICY_SCHEMA, SYSTEM_SCHEMA = (Draft202012Validator(SCHEMAS[f"{name}.schema.json"]) for name in ("policy", "system"))
POLICIES = [path for path in (PROJECT / "expectations").rglob("*.yaml") if "suites" not in path.parts]
SYSTEMS = list((PROJECT / "assets").glob("*/defs.yaml"))


def mistakes(schema: Draft202012Validator, text: str) -> list[str]:
    content = json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(content)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_current_and_sound(name):
    assert (PROJECT / "docs" / "schemas" / name).read_text() == schema_files()[name], "run `gov schema --write`"
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("path", [*POLICIES, *SYSTEMS], ids=lambda path: path.name)
def test_every_file_here_is_valid_and_names_its_schema(path):
    is_system = path.name == "defs.yaml"
    assert mistakes(SYSTEM_SCHEMA if is_system else POLICY_SCHEMA, path.read_text()) == []
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = (path.parent / first.partition("$schema=")[2]).resolve()
    assert named == PROJECT / "docs" / "schemas" / f"{'system' if is_system else 'policy'}.schema.json"


def test_a_policy_may_name_its_schema_in_a_key(files):
    files.policy.write_text(f"$schema: ../docs/schemas/policy.schema.json\n{files.policy.read_text()}")
    assert load_policy(files.policy).policy == "house-hiring"
    assert mistakes(POLICY_SCHEMA, files.policy.read_text()) == []
    assert files.lint() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: fairness", "kind: fairnes"), ("kind: fairness, ", ""), ("impact_ratio", "impact_rato"), ("at_least: 0.8", "at_lest: 0.8"),
        ("at_least: 0.8", "at_least: high"), ("window: 30 days", "window: 30"), ("window: 30 days", "window: a while"), ("window: 30 days", "test: nope"),
        ("window: 30 days", "test: {agianst: x}"), ("window: 30 days", "must: amount > 1"), ("window: 30 days", "min_group_size: 0"), ("by: [sex,", "by: [1,"),
        ("role: recruiter, ", ""), ("level: people", "level: peple"), ("every: 1 year", "every: yearly"), ("every: 1 year", "ever: 1 year"),
        ("version: 1", "version: 0"), ("version: 1", "version: one"), ("id: H-3", "id: 3"), ("{from: 2026-09-01}", "2026-09-01"), ("{from: 2026-09-01}", "{from: soon}"),
        ("policy: house-hiring", "policy: House Hiring"), ("owner: people\n", ""), ('{title: "Hiring with AI"}', "{titel: x}"), ("version: 1", "version: 1\nvresion: 2"),
    ],
)  # fmt: skip
def test_what_the_loader_refuses_for_its_shape_the_policy_schema_refuses_too(files, old, new):
    assert mistakes(POLICY_SCHEMA, files.policy.read_text()) == []
    files.change(files.policy, old, new)
    with pytest.raises(ConfigurationError):
        load_policy(files.policy)
    assert mistakes(POLICY_SCHEMA, files.policy.read_text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("risk: high", "risk: hihg"), ("  owner: team:people\n", ""), ("starts: 2026-09-01", "starts: 2026-9"), ("  favorable:", "  favourable:"), ("[invited]", "invited"),
        ("[invited]", "[]"), ("range: [0, 60]", "range: [0]"), ("range: [0, 60]", "range: [0, many]"), ("type: number", "type: nubmer"), ("up_to: 100", "up_to: lots"),
        ("sex: {}", "Sex: {}"), ("[house-hiring]", "[]"), ("gov_pipelines.pipeline.AuditedSystem", "other.Component"), ("may_read: [years", "may_read: [1"),
        ("risk: high", "risk: high\n  state: alive"), ("approved_from: 2026-08-01", "approved_from: august"),
    ],
)  # fmt: skip
def test_what_the_loader_refuses_for_its_shape_the_system_schema_refuses_too(files, old, new):
    assert mistakes(SYSTEM_SCHEMA, files.defs.read_text()) == []
    files.change(files.defs, old, new)
    with pytest.raises(ConfigurationError):
        load_declaration(files.defs)
    assert mistakes(SYSTEM_SCHEMA, files.defs.read_text())


def test_an_editor_completes_the_kind_and_then_its_fields():
    control = SCHEMAS["policy.schema.json"]["$defs"]["Clause"]["properties"]["control"]["anyOf"][0]
    assert "decision_rule" in control["properties"]["kind"]["enum"]
    (rule,) = (each for each in control["allOf"] if each["if"]["properties"]["kind"]["const"] == "decision_rule")
    named = SCHEMAS["policy.schema.json"]["$defs"][rule["then"]["$ref"].rpartition("/")[2]]
    assert named["properties"]["must"]["examples"] == ["amount <= 500000"]
    assert named["properties"]["must"]["description"].startswith("`must` holds for each decision that meets `when`.")
    assert named["properties"]["window"] == {"$ref": "#/$defs/Window", "default": "partition"} | {
        "description": named["properties"]["window"]["description"]
    }
