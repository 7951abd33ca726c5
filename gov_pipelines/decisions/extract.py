"""One partition of decisions, from the sources to the canonical log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.beside import attributes, beside
from gov_pipelines.decisions.joins import join_attributes, join_later
from gov_pipelines.decisions.log import Canonical, source_columns
from gov_pipelines.decisions.merging import CHANGE_SCHEMA, KEY, Kept, among, apart, changes, hangs_together, keyed
from gov_pipelines.decisions.places import During, Place, Touched, open_sources
from gov_pipelines.decisions.reading import InputDigest, Reading
from gov_pipelines.decisions.tombstones import NOTHING_ERASED, Tombstones
from gov_pipelines.policy import Partition, SystemDeclaration, partition_of


@dataclass(frozen=True, slots=True)
class RowAccounting:
    """Where the source rows of a partition went.

    Attributes:
        source_count: rows of the source whose moment lies in the partition.
        accepted: rows in the log.
        quarantined: rows set aside with a reason.
        duplicate: rows that repeat an accepted one, or that a correction superseded.
        undated: rows of the whole source without a readable moment; they belong to no partition.
    """

    source_count: int
    accepted: int
    quarantined: int
    duplicate: int
    undated: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every source row is accounted for exactly once."""
        return self.accepted + self.quarantined + self.duplicate == self.source_count

    @property
    def complete(self) -> bool:
        """Whether the rows add up and none is undated: an undated row may belong to any day, this one too."""
        return self.adds_up and not self.undated

    def __add__(self, other: RowAccounting) -> RowAccounting:
        """Of both partitions; each finds the same undated rows."""
        one, two = asdict(self), asdict(other)
        both = {name: count + two[name] for name, count in one.items()}
        return RowAccounting(**{**both, "undated": max(self.undated, other.undated)})

    def to_dict(self) -> dict[str, int]:
        """The five counts by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Extract:
    """What one partition holds.

    Attributes:
        log: accepted rows, sorted by decision_id; its schema is `policy.log_schema`.
        quarantine: `source_row` (the original values as JSON), `reason`, `decision_id` (null where there is none).
        rows: the row accounting.
        inputs: what each table or path holds.
        notes: what a reader of results should know; counts, nobody's values.
        gaps: those of the notes that tell of numbers missing in `source_seq`.
        seen: fingerprints, to be kept for the next reading.
        changes: which decisions have changed since the reading before.
        fetched: rows that came from the source; those that are as they were before need not.
        ahead: as of `Reading`.
    """

    log: pl.DataFrame
    quarantine: pl.DataFrame
    rows: RowAccounting
    inputs: tuple[InputDigest, ...]
    notes: tuple[str, ...]
    gaps: tuple[str, ...]
    seen: pl.DataFrame
    changes: pl.DataFrame
    fetched: int
    ahead: datetime | None


def read_partition(
    declaration: SystemDeclaration,
    partition: Partition,
    *,
    project: Path,
    environ: Mapping[str, str],
    as_of: datetime | None = None,
    kept: Kept | None = None,
    erased: Tombstones = NOTHING_ERASED,
) -> Extract:
    """Read the decisions of one partition, with their protected attributes and last reviews.

    What was kept of an earlier reading is built upon where that is safe: the result is the same, and less is fetched.

    Args:
        declaration: the system's.
        partition: one of the system's.
        project: the folder that relative paths start from.
        environ: where the source's URL is found under the declared name.
        as_of: reviews after this moment are left out; None takes all.
        kept: of the last reading, if any.
        erased: decisions that are not taken in again while the source still has them.

    Raises:
        WrongUse: a table, column or environment variable does not exist.
        SourceUnreachable: a database or file did not answer.
    """
    with open_sources(declaration.source, project=project, environ=environ) as sources:
        during = _during(declaration, partition)
        reading = Reading(sources, declaration, during, kept if kept and kept.fits_at(as_of) else None)
        parts, undated, notes = _read(reading, as_of)
        main = next(iter(reading.seen.values()))
        counted, gaps = reading.reconciled()
        if reading.kept and not hangs_together(parts, main):
            reading = Reading(sources, declaration, during, fetched=reading.fetched)
            parts, undated, notes = _read(reading, as_of)
        parts = erased.set_apart(parts)
        changed = pl.DataFrame(schema=CHANGE_SCHEMA) if kept is None else _changes(reading, kept, parts)
    return Extract(
        log=parts.log,
        quarantine=parts.quarantine,
        rows=RowAccounting(counted, parts.log.height, parts.quarantine.height, parts.duplicate, undated),
        inputs=tuple(reading.inputs),
        notes=(*notes, *gaps),
        gaps=gaps,
        seen=erased.without(reading.kept_next_time()),
        changes=changed,
        fetched=reading.fetched,
        ahead=reading.ahead,
    )


def _during(declaration: SystemDeclaration, partition: Partition) -> During:
    start, end = declaration.calendar.span(partition)
    moment = next(column.source for column in source_columns(declaration) if column.name == "decided_at")
    return During(moment, start, end, declaration.source.zone or declaration.zone)


def _read(reading: Reading, as_of: datetime | None) -> tuple[Canonical, int, tuple[str, ...]]:
    parts, undated = reading.decisions()
    joined = join_attributes(parts.log, reading)
    reviews = join_later(joined.log, reading, as_of=as_of)
    for each in attributes(reading.declaration, reading.declaration.attributes_apart):
        reading.look_at(each)
    return replace(parts, log=reviews.log), undated, (*joined.notes, *reviews.notes)


def _changes(reading: Reading, kept: Kept, parts: Canonical) -> pl.DataFrame:
    """What became of the decisions since the last reading; those that are gone are asked for on all other days."""
    main = next(iter(reading.seen))
    known, there = (keyed(seen).select(KEY).unique() for seen in (kept.of(main), reading.seen[main]))
    lost = pl.DataFrame({"decision_id": kept.vanished}).join(parts.log, on="decision_id", how="anti")
    before = pl.concat([kept.parts.log, lost], how="diagonal")
    gone = apart(before, there, "decision_id")
    anywhere = there.clear()
    if gone.height:
        written = among(kept.of(main), keyed(gone, "decision_id").select(KEY))["id"]
        ids = pl.concat([gone["decision_id"], written.rename("decision_id")]).unique()
        anywhere = reading.anywhere(ids)
    return changes(before, parts.log, known, there, anywhere)


def digests_now(
    declaration: SystemDeclaration, partitions: Sequence[Partition], *, project: Path, environ: Mapping[str, str]
) -> list[list[list[int | str]]]:
    """Rows and sums of fingerprints that each partition has at the source now, place by place as in `Extract.inputs`.

    Raises:
        WrongUse: as `read_partition`.
        SourceUnreachable: as `read_partition`.
    """
    spans = [_during(declaration, each) for each in partitions]
    if not spans:
        return []
    with open_sources(declaration.source, project=project, environ=environ) as sources:
        places = Reading(sources, declaration, spans[0]).digests(beside(declaration), spans)
    return [[[each.rows, each.value] for each in one] for one in zip(*places, strict=True)]


def touched_since(
    declaration: SystemDeclaration, since: str | None, until: Partition, *, project: Path, environ: Mapping[str, str]
) -> Touched:
    """When decisions of the partitions before one were made that were written since a value of the declared cursor, if any.

    Raises:
        WrongUse: as `read_partition`.
        SourceUnreachable: as `read_partition`.
    """
    source, place = declaration.source, Place.of(declaration.source)
    assert place is not None  # a declaration names its source
    if source.cursor is None:
        return Touched([], None)
    first = datetime.combine(declaration.starts, time(), UTC) - timedelta(days=1)
    during = replace(_during(declaration, until), start=first, end=declaration.calendar.span(until)[0])
    overlap = timedelta(**{source.overlap.unit: source.overlap.count})
    with open_sources(source, project=project, environ=environ) as sources:
        return sources.at(place).touched(source.cursor, since, during, overlap)


def elsewhere(home_logs: Iterable[Path], ids: pl.Series) -> dict[date, int]:
    """How many of a day's decisions stand in the logs of other days too: a correction moved them to another day.

    Args:
        home_logs: the system's other logs, each `.../<partition>/decision_log.parquet`.
        ids: the day's `decision_id`, each once.

    Returns:
        The days that have any, oldest first, and how many.
    """
    wanted = pl.LazyFrame({"decision_id": ids})
    days = {partition_of(path.parent.name): path for path in home_logs}
    scans = [pl.scan_parquet(path, glob=False).select("decision_id") for path in days.values()]
    counts = pl.collect_all([scan.join(wanted, on="decision_id", how="semi").select(pl.len()) for scan in scans])
    return {day: count.item() for day, count in sorted(zip(days, counts, strict=True)) if count.item()}
