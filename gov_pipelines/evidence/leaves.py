"""One leaf a decision: what every rule said of it, with the decision itself hidden behind one salted hash (RFC 9901).

The hash is of a recursive disclosure (RFC 9901 section 4.2.6): it opens to a list of hashes, one a field, and each of those
to one field. So a proof can show some fields and hide the others. Every decision has the same fields, and null ones are
disclosed as null, so that neither the number of hashes nor their order, which is that of the fields' names, says anything.

Salts. One master salt of 128 bits is drawn when a decision is first ingested and kept where it can be erased: without it no
leaf can be tied to anyone. The salt of each field is derived from it by SHA-256, so that there is one secret to keep and to
erase. It works one way: whoever is shown a field learns its salt, and from that neither the master nor any other salt can be
computed, so the fields that stay hidden cannot be found by trying likely values (RFC 9901 sections 9.3 and 9.4: 128 bits
of entropy, no salt used twice, none told before its disclosure). The list has a salt of its own in the same way, under an empty name.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import methodcaller
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog import merkle

LEAF_FORMAT = "sd-leaf/v2"
DECISION_VERDICTS = frozenset({"within", "outside", "pending", "undecidable"})
FIELDS = ("decision_id", "decided_at", "decision", "model_version")
"""What every leaf hides; the protected attributes that the log keeps come with them."""
WHOLE = "decision"
"""Name of the disclosure that holds the hashes of all fields."""

_SALT_LABEL = "gov_pipelines field salt"
_SALT_BYTES = 16  # RFC 9901 section 9.3: 128 bits
_START, _DIGEST = b'{"_sd":["', 43  # what stands before a leaf's hash, and its length in base64url
_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def new_salt() -> str:
    """Draw the master salt of one decision: 128 random bits, base64url (22 characters)."""
    return _base64url(secrets.token_bytes(_SALT_BYTES))


def salt_message(salt: str, name: str) -> str:
    """Write what is hashed into the salt of a field: a label, the master salt and the field's name, a NUL between each."""
    return f"{_SALT_LABEL}\0{salt}\0{name}"


def field_salt(salt: str, name: str) -> str:
    """Derive the salt of one field: the first 128 bits of SHA-256 of `salt_message`, in hex (32 characters).

    Args:
        salt: the master salt, from `new_salt`.
        name: of the field; empty for the disclosure that holds them all.
    """
    return sha256(salt_message(salt, name).encode()).hexdigest()[: 2 * _SALT_BYTES]


def field_disclosure(salt: str, name: str, value: str | float | datetime | None) -> str:
    """Write the disclosure of one field (RFC 9901 section 4.2.1): base64url of canonical `[field salt, name, value]`.

    Args:
        salt: the master salt.
        name: of the field.
        value: text, number or null; a moment is written as RFC 3339 in UTC.

    Raises:
        EvidenceError: the value has no canonical form.
    """
    said = canonical.instant(value) if isinstance(value, datetime) else value
    return _base64url(canonical.dumps([field_salt(salt, name), name, said]))


def whole_disclosure(salt: str, fields: Mapping[str, Any]) -> str:
    """Write the disclosure that holds the hashes of all fields: base64url of `[salt, "decision", {"_sd": [digests]}]`.

    Args:
        salt: the master salt.
        fields: name to value.
    """
    digests = [disclosure_digest(field_disclosure(salt, name, fields[name])) for name in sorted(fields)]
    return _base64url(canonical.dumps([field_salt(salt, ""), WHOLE, {"_sd": digests}]))


def disclosure_digest(disclosure: str) -> str:
    """Hash a disclosure (RFC 9901 section 4.2.3): base64url of SHA-256 over its characters."""
    return _base64url(sha256(disclosure.encode()).digest())


def decision_leaf(fields: Mapping[str, Any], salt: str, verdicts: Mapping[str, str]) -> bytes:
    """Write the leaf of one decision.

    Args:
        fields: name to value: `FIELDS` and the protected attributes; all are hidden.
        salt: the master salt, the same in every later revision.
        verdicts: control key to within, outside, pending or undecidable; empty where no rule applies.

    Returns:
        Canonical JSON `{"_sd":[digest],"_sd_alg":"sha-256","v":{control: verdict}}`.

    Raises:
        EvidenceError: a verdict that is none of the four, or a value without canonical form.
    """
    return _leaf(disclosure_digest(whole_disclosure(salt, fields)), verdicts)


def leaf_verdicts(leaf: bytes) -> dict[str, str]:
    """Read the verdicts of a leaf.

    Returns:
        Control key to verdict.

    Raises:
        EvidenceError: the bytes are not a leaf in its one spelling.
    """
    try:
        document = json.loads(leaf)
    except (ValueError, RecursionError) as error:  # a ValueError also for wrong UTF-8
        raise EvidenceError(f"a leaf is not JSON: {error}") from error
    match document:
        case {"_sd": [str(digest)], "_sd_alg": "sha-256", "v": dict(verdicts)} if len(document) == 3:
            plain = len(digest) == _DIGEST and set(map(type, verdicts.values())) <= {str}
            if plain and leaf == _leaf(digest, verdicts):
                return verdicts
    raise EvidenceError(f"a leaf is not of the format {LEAF_FORMAT}")


def decisions_section(leaves: Sequence[bytes]) -> dict[str, Any]:
    """Sum the leaves up as the predicate's `decisions`: tree size, root, and verdict counts by control.

    Raises:
        EvidenceError: a leaf is not of the format.
    """
    return {
        "treeSize": len(leaves),
        "rootHash": merkle.root(merkle.leaf_hashes(leaves)).hex(),
        "leafFormat": LEAF_FORMAT,
        "counts": verdict_counts(leaves),
    }


def verdict_counts(leaves: Sequence[bytes]) -> dict[str, dict[str, int]]:
    """Count the verdicts in leaves: control key to verdict to decisions.

    Raises:
        EvidenceError: a leaf is not of the format.
    """
    # Few combinations of verdicts occur: leaves that differ in their hash alone are read once, and all hashes at once.
    end = len(_START) + _DIGEST
    digests = b"".join([leaf[len(_START) : end] for leaf in leaves])
    whole = len(digests) == _DIGEST * len(leaves) and not digests.translate(None, _BASE64URL)
    if not whole or not all(map(methodcaller("startswith", _START), leaves)):
        raise EvidenceError(
            f"a leaf is not of the format {LEAF_FORMAT}: it does not begin with a hash of {_DIGEST} characters of base64url"
        )
    counts = Counter[tuple[str, str]]()
    for rest, count in Counter([leaf[end:] for leaf in leaves]).items():
        counts.update(dict.fromkeys(_said(rest), count))
    by_control: dict[str, dict[str, int]] = {}
    for (control, verdict), count in sorted(counts.items()):
        by_control.setdefault(control, {})[verdict] = count
    return by_control


def write_leaves(leaves: Iterable[bytes]) -> bytes:
    """Write the leaves file: one leaf a line."""
    return b"\n".join([*leaves, b""])


def read_leaves(data: bytes) -> list[bytes]:
    """Split a leaves file into its leaves, in order. Content after the last newline is a leaf too, and a false one."""
    return data.removesuffix(b"\n").split(b"\n") if data else []


@lru_cache(maxsize=4096)  # the leaves of years say few things
def _said(rest: bytes) -> tuple[tuple[str, str], ...]:
    """The verdicts of leaves, from what stands after their hash."""
    return tuple(leaf_verdicts(_START + b"A" * _DIGEST + rest).items())


def _leaf(digest: str, verdicts: Mapping[str, str]) -> bytes:
    # The members are in canonical order already; only `v` needs sorting, and few combinations of verdicts occur.
    spelled = (digest.encode(errors="replace"), _verdicts_json(tuple(verdicts.items())))
    return b'{"_sd":["%b"],"_sd_alg":"sha-256","v":%b}' % spelled


@lru_cache(maxsize=4096)
def _verdicts_json(verdicts: tuple[tuple[str, str], ...]) -> bytes:
    if wrong := {verdict for _, verdict in verdicts} - DECISION_VERDICTS:
        raise EvidenceError(f"{sorted(wrong)} is no verdict of a decision; expected one of {sorted(DECISION_VERDICTS)}")
    return canonical.dumps(dict(verdicts))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
