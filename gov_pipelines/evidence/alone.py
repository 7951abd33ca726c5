"""One night that travels alone: its package, and beside it the proof of its place in the ledger.

`gov bundle --date` writes three things beside the signed files: the proof (a tlog-proof whose `extra` is the ledger's
entry), the versions of the root of trust, and, where there is one, the time stamp of the proof's checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path

from gov_pipelines.evidence.examine import LEDGER_PROOF, ROOTS, STAMP, Snapshot
from gov_pipelines.evidence.history import NO_WITNESS, Asked, check_signatures, read_roots
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import TARGETS, Root
from gov_pipelines.evidence.time_rules import time_findings
from gov_pipelines.evidence.timestamps import kept_token
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_proof
from gov_pipelines.evidence.verification import Checklist

_REST = (
    "the rest of the ledger: only the place of this snapshot was given; that its policies stood before it, and which version "
    "of the root of trust held there (its keys and time authorities; here those of every version count), only the whole ledger shows"
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
    roots = read_roots(folder / ROOTS, f"{ROOTS}/", asked, checks)
    read = partial(read_plain, folder / LEDGER_PROOF, lines.MAX_BYTES)
    proof = checks.attempt(LEDGER_PROOF, "proof-format", "a tlog-proof", lambda: parse_proof(read()))
    if not roots or proof is None:
        return [_REST]
    parse = partial(parse_checkpoint, proof.note.text)
    named = checks.attempt(LEDGER_PROOF, "checkpoint-format", "a checkpoint", parse)
    if named is None:
        return [_REST]
    strangers = {each.name for each in (folder / ROOTS).iterdir()} - {f"{root.version}.root.json" for root in roots}
    checks.equal(f"{ROOTS}/", "root-chain", sorted(strangers)[:5], [])
    checks.equal(LEDGER_PROOF, "checkpoint-origin", named.origin, roots[-1].origin)
    extra = (proof.extra or b"").decode(errors="replace")
    checks.equal(LEDGER_PROOF, "ledger-snapshot", extra, snapshot.entry.decode())
    leads = proof.includes(merkle.leaf_hash(snapshot.entry), named)
    checks.note(LEDGER_PROOF, "proof-entry", leads, f"entry {proof.index}", "a path to the root of the checkpoint")
    allowed = {key.keyid for root in roots for key in root.keys_of(TARGETS)}
    signer = snapshot.key.keyid if snapshot.key else "no known key"
    checks.note(snapshot.file, "key-role", signer in allowed, signer, "a key that the root of trust lets sign")
    left_open = [_REST]
    if policy := asked.witnesses(roots[-1], ROOTS, checks):
        # Whoever holds a key that was taken out of the root of trust could make up a ledger: only the newest keys count.
        signed = check_signatures(LEDGER_PROOF, proof.note, asked.logs(named.origin, roots[-1:]), policy, checks)
        cosigned = ", ".join(each.verifier.name for each in signed if each.time is not None)
        seen = f"what came after the witnesses looked: {cosigned} cosigned the first {named.size} entries"
        left_open.append(seen if cosigned else NO_WITNESS)
    return [*left_open, *_times(folder / STAMP, snapshot, proof, named.size, roots, asked, checks)]


def _times(
    path: Path, snapshot: Snapshot, proof: TlogProof, size: int, roots: Iterable[Root], asked: Asked, checks: Checklist
) -> list[str]:
    """Check the time stamp of the checkpoint, where somebody named whose stamps count."""
    authorities = asked.authorities or tuple(dict.fromkeys(each for root in roots for each in root.authorities))
    tokens = []
    if path.exists():
        if not authorities:
            return [f"time: nobody named an authority whose stamps count, so {STAMP} was not looked at; give --tsa"]
        stamped = partial(kept_token, path, proof.note.text, authorities)
        moment = checks.attempt(STAMP, "time-token", "a token of a trusted authority over the checkpoint", stamped)
        tokens = [(size, moment)] if moment else []
    made = [(proof.index, datetime.fromisoformat(snapshot.predicate["timeCreated"]))]
    findings, left_open = time_findings(made, tokens, demanded_from=0 if authorities else None, limit=None)
    for finding in findings:
        checks.note(snapshot.file, finding.rule, finding.ok, finding.got, finding.expected)
    return left_open
