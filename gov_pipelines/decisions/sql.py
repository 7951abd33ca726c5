"""Tables of a database as a source: what is asked of it, as statements; the drivers beside this file send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import sqlalchemy as sa

from gov_pipelines.decisions.casts import as_category, stacked
from gov_pipelines.decisions.clocks import days, naive
from gov_pipelines.decisions.connecting import Database
from gov_pipelines.decisions.fingerprints import PART, PARTS, SCHEMA, Digest
from gov_pipelines.decisions.places import WEEK, Columns, During, Gaps, Place, Query, Rows, Touched, begins, covering
from gov_pipelines.errors import WrongUse

_KEYS, _SPANS = 10_000, 32  # in one statement
_WHOLE = 2**53  # beyond, fractions have no place

_FRACTION = (sa.Numeric, sa.Float)
_NUMBER = (sa.Integer, *_FRACTION)

Clause = sa.ColumnElement[bool]


class Driver(Protocol):
    """An open transaction in one kind of database, and how it writes what differs between them."""

    def table(self, place: Place) -> sa.Table:
        """The table of a place, or WrongUse."""

    def order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """The table's order of writing; empty where it keeps none."""

    def fetch(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[pl.DataFrame]:
        """Send a statement; frames of bounded size, one at least."""

    def value(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """A column as a type that a frame can hold."""

    def fingerprint(self, columns: Sequence[sa.Column[Any]]) -> sa.ColumnElement[str]:
        """32 hex digits of the values of a row."""

    def part(self, fingerprint: sa.ColumnElement[str], start: int) -> sa.ColumnElement[int]:
        """Some digits (1-based start) of a fingerprint as a number."""

    def within(self, column: sa.Column[Any], during: During) -> tuple[Clause, Clause]:
        """The rows of a window, exactly; and those near it that have no readable moment, or anywhere if none at all."""

    def moment(self, column: sa.Column[Any], zone: str) -> sa.ColumnElement[Any]:
        """A column of moments as a type of moments that can be compared."""

    def hour(self, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The full hour of a `moment`."""


class Table:
    """One table of an open transaction."""

    def __init__(self, driver: Driver, place: Place) -> None:
        self._driver, self._place, self._table = driver, place, driver.table(place)
        self.columns = self._table.c

    def read(self, query: Query) -> Rows:
        """Read the columns of a table, in its order of writing where it keeps one.

        Raises:
            WrongUse: no such column, or its moments are kept as text or numbers.
        """
        columns = self._found(query.columns)
        # Where no order of writing is kept: by time, then by content, the same at every reading.
        moment = [self.columns[query.during.column]] if query.during is not None else []
        order = self._driver.order(self._table) or [*moment, *columns]
        values = (self._driver.value(column).label(column.name) for column in columns)
        rows = stacked(self._fetched(sa.select(*values).order_by(*order), query))
        if query.during is None:
            return Rows(rows)
        unreadable = sa.select(sa.func.count()).select_from(self._table).where(self.within(query.during)[1])
        return Rows(rows, self._one(unreadable)[0])

    def count(self, during: During) -> int:
        """How many rows a window holds, counted by the database itself."""
        return int(self._one(sa.select(sa.func.count()).where(self.within(during)[0]))[0])

    def fingerprints(self, query: Query) -> pl.DataFrame:
        """As `Sources.fingerprints`."""
        text = sa.cast(self.columns[query.id_column], sa.String).label("id")
        return stacked([pl.DataFrame(schema=SCHEMA), *self._fetched(sa.select(text, self._fingerprint(query)), query)])

    def within(self, during: During) -> tuple[Clause, Clause]:
        """The rows of a window, and those without a readable moment, as of `Driver.within`."""
        column = self.columns[during.column]
        if not isinstance(column.type, sa.DateTime | sa.Date):
            raise WrongUse(
                f"`{self._place.name}.{during.column}` is {column.type}; a window of time is cut from a DATETIME, TIMESTAMP "
                "or DATE column. Change the column's type, or export the table to CSV or Parquet and declare `source.path`."
            )
        return self._driver.within(column, during)

    def digests(self, query: Query, spans: Sequence[During]) -> list[Digest]:
        """As `Sources.digests`."""
        batches = (spans[first : first + _SPANS] for first in range(0, len(spans), _SPANS))
        return [digest for batch in batches for digest in self._digests(query, batch)]

    def touched(self, cursor: str, since: str | None, during: During, overlap: timedelta = timedelta()) -> Touched:
        """What was written since a value of a cursor, and when the decisions in it were made.

        Args:
            cursor: a column of rising moments or numbers.
            since: the value from which to look, inclusive, as `Touched.newest` gave it; None: from the beginning.
            during: the moments of the decisions that count.
            overlap: how far before `since` to begin, where the cursor is a moment.
        """
        (column,) = self._found(Columns([cursor]))
        written: sa.ColumnElement[Any] = column
        if dated := isinstance(column.type, sa.DateTime):
            written = self._driver.moment(column, during.zone)
        elif not isinstance(column.type, _NUMBER):
            raise WrongUse(
                f"`{self._place.name}.{cursor}` is {column.type}; a `cursor` is a DATETIME or TIMESTAMP column, or one of "
                "numbers. Change the column's type, or remove `source.cursor`."
            )
        low = begins(since, overlap, dated=dated)
        newer = [self.within(during)[0], *([] if low is None else [written >= low])]
        hours = self._driver.hour(self._driver.moment(self.columns[during.column], during.zone)).label("hour")
        found = stacked([*self._driver.fetch(sa.select(hours).where(*newer).distinct())])["hour"]
        (newest,) = self._one(sa.select(sa.func.max(written)).where(*newer))
        return Touched.of(found, newest, since, during.zone)

    def gaps(self, column: str, during: During) -> Gaps | None:
        """Which numbers of a rising column are missing in a window; None where it has none, or the source no such column."""
        found = self._found(Columns([], [column]))
        if not found or not isinstance(found[0].type, sa.Integer):
            return None
        number = found[0]

        def ends(window: During) -> Sequence[Any]:
            both = sa.func.min(number).label("low"), sa.func.max(number).label("high")
            return self._one(sa.select(*both).where(self.within(window)[0]))

        def present(first: int, last: int) -> int:
            return int(self._one(sa.select(sa.func.count(number.distinct())).where(number.between(first, last)))[0])

        (low, high), (_, earlier) = ends(during), ends(replace(during, start=during.start - WEEK, end=during.start))
        return None if low is None else Gaps.of(low, high, earlier, present)

    def _digests(self, query: Query, spans: Sequence[During]) -> list[Digest]:
        related, whole = query.related, covering(spans)
        dated = Table(self._driver, related.place) if related else self
        numbered = sa.case(*((dated.within(span)[0], n) for n, span in enumerate(spans))).label("span")
        rows = sa.select(numbered, self._fingerprint(query)).where(dated.within(whole)[0])
        if related:
            key, parent = _alike(self.columns[related.key], dated.columns[related.id_column])
            # A decision that stands twice in a span has its row once there.
            parents = sa.select(numbered, parent.label("parent")).where(dated.within(whole)[0]).distinct().subquery()
            rows = sa.select(parents.c.span, self._fingerprint(query))
            rows = rows.join_from(self._table, parents, key == parents.c.parent)
        each = rows.offset(0).subquery()  # a fence: the fingerprint is computed once, not for each part of it
        parts = (self._driver.part(each.c.fingerprint, PART * n + 1) for n in range(PARTS))
        sums = (sa.cast(sa.func.sum(part), sa.BigInteger).label(f"p{n}") for n, part in enumerate(parts))
        counts = sa.select(each.c.span, sa.func.count().label("rows"), *sums).group_by(each.c.span)
        found = (row for frame in self._driver.fetch(counts) for row in frame.rows())
        counted = {span: Digest.summed(count, sums) for span, count, *sums in found}
        return [counted.get(n, Digest.summed(0, ())) for n in range(len(spans))]

    def _found(self, columns: Columns) -> list[sa.Column[Any]]:
        """The columns to read; of the optional ones those that the login may read."""
        permitted = [name for name in columns.optional if name not in self._table.info.get("denied", ())]
        names = Columns(columns.required, permitted).found_in(self.columns.keys(), self._place)
        return [self.columns[name] for name in names]

    def _fingerprint(self, query: Query) -> sa.Label[str]:
        columns = {column.name: column for column in (*self._found(query.columns), self.columns[query.id_column])}
        return self._driver.fingerprint([columns[name] for name in sorted(columns)]).label("fingerprint")

    def _fetched(self, chosen: sa.Select[*tuple[Any, ...]], query: Query) -> list[pl.DataFrame]:
        """The rows of a query, some thousands of its ids at a time."""
        if query.during is not None:
            chosen = chosen.where(self.within(query.during)[0])
        if (related := query.related) is not None:
            dated = Table(self._driver, related.place)
            key, parent = _alike(self.columns[related.key], dated.columns[related.id_column])
            chosen = chosen.where(key.in_(sa.select(parent).where(dated.within(related.during)[0])))
        if query.ids is None:
            return list(self._driver.fetch(chosen))
        column, values = self.columns[query.ids.column], query.ids.values.alias("id")
        # As they stand there, and as the log writes them: 7.0 of one source is 7 in another.
        alike = values.to_frame().select(as_category(pl.col("id").cast(pl.String), pl.String())).to_series()
        known = pl.concat([values.cast(pl.String), alike]).drop_nulls().unique(maintain_order=True)
        wanted = [_one_of(column, known[first : first + _KEYS]) for first in range(0, max(len(known), 1), _KEYS)]
        wanted += [column.is_(None)] if values.null_count() else []
        return [frame for clause in wanted for frame in self._driver.fetch(chosen.where(clause))]

    def _one(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """The one row of a statement."""
        return stacked([*self._driver.fetch(query)]).row(0)


def _alike(one: sa.Column[Any], other: sa.Column[Any]) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Two columns of ids as they can be compared: whole numbers with numbers, everything else as text."""
    if any(isinstance(one.type, kind) and isinstance(other.type, kind) for kind in (_NUMBER, sa.String)):
        return one, other
    return _written(one), _written(other)


def _written(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    text, whole = sa.cast(column, sa.String), sa.cast(column, sa.BigInteger)
    if not isinstance(column.type, _FRACTION):
        return text
    written = sa.case((column == whole, sa.cast(whole, sa.String)), else_=text)
    return sa.case((column.between(-_WHOLE, _WHOLE), written), else_=text)  # databases refuse to cast what is larger


def _one_of(column: sa.Column[Any], values: pl.Series) -> Clause:
    numbers = values.cast(pl.Int64, strict=False)
    if isinstance(column.type, sa.Integer) and not numbers.null_count():  # as numbers, so that an index serves
        return column.in_(numbers.to_list())
    one = (column if isinstance(column.type, sa.String) else sa.cast(column, sa.String)).in_(values.to_list())
    if not isinstance(column.type, _FRACTION):
        return one
    fractions = values.cast(pl.Float64, strict=False).drop_nulls()
    return sa.or_(one, column.in_(fractions.filter(fractions.is_finite()).to_list()))


def within_exact(column: sa.Column[Any], during: During) -> tuple[Clause, Clause]:
    """The rows of a window where moments have a type of their own, and what is no instant of it."""
    if getattr(column.type, "timezone", False):
        return sa.and_(column >= during.start, column < during.end), column.is_(None)
    if isinstance(column.type, sa.Date):
        first, last = days(during)
        return sa.and_(column >= first, column < last), column.is_(None)
    bounds = naive(during)

    def between(start: datetime, end: datetime) -> Clause:
        return sa.and_(column >= start, column < end)

    skipped = sa.or_(sa.false(), *(between(*span) for span in bounds.skipped))
    return sa.and_(between(bounds.start, bounds.end), sa.not_(skipped)), sa.or_(column.is_(None), skipped)


def opened(url_env: str, project: Path, environ: Mapping[str, str], seconds: int) -> AbstractContextManager[Driver]:
    """The database that an environment variable names, open for one transaction of reading.

    Raises:
        WrongUse, SourceUnreachable: as `connected`; the second when it is entered.
    """
    database = Database(url_env, project, environ, seconds)
    match database.url.get_backend_name():  # each driver needs much that the others do not
        case "spark":
            from gov_pipelines.decisions.spark import opened_session  # noqa: PLC0415

            return opened_session(database)
        case "duckdb":
            from gov_pipelines.decisions.duck import opened_file  # noqa: PLC0415

            return opened_file(database)
        case "sqlite":
            from gov_pipelines.decisions.sqlite import opened_sqlite  # noqa: PLC0415

            return opened_sqlite(database)
    from gov_pipelines.decisions.postgres import opened_server  # noqa: PLC0415

    return opened_server(database)
