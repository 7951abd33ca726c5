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
from gov_pipelines.evidence.entries import parse_entry
from gov_pipelines.evidence.examine import LEDGER_PROOF, ROOTS, STAMP
from gov_pipelines.evidence.package import DISCLOSED_TALLY, ENVELOPE, TALLY, Package, read_package
from gov_pipelines.evidence.roots import current_roots
from gov_pipelines.evidence.tlog import merkle, tiles
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, log_verifier, parse_note
from gov_pipelines.evidence.tlog.proof import TlogProof
from gov_pipelines.measure import disclosed, tally_from_json, tally_json

LEDGER = "ledger"
README = "README.txt"
_CHECKPOINT = "checkpoint"

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
    logged = _copy_ledger(evidence / LEDGER, target / LEDGER) if (evidence / LEDGER / _CHECKPOINT).exists() else None
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
        EvidenceError: package or ledger are not what was signed, or the snapshot is not in the ledger yet.
        WrongUse: the partition has no snapshot.
    """
    there = [folder for folder in _packages(evidence / system) if folder.parent.name == partition]
    if not there:
        raise WrongUse(f"no snapshot of {system} {partition} in {evidence}; `gov audit` makes one")
    package, ledger = read_package(there[-1]), evidence / LEDGER
    entries = _entries(ledger)
    places = [place for place, entry in enumerate(entries) if _payload(entry) == package.payload_sha256]
    if not places:
        raise EvidenceError(f"the snapshot of {system} {partition} is not in the ledger yet; the next audit enters it")
    size, note = _checkpoint_over(ledger, places[0])
    path = merkle.inclusion_proof(merkle.leaf_hashes(entries[:size]), places[0])
    _copy_package(there[-1], package, out, published=published)
    (out / LEDGER_PROOF).write_bytes(TlogProof(entries[places[0]], places[0], tuple(path), note).to_bytes())
    if (token := ledger / "timestamps" / f"{size}.tsr").exists():
        shutil.copy(token, out / STAMP)
    shutil.copytree(ledger / ROOTS, out / ROOTS, ignore=_UNFINISHED)
    return Bundled(1, ())


_UNFINISHED = shutil.ignore_patterns(".*")


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
    last = (_CHECKPOINT, "tile")
    names = sorted(item.name for item in ledger.iterdir() if item.name not in {*last, "pending"})
    for name in (*(each for each in names if not each.startswith(".")), *last):
        if (ledger / name).is_dir():
            shutil.copytree(ledger / name, target / name, ignore=_UNFINISHED)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ledger / name, target / name)
    return {payload for entry in _entries(target) if (payload := _payload(entry))}


def _entries(ledger: Path) -> list[bytes]:
    try:
        note = parse_note((ledger / _CHECKPOINT).read_bytes())
    except FileNotFoundError as error:
        raise EvidenceError(f"there is no ledger at {ledger} yet; the next audit begins it") from error
    return tiles.read_entries(ledger, parse_checkpoint(note.text).size)


def _payload(entry: bytes) -> str | None:
    said = parse_entry(entry)
    return str(said["payloadSha256"]) if said["kind"] in {"snapshot", "missed"} else None


def _checkpoint_over(ledger: Path, place: int) -> tuple[int, Note]:
    """The checkpoint that says most of an entry: cosigned before not, stamped before not, large before small.

    Only those that keys of the newest root of trust signed; the ledger's own is one of them.
    """
    newest = current_roots(ledger / ROOTS)[-1]
    key_ids = {log_verifier(newest.origin, key).key_id for key in newest.keys_of("snapshot")}
    found = [
        (path, parse_note(path.read_bytes())) for path in (*(ledger / "cosigned").glob("[1-9]*"), ledger / _CHECKPOINT)
    ]
    signed = [(path, note) for path, note in found if key_ids & {each.key_id for each in note.signatures}]
    sized = [(parse_checkpoint(note.text).size, path, note) for path, note in signed]

    def worth(one: tuple[int, Path, Note]) -> tuple[bool, bool, int]:
        size, path, _ = one
        return path.name != _CHECKPOINT, (ledger / "timestamps" / f"{size}.tsr").exists(), size

    over = [one for one in sized if one[0] > place]
    if not over:
        raise EvidenceError(
            f"{ledger} has no checkpoint signed by a key of root version {newest.version}; run `gov audit`"
        )
    size, _, note = max(over, key=worth)
    return size, note
