"""One leaf a decision: what every rule said of it, with its id hidden behind a salted hash (RFC 9901).

Whoever knows id and salt can show that a leaf is about that decision; whoever knows neither learns only the verdicts.
The salt is drawn once, when the decision is first ingested: erase it, and the leaf can no longer be tied to anyone.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog import merkle

LEAF_FORMAT = "sd-leaf/v1"
DECISION_VERDICTS = frozenset({"within", "outside", "pending", "undecidable"})
_HASH = re.compile(rb'(?<=\A\{"_sd":\[")[\w-]+')
_SALT_BYTES = 16  # RFC 9901 section 9.3: 128 bits


def new_salt() -> str:
    """Draw the salt of one decision: 128 random bits, base64url (22 characters)."""
    return _base64url(secrets.token_bytes(_SALT_BYTES))


def disclosure(decision_id: str, salt: str) -> str:
    """Write the disclosure of a decision's id (RFC 9901 section 4.2.1): base64url of `[salt, "decision_id", id]`."""
    return _base64url(canonical.texts(salt, "decision_id", decision_id))


def decision_leaf(decision_id: str, salt: str, verdicts: Mapping[str, str]) -> bytes:
    """Write the leaf of one decision.

    Args:
        decision_id: hidden behind the salt.
        salt: from `new_salt`, the same in every later revision.
        verdicts: control key to within, outside, pending or undecidable; empty where no rule applies.

    Returns:
        Canonical JSON `{"_sd":[digest],"_sd_alg":"sha-256","v":{control: verdict}}`.

    Raises:
        EvidenceError: a verdict that is none of the four.
    """
    return _leaf(_base64url(sha256(disclosure(decision_id, salt).encode()).digest()), verdicts)


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
            if set(map(type, verdicts.values())) <= {str} and leaf == _leaf(digest, verdicts):
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


def verdict_counts(leaves: Iterable[bytes]) -> dict[str, dict[str, int]]:
    """Count the verdicts in leaves: control key to verdict to decisions.

    Raises:
        EvidenceError: a leaf is not of the format.
    """
    # Few combinations of verdicts occur; leaves that differ in plain characters of the hash alone are read once.
    alike = Counter(_HASH.sub(b"", leaf, count=1) for leaf in leaves)
    counts = Counter[tuple[str, str]]()
    for leaf, count in alike.items():
        counts.update(dict.fromkeys(leaf_verdicts(leaf).items(), count))
    by_control: dict[str, dict[str, int]] = {}
    for (control, verdict), count in sorted(counts.items()):
        by_control.setdefault(control, {})[verdict] = count
    return by_control


def write_leaves(leaves: Iterable[bytes]) -> bytes:
    """Write the leaves file: one leaf a line."""
    return b"".join(leaf + b"\n" for leaf in leaves)


def read_leaves(data: bytes) -> list[bytes]:
    """Split a leaves file into its leaves, in order. Content after the last newline is a leaf too, and a false one."""
    return data.removesuffix(b"\n").split(b"\n") if data else []


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
