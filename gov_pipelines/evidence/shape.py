"""Whether a JSON value has the shape it must have, said place by place.

A shape is a type; a dict of member name to shape (these members and no other); a list of one shape (any number of
such items); or `Nullable` of a shape. Anything else about the value is left to other rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Nullable:
    """null, or a value of the shape."""

    shape: Any


def misfits(value: Any, shape: Any, place: str) -> Iterator[str]:
    """Name every place where a value departs from a shape.

    Args:
        value: from JSON.
        shape: see the module.
        place: dotted path of the value, for the messages.

    Yields:
        One sentence a departure.
    """
    if isinstance(shape, Nullable):
        if value is not None:
            yield from misfits(value, shape.shape, place)
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{place} is not an object"
            return
        yield from (f"{place}.{name} is absent" for name in sorted(shape.keys() - value.keys()))
        yield from (f"{place}.{name} is unknown" for name in sorted(value.keys() - shape.keys()))
        for name in sorted(shape.keys() & value.keys()):
            yield from misfits(value[name], shape[name], f"{place}.{name}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place} is not an array"
            return
        for index, item in enumerate(value):
            yield from misfits(item, shape[0], f"{place}[{index}]")
    elif type(value) is not shape:  # exact: True is no integer
        yield f"{place} is not of type {shape.__name__}"
