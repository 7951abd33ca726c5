"""Proofs of single decisions, made of what a home keeps and of what it signed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import LEAVES, decision_leaf, read_leaves, read_package
from gov_pipelines.evidence.decision_proof import DayProof, make_proof
from gov_pipelines.evidence.entries import parse_entry
from gov_pipelines.evidence.history import CHECKPOINT, COSIGNED
from gov_pipelines.evidence.leaves import field_disclosure, whole_disclosure
from gov_pipelines.evidence.roots import current_roots
from gov_pipelines.evidence.tlog import merkle, tiles
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, log_verifier, parse_note, verified
from gov_pipelines.pipeline.leaves import SALT, day_rows
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import did_you_mean
from gov_pipelines.store import Home, SnapshotRow


@dataclass(frozen=True, slots=True)
class ProvableDay:
    """A signed day, opened: what each proof of one of its decisions takes is in memory.

    Attributes:
        day: where its snapshot stands in the ledger.
        rows: the decisions as they are kept, sorted by id; see `pipeline.leaves.day_rows`.
        fields: names of what can be shown.
        controls: keys of the controls that judged.
        places: each signed leaf, to its place.
        levels: of the day's tree (`merkle.subtrees`).
    """

    day: DayProof
    rows: pl.DataFrame
    fields: Sequence[str]
    controls: Sequence[str]
    places: Mapping[bytes, int]
    levels: Sequence[Sequence[bytes]]

    def prove(self, decision: str, shown: Collection[str] = ()) -> bytes:
        """Write the proof of one decision (`evidence.decision_proof`).

        Args:
            decision: its id, which the proof shows.
            shown: the other fields to show; all others stay hidden.

        Raises:
            WrongUse: a field that no leaf has; or the decision is not kept as it was signed.
        """
        if unknown := sorted({*shown} - {*self.fields}):
            raise WrongUse(f"Leaves hide no field `{unknown[0]}`. {did_you_mean(unknown[0], self.fields)}")
        place = self.rows["decision_id"].search_sorted(decision)
        row = self.rows.row(place, named=True) if place < self.rows.height else {}
        if row.get("decision_id") != decision:
            raise WrongUse(f"The salt of {decision} is not kept any more, so its leaf cannot be opened.")
        fields, salt = {name: row[name] for name in self.fields}, row[SALT]
        leaf = decision_leaf(fields, salt, {key: row[key] for key in self.controls if row[key] is not None})
        index = self.places.get(leaf)
        if index is None:
            raise WrongUse(
                f"{decision} is not kept as the newest revision of its day signed it: audit the day again, then prove."
            )
        opened = [field_disclosure(salt, name, fields[name]) for name in sorted({"decision_id", *shown})]
        path = merkle.inclusion_in(self.levels, index)
        return make_proof(self.day, leaf, [whole_disclosure(salt, fields), *opened], index, path)


def open_day(night: Night, signed: SnapshotRow) -> ProvableDay:
    """Open a signed day, so that its decisions can be proved.

    Args:
        night: the day.
        signed: its newest revision.

    Raises:
        WrongUse: the day's rows or its package are not there, or the snapshot is not in the ledger yet.
        EvidenceError: the package or the ledger is not as it was signed.
    """
    package = night.home.root / signed.path
    said = read_package(package).predicate["decisions"]
    try:
        leaves = read_leaves((package / LEAVES).read_bytes())
    except OSError as error:
        raise WrongUse(f"{package / LEAVES} was not read: {error.strerror}") from error
    levels = merkle.subtrees(merkle.leaf_hashes(leaves))
    if merkle.root_at(levels, len(leaves)).hex() != said["rootHash"]:
        raise EvidenceError(f"{package / LEAVES} is not the file that was signed; restore it from a backup")
    rows, fields, controls = day_rows(night)
    places = {leaf: place for place, leaf in enumerate(leaves)}
    return ProvableDay(place_of(night.home, signed), rows, fields, controls, places, levels)


def place_of(home: Home, signed: SnapshotRow) -> DayProof:
    """Find the entry of a snapshot in the ledger, under the newest checkpoint that witnesses cosigned, if there is one.

    Raises:
        WrongUse: it is not there yet.
        EvidenceError: the ledger is not what its keys signed.
    """
    folder = home.ledger_dir
    newest = _note(folder / CHECKPOINT)
    entries = tiles.read_entries(folder, parse_checkpoint(newest.text).size)
    wanted = signed.payload_sha256.encode()
    found = (place for place, entry in enumerate(entries) if wanted in entry and _is_of(entry, signed))
    index = next(found, None)
    if index is None:
        raise WrongUse(
            f"Revision {signed.revision} of {signed.partition} is not in the ledger yet; the next `gov audit` of any system "
            "puts it there."
        )
    sizes = [int(file.name) for file in (folder / COSIGNED).glob("*") if file.name.isdecimal()]
    cosigned = max((size for size in sizes if size > index), default=None)
    note = newest if cosigned is None else _note(folder / COSIGNED / str(cosigned))
    checkpoint, levels = parse_checkpoint(note.text), merkle.subtrees(merkle.leaf_hashes(entries))
    if checkpoint.size > len(entries) or merkle.root_at(levels, checkpoint.size) != checkpoint.root:
        raise EvidenceError(f"the entries in {folder} do not give the root of its checkpoint; run `gov verify`")
    keys = [key for root in current_roots(home.roots_dir) for key in root.keys_of("snapshot")]
    log, *_ = verified(note, [log_verifier(checkpoint.origin, key) for key in keys])
    hashes = merkle.inclusion_proof(levels[0][: checkpoint.size], index)
    return DayProof(entries[index], index, tuple(hashes), note, log.verifier)


def _note(path: Path) -> Note:
    try:
        return parse_note(path.read_bytes())
    except OSError as error:
        raise WrongUse(
            f"There is no ledger in this home yet: {path}: {error.strerror}. Run `gov audit SYSTEM`."
        ) from error


def _is_of(entry: bytes, signed: SnapshotRow) -> bool:
    said = parse_entry(entry)
    return said["kind"] in {"snapshot", "missed"} and said["payloadSha256"] == signed.payload_sha256
