"""The rules one package must meet. Nothing in a package is believed before it is checked, and nothing raises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, dsse, leaves
from gov_pipelines.evidence.entries import snapshot_entry
from gov_pipelines.evidence.keys import PublicKey, parse_public
from gov_pipelines.evidence.package import DISCLOSED_TALLY, ENVELOPE, FILE_NAME, KEY, LEAVES, TALLY, parse_bundle
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.predicate import (
    PREDICATE_TYPE,
    STATEMENT,
    STATEMENT_TYPE,
    content_digest,
    predicate_misfits,
    statement,
    subject_name,
)
from gov_pipelines.evidence.test_result import result_statement
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.verification import Checklist, shown

LEDGER_PROOF = "snapshot.tlog-proof"
STAMP = "checkpoint.tsr"
ROOTS = "root"
BESIDE = frozenset({LEDGER_PROOF, STAMP, ROOTS})
"""What a package that travels alone brings of the ledger, beside its signed files; the module `alone` checks it."""

DECLARATION = "declaration.json"
_MAX_KEY_BYTES = 10_000
_OF_ITS_OWN = {"measurements", "controls", "manifest", "secondOpinion", "producer"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What a declaration says of the policies and the days of its system.

    Attributes:
        policies: names of those that govern it.
        only_on: the days of each year that are its partitions, `MM-DD`; empty for every day.
    """

    policies: tuple[str, ...]
    only_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A package whose signed bytes could be read.

    Attributes:
        file: path of its envelope within what is verified.
        predicate: has the shape of `FIELDS`, without what only its own package is held against: a chain of years is kept
            in memory, and measurements, controls and files are most of it.
        payload_sha256: hex digest of the signed payload.
        key: the key that signed; None where no known key did.
        entry: what the ledger holds of it, if it does.
        day: the local day it is about, ISO 8601; None where its policies are not those of one day.
        declared: what the system's declaration says that a chain is held against; None where there is none to read.
        policies: `name@version` to the digest of the policy's text, whatever its `until`; only policies that could be read.
        published: the tally is there with small cells merged, and not as it was counted.
    """

    file: str
    predicate: dict[str, Any]
    payload_sha256: str
    key: PublicKey | None
    entry: bytes
    day: str | None
    declared: Declared | None
    policies: Mapping[str, str]
    published: bool = False

    @property
    def signer(self) -> str | None:
        """Name and keyid of the key that signed."""
        return shown(f"{self.key.name} {self.key.keyid}") if self.key else None


def inspect_package(
    directory: Path, prefix: str, trust: PublicKey | None, checks: Checklist, beside: Collection[str] = ()
) -> Snapshot | None:
    """Check one package against every rule that needs nothing but the package.

    Args:
        directory: the package's folder.
        prefix: prepended to file names in the checks, such as `2026-11-21/r1/`.
        trust: the key an auditor trusts, if he gave one.
        checks: receives one check a rule and file.
        beside: names that may lie beside the signed files; somebody else checks what they hold.

    Returns:
        The snapshot, or None where its signed bytes could not be understood.
    """
    file = prefix + ENVELOPE

    def own_key() -> PublicKey:
        return parse_public(read_plain(directory / KEY, _MAX_KEY_BYTES))

    def own_bundle() -> tuple[dsse.Envelope, dsse.Envelope]:
        return parse_bundle(read_plain(directory / ENVELOPE, canonical.MAX_BYTES))

    own = checks.attempt(prefix + KEY, "key", "a sound Ed25519 or P-256 key", own_key)
    spelling = "two DSSE envelopes, each a line in its canonical form"
    bundle = checks.attempt(file, "envelope-canonical", spelling, own_bundle)
    if bundle is None:
        return None
    envelope, result = bundle
    key = _signature(file, envelope, own, trust, checks)
    _signature(f"{file}, line 2", result, key, trust, checks)
    predicate = _statement(file, envelope.payload, checks)
    if predicate is None:
        return None
    follows = canonical.dumps_parsed(result_statement(statement(predicate)))
    checks.equal(f"{file}, line 2", "test-result-agrees", result.payload.decode(errors="replace"), follows.decode())
    there = {item.name for item in directory.iterdir()}
    published = _published(directory, prefix, predicate, there, checks)
    covered = _manifest(directory, prefix, predicate["manifest"], there - {*beside}, published, checks)
    _content(prefix, predicate, covered, checks)
    day = checks.attempt(file, "policies-in-force", "the policies of one local day", partial(_governed, predicate))
    declared = _declared(prefix, covered, checks)
    policies = _policies(prefix, predicate, covered, checks)
    payload_sha256 = sha256(envelope.payload).hexdigest()
    kept = {name: value for name, value in predicate.items() if name not in _OF_ITS_OWN}
    entry = snapshot_entry(kept, payload_sha256, envelope.signature)
    return Snapshot(file, kept, payload_sha256, key, entry, day, declared, policies, published)


def _signature(
    file: str, envelope: dsse.Envelope, own: PublicKey | None, trust: PublicKey | None, checks: Checklist
) -> PublicKey | None:
    checks.equal(file, "payload-type", envelope.payload_type, dsse.PAYLOAD_TYPE)
    # The package's key comes first: its name is covered by the signature, and shown.
    key = dsse.signed_by(envelope, [key for key in (own, trust) if key])
    signer = shown(f"{key.name} {key.keyid}") if key else "no known key"
    checks.note(file, "signature", key is not None, signer, "the signature of a known key")
    checks.equal(file, "keyid", envelope.keyid, key.keyid if key else "that of a known key")
    if trust is not None:
        trusted = key is not None and key.spki == trust.spki
        checks.note(file, "trusted-key", trusted, envelope.keyid, f"{trust.name} {trust.keyid}")
    return key


def _statement(file: str, payload: bytes, checks: Checklist) -> dict[str, Any] | None:
    read = partial(canonical.loads_apart, payload, "predicate")
    document, members = checks.attempt(file, "payload-canonical", "canonical JSON (RFC 8785)", read) or (None, {})
    if not isinstance(document, dict) or document.keys() != STATEMENT.keys():
        checks.note(file, "statement-type", False, "another shape", f"an object of {', '.join(sorted(STATEMENT))}")
        return None
    checks.equal(file, "statement-type", document["_type"], STATEMENT_TYPE)
    checks.equal(file, "predicate-type", document["predicateType"], PREDICATE_TYPE)
    predicate = document["predicate"]
    wrong = predicate_misfits(predicate)
    checks.equal(file, "predicate-fields", "; ".join(wrong) or "every field in its shape", "every field in its shape")
    if wrong or not isinstance(predicate, dict):
        return None
    root = {"name": subject_name(predicate), "digest": {"sha256": predicate["decisions"]["rootHash"]}}
    checks.equal(file, "subject-root", document["subject"], [root])
    checks.equal(file, "content-digest", content_digest(predicate, members), predicate["contentDigest"])
    return predicate


def _published(
    directory: Path, prefix: str, predicate: dict[str, Any], there: Collection[str], checks: Checklist
) -> bool:
    """Whether the tally was left out of the package, and the one with small cells merged, also signed, is there for it."""
    if predicate["tally"] is None or TALLY in there or DISCLOSED_TALLY not in there:
        return False
    name = prefix + DISCLOSED_TALLY
    read = partial(read_plain, directory / DISCLOSED_TALLY, canonical.MAX_BYTES)
    tally = checks.attempt(name, "tally-digest", "a readable tally", read)
    digest = "unreadable" if tally is None else sha256(tally).hexdigest()
    return checks.equal(name, "tally-digest", digest, predicate["tally"]["disclosedSha256"])


def _manifest(
    directory: Path, prefix: str, manifest: list[dict[str, Any]], there: set[str], published: bool, checks: Checklist
) -> dict[str, bytes]:
    # Each file is read once, never beyond its signed size, and later rules see the bytes that were hashed.
    names = [entry["name"] for entry in manifest]
    safe = all(FILE_NAME.match(name) for name in names) and names == sorted({*names} - {ENVELOPE})
    expected = "plain file names, sorted, each once"
    if not checks.note(prefix + ENVELOPE, "manifest-names", safe, names if not safe else expected, expected):
        return {}
    covered = {}
    for entry in manifest:
        if published and entry["name"] == TALLY:
            there = there - {DISCLOSED_TALLY}
            continue
        name, wanted = entry["name"], f"{entry['bytes']} bytes, sha256 {entry['sha256']}"
        try:
            covered[name] = read_plain(directory / name, entry["bytes"])
            found = f"{len(covered[name])} bytes, sha256 {sha256(covered[name]).hexdigest()}"
        except EvidenceError as error:
            found = str(error)
        checks.equal(prefix + name, "manifest-sha256", found, wanted)
    extra = sorted(there - {*names, ENVELOPE})
    for name in extra:
        checks.note(prefix + name, "manifest-complete", False, "not in the manifest", "complete")
    if not extra:
        checks.note(prefix + ENVELOPE, "manifest-complete", True, "complete", "complete")
    return covered


def _content(prefix: str, predicate: dict[str, Any], covered: Mapping[str, bytes], checks: Checklist) -> None:
    decisions = predicate["decisions"]
    ends, as_of = predicate["partition"]["end"], predicate["asOf"]
    over = datetime.fromisoformat(as_of) >= datetime.fromisoformat(ends)
    checks.note(prefix + ENVELOPE, "as-of", over, as_of, f"no earlier than {ends}, when the window ends")
    rows = predicate["ingest"]
    parts = sum(rows[name] for name in ("accepted", "quarantined", "duplicate"))
    checks.equal(prefix + ENVELOPE, "ingest-adds-up", parts, rows["sourceCount"])
    checks.equal(prefix + ENVELOPE, "decisions-accepted", decisions["treeSize"], predicate["ingest"]["accepted"])
    checks.equal(prefix + ENVELOPE, "leaf-format", decisions["leafFormat"], leaves.LEAF_FORMAT)
    if LEAVES in covered:
        listed = leaves.read_leaves(covered[LEAVES])
        found = f"{len(listed)} leaves, root {merkle.root(merkle.leaf_hashes(listed)).hex()}"
        counts = checks.attempt(
            prefix + LEAVES, "leaf-format", leaves.LEAF_FORMAT, lambda: leaves.verdict_counts(listed)
        )
        counted = "not countable" if counts is None else counts
        checks.equal(prefix + LEAVES, "decisions-counts", counted, decisions["counts"])
        # Each leaf has a salt of its own: two that are equal are one decision, in the place of another.
        checks.equal(prefix + LEAVES, "decisions-accepted", len({*listed}), decisions["treeSize"])
    else:
        found = "no such file"
    wanted = f"{decisions['treeSize']} leaves, root {decisions['rootHash']}"
    checks.equal(prefix + LEAVES, "decisions-root", found, wanted)
    tally = predicate["tally"] or {}
    named = [
        ("tally-digest", TALLY, tally.get("sha256")),
        ("tally-digest", DISCLOSED_TALLY, tally.get("disclosedSha256")),
        ("declaration-sha256", DECLARATION, predicate["declaration"]["sha256"]),
        *(("policy-sha256", _policy_file(one), one["sha256"]) for one in predicate["policies"]),
    ]
    for rule, name, digest in named:
        if name in covered:
            checks.equal(prefix + name, rule, sha256(covered[name]).hexdigest(), digest)


def _policies(
    prefix: str, predicate: dict[str, Any], covered: Mapping[str, bytes], checks: Checklist
) -> dict[str, str]:
    """Check that each covered or named policy is there with a verdict of each of its controls; digest what it asks."""
    named = {_policy_file(one) for one in predicate["policies"]} | {
        name for name in covered if name.startswith("policy.")
    }
    said = [control["control"] for control in predicate["controls"]]
    twice = sorted({control for control in said if said.count(control) > 1})
    checks.equal(prefix + ENVELOPE, "controls-complete", f"twice: {', '.join(twice)}" if twice else "all", "all")
    digests = {}
    for name in sorted(named):
        read = checks.attempt(prefix + name, "controls-complete", "a policy", partial(_asked, covered.get(name)))
        if read is not None:
            due, digests[name.removeprefix("policy.").removesuffix(".json")] = read
            absent = [control for control in due if control not in said]
            checks.equal(prefix + name, "controls-complete", f"without {', '.join(absent)}" if absent else "all", "all")
    return digests


@lru_cache(maxsize=256)  # the days of years hold the same few texts
def _asked(policy: bytes | None) -> tuple[list[str], str]:
    """The controls a policy puts on a system, and the digest of its text without `until`, which closes a version.

    Raises:
        EvidenceError: the text is not that of a policy.
    """
    if policy is None:
        raise EvidenceError("no such covered file")
    said = canonical.loads(policy)
    try:
        due = [f"{said['policy']}/{clause['id']}" for clause in said["clauses"] if clause.get("control")]
        said["in_force"].pop("until", None)
    except (AttributeError, KeyError, TypeError) as error:
        raise EvidenceError(f"not a policy: {type(error).__name__}") from error
    return due, sha256(canonical.dumps_parsed(said)).hexdigest()


def _governed(predicate: Mapping[str, Any]) -> str:
    """The local day that a window is of, on which each policy that judged it was in force, one version of each.

    Raises:
        EvidenceError: a policy was not, or two versions of one were; or nobody knows the zone.
    """
    partition, policies = predicate["partition"], predicate["policies"]
    try:
        day = datetime.fromisoformat(partition["start"]).astimezone(ZoneInfo(partition["zone"])).date().isoformat()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EvidenceError(f"{partition['zone']!r} is no time zone that is known here") from error
    names = [each["name"] for each in policies]
    apart = [
        f"{each['name']}@{each['version']}"
        for each in policies
        if each["inForceFrom"] > day or (each["inForceUntil"] is not None and each["inForceUntil"] <= day)
    ]
    if apart or len(names) != len({*names}):
        raise EvidenceError(f"not in force on {day}, or beside another version: {', '.join(apart or names)}")
    return day


def _declared(prefix: str, covered: Mapping[str, bytes], checks: Checklist) -> Declared | None:
    text = covered.get(DECLARATION)
    if text is None:
        return None
    return checks.attempt(prefix + DECLARATION, "declaration-sha256", "a declaration", partial(_read_declared, text))


@lru_cache(maxsize=256)
def _read_declared(text: bytes) -> Declared:
    match canonical.loads(text):
        case {"policies": [*policies], **rest} if all(isinstance(each, str) for each in policies):
            days = rest.get("only_on") or []
            if isinstance(days, list) and all(isinstance(day, str) for day in days):
                return Declared(tuple(policies), tuple(days))
    raise EvidenceError("a declaration names its policies, and perhaps the days of each year that it is about")


def _policy_file(policy: Mapping[str, Any]) -> str:
    return f"policy.{policy['name']}@{policy['version']}.json"
