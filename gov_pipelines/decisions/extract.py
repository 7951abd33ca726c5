"""One partition of decisions, from the sources to the canonical log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.joins import InputDigest, digest_of, join_attributes, join_reviews
from gov_pipelines.decisions.log import canonical, columns_to_read, source_columns
from gov_pipelines.decisions.places import During, Place, open_sources
from gov_pipelines.policy import SystemDeclaration, partition_of


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
        inputs: what was read from each table or path.
        notes: what a reader of results should know of the joins; counts, nobody's values.
    """

    log: pl.DataFrame
    quarantine: pl.DataFrame
    rows: RowAccounting
    inputs: tuple[InputDigest, ...]
    notes: tuple[str, ...] = ()


def read_partition(
    declaration: SystemDeclaration,
    partition: date,
    *,
    project: Path,
    environ: Mapping[str, str],
    as_of: datetime | None = None,
) -> Extract:
    """Read the decisions of one local day, with their protected attributes and last reviews.

    Args:
        declaration: the system's.
        partition: the local day in the system's zone.
        project: the folder that relative paths start from.
        environ: where the source's URL is found under the declared name.
        as_of: reviews after this moment are left out; None takes all.

    Raises:
        WrongUse: a table, column or environment variable does not exist.
        SourceUnreachable: a database or file did not answer.
    """
    source = declaration.source
    start, end = declaration.calendar.span(partition)
    columns = source_columns(declaration)
    moment = next(column.source for column in columns if column.name == "decided_at")
    during = During(moment, start, end, source.zone or declaration.zone)
    place = Place(source.table, source.path)
    with open_sources(source, project=project, environ=environ) as sources:
        read = sources.read(place, columns_to_read(columns), during)
        parts = canonical(read.frame, declaration)
        attributes = join_attributes(parts.log, declaration, sources, during)
        reviews = join_reviews(attributes.log, declaration, sources, during, as_of=as_of)
    return Extract(
        log=reviews.log,
        quarantine=parts.quarantine,
        rows=RowAccounting(
            source_count=read.frame.height,
            accepted=parts.log.height,
            quarantined=parts.quarantine.height,
            duplicate=parts.duplicate,
            undated=read.undated,
        ),
        inputs=(digest_of(place, read.frame), *attributes.inputs, *reviews.inputs),
        notes=(*attributes.notes, *reviews.notes),
    )


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
