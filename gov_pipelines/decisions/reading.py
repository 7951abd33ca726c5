"""One partition being read: what the source has now, what was kept of it, and so what must be fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from gov_pipelines.decisions.casts import as_category
from gov_pipelines.decisions.fingerprints import Digest
from gov_pipelines.decisions.log import Canonical, canonical, columns_to_read, source_columns
from gov_pipelines.decisions.merging import KEY, SEEN_SCHEMA, Kept, among, changed, inputs_digest, keyed, merged
from gov_pipelines.decisions.places import Columns, During, Keys, Place, Related, Sources
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
class Wanted:
    """Columns of the log that lie beside the decisions.

    Attributes:
        place: where.
        key: the column that holds the decision's id; None where it is called as in the source.
        columns: by their names in the log.
        optional: those of them that the place need not have.
    """

    place: Place
    key: str | None
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()

    def reading(self, key: str) -> Columns:
        """What to ask the place for."""
        parts = [
            [column for name, column in self.columns.items() if (name in self.optional) is rest]
            for rest in (False, True)
        ]
        return Columns([key, *parts[0]], parts[1])


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
    def _main(self) -> tuple[Place, Columns]:
        place = Place.of(self.declaration.source)
        assert place is not None  # a declaration names its source
        return place, columns_to_read(source_columns(self.declaration))

    def decisions(self) -> tuple[Canonical, int]:
        """Log, quarantine and duplicates of the partition, and how many rows of the whole source have no moment.

        What is joined to the decisions is as it was; `belonging` says for which of them it must be joined anew.
        """
        place, columns = self._main
        rows, undated, touched = self._fetch(place, columns, self.id_column, during=self.during, ordered=True)
        parts = canonical(rows, self.declaration)
        if self.kept:
            mine = {column.name for column in source_columns(self.declaration)}
            joined = [name for name in parts.log.columns if name not in mine]
            parts = merged(self.kept.parts, self.kept.of(next(iter(self.seen))), touched, parts, joined)
        return parts, undated

    def reconciled(self) -> tuple[int, tuple[str, ...]]:
        """How many rows the source itself counts, and what is missing in its numbering of rows, in words."""
        place, number = self._main[0], self.declaration.columns.get("source_seq", "source_seq")
        if cursor := self.declaration.source.cursor:  # a wrong one is told here: look-backs are silent
            self.sources.touched(place, cursor, None, replace(self.during, start=self.during.end))
        gaps = str(self.sources.gaps(place, number, self.during) or "")
        return self.sources.count(place, self.during), (f"{number} misses {gaps}",) if gaps else ()

    def belonging(self, log: pl.DataFrame, wanted: Wanted, *, ordered: bool = False) -> Belonging:
        """Fetch the rows of a place that belong to decisions of the log, unless they are as they were.

        Args:
            log: of the partition, with what is known of it.
            wanted: which place and columns.
            ordered: as of `changed`.
        """
        key = wanted.key or self.id_column
        known = self.kept.parts.log if self.kept else log
        new = keyed(log.join(known, on="decision_id", how="anti"), "decision_id").select(KEY)
        columns, related = wanted.reading(key), self._related(key)
        rows, _, keys = self._fetch(wanted.place, columns, key, related=related, also=new, ordered=ordered)
        typed = rows.with_columns(as_category(pl.col(key), rows.schema[key]).alias(KEY))
        return Belonging(typed.join(keyed(log, "decision_id"), on=KEY, how="semi"), keys)

    def look_at(self, wanted: Wanted) -> None:
        """Note what a place holds whose rows are read when they are counted; nothing of a single row is kept."""
        key = wanted.key or self.id_column
        self._look(wanted.place, wanted.reading(key), key, None, self._related(key))

    def anywhere(self, ids: pl.Series) -> pl.DataFrame:
        """The keys of the ids that the source has on any day or none."""
        read = self.sources.read(self._main[0], Columns([self.id_column]), ids=Keys(self.id_column, ids))
        self.fetched += read.frame.height
        return keyed(read.frame, self.id_column).select(KEY).unique()

    def digests(self, places: Sequence[Wanted], spans: Sequence[During]) -> list[list[Digest]]:
        """Of each place, the decisions' first, the digest of each span; no row is sent."""
        place, columns = self._main
        found = [self.sources.digests(place, columns, spans, self.id_column)]
        for each in places:
            key = each.key or self.id_column
            found.append(self.sources.digests(each.place, each.reading(key), spans, key, self._related(key)))
        return found

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

    def _related(self, key: str) -> Related:
        return Related(key, self._main[0], self.id_column, self.during)

    def _look(
        self, place: Place, columns: Columns, id_column: str, during: During | None, related: Related | None
    ) -> pl.DataFrame:
        """The fingerprints that the source has now."""
        now = self.sources.fingerprints(place, columns, during, id_column, related)
        self.inputs.append(InputDigest(place.name, now.height, inputs_digest(now), Digest.of(now)))
        return now

    def _fetch(
        self,
        place: Place,
        columns: Columns,
        id_column: str,
        *,
        during: During | None = None,
        related: Related | None = None,
        also: pl.DataFrame | None = None,
        ordered: bool,
    ) -> tuple[pl.DataFrame, int, pl.DataFrame]:
        """The rows that are new or changed, how many have no moment, and the keys whose rows they are."""
        now = self._look(place, columns, id_column, during, related)
        name = f"{len(self.seen)} {place.name}"
        before = self.kept.of(name) if self.kept else pl.DataFrame(schema=SEEN_SCHEMA)
        keys = changed(before, now, ordered=ordered)
        if also is not None:
            keys = pl.concat([keys, also]).unique()
        ids = among(now, keys)["id"]
        if len(ids) < MOSTLY * now.height:
            read = self.sources.read(place, columns, during, ids=Keys(id_column, ids.unique()))
        else:
            read = self.sources.read(place, columns, during, related)
        self.seen[name] = now.with_columns(again=pl.lit(value=False))
        self.fetched += read.frame.height
        return among(read.frame, keys, id_column) if self.kept else read.frame, read.undated, keys
