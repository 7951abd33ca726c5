"""The entries of the ledger: one line of canonical JSON for each thing that must not be changed unseen.

An entry holds digests, names and counts, and no time that a second try would write differently, so that appending it
again finds it there. Nothing in it is about a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.shape import DATE, DIGEST, INSTANT, Nullable, Whole, checker, misfits

MAX_ENTRY_BYTES = 65_535
"""A bundle of tlog-tiles says the length of an entry in two bytes."""

_POLICY = {"name": str, "version": Whole(1), "sha256": DIGEST}
_SNAPSHOT = {
    "system": str,
    "partition": str,
    "revision": Whole(1),
    "sequence": Whole(1),
    "payloadSha256": DIGEST,
    "signatures": [{"keyid": DIGEST, "sig": str}],
    "policies": [_POLICY],
    "decisions": {"rootHash": DIGEST, "treeSize": Whole(0)},
}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "snapshot": _SNAPSHOT,
    "missed": _SNAPSHOT,
    "policy": {**_POLICY, "inForceFrom": DATE, "inForceUntil": Nullable(DATE), "recordedAt": INSTANT},
    "root": {"version": Whole(1), "sha256": DIGEST},
    "act": {"act": str, "sha256": DIGEST},
    "erasure": {"system": str, "partition": str, "count": Whole(0), "reason": str, "sha256": DIGEST},
}
"""Members of each kind of entry, beside `v` and `kind`."""

_FITS = {kind: checker({"v": int, "kind": str, **shape}) for kind, shape in _SHAPES.items()}


def snapshot_entry(predicate: Mapping[str, Any], payload_sha256: str, signature: Mapping[str, str]) -> bytes:
    """Write the entry of a signed snapshot; a missed window has a kind of its own.

    Args:
        predicate: of the snapshot.
        payload_sha256: of its signed payload, hex.
        signature: `keyid` and base64 `sig` of its envelope.
    """
    policies = [{name: one[name] for name in ("name", "version", "sha256")} for one in predicate["policies"]]
    said = {
        "system": predicate["system"],
        "partition": predicate["partition"]["key"],
        "revision": predicate["revision"],
        "sequence": predicate["sequence"],
        "payloadSha256": payload_sha256,
        "signatures": [dict(signature)],
        "policies": policies,
        "decisions": {name: predicate["decisions"][name] for name in ("rootHash", "treeSize")},
    }
    return _entry("missed" if predicate["missed"] else "snapshot", said)


def policy_entry(policy: Mapping[str, Any]) -> bytes:
    """Write the entry of a policy's version, as a predicate's `policies[]` says it."""
    return _entry("policy", dict(policy))


def root_entry(version: int, sha256: str) -> bytes:
    """Write the entry of a version of the root of trust, which holds from this entry on."""
    return _entry("root", {"version": version, "sha256": sha256})


def act_entry(act: str, sha256: str) -> bytes:
    """Write the entry of something a person signed: its kind, and the digest of its envelope."""
    return _entry("act", {"act": act, "sha256": sha256})


def erasure_entry(system: str, partition: str, count: int, reason: str, act_sha256: str) -> bytes:
    """Write the entry of an erasure: how many decisions of which day, by which act; never which."""
    said = {"system": system, "partition": partition, "count": count, "reason": reason, "sha256": act_sha256}
    return _entry("erasure", said)


def parse_entry(data: bytes) -> dict[str, Any]:
    """Read an entry.

    Raises:
        EvidenceError: too long, not canonical, or of no kind and shape that is known.
    """
    document = canonical.loads(data, max_bytes=MAX_ENTRY_BYTES)
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in _SHAPES:
        raise EvidenceError(f"an entry of the ledger is of a kind that is not known: {kind!r}")
    if not _FITS[kind](document):
        raise EvidenceError("; ".join(misfits(document, {"v": int, "kind": str, **_SHAPES[kind]}, "entry")))
    if document["v"] != 1:
        raise EvidenceError(f"an entry of the ledger is of version {document['v']}; expected 1")
    entry: dict[str, Any] = document
    return entry


def _entry(kind: str, said: Mapping[str, Any]) -> bytes:
    # Not parsed again: a verifier writes the entry of a package that may be spoilt, and finds no such entry.
    return canonical.dumps_parsed({"v": 1, "kind": kind, **said})
