"""The base of every model a person writes: what is wrong with a value, and what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
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


class Strict(BaseModel):
    """Frozen, no extra fields; errors say what to write instead. Fields named as a Python keyword carry an alias."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True, allow_inf_nan=False
    )

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            fields = {field.alias or name: field for name, field in cls.model_fields.items()}
            said = [_in_words(each, fields) for each in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, said) from None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if wrong := next(self.wrong(), None):
            raise ValueError(wrong)
        return self

    def wrong(self) -> Iterator[str]:
        """What is wrong with the values of a model together: each a problem and a remedy, parted by a semicolon."""
        yield from ()


def _in_words(details: ErrorDetails, fields: Mapping[str, FieldInfo]) -> InitErrorDetails:
    """An error of a model with `problem` and `remedy` in its context."""
    problem, remedy = words_of(details, fields)
    error = PydanticCustomError(details["type"], "{problem}. {remedy}", {"problem": problem, "remedy": remedy})
    return {"type": error, "loc": details["loc"], "input": details["input"]}


def words_of(details: ErrorDetails, fields: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """Problem and remedy of what pydantic found; `fields` are the model's, by the names people write."""
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
