"""Documentation is a tested surface: every kind, field and column has its place, every example can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from gov_pipelines.policy import CANONICAL, SystemDeclaration
from gov_pipelines.policy import declaration as declared
from gov_pipelines.policy.document import (
    Applies,
    ApprovedTool,
    Clause,
    Escalation,
    InForce,
    Obligation,
    Policy,
    Retention,
    Source,
)
from gov_pipelines.policy.kinds import BoundControl, Control, Past
from gov_pipelines.policy.kinds import Test as FairnessTest
from gov_pipelines.policy.loading import DefsFile

DOCS = Path(__file__).parents[2] / "docs"
POLICIES, SYSTEMS, LOG = ((DOCS / f"{name}.md").read_text() for name in ("policies", "systems", "decision-log"))
KINDS = {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(Control)}


def section(text: str, heading: str) -> str:
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def rows(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE))


def written(text: str) -> set[str]:
    """Words in code: between backticks, or keys of an example."""
    return set(re.findall(r"`([a-z_]+)[`:]", text)) | set(re.findall(r"([a-z_]+):", text))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_heading_every_field_and_a_readable_example(kind):
    text = section(POLICIES, f"`{kind}`")
    assert names(KINDS[kind]) - names(BoundControl) - {"kind"} <= written(text)
    (clause,) = YAML(typ="safe", pure=True).load(re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)[1])
    assert Clause.model_validate(clause).control.kind == kind


def test_every_field_of_every_control_has_a_row():
    assert rows(section(POLICIES, "What every control may say")) == names(BoundControl) | {"kind"}


def test_every_field_of_policies_and_clauses_has_a_row():
    assert rows(section(POLICIES, "The policy")) == names(Policy)
    assert rows(section(POLICIES, "A clause")) == names(Clause)
    assert rows(section(POLICIES, "Obligations")) == names(Obligation)
    assert rows(section(POLICIES, "Retention")) == names(Retention)
    assert rows(section(POLICIES, "Sources")) == names(Source)
    for parts, heading in (
        ((InForce,), "The policy"),
        ((Applies,), "A clause"),
        ((Obligation, Escalation, ApprovedTool), "Obligations"),
        ((FairnessTest,), "`fairness`"),
        ((Past,), "`drift`"),
    ):
        for part in parts:
            assert names(part) <= written(section(POLICIES, heading)), part.__name__


def test_the_first_example_is_a_policy():
    assert Policy.model_validate(
        YAML(typ="safe", pure=True).load(re.search(r"```yaml\n(.*?)```", POLICIES, flags=re.DOTALL)[1])
    )


def test_every_field_of_a_declaration_has_a_row():
    assert rows(section(SYSTEMS, "The system")) == names(SystemDeclaration)
    for heading, part in (
        ("source", declared.Source),
        ("protected_attributes", declared.ProtectedAttribute),
        ("reviews", declared.Reviews),
        ("access_log", declared.AccessLog),
        ("fields", declared.LogField),
        ("outcomes", declared.Outcomes),
        ("intake", declared.Intake),
        ("label", declared.Label),
        ("schedule", declared.AuditSchedule),
        ("synthetic", declared.Synthetic),
    ):
        assert rows(section(SYSTEMS, f"`{heading}`")) == names(part), heading
    assert names(declared.MayDecide) | names(declared.UpTo) | names(declared.ApprovedModel) <= written(
        section(SYSTEMS, "`intake`")
    )


def test_needed_fields_are_marked_so():
    needed = set(re.findall(r"^\| `([a-z_]+)` \| yes \|", SYSTEMS, flags=re.MULTILINE))
    assert needed == {name for name, field in SystemDeclaration.model_fields.items() if field.is_required()}


def test_the_example_is_a_system():
    assert DefsFile.model_validate(
        YAML(typ="safe", pure=True).load(re.search(r"```yaml\n(.*?)```", SYSTEMS, flags=re.DOTALL)[1])
    )


def test_every_canonical_column_stands_with_type_meaning_and_null_rule():
    types = {"String": "text", "Float64": "number", "Int64": "whole number"}
    expected = [
        f"| `{column.name}` | {types.get(str(column.dtype), 'moment')} | {column.meaning} | {column.null_rule} |"
        for column in CANONICAL.values()
    ]
    assert [line for line in section(LOG, "Columns").splitlines() if line.startswith("| `")] == expected
