"""One byte form for every JSON document that is signed or hashed: RFC 8785 (JSON Canonicalization Scheme).

Reading is canonical-or-reject: a document is accepted only if writing it again gives the very same bytes, so two
parsers can never see two documents in one signature (duplicate keys, `1.0` beside `1`, a byte-order mark).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import accumulate
from json.encoder import encode_basestring
from typing import Any, NoReturn

import rfc8785

from gov_pipelines.errors import EvidenceError

_Unique = Callable[[list[tuple[str, Any]]], dict[str, Any]]

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects that is read."""

MAX_BYTES = 64 * 1024 * 1024
"""Largest document that is read, in bytes."""

_MAX_SAFE_INTEGER = 2**53 - 1
# An unterminated string reaches to the end, so that each byte is looked at once.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_FOUR_BYTES = bytes(range(0xF0, 0x100))  # begin, in UTF-8, a character beyond U+FFFF
_NUMBER = re.compile(rb"[0-9](?:[.eE]|[0-9]{15})")  # a fraction, or an integer that may be too large
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_TWELVE_DIGITS = Context(prec=12, rounding=ROUND_HALF_EVEN)


def dumps(value: Any) -> bytes:
    """Write a JSON value in its canonical form (RFC 8785).

    Args:
        value: dicts with string keys, lists or tuples, str, int within 2**53 - 1, finite float, bool, None.

    Returns:
        UTF-8 bytes without a trailing newline.

    Raises:
        EvidenceError: the value has no canonical form (NaN, an integer too large, a lone surrogate, another type).
    """
    try:
        # Without fractions, and names beyond U+FFFF, Python's own encoder gives the same bytes, five times as fast.
        if _is_plain(value):
            return _ENCODER.encode(value).encode()
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"this value has no canonical JSON form: {error}; write it as a string") from error


def dumps_parsed(value: Any) -> bytes:
    """Write what JSON was parsed to, as `dumps` does, without looking at each value: its types are known to be JSON's.

    Raises:
        EvidenceError: as `dumps`.
    """
    try:
        data = _ENCODER.encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        return dumps(value)  # which says what is wrong
    return dumps(value) if _beyond(data, _bare(data)) else data


def texts(*values: str) -> bytes:
    """Write an array of texts as `dumps` does, ten times as fast: there is one for each decision.

    Raises:
        EvidenceError: a lone surrogate.
    """
    try:
        return f"[{','.join(map(encode_basestring, values))}]".encode()
    except UnicodeEncodeError:
        return dumps(list(values))  # which says what is wrong


def loads(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON document that must equal its own canonical form, byte for byte.

    Args:
        data: the whole document.
        max_bytes: largest size accepted.

    Returns:
        The value. Integers beyond 2**53 - 1 come back as floats, as RFC 8785 reads all numbers.

    Raises:
        EvidenceError: too large, too deep, not JSON, or not canonical.
    """
    value, write = _read(data, max_bytes)
    _hold(data, write(value))
    return value


def loads_apart(data: bytes, name: str) -> tuple[Any, dict[str, bytes]]:
    """Read a JSON document as `loads` does, and keep how each member of one object in it is written.

    Args:
        data: the whole document.
        name: the member of the document that is the object.

    Returns:
        The value; and by its name the canonical form of each of the object's members, for `join`. No members where
        there is no such object.

    Raises:
        EvidenceError: as `loads`.
    """
    value, write = _read(data, MAX_BYTES)
    if not isinstance(value, dict) or not isinstance(value.get(name), dict):
        _hold(data, write(value))
        return value, {}
    members = {key: write(item) for key, item in value[name].items()}
    _hold(data, join({key: join(members) if key == name else write(item) for key, item in value.items()}))
    return value, members


def join(members: Mapping[str, bytes]) -> bytes:
    """Write an object of members that are in canonical form already.

    Raises:
        EvidenceError: a name has no canonical form.
    """
    names = sorted(members, key=_in_utf16)
    try:
        written = [b"%b:%b" % (encode_basestring(name).encode(), members[name]) for name in names]
    except UnicodeEncodeError as error:
        raise EvidenceError(f"a member's name has no canonical JSON form: {error}") from error
    return b"{%b}" % b",".join(written)


def parse(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON document of others, in whatever spelling it came; signatures over it hold for what is read alone.

    Args:
        data: the whole document, UTF-8.
        max_bytes: largest size accepted.

    Returns:
        The value, as `loads` has it.

    Raises:
        EvidenceError: too large, too deep, not JSON, or an object that says a member twice.
    """
    if len(data) > max_bytes:
        raise EvidenceError(f"the document has {len(data)} bytes; at most {max_bytes} are read")
    depth = _depth(_bare(data))
    if depth > MAX_DEPTH:
        raise EvidenceError(f"the document nests {depth} levels deep; at most {MAX_DEPTH} are read")
    return _parsed(data, _unique, _integer)


def decimal_string(value: float | None) -> str | None:
    """Write a number as signed files hold it: 12 significant digits, half-even, no exponent, no trailing zeros.

    Args:
        value: a finite number, rounded from its exact binary value as C's `%.12g` does; None stays None.

    Returns:
        Such as `0.743`; zero is `0` whatever its sign.

    Raises:
        EvidenceError: NaN or infinite; undefined is None with a note, never a number.
    """
    if value is None:
        return None
    number = Decimal(float(value))
    if not number.is_finite():
        raise EvidenceError(f"{value} cannot be signed; an undefined measurement is null with a note")
    return format(_TWELVE_DIGITS.create_decimal(number).normalize() if number else Decimal(0), "f")


def instant(moment: datetime) -> str:
    """Write an aware datetime as signed files hold it: RFC 3339 in UTC, such as `2026-11-22T01:07:12Z`.

    Raises:
        EvidenceError: the datetime is naive; nobody can tell which instant it means.
    """
    if moment.tzinfo is None:
        raise EvidenceError(f"{moment} has no time zone and cannot be signed; attach one where it is read")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(data: bytes, max_bytes: int) -> tuple[Any, Callable[[Any], bytes]]:
    """What a document says, and a function that writes its parts in canonical form."""
    bare = _bare(data) if len(data) <= max_bytes else b""
    if len(data) > max_bytes or _depth(bare) > MAX_DEPTH or _beyond(data, bare):
        return parse(data, max_bytes=max_bytes), dumps
    # A member that is said twice is read once, and so not written again as it came.
    return _parsed(data), lambda value: _ENCODER.encode(value).encode(errors="replace")


def _hold(data: bytes, canonical: bytes) -> None:
    if data != canonical:
        raise EvidenceError("the JSON is not in canonical form (RFC 8785): member order, spacing or numbers differ")


def _in_utf16(name: str) -> bytes:
    # RFC 8785 section 3.2.3 sorts by UTF-16 code units, which puts U+1F600 before U+FB01.
    return name.encode("utf-16-be", "surrogatepass")


def _is_plain(value: Any) -> bool:
    """Whether a value holds nothing that RFC 8785 writes or sorts in another way than Python's encoder does."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                if not all(type(name) is str and name.isascii() for name in members):
                    return False
                waiting += members.values()
            case list() | tuple() as items:
                waiting += items
            case str() | bool() | None:
                pass
            case int() as number if type(number) is int and abs(number) <= _MAX_SAFE_INTEGER:
                pass
            case _:
                return False
    return True


def _parsed(data: bytes, unique: _Unique | None = None, parse_int: Callable[[str], int | float] | None = None) -> Any:
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=unique, parse_int=parse_int, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise EvidenceError(f"not a JSON document: {error}") from error


def _depth(bare: bytes) -> int:
    # Counted before parsing: the parser itself recurses, and a deep document must be refused, not crash it.
    return max(accumulate(map(_STEPS.__getitem__, bare.translate(None, _NO_BRACKETS))), default=0)


def _beyond(data: bytes, bare: bytes) -> bool:
    """Whether Python's encoder may write a document otherwise: it spells fractions, and sorts beyond U+FFFF, its own way."""
    return _NUMBER.search(bare) is not None or not (data.isascii() or data == data.translate(None, _FOUR_BYTES))


def _bare(data: bytes) -> bytes:
    """A JSON document without its texts."""
    # Where nothing is escaped, every second quote ends a text.
    return _STRING.sub(b"", data) if b"\\" in data else b"".join(data.split(b'"')[::2])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name occurs twice in one object")
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> int | float:
    # Python refuses integers of more than 4,300 digits by a ValueError, which is refusal enough.
    return number if abs(number := int(text)) <= _MAX_SAFE_INTEGER else float(text)
