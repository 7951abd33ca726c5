"""Database tables as a source: reflected, read only, in batches, in one transaction."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SAWarning
from sqlalchemy.pool import NullPool

from gov_pipelines.decisions.casts import as_moment, decoded, plain, stacked
from gov_pipelines.decisions.places import Columns, During, Place, Related, Rows
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy import did_you_mean

_BATCH = 50_000
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
# A naive bound is off by the length of a repeated hour at most; the exact window is cut after reading.
_SLACK = timedelta(hours=3)


@contextmanager
def connected(url_env: str, project: Path, environ: Mapping[str, str]) -> Iterator[sa.Connection]:
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
        engine = sa.create_engine(url, poolclass=NullPool)
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
            yield connection
    except DBAPIError as error:
        # The driver's own text may hold the address, the login or values of rows: its class is all that is told.
        raise SourceUnreachable(
            f"The database that {url_env} names did not answer ({type(error.orig).__name__}). "
            f"Check that it is up, and the address and the login in {url_env}."
        ) from None
    finally:
        engine.dispose()


def _url(url_env: str, project: Path, environ: Mapping[str, str]) -> sa.URL:
    if not environ.get(url_env):
        raise WrongUse(
            f"The environment variable {url_env} is not set. Set it to the source's SQLAlchemy URL, such as sqlite:///file.db."
        )
    try:
        url = sa.make_url(environ[url_env])
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

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._tables: dict[str, sa.Table] = {}

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
            sa.type_coerce(table.c[name], sa.types.NullType()).label(name) if self._sqlite else table.c[name]
            for name in names
        ]
        query = sa.select(*chosen)
        undated = 0
        if during is not None:
            within, readable = self._within(table, place, during)
            query = query.where(within, readable)
            count = sa.select(sa.func.count()).select_from(table).where(sa.not_(readable))
            undated = int(self._connection.scalar(count) or 0)
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

    def _table(self, place: Place) -> sa.Table:
        if place.name in self._tables:
            return self._tables[place.name]
        schema, _, name = place.name.rpartition(".")
        with warnings.catch_warnings():
            # A type that SQLAlchemy does not know is read as the driver hands it out: nothing to warn of.
            warnings.simplefilter("ignore", SAWarning)
            try:
                table = sa.Table(
                    name, sa.MetaData(), schema=schema or None, autoload_with=self._connection, resolve_fks=False
                )
            except NoSuchTableError:
                found = sa.inspect(self._connection)
                known = [*found.get_table_names(schema or None), *found.get_view_names(schema or None)]
                words = f"The database has no table `{place.name}`. {did_you_mean(name, known)}"
                raise WrongUse(words) from None
        self._tables[place.name] = table
        return table

    def _within(
        self, table: sa.Table, place: Place, during: During
    ) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        """The rows to fetch (a little more than the window where the source is not exact), and those with a moment at all."""
        column = table.c[during.column]
        if not isinstance(column.type, sa.DateTime | sa.Date):
            raise WrongUse(
                f"`{place.name}.{during.column}` is {column.type}; a window of time is cut from a DATETIME, TIMESTAMP or "
                "DATE column. Change the column's type, or export the table to CSV or Parquet and declare `source.path`."
            )
        start, end = (moment.astimezone(ZoneInfo(during.zone)) for moment in (during.start, during.end))
        if self._sqlite:
            return _within_text(column, start, end)
        low, high = start - _SLACK, end + _SLACK
        if isinstance(column.type, sa.Date):
            return column.between(start.date(), end.date()), column.is_not(None)
        if not column.type.timezone:
            low, high = low.replace(tzinfo=None), high.replace(tzinfo=None)
        return column.between(low, high), column.is_not(None)

    def _belongs(self, table: sa.Table, related: Related) -> sa.ColumnElement[bool]:
        parent = self._table(related.place)
        within, readable = self._within(parent, related.place, related.during)
        key, ids = table.c[related.key], parent.c[related.id_column]
        kinds = {_kind(key), _kind(ids)}
        if len(kinds) == 1 and kinds != {"other"}:
            return key.in_(sa.select(ids).where(within, readable))
        if kinds == {"text", "whole"}:
            # Whole numbers here and texts there are the same ids; databases compare them only as text.
            return sa.cast(key, sa.String).in_(sa.select(sa.cast(ids, sa.String)).where(within, readable))
        return sa.true()  # no database compares these alike: all is read, and matched as text by the caller

    def _order(self, table: sa.Table, names: Sequence[str], during: During | None) -> list[sa.ColumnElement[Any]]:
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, sa.Integer):
            return [key[0]]
        if self._sqlite and not key and table.name not in sa.inspect(self._connection).get_view_names():
            return [sa.literal_column("rowid")]
        # No order of writing is kept: by time, then by content, the same at every reading.
        first = [table.c[during.column]] if during is not None else []
        return [*first, *(table.c[name] for name in names)]


def _kind(column: sa.Column[Any]) -> str:
    known = (("text", sa.String), ("whole", sa.Integer), ("number", sa.Numeric), ("number", sa.Float))
    return next((kind for kind, type_ in known if isinstance(column.type, type_)), "other")


def _within_text(
    column: sa.Column[Any], start: datetime, end: datetime
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """SQLite keeps moments as text, with `T` or a blank, with or without seconds and offset; dates compare alike in all.

    A day on either side allows for offsets written in the values.
    """
    text = sa.type_coerce(column, sa.String)
    readable = sa.and_(
        sa.func.typeof(column) == "text", text.op("GLOB")(_DATED), sa.func.datetime(text).is_not(None), sa.true()
    )
    first, last = start.date() - timedelta(days=1), end.date() + timedelta(days=2)
    return sa.and_(text >= first.isoformat(), text < last.isoformat()), readable


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
    if value is None or isinstance(value, bytes):
        return None if value is None else decoded(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)
