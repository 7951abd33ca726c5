"""What a reading of a partition leaves for the next one: what it read, and which decisions have changed since it was signed."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines import __version__
from gov_pipelines.decisions import CHANGE_SCHEMA, ERASED, Canonical, Kept, frame_digest
from gov_pipelines.policy import Partition, declaration_digest
from gov_pipelines.store import erasures, read_frame, reading, snapshot_of, write_frame

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night


def last_reading(night: Night) -> Kept | None:
    """What the last reading of the partition left; None where there was none."""
    frames = {name: night.folder / f"{name}.parquet" for name in ("decision_log", "quarantine", "fingerprints")}
    if not all(file.is_file() for file in (*frames.values(), night.folder / "reading.json")):
        return None
    log, quarantine, seen = map(read_frame, frames.values())
    quarantine = quarantine.filter(pl.col("reason") != ERASED)  # told apart anew in each reading, by tombstones
    rows = night.read_json("rows.json")
    written = (rows["log"], night.read_json("reading.json")["kept"]) == (frame_digest(log), kept_digest(night))
    vanished = _changes_of(night, night.partition).filter(pl.col("change") == "vanished")["decision_id"]
    return Kept(Canonical(log, quarantine, rows["duplicate"]), seen, vanished, fits=written)


def kept_digest(night: Night) -> str:
    """What ties the files of a reading together, and to what it was read by: none is built upon beside another's."""
    files = [(night.folder / f"{name}.parquet").read_bytes() for name in ("quarantine", "fingerprints")]
    read_by = [__version__, declaration_digest(night.declaration)]
    return sha256(json.dumps([*read_by, *(sha256(each).hexdigest() for each in files)]).encode()).hexdigest()


def _changes_of(night: Night, partition: Partition) -> pl.DataFrame:
    """Which decisions of a partition changed after which revision; those that have vanished are kept until they return."""
    files = night.files("changes.parquet", [partition])
    return read_frame(files[0]) if files else pl.DataFrame(schema=CHANGE_SCHEMA | {"since": pl.Int64()})


def vanished_of(night: Night, partition: Partition) -> int:
    """How many decisions of a partition stood in a signed log and are gone from the source."""
    return _changes_of(night, partition).filter(pl.col("change") == "vanished").height


def keep_changes(night: Night, changes: pl.DataFrame) -> dict[str, int]:
    """Add what changed to what has changed since the partition was last signed, and count that.

    A run that is killed after it has read leaves them to the next one, which finds the log as it is at the source.
    """
    with reading(night.store) as connection:
        signed = snapshot_of(connection, night.system, night.partition)
        ordered = erasures(connection, night.system, night.partition)
    if signed is None:
        return {}
    before, gone = _changes_of(night, night.partition), pl.col("change") == "vanished"
    still = before.filter(gone).join(changes.filter(gone), on="decision_id", how="semi")
    new = changes.join(still, on="decision_id", how="anti").with_columns(since=pl.lit(signed.revision, pl.Int64))
    lately = before.filter(~gone, pl.col("since") == signed.revision).join(changes, on="decision_id", how="anti")
    kept = pl.concat([still, new, lately]).sort("decision_id")
    write_frame(night.folder / "changes.parquet", kept)
    counted = kept.filter(pl.col("since") == signed.revision).group_by("change").len().sort("change")
    erased = sum(each.count for each in ordered if each.erased_at > signed.signed_at)
    return dict(counted.iter_rows()) | ({"erased": erased} if erased else {})
