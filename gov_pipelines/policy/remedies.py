"""From what pydantic found to what a person can do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.suggest import did_you_mean
from gov_pipelines.policy.yaml_file import Place, YamlFile, kind_in_words

_Schema = Mapping[str, Any]
_FIELDS = ("fields", "Write it as `{name: value}`.")
_SHAPES = {
    "list_type": ("a list", "Write it as `[one, two]`."),
    "tuple_type": ("a list of two", "Write it as `[lowest, highest]`; `null` leaves a side open."),
    "dict_type": _FIELDS,
    "model_type": _FIELDS,
    "model_attributes_type": _FIELDS,
    "float_type": ("a number", "Write a number."),
    "int_type": ("a whole number", "Write a whole number."),
    "bool_type": ("true or false", "Write `true` or `false`."),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """One error of pydantic, where it is in the file, and the JSON schema that holds there."""

    place: Place
    node: _Schema
    details: ErrorDetails

    @property
    def name(self) -> str:
        return str(self.place[-1]) if self.place else ""

    @property
    def value(self) -> Any:
        return self.details["input"]

    @property
    def example(self) -> str:
        examples = self.node.get("examples") or self.node.get("enum")
        return str(examples[0]) if examples else ""

    def within_a_union(self) -> bool:
        return len(self.place) < len(self.details["loc"])

    def is_above(self, other: _Found) -> bool:
        return len(other.place) > len(self.place) and other.place[: len(self.place)] == self.place


def mistakes_of(error: ValidationError, file: YamlFile, model: type[BaseModel]) -> list[Mistake]:
    """Every error as a mistake with file, line, field and remedy; the branches of a union are told as one."""
    schema = model.model_json_schema()
    # Of two branches at one place, the one that names values says more than the one that names a shape.
    errors = sorted(error.errors(), key=lambda details: details["type"] in _SHAPES)
    found = [_locate(details, file, schema) for details in errors]
    mistakes: dict[Place, Mistake] = {}
    for one in found:
        other_branch_says_more = one.within_a_union() and any(one.is_above(other) for other in found)
        if one.place not in mistakes and not other_branch_says_more:
            problem, remedy = _WORDS.get(one.details["type"], _otherwise)(one)
            mistakes[one.place] = file.mistake(one.place, problem, remedy)
    return list(mistakes.values())


def _locate(details: ErrorDetails, file: YamlFile, root: _Schema) -> _Found:
    """Walk file and schema together; steps that name a branch of a union are in neither and are passed over."""
    place: Place = ()
    node = _resolved(root, root, file.content)
    for step in details["loc"]:
        here = file.at(place)
        if not _is_in(here, step) and not (details["type"] == "missing" and step == details["loc"][-1]):
            continue
        place = (*place, step)
        if details["type"] == "extra_forbidden" and step not in node.get("properties", {step: None}):
            break  # the schema beside the unknown field knows what it could have meant
        node = _resolved(_child(node, step), root, file.at(place))
    return _Found(place, node, details)


def _is_in(value: object, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, Mapping) and step in value


def _child(node: _Schema, step: str | int) -> _Schema:
    if isinstance(step, int):
        child = node["prefixItems"][min(step, 1)] if "prefixItems" in node else node.get("items")
    else:
        others = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
        child = node.get("properties", {}).get(step, others)
    return child if isinstance(child, Mapping) else {}


def _resolved(node: _Schema, root: _Schema, value: object) -> _Schema:
    """Follow references, and choose the branch of a union that the value asks for; the field's examples stay."""
    own = {"examples": node["examples"]} if "examples" in node else {}
    while True:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif "discriminator" in node:
            kinds = node["discriminator"]["mapping"]
            kind = value.get("kind") if isinstance(value, Mapping) else None
            node = {"$ref": kinds[kind]} if kind in kinds else {"enum": sorted(kinds)}
        elif "anyOf" in node:
            node = _branch([branch for branch in node["anyOf"] if branch.get("type") != "null"], value)
        else:
            return {**node, **own}


def _branch(branches: list[_Schema], value: object) -> _Schema:
    shape = "array" if isinstance(value, list) else "object" if isinstance(value, Mapping) else "scalar"
    shapes = ["object" if "$ref" in each or "discriminator" in each else each.get("type") for each in branches]
    return branches[shapes.index(shape)] if shape in shapes else branches[-1]


def _unknown_field(found: _Found) -> tuple[str, str]:
    known = found.node.get("properties", {})
    return "unknown field", did_you_mean(found.name, known, otherwise="Fields known here")


def _missing(found: _Found) -> tuple[str, str]:
    return "this field is missing", _add(found)


def _empty(found: _Found) -> tuple[str, str]:
    return "is empty", _add(found)


def _add(found: _Found) -> str:
    return f"Add it, for example `{found.name}: {found.example}`." if found.example else f"Fill in `{found.name}`."


def _no_kind(found: _Found) -> tuple[str, str]:
    return "`kind` is missing", did_you_mean("", found.node["enum"], otherwise="Add one of")


def _unknown_kind(found: _Found) -> tuple[str, str]:
    kind = str(found.value.get("kind"))
    return f"`{kind}` is not a kind of control", did_you_mean(kind, found.node["enum"])


def _unknown_value(found: _Found) -> tuple[str, str]:
    choices = found.node.get("enum") or [found.node.get("const", "")]
    return f"`{found.value}` is not a known value", did_you_mean(str(found.value), map(str, choices))


def _not_text(found: _Found) -> tuple[str, str]:
    remedy = "Write a text." if isinstance(found.value, list | dict) else f'Put it in quotes: "{found.value}".'
    return f"expected a text, found {kind_in_words(found.value)}", remedy


def _own_words(found: _Found) -> tuple[str, str]:
    """The models' own errors say problem and remedy, parted by a semicolon."""
    problem, _, remedy = str(found.details["ctx"]["error"]).partition("; ")
    return problem, f"{remedy[:1].upper()}{remedy[1:]}."


def _shape(found: _Found) -> tuple[str, str]:
    expected, remedy = _SHAPES[found.details["type"]]
    return f"expected {expected}, found {kind_in_words(found.value)}", remedy


def _otherwise(found: _Found) -> tuple[str, str]:
    said = found.details["msg"].removeprefix("Input ").removeprefix("String ")
    remedy = f"Write it like `{found.example}`." if found.example else "Choose a value that does."
    return f"`{found.value}` {said}", remedy


_WORDS: dict[str, Callable[[_Found], tuple[str, str]]] = {
    "extra_forbidden": _unknown_field,
    "missing": _missing,
    "too_short": _empty,
    "string_too_short": _empty,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _unknown_kind,
    "literal_error": _unknown_value,
    "string_type": _not_text,
    "value_error": _own_words,
    **dict.fromkeys(_SHAPES, _shape),
}
