"""Proofs of single decisions, made of what a home keeps and of what it signed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import LEAVES, decision_leaf, read_leaves, read_package
from gov_pipelines.evidence.decision_proof import DayProof, make_proof
from gov_pipelines.evidence.leaves import field_disclosure, whole_disclosure
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.pipeline.leaves import SALT, day_rows
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.placing import place_of
from gov_pipelines.policy import did_you_mean
from gov_pipelines.store import SnapshotRow


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
    return ProvableDay(place_of(night.home.ledger_dir, signed.payload_sha256), rows, fields, controls, places, levels)
