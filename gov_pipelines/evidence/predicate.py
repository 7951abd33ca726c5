"""What a snapshot says: the fields of the predicate, and the in-toto Statement around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.shape import (
    DATE,
    DECIMAL,
    DIGEST,
    INSTANT,
    Named,
    Nullable,
    OneOf,
    Text,
    Whole,
    checker,
    json_schema,
    misfits,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://gov-pipelines.dev/attestation/compliance-snapshot/v0.1"
VERDICTS = ("fail", "missing", "insufficient", "warn", "pass", "report_only", "not_applicable")
LIMITS = (
    "Results of the declared controls on the data received; no evidence about requirements that were not declared; "
    "not legal advice."
)

_GROUP = Nullable(Named(Nullable(str)))  # column to value; null where that is unknown
_NUMBER = Nullable(DECIMAL)

MEASUREMENT: Mapping[str, Any] = {
    "control": str,
    "system": Nullable(str),
    "window_start": Nullable(INSTANT),
    "window_end": Nullable(INSTANT),
    "metric": str,
    "attribute": [str],
    "group": _GROUP,
    "reference_group": _GROUP,
    "stratum": _GROUP,
    **dict.fromkeys(("value", "lower", "upper", "confidence"), _NUMBER),
    "n": Whole(),
    "method": str,
    **dict.fromkeys(("p_value", "p_adjusted", "e_value", "minimum_detectable"), _NUMBER),
    "n_needed": Nullable(Whole()),
    "tested": bool,
    "recomputable": bool,
    "note": Nullable(str),
}
"""A measurement, with the names `gov metrics` prints."""

CONTROL: Mapping[str, Any] = {
    "control": str,
    "policy": str,
    "policyVersion": Whole(1),
    "level": str,
    "kind": str,
    "acts": str,
    "severity": str,
    "text": Nullable(str),
    "threshold": str,
    "verdict": OneOf(VERDICTS),
    "reason": str,
    "breaches": Whole(),
    "metric": Nullable(str),
    "attribute": [str],
    "group": _GROUP,
    "referenceGroup": _GROUP,
    **dict.fromkeys(("value", "lower", "upper", "confidence", "pAdjusted"), _NUMBER),
    "n": Nullable(Whole()),
    "windowStart": INSTANT,
    "windowEnd": INSTANT,
}
"""A control's verdict, and the measurement that decided it: null where none could."""

_DISAGREEMENT = {
    "metric": str,
    "attribute": [str],
    "group": _GROUP,
    "stratum": _GROUP,
    "ours": DECIMAL,
    "theirs": _NUMBER,
}

FIELDS: Mapping[str, Any] = {
    "system": str,
    "partition": {
        "key": Text(f"{DATE.pattern}(T[0-9]{{2}}Z)?", "a local date, or an hour in UTC", datetime.fromisoformat),
        "zone": str,
        "start": INSTANT,
        "end": INSTANT,
    },
    "asOf": INSTANT,
    "revision": Whole(1),
    "supersedes": Nullable({"revision": Whole(1), "payloadSha256": DIGEST}),
    "revisionReasons": [str],
    "sequence": Whole(1),
    "previous": Nullable({"sequence": Whole(1), "payloadSha256": DIGEST}),
    "ledger": Nullable({"size": Whole(), "rootHash": DIGEST}),
    "retroactive": bool,
    "policies": [
        {
            "name": str,
            "version": Whole(1),
            "sha256": DIGEST,
            "inForceFrom": DATE,
            "inForceUntil": Nullable(DATE),
            "recordedAt": INSTANT,
        }
    ],
    "declaration": {"sha256": DIGEST},
    "ingest": {
        **dict.fromkeys(("sourceCount", "accepted", "quarantined", "duplicate", "undated"), Whole()),
        "inputs": [{"name": str, "rows": Whole(), "sha256": DIGEST}],
    },
    "decisions": {"treeSize": Whole(), "rootHash": DIGEST, "leafFormat": str, "counts": Named(Named(Whole(1)))},
    "tally": Nullable({"sha256": DIGEST, "disclosedSha256": DIGEST, "discloseMin": Whole(2)}),
    "measurements": [MEASUREMENT],
    "controls": [CONTROL],
    "secondOpinion": Nullable(
        {
            "agrees": bool,
            "compared": Whole(),
            "largest_difference": DECIMAL,
            "disagreements": [_DISAGREEMENT],
            "rows": str,
            "fairlearn": str,
        }
    ),
    "missed": Nullable({"reason": str}),
    "manifest": [{"name": str, "sha256": DIGEST, "bytes": Whole()}],
    "contentDigest": DIGEST,
    "producer": {
        "name": str,
        "version": str,
        "codeDigest": DIGEST,
        "python": str,
        "libraries": Named(str),
        "runId": Nullable(str),
    },
    "timeCreated": INSTANT,
    "limits": OneOf((LIMITS,)),
}
"""Every field of the predicate and its shape; described in docs/evidence.md."""

_fits = checker(FIELDS)

STATEMENT: Mapping[str, Any] = {
    "_type": OneOf((STATEMENT_TYPE,)),
    "subject": [{"name": str, "digest": {"sha256": DIGEST}}],
    "predicateType": OneOf((PREDICATE_TYPE,)),
    "predicate": FIELDS,
}
"""What is signed: an in-toto Statement v1 around the predicate."""

SCHEMA = "compliance-snapshot-v0.1.json"
"""Name of the file in docs/schemas that `snapshot_schema` fills."""

_ADDED_AT_SIGNING = {"manifest"}
_NOT_CONTENT = {
    "timeCreated", "producer", "revision", "supersedes", "revisionReasons", "sequence", "previous", "ledger", "manifest",
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


def content_digest(predicate: Mapping[str, Any], members: Mapping[str, bytes] | None = None) -> str:
    """Digest what was found, apart from when, by whom and in which order it was signed.

    Two audits of the same data under the same policies give the same digest: clock times (but not `asOf`), run ids,
    versions of code, revision, sequence, links, the ledger's state, file hashes and the salted root stay out.

    Args:
        predicate: has the shape of `FIELDS`, perhaps without what signing adds.
        members: the canonical form of its members, as far as somebody wrote them before.

    Returns:
        SHA-256 of canonical JSON, hex.

    Raises:
        EvidenceError: the predicate has no canonical form.
    """
    at_hand = members or {}
    written = {
        name: at_hand[name] if name in at_hand and value is predicate[name] else canonical.dumps_parsed(value)
        for name, value in content_of(predicate).items()
    }
    return sha256(canonical.join(written)).hexdigest()


def content_of(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a predicate that `content_digest` is of."""
    content = {name: value for name, value in predicate.items() if name not in _NOT_CONTENT}
    if isinstance(policies := content.get("policies"), list):
        content["policies"] = [_without(policy, "recordedAt") for policy in policies]
    content["decisions"] = _without(content.get("decisions"), "rootHash")
    return content


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
    """Name every place where a predicate that was read departs from `FIELDS`."""
    return [] if _fits(predicate) else [*misfits(predicate, FIELDS, "predicate")]


def snapshot_schema() -> str:
    """The JSON Schema (draft 2020-12) of a snapshot's Statement, with which any validator can read one.

    It says of every member what it must look like. What members must agree with each other, only `verify` checks.
    """
    schema = json_schema(STATEMENT)
    schema["properties"]["subject"] |= {"minItems": 1, "maxItems": 1}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": PREDICATE_TYPE,
        "title": "A snapshot of gov_pipelines",
    }
    return json.dumps({**head, **schema}, indent=1, ensure_ascii=False) + "\n"


def _without(value: Any, name: str) -> Any:
    return {key: item for key, item in value.items() if key != name} if isinstance(value, dict) else value


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
