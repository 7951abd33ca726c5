"""The proof of one decision: a file that shows its verdicts, the fields that were asked for, and where both are signed.

It is a tlog-proof (c2sp.org/tlog-proof) of the ledger's entry of a snapshot. Its `extra` data lead from the decision to that
entry: disclosures (RFC 9901) open the leaf, a path leads from the leaf to the root that the entry holds.

    disclosures  ->  leaf  ->  the day's root, in the entry  ->  the ledger's root, in the checkpoint  ->  signatures
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.entries import parse_entry
from gov_pipelines.evidence.history import Asked, check_signatures
from gov_pipelines.evidence.leaves import WHOLE, disclosure_digest, leaf_verdicts
from gov_pipelines.evidence.shape import DIGEST, Whole, misfits
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, Signed, Verifier, parse_vkey
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_hashes, parse_proof
from gov_pipelines.evidence.verification import Checklist, shown

_NOT_PROVEN = (
    "that what is recorded is true: the proof shows what was judged, not that the inputs were right",
    "that this is the newest word: a later revision of the day may say otherwise; ask for the newest one",
    "the fields that are not disclosed, and how the measurements of the population came out: see the snapshot itself",
)


@dataclass(frozen=True, slots=True)
class DayProof:
    """Where the snapshot of a day stands: what the proofs of all its decisions have in common.

    Attributes:
        entry: of the ledger, its bytes.
        index: 0-based place of the entry.
        hashes: from the entry up to the root of the checkpoint.
        checkpoint: signed, with the cosignatures there are.
        log: who signed it, so that a reader to whom nobody gave a key can see that the proof is consistent.
    """

    entry: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    log: Verifier


@dataclass(frozen=True, slots=True)
class _Extra:
    """The `extra` data as read: nothing of it is believed before it was checked."""

    disclosures: list[str]
    entry: bytes
    index: int
    leaf: bytes
    log: str
    path: tuple[bytes, ...]


def make_proof(day: DayProof, leaf: bytes, disclosures: Sequence[str], index: int, path: Sequence[bytes]) -> bytes:
    """Write the proof of one decision.

    Args:
        day: where its snapshot stands.
        leaf: of the decision.
        disclosures: the one that the leaf hides, then those of the fields to show, by name.
        index: 0-based place of the leaf in the day's tree.
        path: from the leaf up to the day's root.
    """
    extra = {
        "disclosures": list(disclosures),
        "entry": canonical.loads(day.entry),
        "index": index,
        "leaf": canonical.loads(leaf),
        "log": day.log.vkey,
        "path": [lines.encoded(each) for each in path],
    }
    return TlogProof(canonical.dumps(extra), day.index, day.hashes, day.checkpoint).to_bytes()


def inspect_proof(name: str, data: bytes, asked: Asked, checks: Checklist) -> tuple[list[str], list[str]]:
    """Check the proof of one decision.

    Args:
        name: of the file, for the checks.
        data: its content.
        asked: whom the auditor trusts: a key or a root of trust, and witnesses by his own policy or the root's. Where he
            trusts nobody, the proof is held against the key that it names itself.
        checks: receives one check a rule.

    Returns:
        What the proof proves, in words, if every rule holds; and what it does not prove.
    """
    before = len(checks.checks)
    proof = checks.attempt(name, "proof-format", "a tlog-proof in its one spelling", lambda: parse_proof(data))
    if proof is None:
        return [], [*_NOT_PROVEN]
    extra = checks.attempt(name, "proof-extra-canonical", "canonical JSON of a decision's proof", lambda: _extra(proof))
    if extra is None:
        return [], [*_NOT_PROVEN]
    fields = checks.attempt(
        name, "proof-disclosure", "disclosures that the leaf holds", partial(_opened, extra.leaf, extra.disclosures)
    )
    entry = checks.attempt(name, "proof-entry-format", "the entry of a snapshot", partial(_entry, extra.entry))
    if entry is not None:
        size, root = entry["decisions"]["treeSize"], bytes.fromhex(entry["decisions"]["rootHash"])
        leads = merkle.verify_inclusion(merkle.leaf_hash(extra.leaf), extra.index, size, extra.path, root)
        checks.note(name, "proof-leaf", leads, _path(leads), "a path from the leaf to the root in the entry")
    checkpoint = checks.attempt(name, "checkpoint-format", "a checkpoint", lambda: parse_checkpoint(proof.note.text))
    signed = _signatures(name, proof.note, extra.log, checkpoint, asked, checks) if checkpoint else []
    if checkpoint is not None:
        leads = proof.includes(merkle.leaf_hash(extra.entry), checkpoint)
        checks.note(name, "proof-entry", leads, _path(leads), "a path from the entry to the root of the checkpoint")
    left_open = [*_NOT_PROVEN, *_of_witnesses(signed)]
    if entry is None or fields is None or checkpoint is None or not all(each.ok for each in checks.checks[before:]):
        return [], left_open
    return _said(extra, entry, fields, proof.index, checkpoint, signed), left_open


def _extra(proof: TlogProof) -> _Extra:
    match canonical.loads(proof.extra or b"", max_bytes=lines.MAX_BYTES):
        case {
            "disclosures": [*disclosures], "entry": dict(entry), "index": int(index), "leaf": dict(leaf), "log": str(log),
            "path": [*path], **rest,
        } if not rest and type(index) is int and {str} >= {*map(type, [*disclosures, *path])}:  # fmt: skip
            sides = parse_hashes(path)
            return _Extra(disclosures, canonical.dumps(entry), index, canonical.dumps(leaf), log, sides)
    raise EvidenceError("the extra data hold disclosures, entry, index, leaf, log and path, and nothing else")


def _entry(data: bytes) -> dict[str, Any]:
    entry = parse_entry(data)
    wrong = [*misfits(entry.get("decisions"), {"rootHash": DIGEST, "treeSize": Whole(1)}, "decisions")]
    if entry["kind"] != "snapshot" or wrong:
        raise EvidenceError(f"the entry is not that of a snapshot: {'; '.join(wrong) or entry['kind']}")
    return entry


def _opened(leaf: bytes, disclosures: Sequence[str]) -> dict[str, Any]:
    """The fields that are shown, each found in the hash above it (RFC 9901 section 7.1)."""
    leaf_verdicts(leaf)
    held = canonical.loads(leaf)["_sd"]
    match [_disclosed(each, held) for each in disclosures[:1]]:
        case [(name, {"_sd": [*digests], **rest})] if name == WHOLE and not rest:
            found = [_disclosed(each, digests) for each in disclosures[1:]]
        case _:
            raise EvidenceError("the first disclosure does not hold the hashes of the decision's fields")
    names = [name for name, _ in found]
    if names != sorted(set(names)):
        raise EvidenceError("the fields are not disclosed once each, in the order of their names")
    if any(isinstance(value, dict | list) for _, value in found):
        raise EvidenceError("the value of a field is a text, a number or null")
    return dict(found)


def _disclosed(disclosure: str, digests: Sequence[Any]) -> tuple[str, Any]:
    if disclosure_digest(disclosure) not in digests:
        raise EvidenceError(f"a disclosure's hash is not in what it belongs to: {disclosure[:40]}")
    try:
        data = base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4))
    except ValueError as error:
        raise EvidenceError(f"a disclosure is not base64url: {disclosure[:40]}") from error
    match canonical.loads(data):
        case [str(), str(name), value]:
            return name, value
    raise EvidenceError("a disclosure holds a salt, a name and a value")


def _signatures(
    name: str, note: Note, vkey: str, checkpoint: Checkpoint, asked: Asked, checks: Checklist
) -> list[Signed]:
    """Who signed, of those who are known: the log, and enough witnesses."""
    policy = asked.witnesses(asked.root, name, checks)
    own = checks.attempt(name, "proof-log", "a verifier key named as the log", partial(_log, vkey, checkpoint))
    if policy is None or own is None:
        return []
    if trusted := asked.logs(checkpoint.origin, [asked.root] if asked.root else []) or policy.logs:
        known = [each.vkey for each in trusted]
        checks.note(name, "trusted-key", own.vkey in known, own.vkey, "; ".join(known))
    return check_signatures(name, note, [own], policy, checks)


def _log(vkey: str, checkpoint: Checkpoint) -> Verifier:
    own = parse_vkey(vkey)
    if own.vkey != vkey or own.name != checkpoint.origin:
        raise EvidenceError(f"the key that the proof names is of {own.name}, the checkpoint of {checkpoint.origin}")
    return own


def _path(leads: bool) -> str:
    return "a path that leads there" if leads else "a path that leads elsewhere"


def _of_witnesses(signed: Sequence[Signed]) -> list[str]:
    if any(each.time is not None for each in signed):
        return ["the times of cosignatures: they are the witnesses' own clocks"]
    return ["that others see the same ledger: no witness that you know cosigned it, so another may be shown to them"]


def _said(
    extra: _Extra,
    entry: Mapping[str, Any],
    fields: Mapping[str, Any],
    place: int,
    checkpoint: Checkpoint,
    signed: Sequence[Signed],
) -> list[str]:
    """What the proof proves, sentence by sentence."""
    named = f"decision {fields['decision_id']}" if "decision_id" in fields else "a decision that is not named"
    told = [
        f"{name} is {value if value is not None else 'not known'}"
        for name, value in fields.items()
        if name != "decision_id"
    ]
    verdicts = [f"{control} {verdict}" for control, verdict in leaf_verdicts(extra.leaf).items()]
    policies = [
        f"{each['name']} version {each['version']} (sha256 {each['sha256'][:12]}...)" for each in entry["policies"]
    ]
    cosigned = [f"{each.verifier.name} at {canonical.instant(each.at)}" for each in signed if each.at is not None]
    keys = [each.verifier for each in signed if each.time is None]
    size = entry["decisions"]["treeSize"]
    sentences = [
        f"In the snapshot of {entry['system']} for {entry['partition']}, revision {entry['revision']}, leaf {extra.index} of "
        f"{size} is {named}" + (f": {'; '.join(told)}." if told else "."),
        f"It was judged: {'; '.join(verdicts) or 'by no rule'}. Policies in force: {'; '.join(policies) or 'none'}.",
        f"That snapshot (sha256 {entry['payloadSha256'][:12]}...) stands as entry {place} in the ledger {checkpoint.origin} "
        f"at its size {checkpoint.size}, signed by {', '.join(f'{key.name} ({key.key.keyid[:12]}...)' for key in keys)}"
        + (f" and cosigned by {', '.join(cosigned)}." if cosigned else "."),
    ]
    return [*map(shown, sentences)]
