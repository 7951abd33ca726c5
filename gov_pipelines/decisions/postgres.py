"""PostgreSQL as a source: rows leave it by COPY and are read by Polars, without an object of Python for each value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gov_pipelines.decisions.casts import plain
from gov_pipelines.decisions.connecting import Database, connected
from gov_pipelines.decisions.fingerprints import PART
from gov_pipelines.decisions.places import During, Place
from gov_pipelines.decisions.reflection import Tables, numbered
from gov_pipelines.decisions.sql import within_exact

_BATCH = 32 * 2**20  # bytes of text
# How values are written, whatever the server, the database or the role have set.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
}
_DENIED = """
SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped
AND NOT has_column_privilege(attrelid, attnum, 'SELECT')
"""
_PLAIN = (sa.String, sa.Integer, sa.Float, sa.Boolean, sa.Date, sa.DateTime, sa.LargeBinary)


@contextmanager
def opened_server(database: Database) -> Iterator[Postgres]:
    """One transaction of reading; errors as of `connected`."""
    with connected(database) as connection:
        yield Postgres(connection)


class Postgres:
    """One open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._tables = Tables(connection)
        self.order = numbered
        for name, value in _SETTINGS.items():
            connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'")

    def table(self, place: Place) -> sa.Table:
        """The table, `denied` in its info the columns that this login may not read."""
        table = self._tables.of(place)
        if "denied" not in table.info:
            name = self._connection.dialect.identifier_preparer.format_table(table)
            table.info["denied"] = set(self._connection.scalars(sa.text(_DENIED), {"name": name}))
        return table

    def fetch(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[pl.DataFrame]:
        """Frames of some megabytes of text each."""
        # A line of one null would be a blank one, which readers of CSV pass over.
        columns = query.add_columns(sa.literal_column("1").label("__end"))
        compiled = columns.compile(self._connection, compile_kwargs={"render_postcompile": True})
        cursor: Any = self._connection.connection.cursor()
        buffer, sent = BytesIO(), False
        types = [column.type for column in query.selected_columns]
        names = [*query.selected_columns.keys(), "__end"]
        with cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", compiled.construct_params()) as copy:
            for line in copy:
                buffer.write(line)
                if buffer.tell() > _BATCH:
                    yield _frame(buffer, names, types)
                    buffer, sent = BytesIO(), True
        if buffer.tell() or not sent:
            yield _frame(buffer, names, types)

    @staticmethod
    def value(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """A column as text that Polars reads back into its type; types it has not stay text."""
        if isinstance(column.type, sa.ARRAY):
            return sa.cast(sa.func.to_json(column), sa.String)
        if isinstance(column.type, sa.Numeric) and not isinstance(column.type, sa.Float):
            return sa.cast(sa.func.trim_scale(column), sa.String)
        return column if isinstance(column.type, _PLAIN) else sa.cast(column, sa.String)

    @staticmethod
    def fingerprint(columns: Sequence[sa.Column[Any]]) -> sa.ColumnElement[str]:
        """MD5 of the row as PostgreSQL writes it, which no two different rows share."""
        return sa.func.md5(sa.cast(sa.func.row(*columns), sa.Text))

    @staticmethod
    def part(fingerprint: sa.ColumnElement[str], start: int) -> sa.ColumnElement[int]:
        """Some digits as a number."""
        digits = sa.literal_column("'x'").op("||")(sa.func.substr(fingerprint, start, PART))
        return sa.cast(sa.cast(digits, postgresql.BIT(4 * PART)), sa.Integer)

    @staticmethod
    def within(column: sa.Column[Any], during: During) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        """Exact; a moment at infinity is none."""
        within, unreadable = within_exact(column, during)
        endless = column.in_([sa.literal_column("'infinity'"), sa.literal_column("'-infinity'")])
        return within, sa.or_(unreadable, endless)

    @staticmethod
    def moment(column: sa.Column[Any], zone: str) -> sa.ColumnElement[Any]:  # noqa: ARG004  (moments have a type here)
        """The column."""
        return column

    @staticmethod
    def hour(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The full hour, by the clock of the source."""
        dated = isinstance(moment.type, sa.Date)
        return moment if dated else sa.func.date_trunc("hour", moment, type_=moment.type)


def _frame(text: BytesIO, names: Sequence[str], types: Sequence[Any]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String())
    if not text.tell():
        return pl.DataFrame(schema=schema).drop("__end")
    text.seek(0)
    frame = pl.read_csv(text, has_header=False, schema=schema)
    read = frame.select(_typed(name, kind).alias(name) for name, kind in zip(names, types, strict=False))
    # What Polars has no value for, such as a year beyond 9999, stays as it was written.
    whole = [name for name in read.columns if read[name].null_count() == frame[name].null_count()]
    return frame.drop("__end").with_columns(read.select(whole))


def _typed(name: str, kind: Any) -> pl.Expr:
    text = pl.col(name)
    if isinstance(kind, sa.Boolean):
        return text == "t"
    if isinstance(kind, sa.Integer | sa.Float):
        return text.cast(pl.Int64 if isinstance(kind, sa.Integer) else pl.Float64, strict=False)
    if isinstance(kind, sa.DateTime):
        naive = text.str.strip_suffix("+00").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
        return naive.dt.replace_time_zone("UTC") if kind.timezone else naive
    if isinstance(kind, sa.Date):
        return text.str.to_date("%Y-%m-%d", strict=False)
    if isinstance(kind, sa.LargeBinary):
        return plain(text.str.strip_prefix("\\x").str.decode("hex", strict=False), pl.Binary())
    return text
