"""Verify evidence: a package, a system's folder, or the whole evidence folder.

Runs where only Python, `cryptography` and `rfc8785` are installed:

    python -m gov_pipelines.evidence.verify PATH [--trust KEY] [--last FILE] [--keep FILE] [--json]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gov_pipelines.errors import EvidenceError, GovError, WrongUse
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.chain import PARTITION, REVISION, check_chain, check_last, find_packages, last_of, summaries
from gov_pipelines.evidence.examine import Snapshot, inspect_package
from gov_pipelines.evidence.keys import DEMO_KEY_NAME, PublicKey, load_trust
from gov_pipelines.evidence.package import ENVELOPE
from gov_pipelines.evidence.shape import misfits
from gov_pipelines.evidence.verification import NOBODY_VOUCHED, NOT_PROVEN, Checklist, Verification

_LAST = {"system": str, "sequence": int, "payloadSha256": str}


def verify(path: Path, *, trust: Path | None = None, last: Path | None = None) -> Verification:
    """Check everything that can be checked from the files alone.

    Args:
        path: a package (`r1`), a system's folder, or a folder of systems.
        trust: a public key the auditor got by another way: our JSON or a PEM.
        last: the note that `last_seen` made when the auditor looked before.

    Returns:
        Every check, failed ones included. Malformed evidence is a failed check.

    Raises:
        WrongUse: the path, the key or the file does not exist, or the path holds no evidence.
    """
    checks = Checklist()
    key = kept = None
    if trust:
        key = checks.attempt(trust.name, "trusted-key", "a public key", lambda: load_trust(trust))
    if last:
        kept = checks.attempt(last.name, "chain-last", "what `gov verify --keep FILE` wrote", lambda: _kept(last))
    snapshots, open_questions = _inspect(path, key, checks)
    if kept:
        check_last(kept, snapshots, checks)
    ok = all(check.ok for check in checks.checks)
    not_proven = [*_who(snapshots, key), *NOT_PROVEN, *open_questions, _tail(kept)]
    return Verification(ok, ok and key is not None, checks.checks, not_proven, summaries(snapshots))


def last_seen(path: Path) -> bytes:
    """Note the newest snapshot of a system, for the auditor to keep and give as `--last` next time.

    Args:
        path: a system's folder or a package.

    Returns:
        Canonical JSON `{payloadSha256, sequence, system}`.

    Raises:
        WrongUse: no evidence there.
        EvidenceError: the evidence does not verify; what is not sound is not worth keeping.
    """
    checks = Checklist()
    snapshots, _ = _inspect(path, None, checks)
    if wrong := [check for check in checks.checks if not check.ok]:
        first = f"{wrong[0].rule} of {wrong[0].file}"
        raise EvidenceError(f"{len(wrong)} checks failed, the first {first}; run `gov verify`")
    return canonical.dumps(last_of(snapshots))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 where every check holds, 1 where one fails, 2 for wrong use.
    """
    parser = argparse.ArgumentParser(prog="python -m gov_pipelines.evidence.verify", description="Verify evidence.")
    parser.add_argument("path", type=Path, help="a package, a system's folder, or the whole evidence folder")
    parser.add_argument("--trust", type=Path, help="a public key you already trust (our JSON or a PEM)")
    parser.add_argument("--last", type=Path, help="what you noted when you looked before")
    parser.add_argument("--keep", type=Path, help="note the newest snapshot in this file, for --last next time")
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    given = parser.parse_args(arguments)
    try:
        found = verify(given.path, trust=given.trust, last=given.last)
        if given.keep and found.ok:
            _keep(given.keep, last_seen(given.path))
    except GovError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write((found.to_json() if given.json else found.to_text()) + "\n")
    return 0 if found.ok else 1


def _inspect(path: Path, key: PublicKey | None, checks: Checklist) -> tuple[list[Snapshot], list[str]]:
    try:
        return _inspect_any(path, key, checks)
    except OSError as error:
        raise WrongUse(f"no evidence at {path}: {error.filename}: {error.strerror}") from error


def _inspect_any(path: Path, key: PublicKey | None, checks: Checklist) -> tuple[list[Snapshot], list[str]]:
    """Check whatever lies at a path; the second value is what that leaves open."""
    if (path / ENVELOPE).exists() or REVISION.match(path.resolve().name):
        snapshot = inspect_package(path, "", key, checks)
        return [snapshot] if snapshot else [], ["the chain: only one package was given"]
    if _is_system(path):
        return _inspect_system(path, "", None, key, checks)
    systems = sorted(path.iterdir())
    if not any(map(_is_system, systems)):
        raise WrongUse(f"no evidence in {path}: no folder named by date holds packages r1, r2, ...")
    snapshots, open_questions = [], []
    for system in systems:
        if system.is_symlink() or not _is_system(system):
            checks.note(system.name, "chain-place", False, "no system's folder", "folders of systems only")
            continue
        found, questions = _inspect_system(system, f"{system.name}/", system.name, key, checks)
        snapshots += found
        open_questions += questions
    return snapshots, open_questions


def _inspect_system(
    folder: Path, prefix: str, name: str | None, key: PublicKey | None, checks: Checklist
) -> tuple[list[Snapshot], list[str]]:
    packages, unfinished = find_packages(folder, prefix, checks)
    read = [inspect_package(item, f"{prefix}{item.parent.name}/{item.name}/", key, checks) for item in packages]
    snapshots = [item for item in read if item]
    if not snapshots:
        checks.note(prefix or ".", "chain-sequence", False, "no readable snapshot", "at least one")
    check_chain(snapshots, name, checks)
    return snapshots, [f"{place}: left unfinished by a crash, no part of the chain" for place in unfinished]


def _is_system(path: Path) -> bool:
    return path.is_dir() and any(PARTITION.match(item.name) and item.is_dir() for item in path.iterdir())


def _keep(path: Path, note: bytes) -> None:
    try:
        path.write_bytes(note)
    except OSError as error:
        raise WrongUse(f"{path} was not written: {error.strerror}") from error


def _kept(path: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = canonical.loads(path.read_bytes().rstrip(b"\r\n"))
    except OSError as error:
        raise WrongUse(f"{path} was not read: {error.strerror}") from error
    if wrong := [*misfits(kept, _LAST, "last")]:
        raise EvidenceError("; ".join(wrong))
    return kept


def _who(snapshots: Sequence[Snapshot], key: PublicKey | None) -> list[str]:
    signers = {snapshot.signer for snapshot in snapshots if snapshot.signer}
    names = ", ".join(sorted(signers)) or "no signature verifies"
    told = [] if key else [f"{NOBODY_VOUCHED} ({names}); give --trust"]
    demo = sorted(name for name in signers | ({key.name} if key else set()) if name.startswith(DEMO_KEY_NAME))
    told += [f"{name} is a demonstration key, held by whoever can change these files" for name in demo]
    return [f"who signed: {'; '.join(told)}"] if told else []


def _tail(kept: dict[str, Any] | None) -> str:
    if kept:
        return f"the tail: snapshots of {kept['system']} after sequence {kept['sequence']} could have been cut off"
    keep = "note the newest with `gov verify --keep FILE` and give it as --last"
    return f"the tail: the newest snapshots could have been cut off; {keep}"


if __name__ == "__main__":
    sys.exit(main())
