"""One partition being read: what the source has now, what was kept of it, and so what must be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from gov_pipelines.decisions.beside import Wanted
from gov_pipelines.decisions.casts import as_category
from gov_pipelines.decisions.fingerprints import Digest
from gov_pipelines.decisions.log import Canonical, canonical, columns_to_read, source_columns
from gov_pipelines.decisions.merging import KEY, SEEN_SCHEMA, Kept, among, changed, inputs_digest, keyed, merged
from gov_pipelines.decisions.places import Columns, During, Keys, Place, Query, Related, Sources
from gov_pipelines.policy import SystemDeclaration

MOSTLY = 0.85
"""Where so many of a place's rows must be fetched, all are: naming each would cost more than the rest."""


@dataclass(frozen=True, slots=True)
class InputDigest:
    """What a table or path holds for a partition.

    Attributes:
        name: the table or path, as declared.
        rows: how many rows.
        digest: SHA-256 (hex) over their sorted fingerprints, the same whichever way they were read.
        sums: of the same fingerprints, as the source itself computes them for many partitions at once.
    """

    name: str
    rows: int
    digest: str
    sums: Digest


@dataclass(frozen=True, slots=True)
class Belonging:
    """The rows of a place that were fetched for decisions, their id in `__key`; and the keys to be joined anew."""

    rows: pl.DataFrame
    keys: pl.DataFrame


@dataclass(slots=True)
class Reading:
    """The reading of one partition.

    Attributes:
        sources: open, in one transaction.
        declaration: the system's.
        during: the partition.
        kept: of the last reading, where it may be built upon; None: everything is fetched.
        seen: fingerprints of each place read so far, by the place's number and name.
        inputs: what each of these places holds.
        fetched: rows that came from the source.
        ahead: the full hour by which something has happened that is dated after the audit's moment; None: nothing is.
    """

    sources: Sources
    declaration: SystemDeclaration
    during: During
    kept: Kept | None = None
    seen: dict[str, pl.DataFrame] = field(default_factory=dict)
    inputs: list[InputDigest] = field(default_factory=list)
    fetched: int = 0
    ahead: datetime | None = None

    @property
    def id_column(self) -> str:
        """What the source calls the decision's id."""
        return self.declaration.columns.get("decision_id", "decision_id")

    @property
    def _main(self) -> Query:
        place = Place.of(self.declaration.source)
        assert place is not None  # a declaration names its source
        columns = columns_to_read(source_columns(self.declaration))
        return Query(place, columns, self.during, id_column=self.id_column)

    def _beside(self, wanted: Wanted) -> Query:
        key = wanted.key or self.id_column
        related = Related(key, self._main.place, self.id_column, self.during)
        return Query(wanted.place, wanted.reading(key), related=related, id_column=key)

    def decisions(self) -> tuple[Canonical, int]:
        """Log, quarantine and duplicates of the partition, and how many rows of the whole source have no moment.

        What is joined to the decisions is as it was; `belonging` says for which of them it must be joined anew.
        """
        rows, undated, touched = self._fetch(self._main, ordered=True)
        parts = canonical(rows, self.declaration)
        if self.kept:
            mine = {column.name for column in source_columns(self.declaration)}
            joined = [name for name in parts.log.columns if name not in mine]
            parts = merged(self.kept.parts, self.kept.of(next(iter(self.seen))), touched, parts, joined)
        return parts, undated

    def reconciled(self) -> tuple[int, tuple[str, ...]]:
        """How many rows the source itself counts, and what is missing in its numbering of rows, in words."""
        source, number = self.sources.at(self._main.place), self.declaration.columns.get("source_seq", "source_seq")
        if cursor := self.declaration.source.cursor:  # a wrong one is told here: look-backs are silent
            source.touched(cursor, None, replace(self.during, start=self.during.end))
        gaps = str(source.gaps(number, self.during) or "")
        return source.count(self.during), (f"{number} misses {gaps}",) if gaps else ()

    def belonging(self, log: pl.DataFrame, wanted: Wanted, *, ordered: bool = False) -> Belonging:
        """Fetch the rows of a place that belong to decisions of the log, unless they are as they were.

        Args:
            log: of the partition, with what is known of it.
            wanted: which place and columns.
            ordered: as of `changed`.
        """
        query, known = self._beside(wanted), self.kept.parts.log if self.kept else log
        new = keyed(log.join(known, on="decision_id", how="anti"), "decision_id").select(KEY)
        rows, _, keys = self._fetch(query, also=new, ordered=ordered)
        typed = rows.with_columns(as_category(pl.col(query.id_column), rows.schema[query.id_column]).alias(KEY))
        return Belonging(typed.join(keyed(log, "decision_id"), on=KEY, how="semi"), keys)

    def look_at(self, wanted: Wanted) -> None:
        """Note what a place holds whose rows are read when they are counted; nothing of a single row is kept."""
        self._look(self._beside(wanted))

    def anywhere(self, ids: pl.Series) -> pl.DataFrame:
        """The keys of the ids that the source has on any day or none."""
        query = Query(self._main.place, Columns([self.id_column]), ids=Keys(self.id_column, ids))
        read = self.sources.read(query).frame
        self.fetched += read.height
        return keyed(read, self.id_column).select(KEY).unique()

    def digests(self, places: Sequence[Wanted], spans: Sequence[During]) -> list[list[Digest]]:
        """Of each place, the decisions' first, the digest of each span; no row is sent."""
        return [self.sources.digests(query, spans) for query in (self._main, *map(self._beside, places))]

    def kept_next_time(self) -> pl.DataFrame:
        """The fingerprints of every place, for `Kept`."""
        frames = (seen.select(pl.lit(place).alias("place"), *SEEN_SCHEMA) for place, seen in self.seen.items())
        return pl.concat(frames)

    def wait_for(self, moments: pl.Series) -> None:
        """Note what is dated after the audit's moment: nothing changes at the source when it has happened."""
        hours = moments.dt.offset_by("1h").dt.truncate("1h").to_list()
        self.ahead = min(filter(None, [self.ahead, *hours]), default=None)

    def look_again(self, keys: pl.DataFrame) -> None:
        """Have the rows of these keys of the place read last fetched next time, too, changed or not."""
        name, seen = list(self.seen.items())[-1]
        again = keyed(seen).join(
            keys.select(KEY).unique().with_columns(__again=True), on=KEY, how="left", maintain_order="left"
        )
        self.seen[name] = again.select("id", "fingerprint", again=pl.col("__again").fill_null(value=False))

    def _look(self, query: Query) -> pl.DataFrame:
        """The fingerprints that the source has now."""
        now = self.sources.fingerprints(query)
        self.inputs.append(InputDigest(query.place.name, now.height, inputs_digest(now), Digest.of(now)))
        return now

    def _fetch(
        self, query: Query, *, also: pl.DataFrame | None = None, ordered: bool
    ) -> tuple[pl.DataFrame, int, pl.DataFrame]:
        """The rows that are new or changed, how many have no moment, and the keys whose rows they are."""
        now = self._look(query)
        name = f"{len(self.seen)} {query.place.name}"
        before = self.kept.of(name) if self.kept else pl.DataFrame(schema=SEEN_SCHEMA)
        keys = changed(before, now, ordered=ordered)
        if also is not None:
            keys = pl.concat([keys, also]).unique()
        ids = among(now, keys)["id"]
        if len(ids) < MOSTLY * now.height:
            query = replace(query, related=None, ids=Keys(query.id_column, ids.unique()))
        read = self.sources.read(query)
        self.seen[name] = now.with_columns(again=pl.lit(value=False))
        self.fetched += read.frame.height
        return among(read.frame, keys, query.id_column) if self.kept else read.frame, read.undated, keys
