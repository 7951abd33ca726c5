"""Where rows are read from, and how a reader is asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.decisions.casts import as_moment
from gov_pipelines.decisions.fingerprints import Digest
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import did_you_mean
from gov_pipelines.policy.declaration import AccessLog, Joined, Source

if TYPE_CHECKING:
    from gov_pipelines.decisions.files import Files
    from gov_pipelines.decisions.sql import SqlDatabase

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Place:
    """A database table (`table`, with its schema before a dot) or files (`path`, a file or a glob).

    `url_env` names the variable with the database's URL; None is the database of the declaration's own source.
    """

    table: str | None = None
    path: str | None = None
    url_env: str | None = None

    @property
    def name(self) -> str:
        """As declared; what error texts and input digests call it."""
        return self.table or self.path or ""

    @classmethod
    def of(cls, declared: Source | Joined | AccessLog | None) -> Place | None:
        """Where something lies that is declared with a table or path of its own; None where it has none."""
        if declared is None or not (declared.table or declared.path):
            return None
        return cls(declared.table, declared.path, declared.url_env)


@dataclass(frozen=True, slots=True)
class During:
    """Rows whose moment lies in a half-open UTC window.

    Attributes:
        column: the source column that holds the moment.
        start: first instant, inclusive.
        end: last instant, exclusive.
        zone: the zone in which naive times of the source are read.
    """

    column: str
    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Related:
    """Rows that belong to the decisions of a window: `key` is one of the `id_column` of `place` during it."""

    key: str
    place: Place
    id_column: str
    during: During


@dataclass(frozen=True, slots=True)
class Columns:
    """Source columns to read: `required` must exist, `optional` are read where they do."""

    required: Sequence[str]
    optional: Sequence[str] = ()

    def found_in(self, known: Sequence[str], place: Place) -> list[str]:
        """The columns to read, each once.

        Raises:
            WrongUse: a required column does not exist, with the nearest name that does.
        """
        missing = [name for name in dict.fromkeys(self.required) if name not in known]
        if missing:
            remedies = "; ".join(f"`{name}`: {did_you_mean(name, known)}" for name in missing)
            raise WrongUse(f"{place.name} lacks declared columns. {remedies} Correct `columns` in defs.yaml.")
        return list(dict.fromkeys([*self.required, *(name for name in self.optional if name in known)]))


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows whose `column`, as text, is one of `values`; a null among them is a row without one."""

    column: str
    values: pl.Series


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read: rows in source order under their source names, and how many had no readable moment."""

    frame: pl.DataFrame
    undated: int = 0


@dataclass(frozen=True, slots=True)
class Touched:
    """What was written since a value of a cursor.

    Attributes:
        moments: instants (UTC) such that each touched row lies in the same day or hour, of any zone, as one of them.
        newest: the highest value of the cursor, as text; the given one where nothing is newer. No moment after now, which
            some clock or hand got wrong: what is written until then would not be seen.
    """

    moments: list[datetime]
    newest: str | None

    @classmethod
    def of(cls, hours: pl.Series, newest: object, since: str | None, zone: str) -> Touched:
        """From the full hours that hold a moment of touched rows, as the source has them, and its highest cursor."""
        ends = hours if hours.is_empty() else pl.concat([hours, hours + timedelta(minutes=59, seconds=59)])
        moments = ends.to_frame("at").select(as_moment(pl.col("at"), ends.dtype, zone).drop_nulls().unique().sort())
        written = newest
        if isinstance(newest, datetime):
            now = datetime.now(ZoneInfo(zone))
            written = min(newest, now if newest.tzinfo else now.replace(tzinfo=None)).isoformat()
        return cls(moments["at"].to_list(), since if written is None else str(written))


def begins(since: str | None, overlap: timedelta, *, dated: bool) -> datetime | Decimal | None:
    """From which value of a cursor on rows are new; None, so from the first, where nobody looked at values of its kind."""
    try:
        return datetime.fromisoformat(since or "") - overlap if dated else Decimal(since or "")
    except (ValueError, ArithmeticError):
        return None


@dataclass(frozen=True, slots=True)
class Gaps:
    """How many whole numbers of a sequence no row of the source has.

    Attributes:
        within: between the lowest and the highest of a window.
        before: between the highest of the week before and the lowest of the window.
    """

    within: int
    before: int

    def __str__(self) -> str:
        counts = (self.within, "within the partition"), (self.before, "just before it")
        return " and ".join(f"{count} numbers {where}" for count, where in counts if count)

    @classmethod
    def of(cls, low: int, high: int, earlier: int | None, present: Callable[[int, int], int]) -> Gaps:
        """From the ends of a window, the highest number before it, and a count of the numbers that rows have in a range."""
        first = low if earlier is None else min(low, earlier + 1)
        return cls(high - low + 1 - present(low, high), low - first - (present(first, low - 1) if first < low else 0))


class Sources:
    """The tables and files of one declaration; a database is opened when its first table is asked for.

    Methods raise WrongUse where a table, a required column or an environment variable does not exist, and
    SourceUnreachable where a database or file did not answer.
    """

    def __init__(self, stack: ExitStack, source: Source, project: Path, environ: Mapping[str, str]) -> None:
        self._stack, self._source, self._project, self._environ = stack, source, project, environ
        self._readers: dict[str | None, Files | SqlDatabase] = {}

    def read(
        self,
        place: Place,
        columns: Columns,
        during: During | None = None,
        related: Related | None = None,
        ids: Keys | None = None,
    ) -> Rows:
        """Read rows of a place: those of a window where `during` is given, of `ids` where these are.

        With `related` and `ids`, which then are the keys of its decisions, a database joins for itself where it holds
        both, and is asked for the keys where it does not.
        """
        near, ids = self._near(place, related, ids)
        return self._reader(place).read(place, columns, during, near, ids)

    def count(self, place: Place, during: During) -> int:
        """How many rows a window holds, counted by the database itself."""
        return self._reader(place).count(place, during)

    def fingerprints(
        self,
        place: Place,
        columns: Columns,
        during: During | None,
        id_column: str,
        related: Related | None = None,
        ids: Keys | None = None,
    ) -> pl.DataFrame:
        """A frame `id`, `fingerprint` (32 hex digits), one row for each row that `read` of the same would give.

        `id` is the text of `id_column` as the database writes it. A fingerprint covers the columns to read and the id;
        it is the same for the same content in every session, and computed by the database where there is one.
        """
        near, ids = self._near(place, related, ids)
        return self._reader(place).fingerprints(place, columns, during, id_column, near, ids)

    def digests(
        self, place: Place, columns: Columns, spans: Sequence[During], id_column: str, related: Related | None = None
    ) -> list[Digest]:
        """The digest of the fingerprints of each span, in few statements.

        With `related` the spans are those of its place's moments, and the digests are of the rows that belong to its
        decisions then.
        """
        if related is None or self._near(place, related, None)[0] is not None:
            return self._reader(place).digests(place, columns, spans, id_column, related)
        belonging = (replace(related, during=span) for span in spans)
        return [Digest.of(self.fingerprints(place, columns, None, id_column, each)) for each in belonging]

    def touched(
        self, place: Place, cursor: str, since: str | None, during: During, overlap: timedelta = timedelta()
    ) -> Touched:
        """What was written since a value of the column `cursor`, and when the decisions in it were made.

        Args:
            place: the decisions'.
            cursor: a column of rising moments or numbers.
            since: the value from which to look, inclusive, as `Touched.newest` gave it; None: from the beginning.
            during: the moments of the decisions that count.
            overlap: how far before `since` to begin, where the cursor is a moment.
        """
        return self._reader(place).touched(place, cursor, since, during, overlap)

    def gaps(self, place: Place, column: str, during: During) -> Gaps | None:
        """Which numbers of a rising column are missing in a window; None where it has none, or the source no such column."""
        return self._reader(place).gaps(place, column, during)

    def _near(self, place: Place, related: Related | None, ids: Keys | None) -> tuple[Related | None, Keys | None]:
        """What a reader can join itself; the keys of what lies elsewhere are read from there first."""
        if related and place.table and related.place.table and self._env(place) == self._env(related.place):
            return related, None
        if related is None or ids is not None:
            return None, ids
        found = self.read(related.place, Columns([related.id_column, related.during.column]), related.during).frame[
            related.id_column
        ]
        return None, Keys(related.key, found.cast(pl.String).drop_nulls().unique())

    def _env(self, place: Place) -> str | None:
        return place.url_env or self._source.url_env

    def _reader(self, place: Place) -> Files | SqlDatabase:
        env = None if place.path else self._env(place)
        if env is None and place.table:
            raise WrongUse(
                f"`table: {place.name}` names a database table, but the source is files. Declare `path` instead, or the "
                "`url_env` of the database."
            )
        if env not in self._readers:
            self._readers[env] = self._opened(env)
        return self._readers[env]

    def _opened(self, env: str | None) -> Files | SqlDatabase:
        if env is None:
            from gov_pipelines.decisions.files import Files  # noqa: PLC0415  (only what the place needs)

            return Files(self._project, self._environ, self._source.timeout)
        from gov_pipelines.decisions.sql import opened  # noqa: PLC0415  (SQLAlchemy only for tables)

        return self._stack.enter_context(opened(env, self._project, self._environ, self._source.timeout))


@contextmanager
def open_sources(source: Source, *, project: Path, environ: Mapping[str, str]) -> Iterator[Sources]:
    """Open the sources of a declaration for reading; one transaction a database, so that all its tables show one state.

    Args:
        source: the declaration's; places without a `url_env` of their own are in its database.
        project: the folder that relative paths start from.
        environ: the environment, read for the named URLs and the credentials of a bucket (`AWS_*`).
    """
    with ExitStack() as stack:
        yield Sources(stack, source, project, environ)
