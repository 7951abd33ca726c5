"""OLPC canonical JSON, over which TUF metadata is signed: members sorted, no spaces, no floats, two escapes.

Unlike RFC 8785 it escapes the quote and the backslash alone and sorts names by code point, so the two differ for
control characters and for names beyond the basic plane.
"""

from __future__ import annotations

from typing import Any

from gov_pipelines.errors import EvidenceError


def dumps(value: Any) -> bytes:
    """Write a JSON value in its OLPC canonical form (wiki.laptop.org/go/Canonical_JSON, as TUF uses it).

    Args:
        value: dicts with string keys, lists, str, int, bool, None, nested as deep as `canonical.parse` reads.

    Returns:
        UTF-8 bytes.

    Raises:
        EvidenceError: a float, a lone surrogate, or a value of another type.
    """
    try:
        return _written(value).encode()
    except UnicodeEncodeError as error:
        raise EvidenceError(f"this value has no OLPC canonical form: {error}") from error


def _written(value: Any) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return f"[{','.join(map(_written, value))}]"
        case dict():
            return f"{{{','.join(f'{_written(name)}:{_written(value[name])}' for name in sorted(value))}}}"
    raise EvidenceError(f"this value has no OLPC canonical form: {type(value).__name__}; write it as a string")
