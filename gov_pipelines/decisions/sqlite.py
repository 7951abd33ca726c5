"""SQLite as a source: it keeps moments as text and anything in any column, and has neither hash nor zones of its own."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import md5
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from gov_pipelines.decisions.casts import as_moment, decoded, plain
from gov_pipelines.decisions.connecting import Database, connected
from gov_pipelines.decisions.places import During
from gov_pipelines.decisions.reflection import Tables, numbered

_BATCH = 50_000
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
_COMMON = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-][01]\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600_000_000
_INSTRUCTIONS = 100_000  # of SQLite's machine, between two looks at the clock


@contextmanager
def opened_sqlite(database: Database) -> Iterator[Sqlite]:
    """One transaction of reading; errors as of `connected`."""
    with connected(database) as connection:
        yield Sqlite(connection, database.seconds)


class Sqlite:
    """One open transaction."""

    def __init__(self, connection: sa.Connection, seconds: int) -> None:
        self._connection, self._tables = connection, Tables(connection)
        self.table = self._tables.of
        driver: Any = connection.connection.driver_connection
        driver.text_factory = decoded  # SQLite lets texts be of any bytes
        driver.create_function("gov_fingerprint", -1, _fingerprint, deterministic=True)
        driver.create_function("gov_part", 2, _part, deterministic=True)
        driver.create_function("gov_moment", 2, moment, deterministic=True)
        until = clock.monotonic() + seconds
        driver.set_progress_handler(lambda: clock.monotonic() > until, _INSTRUCTIONS)

    def order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """By number where that is the key, else by `rowid`, which views have not."""
        if (key := numbered(table)) or table.primary_key or self._tables.is_view(table):
            return key
        return [sa.literal_column("rowid")]

    def fetch(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[pl.DataFrame]:
        """What the driver hands out is taken; the casts of the log judge it."""
        result = self._connection.execution_options(stream_results=True).execute(query)
        names = list(result.keys())
        yield _frame(names, [])
        for rows in result.partitions(_BATCH):
            yield _frame(names, rows)

    @staticmethod
    def value(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The value as it is."""
        return sa.type_coerce(column, sa.types.NullType())

    @staticmethod
    def fingerprint(columns: Sequence[sa.Column[Any]]) -> sa.ColumnElement[str]:
        """MD5 of the values and their kinds."""
        return sa.func.gov_fingerprint(*columns, type_=sa.String)

    @staticmethod
    def part(fingerprint: sa.ColumnElement[str], start: int) -> sa.ColumnElement[int]:
        """Some digits as a number."""
        return sa.func.gov_part(fingerprint, start, type_=sa.Integer)

    @staticmethod
    def within(column: sa.Column[Any], during: During) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        """Texts with `T` or a blank, with or without seconds and offset; dates compare alike in all.

        A day on either side allows for offsets written in the values; within that the instants decide.
        """
        text = sa.type_coerce(column, sa.String)
        dated = sa.and_(sa.func.typeof(column) == "text", text.op("GLOB")(_DATED), sa.func.datetime(text).is_not(None))
        start, end = (each.astimezone(ZoneInfo(during.zone)).date() for each in (during.start, during.end))
        first, last = start - timedelta(days=1), end + timedelta(days=2)
        near = sa.and_(text >= first.isoformat(), text < last.isoformat())
        instant = Sqlite.moment(column, during.zone)
        between = sa.and_(instant >= during.start, instant < during.end)
        return sa.and_(near, dated, between), sa.or_(sa.not_(dated), dated.is_(None), sa.and_(near, instant.is_(None)))

    @staticmethod
    def moment(column: sa.Column[Any], zone: str) -> sa.ColumnElement[Any]:
        """The instant of a text."""
        return sa.func.gov_moment(sa.type_coerce(column, sa.String), zone, type_=_Instant)

    @staticmethod
    def hour(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The full hour of UTC."""
        return sa.type_coerce(sa.type_coerce(moment, sa.BigInteger) // _HOUR * _HOUR, _Instant)


class _Instant(sa.TypeDecorator[datetime]):
    """An instant as microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002  (SQLAlchemy calls it)
        return None if value is None else _microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  (as above)
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(text: str, zone: str) -> int | None:
    """Microseconds since 1970 (UTC) of a text, None where `as_moment` reads none."""
    if not isinstance(text, str) or not _COMMON.fullmatch(text):
        return _rare(text, zone)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return _rare(text, zone)
    if read.tzinfo is None:
        read = read.replace(tzinfo=ZoneInfo(zone))
        if read.astimezone(UTC).astimezone(read.tzinfo).replace(fold=0) != read:  # a time that clocks skip
            return None
    return _microseconds(read)


@lru_cache(maxsize=4096)
def _rare(text: Any, zone: str) -> int | None:
    series = pl.Series("text", [text], dtype=pl.String, strict=False).to_frame()
    read = series.select(as_moment(pl.col("text"), pl.String(), zone)).item()
    return None if read is None else _microseconds(read)


def _fingerprint(*values: Any) -> str:
    return md5(repr(values).encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def _part(fingerprint: str, start: int) -> int:
    return int(fingerprint[start - 1 : start + 6], 16)


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
    # Mixed types: text as Python writes it, exactly.
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return decoded(value) if isinstance(value, bytes) else None if value is None else str(value)
