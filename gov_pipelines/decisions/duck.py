"""A DuckDB file as a source. Statements are written as for PostgreSQL, whose language DuckDB reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gov_pipelines.decisions.casts import plain
from gov_pipelines.decisions.connecting import Database
from gov_pipelines.decisions.fingerprints import PART
from gov_pipelines.decisions.places import Place
from gov_pipelines.decisions.postgres import Postgres
from gov_pipelines.decisions.reflection import no_table
from gov_pipelines.errors import WrongUse

if TYPE_CHECKING:
    import duckdb

_DIALECT: sa.Dialect = postgresql.dialect(paramstyle="qmark")  # type: ignore[no-untyped-call]  # SQLAlchemy's
_OFFLINE: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "enable_external_access": "false",
    "TimeZone": "UTC",
}
_TYPES: dict[str, Any] = {  # by how DuckDB's name of a type begins
    "TIMESTAMP WITH TIME ZONE": sa.DateTime(timezone=True),
    "TIMESTAMP": sa.DateTime(),
    "DATE": sa.Date(),
    "VARCHAR": sa.String(),
    "BOOLEAN": sa.Boolean(),
    "DOUBLE": sa.Float(),
    "FLOAT": sa.Float(),
    "DECIMAL": sa.Numeric(),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), sa.BigInteger()),
    "BLOB": sa.LargeBinary(),
}


@contextmanager
def opened_file(database: Database) -> Iterator[Duckdb]:
    """Open a DuckDB file for one transaction of reading.

    Raises:
        WrongUse: `duckdb` is not installed, or the URL names no file.
        SourceUnreachable: the file is not there, is locked by a writer, or did not answer in time.
    """
    file = database.url.database
    try:
        import duckdb  # noqa: PLC0415  (an extra)
    except ImportError:
        raise database.without("duckdb") from None
    if not file:
        raise WrongUse(f"{database.url_env} names no file. Write it like duckdb:///decisions.duckdb.")
    try:
        with duckdb.connect(database.project / file, read_only=True, config=_OFFLINE) as connection:
            timer = Timer(database.seconds, connection.interrupt)
            timer.daemon = True
            timer.start()
            try:
                connection.begin()
                yield Duckdb(connection)
            finally:
                timer.cancel()
    except duckdb.Error as error:
        raise database.in_words(error) from None


class Duckdb:
    """One open transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        rows = connection.execute(
            "SELECT c.schema_name, c.table_name, column_name, data_type, t.table_name IS NOT NULL FROM duckdb_columns() c "
            "LEFT JOIN duckdb_tables() t USING (database_name, schema_name, table_name) "
            "WHERE c.database_name = current_database() AND NOT c.internal ORDER BY c.column_index"
        ).fetchall()
        self._columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._stored = {(schema, table) for schema, table, _, _, stored in rows if stored}
        for schema, table, name, kind, _ in rows:
            self._columns.setdefault((schema, table), []).append((name, kind))

    def table(self, place: Place) -> sa.Table:
        """A table or view by its name."""
        schema, _, name = place.name.rpartition(".")
        key = (schema or "main", name)
        if key not in self._columns:
            raise WrongUse(no_table(place, [table for _, table in self._columns]))
        columns = (sa.Column(column, _type(kind)) for column, kind in self._columns[key])
        return sa.Table(name, sa.MetaData(), *columns, schema=key[0])

    def order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """By `rowid`, which views have not."""
        return [sa.literal_column("rowid")] if (table.schema, table.name) in self._stored else []

    def fetch(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[pl.DataFrame]:
        """One frame, through Arrow."""
        compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        frame = pl.DataFrame(self._connection.sql(str(compiled), params=values))
        yield frame.select(plain(pl.col(name), frame.schema[name]) for name in frame.columns)

    @staticmethod
    def value(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """A column that Arrow and Polars have a type for; others as text, nested ones as JSON."""
        if isinstance(column.type, sa.JSON):
            return sa.cast(sa.func.to_json(column), sa.String)
        return sa.cast(column, sa.String) if isinstance(column.type, sa.types.NullType) else column

    @staticmethod
    def fingerprint(columns: Sequence[sa.Column[Any]]) -> sa.ColumnElement[str]:
        """MD5 of the values as text, each with its length, so that no two rows are written alike."""
        texts = [sa.cast(column, sa.String) for column in columns]
        colon = sa.literal_column("':'", sa.String)
        parts = (sa.func.concat(sa.func.length(text), colon, text) for text in texts)
        missing = sa.literal_column("'-'", sa.String)
        written = (sa.case((text.is_(None), missing), else_=part) for text, part in zip(texts, parts, strict=True))
        return sa.func.md5(sa.func.concat(*written))

    @staticmethod
    def part(fingerprint: sa.ColumnElement[str], start: int) -> sa.ColumnElement[int]:
        """Some digits as a number."""
        digits = sa.literal_column("'0x'").op("||")(sa.func.substr(fingerprint, start, PART))
        return sa.cast(digits, sa.BigInteger)

    within = staticmethod(Postgres.within)
    moment = staticmethod(Postgres.moment)
    hour = staticmethod(Postgres.hour)


def _type(kind: str) -> Any:
    nested = kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))
    return next(
        (type_ for name, type_ in _TYPES.items() if not nested and kind.startswith(name)), sa.JSON() if nested else None
    )
