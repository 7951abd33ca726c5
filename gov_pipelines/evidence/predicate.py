"""What a snapshot says: the fields of the predicate, and the in-toto Statement around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.shape import Nullable, misfits

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://gov-pipelines.dev/attestation/compliance-snapshot/v0.1"
LIMITS = (
    "Results of the declared controls on the data received; no evidence about requirements that were not declared; "
    "not legal advice."
)

FIELDS: Mapping[str, Any] = {
    "system": str,
    "partition": {"key": str, "zone": str, "start": str, "end": str},
    "asOf": str,
    "revision": int,
    "supersedes": Nullable({"revision": int, "payloadSha256": str}),
    "revisionReasons": [str],
    "sequence": int,
    "previous": Nullable({"sequence": int, "payloadSha256": str}),
    "retroactive": bool,
    "policies": [
        {
            "name": str,
            "version": int,
            "sha256": str,
            "inForceFrom": str,
            "inForceUntil": Nullable(str),
            "recordedAt": str,
        }
    ],
    "declaration": {"sha256": str},
    "ingest": {
        "sourceCount": int,
        "accepted": int,
        "quarantined": int,
        "duplicate": int,
        "undated": int,
        "inputs": [{"name": str, "rows": int, "sha256": str}],
    },
    "decisions": {"treeSize": int, "rootHash": str, "leafFormat": str, "counts": dict},
    "tally": Nullable({"sha256": str, "disclosedSha256": str, "discloseMin": int}),
    "measurements": [dict],
    "controls": [dict],
    "secondOpinion": Nullable(dict),
    "missed": Nullable({"reason": str}),
    "manifest": [{"name": str, "sha256": str, "bytes": int}],
    "contentDigest": str,
    "producer": {"name": str, "version": str, "python": str, "libraries": dict, "runId": Nullable(str)},
    "timeCreated": str,
    "limits": str,
}
"""Every field of the predicate and its shape; described in docs/evidence.md."""

_ADDED_AT_SIGNING = {"manifest"}
_NOT_CONTENT = {
    "timeCreated", "producer", "revision", "supersedes", "revisionReasons", "sequence", "previous", "manifest",
    "contentDigest",
}  # fmt: skip


def build_predicate(content: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what an audit found into a predicate ready to be signed.

    Args:
        content: every field of `FIELDS` but `contentDigest`, `limits` and `manifest` (signing adds the last). Floats
            become decimal strings, aware datetimes RFC 3339, dates ISO 8601, dataclasses objects with camelCase names.

    Returns:
        The predicate with `contentDigest` and `limits`.

    Raises:
        EvidenceError: fields are absent, unknown or of another shape, or not every accepted decision has its leaf.
    """
    predicate: dict[str, Any] = {**_plain(content, "predicate"), "limits": LIMITS}
    predicate["contentDigest"] = content_digest(predicate)
    wanted = {name: shape for name, shape in FIELDS.items() if name not in _ADDED_AT_SIGNING}
    if wrong := [*misfits(predicate, wanted, "predicate")]:
        raise EvidenceError(f"the snapshot cannot be signed: {'; '.join(wrong)}")
    if predicate["decisions"]["treeSize"] != predicate["ingest"]["accepted"]:
        raise EvidenceError(
            f"{predicate['ingest']['accepted']} decisions were accepted but {predicate['decisions']['treeSize']} leaves "
            "were made; every accepted decision has one leaf, also where no rule applies to it"
        )
    return predicate


def content_digest(predicate: Mapping[str, Any]) -> str:
    """Digest what was found, apart from when, by whom and in which order it was signed.

    Two audits of the same data under the same policies give the same digest: clock times (but not `asOf`), run ids,
    versions of code, revision, sequence, links, file hashes and the salted root stay out.

    Returns:
        SHA-256 of canonical JSON, hex.

    Raises:
        EvidenceError: the predicate has no canonical form.
    """
    content = {name: value for name, value in predicate.items() if name not in _NOT_CONTENT}
    if isinstance(policies := content.get("policies"), list):
        content["policies"] = [_without(policy, "recordedAt") for policy in policies]
    content["decisions"] = _without(content.get("decisions"), "rootHash")
    return sha256(canonical.dumps(content)).hexdigest()


def statement(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap a predicate in an in-toto Statement v1 whose subject is the root over the window's decisions."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject_name(predicate), "digest": {"sha256": predicate["decisions"]["rootHash"]}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }


def subject_name(predicate: Mapping[str, Any]) -> str:
    """Name the decisions a snapshot speaks of: `decisions/<system>/<partition>`."""
    return f"decisions/{predicate['system']}/{predicate['partition']['key']}"


def predicate_misfits(predicate: Any) -> list[str]:
    """Name every place where a predicate that was read departs from `FIELDS`, or holds a number with a fraction."""
    return [*misfits(predicate, FIELDS, "predicate"), *_fractions(predicate, "predicate")]


def _without(value: Any, name: str) -> Any:
    return {key: item for key, item in value.items() if key != name} if isinstance(value, dict) else value


def _fractions(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, float):
        yield f"{place} is a JSON number with a fraction or exponent; expected a decimal string"
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _fractions(item, f"{place}.{key}")


def _plain(value: Any, place: str) -> Any:
    plain = value
    if isinstance(value, float):
        plain = canonical.decimal_string(value)
    elif isinstance(value, datetime):
        plain = canonical.instant(value)
    elif isinstance(value, date):
        plain = value.isoformat()
    elif isinstance(value, Mapping):
        plain = {str(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
    elif isinstance(value, list | tuple):
        plain = [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    elif is_dataclass(value) and not isinstance(value, type):
        plain = {_camel(item.name): _plain(getattr(value, item.name), place) for item in fields(value)}
    elif value is not None and not isinstance(value, str | int):
        raise EvidenceError(f"{place} is of type {type(value).__name__}, which has no form in a signed file")
    return plain


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
