"""From what pydantic found to what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from gov_pipelines.policy.suggest import did_you_mean

_FIELDS = ("fields", "Write it as `{name: value}`.")
SHAPES = {
    "list_type": ("a list", "Write it as `[one, two]`."),
    "tuple_type": ("a list of two", "Write it as `[lowest, highest]`; `null` leaves a side open."),
    "dict_type": _FIELDS,
    "model_type": _FIELDS,
    "float_type": ("a number", "Write a number."),
    "float_parsing": ("a number", "Write it alone, without signs or units, such as 0.8."),
    "int_parsing": ("a whole number", "Write it alone, without signs or units."),
    "int_type": ("a whole number", "Write a whole number."),
    "bool_type": ("true or false", "Write `true` or `false`."),
}


def in_words(details: ErrorDetails, fields: Iterable[tuple[str, FieldInfo]]) -> InitErrorDetails:
    """An error of a model with `problem` and `remedy` in its context.

    Args:
        details: the error as pydantic gives it.
        fields: the model's fields by the names people write.
    """
    problem, remedy = words_of(details, dict(fields))
    error = PydanticCustomError(details["type"], "{problem}. {remedy}", {"problem": problem, "remedy": remedy})
    return {"type": error, "loc": details["loc"], "input": details["input"]}


def words_of(details: ErrorDetails, fields: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """Problem and remedy."""
    value, context = details["input"], details.get("ctx") or {}
    name = str(details["loc"][0]) if details["loc"] else ""
    example = _example(fields[name]) if name in fields else None
    expected = re.findall(r"'([^']*)'", str(context.get("expected_tags") or context.get("expected")))
    remedy = f"Write it like `{example}`." if example else "Choose a value that does."
    match details["type"]:
        case _ if "problem" in context:
            own = example and len(details["loc"]) == 1 and context["remedy"] == _FIELDS[1]
            problem, remedy = context["problem"], remedy if own else context["remedy"]
        case "extra_forbidden":
            problem, remedy = "unknown field", did_you_mean(name, fields, otherwise="Fields known here")
        case "missing" | "too_short" | "string_too_short" as kind:
            problem = "this field is missing" if kind == "missing" else "is empty"
            remedy = f"Add it, for example `{name}: {example}`." if example else f"Fill in `{name}`."
        case "union_tag_not_found":
            problem, remedy = "`kind` is missing", "Add it, such as `kind: decision_rule`; see docs/policies.md."
        case "union_tag_invalid":
            problem = f"`{context['tag']}` is not a kind of control"
            remedy = did_you_mean(context["tag"], expected)
        case "literal_error":
            problem, remedy = f"`{value}` is not a known value", did_you_mean(str(value), expected)
        case "string_type":
            problem = f"expected a text, found {_kind_in_words(value)}"
            remedy = "Write a text." if isinstance(value, list | dict) else f'Put it in quotes: "{value}".'
        case "value_error":  # the models' own errors say problem and remedy, parted by a semicolon
            problem, _, remedy = str(context["error"]).partition("; ")
            remedy = f"{remedy[:1].upper()}{remedy[1:]}."
        case kind if kind in SHAPES:
            shape, remedy = SHAPES[kind]
            problem = f"expected {shape}, found {_kind_in_words(value)}"
        case _:
            problem = f"`{value}` {details['msg'].removeprefix('Input ').removeprefix('String ')}"
    return problem, remedy


def _example(field: FieldInfo) -> object:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return next(iter(field.examples or choices), None)


def _kind_in_words(value: Any) -> str:
    words = (
        (bool, "true or false"), (str, "a text"), (int | float, "a number"), (date, "a date"), (list, "a list"),
        (dict, "fields"),
    )  # fmt: skip
    return next((name for kind, name in words if isinstance(value, kind)), "nothing")
