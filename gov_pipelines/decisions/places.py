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
    from gov_pipelines.decisions.sql import Driver, Table

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


def covering(spans: Sequence[During]) -> During:
    """The window from the first instant of some to the last."""
    return replace(spans[0], start=min(span.start for span in spans), end=max(span.end for span in spans))


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
class Query:
    """Which rows are asked for, and which columns of them.

    Attributes:
        place: where they lie.
        columns: what is read of them.
        during: only the rows of a window.
        related: only those that belong to the decisions of one.
        ids: only those of some ids; never asked beside `related`.
        id_column: the column whose text names a row; needed for fingerprints.
    """

    place: Place
    columns: Columns
    during: During | None = None
    related: Related | None = None
    ids: Keys | None = None
    id_column: str = ""


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

    Methods, and those of what `at` gives, raise WrongUse where a table, a required column or an environment variable does
    not exist, and SourceUnreachable where a database or file did not answer.
    """

    def __init__(self, stack: ExitStack, source: Source, project: Path, environ: Mapping[str, str]) -> None:
        self._stack, self._source, self._project, self._environ = stack, source, project, environ
        self._databases: dict[str, Driver] = {}

    def at(self, place: Place) -> Files | Table:
        """What can be asked of one place alone."""
        if place.path:
            from gov_pipelines.decisions.files import Files  # noqa: PLC0415  (only what the place needs)

            return Files(place, self._project, self._environ, self._source.timeout)
        if (url_env := self._url_env(place)) is None:
            raise WrongUse(
                f"`table: {place.name}` names a database table, but the source is files. Declare `path` instead, or the "
                "`url_env` of the database."
            )
        from gov_pipelines.decisions.sql import Table, opened  # noqa: PLC0415  (SQLAlchemy only for tables)

        if url_env not in self._databases:
            database = opened(url_env, self._project, self._environ, self._source.timeout)
            self._databases[url_env] = self._stack.enter_context(database)
        return Table(self._databases[url_env], place)

    def read(self, query: Query) -> Rows:
        """The rows that are asked for. A database joins `related` for itself where it holds both places."""
        return self.at(query.place).read(self._within_reach(query))

    def fingerprints(self, query: Query) -> pl.DataFrame:
        """A frame `id`, `fingerprint` (32 hex digits), one row for each row that `read` of the same would give.

        `id` is the text of `id_column` as the database writes it. A fingerprint covers the columns to read and the id;
        it is the same for the same content in every session, and computed by the database where there is one.
        """
        return self.at(query.place).fingerprints(self._within_reach(query))

    def digests(self, query: Query, spans: Sequence[During]) -> list[Digest]:
        """The digest of the fingerprints of each span, in few statements; the query's own windows are left out of account.

        With `related` the spans are those of its place's moments, and the digests are of the rows that belong to its
        decisions then.
        """
        if query.related is None or self._in_one_database(query.place, query.related.place):
            return self.at(query.place).digests(query, spans)
        belonging = (replace(query, related=replace(query.related, during=span)) for span in spans)
        return [Digest.of(self.fingerprints(each)) for each in belonging]

    def _within_reach(self, query: Query) -> Query:
        """A query that its place can answer alone: the keys of what lies elsewhere are read from there first."""
        related = query.related
        if related is None or self._in_one_database(query.place, related.place):
            return query
        columns = Columns([related.id_column, related.during.column])
        found = self.read(Query(related.place, columns, related.during)).frame[related.id_column]
        return replace(query, related=None, ids=Keys(related.key, found.cast(pl.String).drop_nulls().unique()))

    def _in_one_database(self, one: Place, other: Place) -> bool:
        return self._url_env(one) is not None and self._url_env(one) == self._url_env(other)

    def _url_env(self, place: Place) -> str | None:
        """The variable that names a table's database."""
        return None if place.path else place.url_env or self._source.url_env


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
