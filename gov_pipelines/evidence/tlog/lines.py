"""The two words that every C2SP text is made of, each with one spelling: decimal numbers and base64."""

from __future__ import annotations

import base64
import re

from gov_pipelines.errors import EvidenceError

MAX_BYTES = 1024 * 1024
"""Largest note, proof or request that is read, in bytes."""

_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")
_HASH_BYTES = 32


def number(text: str, what: str) -> int:
    """Read a decimal number without sign or leading zeros, at most 2**63 - 1.

    Raises:
        EvidenceError: any other spelling.
    """
    if not _DECIMAL.fullmatch(text) or int(text) >= 2**63:
        raise EvidenceError(f"the {what} is {text[:40]!r}; expected a decimal number without leading zeros below 2^63")
    return int(text)


def blob(text: str, what: str) -> bytes:
    """Read base64 of RFC 4648 section 4, padded, on one line, with no bit left over.

    Raises:
        EvidenceError: any other spelling.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:  # also of text that is not ASCII
        raise EvidenceError(f"the {what} is not base64: {text[:40]!r}") from error
    if encoded(data) != text:
        raise EvidenceError(f"the {what} is not base64 in its one spelling (RFC 4648 section 4): {text[:40]!r}")
    return data


def digest(text: str, what: str) -> bytes:
    """Read the base64 of a SHA-256 digest.

    Raises:
        EvidenceError: another length or spelling.
    """
    data = blob(text, what)
    if len(data) != _HASH_BYTES:
        raise EvidenceError(f"the {what} has {len(data)} bytes; expected {_HASH_BYTES}")
    return data


def encoded(data: bytes) -> str:
    """Write bytes as `blob` reads them."""
    return base64.b64encode(data).decode()
