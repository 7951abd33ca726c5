"""Bundles: signed evidence copied for whoever checks it elsewhere, whole or fit to be published.

A copy is made while nights may run: what the copied checkpoint of the ledger covers is copied, and what was signed since
is left to the next copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence.chain import PARTITION, REVISION
from gov_pipelines.evidence.examine import LEDGER_PROOF, ROOTS, STAMP
from gov_pipelines.evidence.history import CHECKPOINT, LEDGER, TIMESTAMPS
from gov_pipelines.evidence.package import DISCLOSED_TALLY, ENVELOPE, TALLY, Package, read_package
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint, read_checkpoint
from gov_pipelines.evidence.tlog.proof import TlogProof
from gov_pipelines.evidence.tlog.tiles import read_entries
from gov_pipelines.measure import disclosed, tally_from_json, tally_json
from gov_pipelines.pipeline.placing import payload_of, place_of

README = "README.txt"
_UNFINISHED = shutil.ignore_patterns(".*")

_HOW = """\
Signed evidence of how decisions were audited. In each folder evidence/<system>/<partition>/r<revision>:

  snapshot.intoto.jsonl   what was found, signed: an in-toto Statement, and the standard test-result beside it
  decision_leaves.jsonl   one line a decision: a salted hash, and what each rule said of it
  other files             named with their SHA-256 in the signed manifest

evidence/ledger is a C2SP tlog of everything that was signed, with the checkpoint of it that covers this copy.

To verify it, with Python and the packages cryptography, rfc8785 and rfc3161-client:

  python -m gov_pipelines.evidence.verify evidence --trust FILE

FILE is the public key or the root of trust, which you must get from its owner by another way than this copy. Without
--trust you learn only that the copy is consistent with its own key, which nobody vouched for. docs/verify.md of
gov_pipelines does the same with openssl and twenty lines of Python.
"""

_WHOLE = """
This copy holds the counts as they were made (tally.json). Counts of small groups can tell of persons: it is for
auditors, not for publication.
"""

_PUBLISHED = """
This copy is fit to be published: in place of tally.json it holds tally.disclosed.json, in which counts under the signed
discloseMin are merged. Its digest was signed with the snapshot. So in this copy

- no measurement can be recomputed from counts; signatures, chain, ledger, row accounting and the verdicts of decisions
  are checked as ever;
- what the signed statements themselves say of small groups (n and value of a measurement) stands in them, for what is
  signed cannot be left out. Sums over windows that overlap, and revisions of one day, can be subtracted from each
  other: who must not be told apart must not be a group in the policy.
"""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle holds.

    Attributes:
        packages: number of snapshots copied.
        waiting: snapshots, as `<system>/<partition>/r<revision>`, that the ledger did not hold yet, and that were not copied.
    """

    packages: int
    waiting: tuple[str, ...]


def bundle(evidence: Path, systems: Sequence[str], out: Path, *, published: bool) -> Bundled:
    """Copy the whole chains of some systems, and the ledger.

    Args:
        evidence: the evidence folder of a home.
        systems: names of folders in it.
        out: an empty folder; `README.txt` and `evidence/` are made in it.
        published: merge the small cells of every tally.

    Raises:
        EvidenceError: a package or the ledger is not what was signed.
        WrongUse: a system has no evidence.
    """
    target = out / "evidence"
    target.mkdir(parents=True)
    logged = _copy_ledger(evidence / LEDGER, target / LEDGER) if (evidence / LEDGER / CHECKPOINT).exists() else None
    copied, waiting = 0, []
    for system in systems:
        for folder in _packages(evidence / system):
            place = folder.relative_to(evidence)
            package = read_package(folder)
            if logged is None or package.payload_sha256 in logged:
                _copy_package(folder, package, target / place, published=published)
                copied += 1
            else:
                waiting.append(place.as_posix())
    (out / README).write_text(_HOW + (_PUBLISHED if published else _WHOLE), encoding="utf-8")
    return Bundled(copied, tuple(waiting))


def bundle_night(evidence: Path, system: str, partition: str, out: Path, *, published: bool) -> Bundled:
    """Copy the newest snapshot of one partition, with all that shows that it stands in the ledger.

    Args:
        evidence: the evidence folder of a home.
        system: name of a folder in it.
        partition: key of the day or hour.
        out: an empty folder, which becomes the package's. Beside the signed files: `snapshot.tlog-proof` (its `extra` is
            the ledger entry), `root/<N>.root.json`, and `checkpoint.tsr` where that checkpoint has a timestamp.
        published: merge the small cells of the tally.

    Raises:
        EvidenceError: package or ledger are not what was signed.
        WrongUse: the partition has no snapshot, or it is not in the ledger yet.
    """
    there = [folder for folder in _packages(evidence / system) if folder.parent.name == partition]
    if not there:
        raise WrongUse(f"no snapshot of {system} {partition} in {evidence}; `gov audit` makes one")
    package, ledger = read_package(there[-1]), evidence / LEDGER
    place = place_of(ledger, package.payload_sha256)
    _copy_package(there[-1], package, out, published=published)
    proof = TlogProof(place.entry, place.index, place.hashes, place.checkpoint)
    (out / LEDGER_PROOF).write_bytes(proof.to_bytes())
    if (token := ledger / TIMESTAMPS / f"{parse_checkpoint(place.checkpoint.text).size}.tsr").exists():
        shutil.copy(token, out / STAMP)
    shutil.copytree(ledger / ROOTS, out / ROOTS, ignore=_UNFINISHED)
    return Bundled(1, ())


def _packages(system: Path) -> list[Path]:
    """The packages of a system, oldest partition and revision first.

    Raises:
        WrongUse: there is none.
    """
    found = [
        folder for folder in system.glob("*/r*") if PARTITION.match(folder.parent.name) and REVISION.match(folder.name)
    ]
    if not found:
        raise WrongUse(f"no snapshot of {system.name} in {system.parent}; `gov audit {system.name}` makes one")
    return sorted(found, key=lambda folder: (folder.parent.name, int(folder.name[1:])))


def _copy_package(folder: Path, package: Package, target: Path, *, published: bool) -> None:
    """Copy what the manifest names, and no other file.

    Raises:
        EvidenceError: the tally is not the signed one.
    """
    target.mkdir(parents=True, exist_ok=True)
    names = [ENVELOPE, *(entry["name"] for entry in package.predicate["manifest"])]
    for name in names:
        if not (published and name == TALLY):
            shutil.copy(folder / name, target / name)
    if published and TALLY in names:
        said = package.predicate["tally"]
        merged = tally_json(disclosed(tally_from_json((folder / TALLY).read_bytes()), said["discloseMin"]))
        if sha256(merged).hexdigest() != said["disclosedSha256"]:
            raise EvidenceError(f"{folder / TALLY} is not the tally that was signed; `gov verify {folder}` says more")
        (target / DISCLOSED_TALLY).write_bytes(merged)


def _copy_ledger(ledger: Path, target: Path) -> set[str]:
    """Copy the ledger as its checkpoint has it; return the payload digests of its snapshots.

    The checkpoint comes after what speaks of checkpoints, and before the tiles: those only grow.
    """
    last = (CHECKPOINT, "tile")
    names = sorted(item.name for item in ledger.iterdir() if item.name not in {*last, "pending"})
    for name in (*(each for each in names if not each.startswith(".")), *last):
        if (ledger / name).is_dir():
            shutil.copytree(ledger / name, target / name, ignore=_UNFINISHED)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ledger / name, target / name)
    _, checkpoint = read_checkpoint(target / CHECKPOINT)
    return {payload for entry in read_entries(target, checkpoint.size) if (payload := payload_of(entry))}
