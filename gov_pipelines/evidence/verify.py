"""Verify evidence: a package, a system's folder, the whole evidence folder with its ledger, or the proof of one decision.

Runs where only Python, `cryptography`, `rfc8785` and, for timestamps, `rfc3161-client` are installed:

    python -m gov_pipelines.evidence.verify PATH [--trust KEY_OR_ROOT] [--last CHECKPOINT] [--keep FILE]
        [--policy FILE] [--tsa PEM] [--json]
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gov_pipelines.errors import EvidenceError, GovError, WrongUse
from gov_pipelines.evidence.alone import check_alone
from gov_pipelines.evidence.chain import PARTITION, REVISION, check_chain, find_packages, gaps, summaries
from gov_pipelines.evidence.decision_proof import inspect_proof
from gov_pipelines.evidence.equivocation import inspect_fraud
from gov_pipelines.evidence.examine import BESIDE, Snapshot, inspect_package
from gov_pipelines.evidence.history import CHECKPOINT, LEDGER, Asked, History, read_history
from gov_pipelines.evidence.keys import DEMO_KEY_NAME, load_trust
from gov_pipelines.evidence.logged import check_complete, check_logged
from gov_pipelines.evidence.package import ENVELOPE
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import parse_root
from gov_pipelines.evidence.side_by_side import enough_processes, inspect_packages
from gov_pipelines.evidence.timestamps import read_authority
from gov_pipelines.evidence.tlog.notes import parse_note
from gov_pipelines.evidence.tlog.policy import parse_policy
from gov_pipelines.evidence.verification import NOBODY_VOUCHED, NOT_PROVEN, NOT_RECOMPUTED, Checklist, Verification

_T = TypeVar("_T")
_MAX_BYTES = 1 << 20  # of a file that is not in a package


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read at a path, and checked by itself.

    Attributes:
        asked: what the auditor brought along.
        snapshots: those whose signed bytes could be read.
        checks: every check so far.
        left_open: what they do not show, in words.
        covered: what was read, in words; empty for snapshots, which are summed up.
        whole: a system's whole history or more.
    """

    asked: Asked
    snapshots: Sequence[Snapshot]
    checks: Checklist
    left_open: Sequence[str]
    covered: Sequence[str] = ()
    whole: bool = True

    @property
    def sound(self) -> bool:
        """Every check so far holds."""
        return all(check.ok for check in self.checks.checks)


def verify(
    path: Path,
    *,
    trust: Path | None = None,
    last: Path | None = None,
    policy: Path | None = None,
    authority: Path | None = None,
) -> Verification:
    """Check everything that can be checked from the files alone.

    Args:
        path: a package (`r1`), a system's folder, a folder of systems with their `ledger`, a ledger, or the file of a
            proof.
        trust: what the auditor got by another way: a public key (our JSON or a PEM), or a version of the root of trust.
        last: the checkpoint that he kept when he looked before.
        policy: his own tlog-policy, in place of the one that the root of trust names.
        authority: certificates of the time stamping authority that he trusts (PEM), in place of the root's.

    Returns:
        Every check, failed ones included. Malformed evidence is a failed check.

    Raises:
        WrongUse: the path or a file does not exist, or the path holds no evidence.
    """
    return concluded(read(path, trust=trust, last=last, policy=policy, authority=authority))


def read(
    path: Path,
    *,
    trust: Path | None = None,
    last: Path | None = None,
    policy: Path | None = None,
    authority: Path | None = None,
) -> Evidence:
    """Do what `verify` does, and keep the snapshots at hand for who wants to recompute them."""
    checks = Checklist()
    asked = _asked(trust, last, policy, authority, checks)
    try:
        evidence = _read(path, asked, checks)
    except OSError as error:
        raise WrongUse(f"no evidence at {path}: {error.filename}: {error.strerror}") from error
    _all_asked_was_checked(asked, checks)
    return evidence


def concluded(evidence: Evidence, recomputed: Sequence[str] | None = None) -> Verification:
    """Sum up what was checked.

    Args:
        evidence: from `read`.
        recomputed: what recomputing left open, in words; None where nothing was recomputed.
    """
    checks, asked = evidence.checks.checks, evidence.asked
    ok = all(check.ok for check in checks)
    not_recomputed = [NOT_RECOMPUTED] if recomputed is None and evidence.snapshots else recomputed or []
    merged = sum(each.published for each in evidence.snapshots)
    told = f"measurements of {merged} snapshots: their tallies are here with small cells merged, from which none can be recomputed"
    tail = [] if asked.last or not evidence.whole else [_TAIL]
    not_proven = [
        *_who(evidence),
        *NOT_PROVEN,
        *not_recomputed,
        *([told] if merged else []),
        *evidence.left_open,
        *tail,
    ]
    covered = [*evidence.covered, *summaries(evidence.snapshots)]
    return Verification(ok, ok and asked.trusts, checks, not_proven, covered)


def last_seen(path: Path) -> bytes:
    """The checkpoint that an auditor keeps, to give as `--last` next time.

    Args:
        path: as for `verify`.

    Raises:
        WrongUse: no ledger there.
        EvidenceError: the evidence does not verify; what is not sound is not worth keeping.
    """
    found = verify(path)
    if wrong := found.failures:
        raise EvidenceError(f"{len(wrong)} checks failed, the first {wrong[0].rule} of {wrong[0].file}")
    ledger = _ledger_of(path)
    if ledger is None:
        raise WrongUse(f"no ledger beside {path}: give the folder of a system, or the whole evidence folder")
    return read_plain(ledger / CHECKPOINT, _MAX_BYTES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 where every check holds, 1 where one fails, 2 for wrong use.
    """
    parser = argparse.ArgumentParser(prog="python -m gov_pipelines.evidence.verify", description="Verify evidence.")
    parser.add_argument("path", type=Path, help="a package, a system's folder, the whole evidence folder, or a proof")
    parser.add_argument(
        "--trust", type=Path, help="a public key (our JSON or a PEM) or a root of trust you already have"
    )
    parser.add_argument("--last", type=Path, help="the checkpoint you kept when you looked before")
    parser.add_argument("--keep", type=Path, help="keep the ledger's checkpoint in this file, for --last next time")
    parser.add_argument("--policy", type=Path, help="your own tlog-policy: which witnesses must have cosigned")
    parser.add_argument("--tsa", type=Path, help="certificates of the time stamping authority you trust (PEM)")
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    given = parser.parse_args(arguments)
    try:
        found = verify(given.path, trust=given.trust, last=given.last, policy=given.policy, authority=given.tsa)
        if given.keep and found.ok:
            keep(given.keep, last_seen(given.path))
    except GovError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write((found.to_json() if given.json else found.to_text()) + "\n")
    return 0 if found.ok else 1


def keep(path: Path, checkpoint: bytes) -> None:
    """Write down what an auditor keeps.

    Raises:
        WrongUse: it could not be written.
    """
    try:
        path.write_bytes(checkpoint)
    except OSError as error:
        raise WrongUse(f"{path} was not written: {error.strerror}") from error


def _asked(
    trust: Path | None, last: Path | None, policy: Path | None, authority: Path | None, checks: Checklist
) -> Asked:
    def given(path: Path | None, expected: str, parse: Callable[[bytes], _T]) -> _T | None:
        if path is None:
            return None
        if not path.is_file():
            raise WrongUse(f"{path} was not read: no such file")
        return checks.attempt(path.name, "given-file", expected, lambda: parse(read_plain(path.resolve(), _MAX_BYTES)))

    key = root = None
    if trust is not None:
        is_root = trust.is_file() and trust.read_bytes()[:_MAX_BYTES].find(b'"signed"') >= 0
        if is_root:
            root = given(trust, "a root of trust", parse_root)
        else:
            key = checks.attempt(
                trust.name, "given-file", "a public key, or a root of trust", lambda: load_trust(trust)
            )
    return Asked(
        key=key,
        root=root,
        policy=given(policy, "a tlog-policy", parse_policy),
        authorities=tuple(
            each for each in [given(authority, "certificates of a time stamping authority", _authority)] if each
        ),
        last=given(last, "a checkpoint that `--keep` wrote", parse_note),
    )


def _authority(data: bytes) -> bytes:
    """The certificates as they came, once they are those of a time stamping authority."""
    read_authority(data)
    return data


def _read(path: Path, asked: Asked, checks: Checklist) -> Evidence:
    """Check whatever lies at a path."""
    if path.is_file():
        data = read_plain(path.resolve(), _MAX_BYTES)
        inspect = inspect_fraud if data.startswith(b"{") else inspect_proof
        covered, left_open = inspect(path.name, data, asked, checks)
        return Evidence(asked, [], checks, left_open, covered, whole=False)
    if (path / ENVELOPE).exists() or REVISION.match(path.resolve().name):
        return _read_package(path, asked, checks)
    if (path / CHECKPOINT).is_file():
        history = read_history(path, "", asked, checks)
        entries = f"a ledger of {history.size} entries" if history else "a ledger that cannot be read"
        return Evidence(asked, [], checks, ["the snapshots: only the ledger was given"], [entries])
    if _is_system(path):
        return _read_systems([(path, "", None)], path.resolve().parent / LEDGER, asked, checks)
    systems = []
    for folder in sorted(path.iterdir()):
        if folder.name == LEDGER:
            continue
        if folder.is_symlink() or not _is_system(folder):
            checks.note(folder.name, "chain-place", False, "no system's folder", "folders of systems and their ledger")
        else:
            systems.append((folder, f"{folder.name}/", folder.name))
    if not systems:
        raise WrongUse(f"no evidence in {path}: no folder named by date holds packages r1, r2, ...")
    return _read_systems(systems, path / LEDGER, asked, checks)


def _read_package(path: Path, asked: Asked, checks: Checklist) -> Evidence:
    brought = {item.name for item in path.iterdir()} & BESIDE
    snapshot = inspect_package(path, "", asked.key, checks, brought)
    found = [snapshot] if snapshot else []
    left_open = ["the chain: only one package was given"]
    if brought and snapshot:
        left_open += check_alone(path, snapshot, asked, checks)
    elif history := _history(_ledger_of(path), asked, checks):
        left_open += check_logged(found, history, checks)
    else:
        told = "the ledger: it was not given, so nothing shows that this snapshot is in it, nor at which time it was signed"
        left_open.append(told)
    return Evidence(asked, found, checks, left_open, whole=False)


@contextmanager
def _not_looking_for_cycles() -> Iterator[None]:
    """Keep Python from going through a million checks over and over: they hold nothing but texts."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_not_looking_for_cycles()
def _read_systems(
    systems: Sequence[tuple[Path, str, str | None]], ledger: Path, asked: Asked, checks: Checklist
) -> Evidence:
    snapshots: list[Snapshot] = []
    left_open = []
    listed = [find_packages(folder, prefix, checks) for folder, prefix, _ in systems]
    places = [place for packages, _ in listed for place in packages]
    inspected = iter(inspect_packages(places, asked.key, checks, enough_processes(len(places))))
    for (_, prefix, name), (packages, unfinished) in zip(systems, listed, strict=True):
        found = [item for item in islice(inspected, len(packages)) if item]
        if not found:
            checks.note(prefix or ".", "chain-sequence", False, "no readable snapshot", "at least one")
        check_chain(found, name, checks)
        snapshots += found
        left_open += gaps(found)
        left_open += [f"{place}: left unfinished by a crash, no part of the chain" for place in unfinished]
    if not ledger.is_dir():
        checks.note(LEDGER, "ledger-present", False, "no such folder", "the ledger of these snapshots")
    elif history := _history(ledger, asked, checks):
        left_open += check_logged(snapshots, history, checks)
        left_open += check_complete(snapshots, history, checks)
    return Evidence(asked, snapshots, checks, left_open)


def _all_asked_was_checked(asked: Asked, checks: Checklist) -> None:
    """What an auditor brings along and nothing here could be held against is a failed check, and never passed over."""
    made = {check.rule for check in checks.checks}
    brought = [
        ("--last", asked.last, {"ledger-last"}),
        ("--policy", asked.policy, {"witness-quorum"}),
        ("--tsa", asked.authorities, {"time-token", "time-limit"}),
    ]
    for option, given, rules in brought:
        if given and not made & rules:
            checks.note(option, min(rules), False, "nothing here that it could be held against", "checked")


def _history(ledger: Path | None, asked: Asked, checks: Checklist) -> History | None:
    return read_history(ledger, f"{LEDGER}/", asked, checks) if ledger and ledger.is_dir() else None


def _ledger_of(path: Path) -> Path | None:
    """The ledger that belongs to a package, a system's folder or an evidence folder."""
    here = path.resolve()
    candidates = [here / LEDGER, *(parent / LEDGER for parent in here.parents[:3])]
    return next((each for each in candidates if (each / CHECKPOINT).is_file()), None)


def _is_system(path: Path) -> bool:
    return path.is_dir() and any(PARTITION.match(item.name) and item.is_dir() for item in path.iterdir())


def _who(evidence: Evidence) -> list[str]:
    asked = evidence.asked
    signers = {signer for snapshot in evidence.snapshots if (signer := snapshot.signer)}
    names = ", ".join(sorted(signers)) or "no signature verifies"
    told = [] if asked.trusts else [f"{NOBODY_VOUCHED} ({names}); give --trust"]
    demo = sorted(
        name for name in signers | ({asked.key.name} if asked.key else set()) if name.startswith(DEMO_KEY_NAME)
    )
    told += [f"{name} is a demonstration key, held by whoever can change these files" for name in demo]
    return [f"who signed: {'; '.join(told)}"] if told else []


_TAIL = "the tail: the newest entries could have been cut off; keep a checkpoint with --keep FILE and give it as --last"


if __name__ == "__main__":
    sys.exit(main())
