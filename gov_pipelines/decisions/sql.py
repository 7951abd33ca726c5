"""Database tables as a source: reflected, read only, in batches, in one transaction."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    cast,
    create_engine,
    func,
    inspect,
    literal_column,
    make_url,
    not_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SAWarning
from sqlalchemy.pool import NullPool
from sqlalchemy.types import Date, DateTime, Float, Integer, NullType, Numeric

from gov_pipelines.decisions.casts import as_moment, decoded, plain, stacked
from gov_pipelines.decisions.places import Columns, During, Place, Related, Rows
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy import did_you_mean

_BATCH = 50_000
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
# A naive bound is off by the length of a repeated hour at most; the exact window is cut after reading.
_SLACK = timedelta(hours=3)


@contextmanager
def open_database(url_env: str, project: Path, environ: Mapping[str, str]) -> Iterator[SqlDatabase]:
    """Connect for reading: one transaction that the database is told never to write in.

    Args:
        url_env: the environment variable that holds the SQLAlchemy URL. Its value never reaches an error text.
        project: the folder that a relative SQLite path starts from.
        environ: the environment.

    Raises:
        WrongUse: the variable is not set, is no SQLAlchemy URL, or needs a driver that is not installed.
        SourceUnreachable: the database did not answer.
    """
    url = _url(url_env, project, environ)
    try:
        engine = create_engine(url, poolclass=NullPool)
    except ImportError as error:
        raise WrongUse(
            f"{url_env} names a {url.get_backend_name()} database, whose driver {error.name} is not installed. Install it."
        ) from None
    if url.get_backend_name() == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # the driver begins none for reads: one state for all tables
            yield SqlDatabase(connection)
    except DBAPIError as error:
        # The driver's own text may hold the address, the login or values of rows: its class is all that is told.
        raise SourceUnreachable(
            f"The database that {url_env} names did not answer ({type(error.orig).__name__}). "
            f"Check that it is up, and the address and the login in {url_env}."
        ) from None
    finally:
        engine.dispose()


def _url(url_env: str, project: Path, environ: Mapping[str, str]) -> URL:
    if not environ.get(url_env):
        raise WrongUse(
            f"The environment variable {url_env} is not set. Set it to the source's SQLAlchemy URL, such as sqlite:///file.db."
        )
    try:
        url = make_url(environ[url_env])
        url.get_dialect()
    except ArgumentError:
        raise WrongUse(
            f"{url_env} is not a SQLAlchemy URL. Write it like postgresql+psycopg://user:password@host/database."
        ) from None
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:")):
        # mode=ro: SQLite would otherwise create a missing file and audit an empty database.
        file = (project / url.database).absolute().as_uri()
        return url.set(database=file).update_query_dict({"mode": "ro", "uri": "true"})
    return url


class SqlDatabase:
    """Tables of one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._tables: dict[str, Table] = {}

    def read(
        self, place: Place, columns: Columns, during: During | None = None, related: Related | None = None
    ) -> Rows:
        """Read the columns of a table, in its order of writing where it keeps one.

        Raises:
            WrongUse: no such table or column, or its moments are kept as text or numbers.
        """
        table = self._table(place)
        names = columns.found_in(table.c.keys(), place)
        # SQLite holds anything in any column: what the driver hands out is taken, the casts of the log judge it.
        chosen = [
            type_coerce(table.c[name], NullType()).label(name) if self._sqlite else table.c[name] for name in names
        ]
        query = select(*chosen)
        undated = 0
        if during is not None:
            within, readable = self._within(table, place, during)
            query = query.where(within, readable)
            undated = self._count(table, not_(readable))
        if related is not None:
            query = query.where(self._belongs(table, related))
        result = self._connection.execution_options(stream_results=True).execute(
            query.order_by(*self._order(table, names, during))
        )
        batches = [_frame(names, [])]
        for rows in result.partitions(_BATCH):
            batch = _frame(names, rows)
            if during is not None:
                moment = as_moment(pl.col(during.column), batch.schema[during.column], during.zone)
                undated += batch.select(moment.is_null().sum()).item()
                batch = batch.filter((moment >= during.start) & (moment < during.end))
            batches.append(batch)
        return Rows(stacked(batches), undated)

    def _table(self, place: Place) -> Table:
        if place.name in self._tables:
            return self._tables[place.name]
        schema, _, name = place.name.rpartition(".")
        with warnings.catch_warnings():
            # A type that SQLAlchemy does not know is read as the driver hands it out: nothing to warn of.
            warnings.simplefilter("ignore", SAWarning)
            try:
                table = Table(
                    name, MetaData(), schema=schema or None, autoload_with=self._connection, resolve_fks=False
                )
            except NoSuchTableError:
                raise WrongUse(self._no_such_table(place, name, schema or None)) from None
        self._tables[place.name] = table
        return table

    def _no_such_table(self, place: Place, name: str, schema: str | None) -> str:
        inspector = inspect(self._connection)
        known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        return f"The database has no table `{place.name}`. {did_you_mean(name, known)}"

    def _count(self, table: Table, condition: ColumnElement[bool]) -> int:
        return int(self._connection.scalar(select(func.count()).select_from(table).where(condition)) or 0)

    def _within(self, table: Table, place: Place, during: During) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """The rows to fetch (a little more than the window where the source is not exact), and those with a moment at all."""
        column = table.c[during.column]
        if not isinstance(column.type, DateTime | Date):
            raise WrongUse(
                f"`{place.name}.{during.column}` is {column.type}; a window of time is cut from a DATETIME, TIMESTAMP or "
                "DATE column. Change the column's type, or export the table to CSV or Parquet and declare `source.path`."
            )
        start, end = (moment.astimezone(ZoneInfo(during.zone)) for moment in (during.start, during.end))
        if self._sqlite:
            return _within_text(column, start, end)
        if isinstance(column.type, Date):
            return and_(column >= start.date(), column <= end.date()), column.is_not(None)
        if column.type.timezone:
            return and_(column >= during.start, column < during.end), column.is_not(None)
        naive = [moment.replace(tzinfo=None) for moment in (start - _SLACK, end + _SLACK)]
        return and_(column >= naive[0], column < naive[1]), column.is_not(None)

    def _belongs(self, table: Table, related: Related) -> ColumnElement[bool]:
        parent = self._table(related.place)
        within, readable = self._within(parent, related.place, related.during)
        key, ids = table.c[related.key], parent.c[related.id_column]
        kinds = {_kind(key), _kind(ids)}
        if kinds in ({"text"}, {"whole"}, {"number"}, {"whole", "number"}):
            return key.in_(select(ids).where(within, readable))
        if kinds == {"text", "whole"}:
            # Whole numbers here and texts there are the same ids; databases compare them only as text.
            return cast(key, String).in_(select(cast(ids, String)).where(within, readable))
        return true()  # no database compares these alike: all is read, and matched as text by the caller

    def _order(self, table: Table, names: Sequence[str], during: During | None) -> list[ColumnElement[Any]]:
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, Integer):
            return [key[0]]
        if self._sqlite and not key and not self._is_view(table):
            return [literal_column("rowid")]
        # No order of writing is kept: by time, then by content, the same at every reading.
        first = [table.c[during.column]] if during is not None else []
        return [*first, *(table.c[name] for name in names)]

    def _is_view(self, table: Table) -> bool:
        return table.name in inspect(self._connection).get_view_names(table.schema)


def _kind(column: Column[Any]) -> str:
    known = (("text", String), ("whole", Integer), ("number", Numeric), ("number", Float))
    return next((kind for kind, type_ in known if isinstance(column.type, type_)), "other")


def _within_text(
    column: Column[Any], start: datetime, end: datetime
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """SQLite keeps moments as text, with `T` or a blank, with or without seconds and offset; dates compare alike in all.

    A day on either side allows for offsets written in the values.
    """
    text = type_coerce(column, String)
    readable = and_(func.typeof(column) == "text", text.op("GLOB")(_DATED), func.datetime(text).is_not(None), true())
    first, last = start.date() - timedelta(days=1), end.date() + timedelta(days=2)
    return and_(text >= first.isoformat(), text < last.isoformat()), readable


def _frame(names: Sequence[str], rows: Sequence[Any]) -> pl.DataFrame:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    frame = pl.DataFrame([_series(name, list(column)) for name, column in zip(names, values, strict=True)])
    return frame.select(plain(pl.col(name), frame.schema[name]) for name in names)


def _series(name: str, values: list[Any]) -> pl.Series:
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        series = None
    if series is not None and series.dtype != pl.Object:
        return series
    # Mixed types, which SQLite allows, or types that Polars has not, such as UUID: text as Python writes it, exactly.
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
