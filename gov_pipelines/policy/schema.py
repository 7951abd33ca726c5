"""JSON Schemas of policies and declarations, so that an editor completes and checks what people write as they write it."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.durations import Duration, Window
from gov_pipelines.policy.kinds import BoundControl
from gov_pipelines.policy.loading import DefsFile

_TEXTS: dict[type, dict[str, Any]] = {
    Duration: {
        "type": "string",
        "pattern": r"^\d{1,6} (hour|day|working day|month|year)s?$",
        "description": "A count and a unit: hours, days, working days, months or years.",
        "examples": ["30 days", "5 working days", "1 year"],
    },
    Window: {
        "type": "string",
        "pattern": r"^([1-9]\d{0,4} days?|calendar month|calendar year|all|partition)$",
        "description": "How far back: days, calendar month, calendar year, all, or partition (the day itself).",
        "examples": ["90 days", "calendar month", "calendar year", "all", "partition"],
    },
}
# Formats that validators ignore, or read otherwise than we do, as patterns.
_FORMATS = {"date": r"^\d{4}-\d{2}-\d{2}$", "time": r"^\d{2}:\d{2}(:\d{2})?$"}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with spans of time as the texts people write."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """A span's text; what is no span is as pydantic says."""
        return dict(_TEXTS[schema["cls"]]) if schema["cls"] in _TEXTS else super().dataclass_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        """A default as people would write it."""
        return str(dft) if type(dft) in _TEXTS else super().encode_default(dft)


def schema_files() -> dict[str, str]:
    """The text of the committed files by name: JSON Schemas (2020-12) of a policy and of a system's `defs.yaml`."""
    policy, system = _schema_of(Policy, "A policy of gov_pipelines"), _schema_of(DefsFile, "A system of gov_pipelines")
    policy["properties"] = {"$schema": {"type": "string"}, **policy["properties"]}
    schemas = {"policy.schema.json": policy, "system.schema.json": system}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas.items()}


def _schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    for part in (schema, *schema.get("$defs", {}).values()):
        _describe(part)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_plain(schema), "title": title}


def _describe(part: dict[str, Any]) -> None:
    """Give each field the sentences of its model's docstring, or of the one all controls share, that name it."""
    shared = BoundControl.__doc__ if "on_fail" in part.get("properties", {}) else ""
    said = " ".join(f"{part.get('description', '')} {shared}".split())
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z`])", said)
    for name, field in part.get("properties", {}).items():
        about = [sentence for sentence in sentences if f"`{name}`" in sentence]
        if about and "description" not in field:
            field["description"] = " ".join(about)


def _plain(node: Any) -> Any:
    """A schema as editors read it best: no made-up titles, examples as values, one branch a kind of control."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {
        name: _plain(each)
        for name, each in node.items()
        if not (name == "title" and isinstance(each, str)) and not (name == "default" and each is None)
    }
    if isinstance(plain.get("examples"), list):
        plain["examples"] = [each for text in plain["examples"] for each in _example(text)]
    if pattern := _FORMATS.get(str(plain.get("format"))):
        del plain["format"]
        plain["pattern"] = pattern
    if "patternProperties" in plain:  # names of another form are refused, not passed over
        plain["additionalProperties"] = False
    if "discriminator" in plain:
        branches = plain.pop("discriminator")["mapping"]
        del plain["oneOf"]
        plain |= {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": sorted(branches)}},
            "allOf": [
                {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"$ref": reference}}
                for kind, reference in sorted(branches.items())
            ],
        }
    return plain


def _example(text: Any) -> list[Any]:
    """An example as it is read from YAML; nothing where it is only half of one."""
    if not isinstance(text, str):
        return [text]
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return []
    return [json.loads(json.dumps(value, default=str))]
