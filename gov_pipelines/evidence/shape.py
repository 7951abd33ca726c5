"""Whether a JSON value has the shape it must have, said place by place; and that shape as a JSON Schema.

A shape is a type; a dict of member name to shape (these members and no other); a list of one shape (any number of
such items); or one of the classes here. Anything else about the value is left to other rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class Nullable:
    """null, or a value of the shape."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose members may have any names; each is of the shape."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer of at least so much."""

    least: int = 0


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a regular expression describes from its first to its last character.

    Attributes:
        pattern: read alike by Python and by JSON Schema (ECMA-262): classes and groups, no class such as digits.
        meaning: what it is, for messages.
        real: reads it, or raises ValueError: the 31st of February has the form of a date.
    """

    pattern: str
    meaning: str
    real: Callable[[str], object] = str


_LONGEST_READ = 64  # characters of a text that is read, and kept: an instant has 27

DIGEST = Text("[0-9a-f]{64}", "a SHA-256 in lower-case hex")
INSTANT = Text(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{6})?Z",
    "an instant in UTC (RFC 3339, ending in Z)",
    datetime.fromisoformat,
)
DATE = Text("[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date (ISO 8601)", date.fromisoformat)
DECIMAL = Text("0|-?[1-9][0-9]*([.][0-9]*[1-9])?|-?0[.][0-9]*[1-9]", "a number as its shortest decimal string")


def misfits(value: Any, shape: Any, place: str) -> Iterator[str]:
    """Name every place where a value departs from a shape.

    Args:
        value: from JSON.
        shape: see the module.
        place: dotted path of the value, for the messages.

    Yields:
        One sentence a departure.
    """
    if checker(shape)(value):
        return
    if isinstance(shape, Nullable):
        shape = shape.shape
    if not _opens(value, shape):
        yield f"{place} is not {_said(shape)}"
        return
    if isinstance(shape, dict):
        yield from (f"{place}.{name} is absent" for name in sorted(shape.keys() - value.keys()))
        yield from (f"{place}.{name} is unknown" for name in sorted(value.keys() - shape.keys()))
    for inner, item, name in _items(value, shape):
        yield from misfits(item, inner, f"{place}{name}")


def checker(shape: Any) -> Callable[[Any], bool]:  # noqa: PLR0911  (one a kind of shape)
    """Make a function that says whether a value has a shape. A chain of years is read by one that was made once."""
    match shape:
        case Nullable():
            inner = checker(shape.shape)
            return lambda value: value is None or inner(value)
        case Named():
            inner = checker(shape.shape)
            return lambda value: type(value) is dict and all(map(inner, value.values()))
        case Whole():
            return lambda value: type(value) is int and value >= shape.least
        case OneOf():
            return lambda value: type(value) is str and value in shape.texts
        case Text():
            return _text(shape)
        case dict():
            members = [(name, checker(inner)) for name, inner in shape.items()]
            return lambda value: (
                type(value) is dict
                and len(value) == len(members)
                and all(name in value and fits(value[name]) for name, fits in members)
            )
        case [dict() as members]:
            return _rows(members)
        case [inner_shape]:
            inner = checker(inner_shape)
            return lambda value: type(value) is list and all(map(inner, value))
    return lambda value: type(value) is shape  # exact: True is no integer


def _rows(members: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Make a function that says whether a value is a list of objects of these members, looked at column by column."""
    count, fits = len(members), [checker(shape) for shape in members.values()]
    pick = itemgetter(*members, next(iter(members)))  # one more, as of a single name it would pick no tuple

    def all_fit(value: Any) -> bool:
        if type(value) is not list:
            return False
        for row in value:
            if type(row) is not dict or len(row) != count:
                return False
        try:
            columns = [*zip(*map(pick, value), strict=True)]
        except KeyError:  # one is absent, and another in its place
            return False
        return all(all(map(fit, column)) for fit, column in zip(fits, columns, strict=False))

    return all_fit


def _text(shape: Text) -> Callable[[Any], bool]:
    match_whole = re.compile(shape.pattern).fullmatch
    if shape.real is str:
        return lambda value: type(value) is str and match_whole(value) is not None

    @lru_cache(maxsize=1024)  # of a window all measurements say the same
    def reads(text: str) -> bool:
        try:
            return match_whole(text) is not None and shape.real(text) is not None
        except ValueError:
            return False

    return lambda value: type(value) is str and len(value) <= _LONGEST_READ and reads(value)


def json_schema(shape: Any) -> dict[str, Any]:
    """Write a shape as a JSON Schema (draft 2020-12)."""
    schema: dict[str, Any]
    match shape:
        case Nullable():
            schema = {"anyOf": [json_schema(shape.shape), {"type": "null"}]}
        case Named():
            schema = {"type": "object", "additionalProperties": json_schema(shape.shape)}
        case Whole():
            schema = {"type": "integer", "minimum": shape.least}
        case OneOf():
            schema = {"enum": list(shape.texts)}
        case Text():
            schema = {"type": "string", "pattern": f"^({shape.pattern})$", "description": shape.meaning}
        case dict():
            members = {name: json_schema(inner) for name, inner in shape.items()}
            schema = {"type": "object", "additionalProperties": False, "required": list(shape), "properties": members}
        case [inner]:
            schema = {"type": "array", "items": json_schema(inner)}
        case _:
            schema = {"type": {str: "string", int: "integer", bool: "boolean"}[shape]}
    return schema


def _opens(value: Any, shape: Any) -> bool:
    """Whether a value may hold others, as the shape does."""
    return isinstance(shape, dict | list | Named) and isinstance(value, list if isinstance(shape, list) else dict)


def _items(value: Any, shape: Any) -> Iterator[tuple[Any, Any, str]]:
    """What a value holds: the shape of each item, the item, and its name."""
    if isinstance(shape, list):
        yield from ((shape[0], item, f"[{index}]") for index, item in enumerate(value))
    elif isinstance(shape, Named):
        yield from ((shape.shape, value[name], f".{name}") for name in sorted(value))
    else:
        yield from ((shape[name], value[name], f".{name}") for name in sorted(shape) if name in value)


def _said(shape: Any) -> str:
    match shape:
        case Text():
            said = shape.meaning
        case Whole():
            said = f"an integer of at least {shape.least}"
        case OneOf():
            said = f"one of {', '.join(shape.texts)}"
        case dict() | Named():
            said = "an object"
        case list():
            said = "an array"
        case _:
            said = f"of type {shape.__name__}"
    return said
