"""One night that travels alone: its package, and beside it the proof of its place in the ledger.

`gov bundle --date` writes three things beside the signed files: the proof (a tlog-proof whose `extra` is the ledger's
entry), the versions of the root of trust, and, where there is one, the time stamp of the proof's checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.entries import snapshot_entry
from gov_pipelines.evidence.examine import LEDGER_PROOF, ROOTS, STAMP, Snapshot
from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import Root, parse_root, root_files, walk
from gov_pipelines.evidence.time_rules import time_findings
from gov_pipelines.evidence.timestamps import verify_token
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, Signed, log_verifier, verified
from gov_pipelines.evidence.tlog.policy import parse_policy, satisfied
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_proof
from gov_pipelines.evidence.verification import Checklist

_MAX_STAMP_BYTES = 64 * 1024
_REST = (
    "the rest of the ledger: only the place of this snapshot was given; that its policies stood before it, and which version "
    "of the root of trust held there, only the whole ledger shows"
)


def check_alone(folder: Path, snapshot: Snapshot, asked: Asked, checks: Checklist) -> list[str]:
    """Check the place in the ledger of a package that is alone.

    Args:
        folder: the package's.
        snapshot: what it says.
        asked: what the auditor brings along.
        checks: receives the checks.

    Returns:
        What this leaves open, in words.
    """
    roots = checks.attempt(ROOTS, "root-chain", "versions that follow one another", partial(_roots, folder / ROOTS))
    proof = checks.attempt(LEDGER_PROOF, "proof-format", "a tlog-proof", partial(_proof, folder / LEDGER_PROOF))
    if roots is None or proof is None:
        return [_REST]
    if pinned := asked.root:
        found = roots[pinned.version - 1].sha256 if pinned.version <= len(roots) else "no such version"
        checks.equal(f"{ROOTS}/{pinned.version}.root.json", "root-trusted", found, pinned.sha256)
    named = checks.attempt(LEDGER_PROOF, "checkpoint-format", "a checkpoint", lambda: parse_checkpoint(proof.note.text))
    if named is None:
        return [_REST]
    checks.equal(LEDGER_PROOF, "checkpoint-origin", named.origin, roots[-1].origin)
    entry = snapshot_entry(snapshot.predicate, snapshot.payload_sha256, snapshot.signature)
    extra = (proof.extra or b"").decode(errors="replace")
    checks.equal(LEDGER_PROOF, "ledger-snapshot", extra, entry.decode())
    leads = proof.includes(merkle.leaf_hash(entry), named)
    checks.note(LEDGER_PROOF, "proof-entry", leads, f"entry {proof.index}", "a path to the root of the checkpoint")
    allowed = {key.keyid for root in roots for key in root.keys_of("targets")}
    signer = snapshot.key.keyid if snapshot.key else "no known key"
    checks.note(snapshot.file, "key-role", signer in allowed, signer, "a key that the root of trust lets sign")
    witnesses = _witnesses(proof.note, named, roots, asked, checks)
    return [_REST, *witnesses, *_times(folder / STAMP, snapshot, proof, named, roots, asked, checks)]


def _roots(folder: Path) -> list[Root]:
    files = root_files(folder)
    names = {each.name for each in folder.iterdir()} if files else set()
    if not files or names != {f"{number}.root.json" for number in range(1, len(files) + 1)}:
        raise EvidenceError(f"the folder holds {sorted(names)[:5]}; expected 1.root.json, 2.root.json, ...")
    return walk(parse_root(files[0]), files[1:])


def _proof(path: Path) -> TlogProof:
    return parse_proof(read_plain(path, lines.MAX_BYTES))


def _witnesses(note: Note, named: Checkpoint, roots: Sequence[Root], asked: Asked, checks: Checklist) -> list[str]:
    """Check who signed the checkpoint: the ledger, and enough witnesses."""
    policy = asked.policy or checks.attempt(
        ROOTS, "witness-policy", "a tlog-policy", lambda: parse_policy(roots[-1].witnesses.encode())
    )
    if policy is None:
        return []
    # Whoever holds a key that was taken out of the root of trust could make up a ledger: only the newest keys count.
    keys = [asked.key] if asked.key else roots[-1].keys_of("snapshot")
    logs = [log_verifier(named.origin, key) for key in keys]

    def signed() -> list[Signed]:
        held = verified(note, [*logs, *policy.witnesses.values()])
        if not any(each.verifier in logs for each in held):
            raise EvidenceError("the ledger's own key did not sign it")
        return held

    held = checks.attempt(LEDGER_PROOF, "checkpoint-signature", "signed by the ledger's key", signed) or []
    cosigned = [each.verifier.name for each in held if each.time is not None]
    enough = policy.quorum == "none" or satisfied(policy, held)
    checks.note(LEDGER_PROOF, "witness-quorum", enough, ", ".join(cosigned), f"the quorum {policy.quorum}")
    if cosigned:
        return [f"what came after the witnesses looked: {', '.join(cosigned)} cosigned the first {named.size} entries"]
    return ["a second party: no witness cosigned; whoever holds the ledger's key could show others another ledger"]


def _times(
    path: Path,
    snapshot: Snapshot,
    proof: TlogProof,
    named: Checkpoint,
    roots: Sequence[Root],
    asked: Asked,
    checks: Checklist,
) -> list[str]:
    """Check the time stamp of the checkpoint, where somebody named whose stamps count."""
    authorities = asked.authorities or tuple(dict.fromkeys(each for root in roots for each in root.authorities))
    tokens = []
    if authorities and path.exists():

        def stamped() -> datetime:
            return verify_token(read_plain(path, _MAX_STAMP_BYTES), proof.note.text.encode(), authorities)

        moment = checks.attempt(STAMP, "time-token", "a token of a trusted authority over the checkpoint", stamped)
        tokens = [(named.size, moment)] if moment else []
    elif path.exists():
        return [f"time: nobody named an authority whose stamps count, so {STAMP} was not looked at; give --tsa"]
    made = [(proof.index, datetime.fromisoformat(snapshot.predicate["timeCreated"]))]
    findings, left_open = time_findings(made, tokens, demanded_from=0 if authorities else None, limit=None)
    for finding in findings:
        checks.note(snapshot.file, finding.rule, finding.ok, finding.got, finding.expected)
    return left_open
