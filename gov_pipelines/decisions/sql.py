"""Tables of a database as a source: what is asked of it, as statements; the drivers beside this file send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import sqlalchemy as sa

from gov_pipelines.decisions.casts import as_category, stacked
from gov_pipelines.decisions.connecting import connected, source_url
from gov_pipelines.decisions.fingerprints import PART, PARTS, SCHEMA, Digest
from gov_pipelines.decisions.places import WEEK, Columns, During, Gaps, Keys, Place, Related, Rows, Touched, begins
from gov_pipelines.decisions.zones import day_from, naive
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


class SqlDatabase:
    """Tables of one open transaction."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def read(
        self, place: Place, columns: Columns, during: During | None, related: Related | None, ids: Keys | None
    ) -> Rows:
        """Read the columns of a table, in its order of writing where it keeps one.

        Raises:
            WrongUse: no such table or column, or its moments are kept as text or numbers.
        """
        table = self._driver.table(place)
        names = _found(table, place, columns)
        # Where no order of writing is kept: by time, then by content, the same at every reading.
        moment = [table.c[during.column]] if during is not None else []
        order = self._driver.order(table) or [*moment, *(table.c[name] for name in names)]
        query = sa.select(*(self._driver.value(table.c[name]).label(name) for name in names)).order_by(*order)
        frames = self._fetched(query.where(*self._where(table, place, during, related)), table, ids)
        return Rows(stacked(frames), self._undated(table, place, during))

    def count(self, place: Place, during: During) -> int:
        """How many rows a window holds."""
        table = self._driver.table(place)
        return self._number(sa.select(sa.func.count()).where(*self._where(table, place, during, None)))

    def fingerprints(
        self,
        place: Place,
        columns: Columns,
        during: During | None,
        id_column: str,
        related: Related | None,
        ids: Keys | None,
    ) -> pl.DataFrame:
        """As `Sources.fingerprints`."""
        table = self._driver.table(place)
        text = sa.cast(table.c[id_column], sa.String).label("id")
        fingerprint = self._fingerprint(table, place, columns, id_column).label("fingerprint")
        query = sa.select(text, fingerprint).where(*self._where(table, place, during, related))
        return stacked([pl.DataFrame(schema=SCHEMA), *self._fetched(query, table, ids)])

    def digests(
        self, place: Place, columns: Columns, spans: Sequence[During], id_column: str, related: Related | None
    ) -> list[Digest]:
        """As `Sources.digests`."""
        found: list[Digest] = []
        for first in range(0, len(spans), _SPANS):
            found += self._digests(place, columns, spans[first : first + _SPANS], id_column, related)
        return found

    def touched(self, place: Place, cursor: str, since: str | None, during: During, overlap: timedelta) -> Touched:
        """As `Sources.touched`."""
        table, driver = self._driver.table(place), self._driver
        Columns([cursor]).found_in(table.c.keys(), place)
        column: sa.ColumnElement[Any] = table.c[cursor]
        if dated := isinstance(column.type, sa.DateTime):
            column = driver.moment(table.c[cursor], during.zone)
        elif not isinstance(column.type, _NUMBER):
            raise WrongUse(
                f"`{place.name}.{cursor}` is {column.type}; a `cursor` is a DATETIME or TIMESTAMP column, or one of numbers. "
                "Change the column's type, or remove `source.cursor`."
            )
        low = begins(since, overlap, dated=dated)
        newer = [] if low is None else [column >= low]
        hours = driver.hour(driver.moment(table.c[during.column], during.zone)).label("hour")
        within = self._within(table, place, during)[0]
        found = stacked(list(driver.fetch(sa.select(hours).where(within, *newer).distinct())))["hour"]
        newest = stacked(list(driver.fetch(sa.select(sa.func.max(column)).where(within, *newer)))).item()
        return Touched.of(found, newest, since, during.zone)

    def gaps(self, place: Place, column: str, during: During) -> Gaps | None:
        """As `Sources.gaps`."""
        table = self._driver.table(place)
        if not _found(table, place, Columns([], [column])) or not isinstance(table.c[column].type, sa.Integer):
            return None
        number, within = table.c[column], self._within(table, place, during)[0]
        before = self._within(table, place, replace(during, start=during.start - WEEK, end=during.start))[0]
        (low, high), (_, earlier) = (self._ends(number, where) for where in (within, before))

        def present(first: int, last: int) -> int:
            distinct = sa.select(sa.func.count(number.distinct())).where(number.between(first, last))
            return int(stacked(list(self._driver.fetch(distinct))).item())

        return None if low is None else Gaps.of(low, high, earlier, present)

    def _ends(self, number: sa.ColumnElement[Any], where: Clause) -> tuple[Any, Any]:
        ends = sa.select(sa.func.min(number).label("low"), sa.func.max(number).label("high")).where(where)
        return stacked(list(self._driver.fetch(ends))).row(0)

    def _digests(
        self, place: Place, columns: Columns, spans: Sequence[During], id_column: str, related: Related | None
    ) -> list[Digest]:
        table, driver = self._driver.table(place), self._driver
        dated, where = (driver.table(related.place), related.place) if related else (table, place)
        whole = replace(spans[0], start=min(span.start for span in spans), end=max(span.end for span in spans))
        fingerprint = self._fingerprint(table, place, columns, id_column).label("fingerprint")
        numbered = sa.case(*((self._within(dated, where, span)[0], n) for n, span in enumerate(spans))).label("span")
        rows = sa.select(numbered, fingerprint).where(self._within(dated, where, whole)[0])
        if related:
            key, parent = _alike(table.c[related.key], dated.c[related.id_column])
            # A decision that stands twice in a span has its row once there.
            parents = sa.select(numbered, parent.label("parent")).where(self._within(dated, where, whole)[0]).distinct()
            belonging = parents.subquery()
            rows = sa.select(belonging.c.span, fingerprint).join_from(table, belonging, key == belonging.c.parent)
        each = rows.offset(0).subquery()  # a fence: the fingerprint is computed once, not for each part of it
        parts = (driver.part(each.c.fingerprint, PART * n + 1) for n in range(PARTS))
        sums = (sa.cast(sa.func.sum(part), sa.BigInteger).label(f"p{n}") for n, part in enumerate(parts))
        query = sa.select(each.c.span, sa.func.count().label("rows"), *sums).group_by(each.c.span)
        counted = {row[0]: Digest.summed(row[1], row[2:]) for frame in driver.fetch(query) for row in frame.rows()}
        return [counted.get(n, Digest.summed(0, ())) for n in range(len(spans))]

    def _fingerprint(self, table: sa.Table, place: Place, columns: Columns, id_column: str) -> sa.ColumnElement[str]:
        names = {*_found(table, place, columns), id_column}
        return self._driver.fingerprint([table.c[name] for name in sorted(names)])

    def _fetched(self, query: sa.Select[*tuple[Any, ...]], table: sa.Table, ids: Keys | None) -> list[pl.DataFrame]:
        if ids is None:
            return list(self._driver.fetch(query))
        column, values = table.c[ids.column], ids.values.alias("id")
        # As they stand there, and as the log writes them: 7.0 of one source is 7 in another.
        alike = values.to_frame().select(as_category(pl.col("id").cast(pl.String), pl.String())).to_series()
        known = pl.concat([values.cast(pl.String), alike]).drop_nulls().unique(maintain_order=True)
        wanted = [_one_of(column, known[first : first + _KEYS]) for first in range(0, max(len(known), 1), _KEYS)]
        wanted += [column.is_(None)] if values.null_count() else []
        return [frame for clause in wanted for frame in self._driver.fetch(query.where(clause))]

    def _where(self, table: sa.Table, place: Place, during: During | None, related: Related | None) -> list[Clause]:
        clauses = [self._within(table, place, during)[0]] if during is not None else []
        if related is not None:
            parent = self._driver.table(related.place)
            key, ids = _alike(table.c[related.key], parent.c[related.id_column])
            clauses.append(key.in_(sa.select(ids).where(self._within(parent, related.place, related.during)[0])))
        return clauses

    def _undated(self, table: sa.Table, place: Place, during: During | None) -> int:
        if during is None:
            return 0
        unreadable = self._within(table, place, during)[1]
        return self._number(sa.select(sa.func.count()).select_from(table).where(unreadable))

    def _number(self, query: sa.Select[*tuple[Any, ...]]) -> int:
        return int(stacked(list(self._driver.fetch(query))).item())

    def _within(self, table: sa.Table, place: Place, during: During) -> tuple[Clause, Clause]:
        column = table.c[during.column]
        if not isinstance(column.type, sa.DateTime | sa.Date):
            raise WrongUse(
                f"`{place.name}.{during.column}` is {column.type}; a window of time is cut from a DATETIME, TIMESTAMP or "
                "DATE column. Change the column's type, or export the table to CSV or Parquet and declare `source.path`."
            )
        return self._driver.within(column, during)


def _found(table: sa.Table, place: Place, columns: Columns) -> list[str]:
    """The columns to read; of the optional ones those that the login may read."""
    permitted = [name for name in columns.optional if name not in table.info.get("denied", ())]
    return Columns(columns.required, permitted).found_in(table.c.keys(), place)


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
    bounds = naive(during)

    def between(start: datetime, end: datetime) -> Clause:
        first, last = (day_from(each) if isinstance(column.type, sa.Date) else each for each in (start, end))
        return sa.and_(column >= first, column < last)

    skipped = sa.or_(sa.false(), *(between(*span) for span in bounds.skipped))
    return sa.and_(between(bounds.start, bounds.end), sa.not_(skipped)), sa.or_(column.is_(None), skipped)


@contextmanager
def opened(url_env: str, project: Path, environ: Mapping[str, str], seconds: int) -> Iterator[SqlDatabase]:
    """Open the database that an environment variable names, for one transaction of reading.

    Raises:
        WrongUse, SourceUnreachable: as `connected`.
    """
    kind = source_url(url_env, project, environ).get_backend_name()
    if kind == "spark":
        from gov_pipelines.decisions.spark import opened_session  # noqa: PLC0415  (only what the URL needs)

        with opened_session(url_env, environ, seconds) as session:
            yield SqlDatabase(session)
        return
    if kind == "duckdb":
        from gov_pipelines.decisions.duck import opened_file  # noqa: PLC0415  (only what the URL needs)

        with opened_file(url_env, project, environ, seconds) as file:
            yield SqlDatabase(file)
        return
    with connected(url_env, project, environ, seconds=seconds) as connection:
        if connection.dialect.name == "sqlite":
            from gov_pipelines.decisions.sqlite import Sqlite  # noqa: PLC0415  (as above)

            yield SqlDatabase(Sqlite(connection, seconds))
        else:
            from gov_pipelines.decisions.postgres import Postgres  # noqa: PLC0415  (as above)

            yield SqlDatabase(Postgres(connection))
