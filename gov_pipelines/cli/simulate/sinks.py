"""Where simulated rows go: Parquet files in the project, a SQLite file or a PostgreSQL database."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.store import write_atomic

Put = Callable[[str, str, pl.DataFrame], None]
"""Takes a table, the name of a part of it, and the part's rows."""


@contextmanager
def parquet(folder: Path) -> Iterator[Put]:
    """One file a part, `<table>/<part>.parquet`; a file that would stay the same is not touched."""

    def put(table: str, part: str, frame: pl.DataFrame) -> None:
        target, data = folder / table / f"{part}.parquet", io.BytesIO()
        frame.write_parquet(data, compression_level=1, statistics=True)
        if not target.is_file() or target.read_bytes() != data.getvalue():
            write_atomic(target, data.getvalue())

    yield put


@contextmanager
def database(url: str, variable: str, project: Path) -> Iterator[Put]:
    """Tables of a database, made anew, in one transaction.

    Args:
        url: a SQLAlchemy URL; it never reaches an error text.
        variable: the environment variable that holds it, which does.
        project: the folder that a relative SQLite path starts from.

    Raises:
        WrongUse: it is neither PostgreSQL nor SQLite.
        SourceUnreachable: the database did not answer.
    """
    backend = urlsplit(url).scheme.partition("+")[0]
    if backend not in {"sqlite", "postgresql"}:
        raise WrongUse(
            f"{variable} names neither a PostgreSQL nor a SQLite database. Write sqlite:///simulated.db, say."
        )
    try:
        with _sqlite(url, project) if backend == "sqlite" else _postgres(url) as put:
            yield put
    except Exception as error:
        if type(error).__module__ not in {"sqlite3", "psycopg", "psycopg.errors"}:
            raise
        raise SourceUnreachable(
            f"The database that {variable} names did not take the rows ({type(error).__name__}). "
            f"Check that it is up, the address and login in {variable}, and that it may make tables."
        ) from None


@contextmanager
def _sqlite(url: str, project: Path) -> Iterator[Put]:
    made = set[str]()
    file = project / unquote(url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection, connection:

        def put(table: str, _: str, frame: pl.DataFrame) -> None:
            if table not in made:
                made.add(table)
                connection.executescript(_create(table, frame, {pl.Datetime: "DATETIME", pl.Boolean: "BOOLEAN"}))
            texts = pl.selectors.datetime()
            rows = frame.with_columns(texts.dt.strftime("%Y-%m-%d %H:%M:%S%.6f")).rows()
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * frame.width)})", rows)  # noqa: S608  (our own names)

        yield put


@contextmanager
def _postgres(url: str) -> Iterator[Put]:
    try:
        import psycopg  # noqa: PLC0415  (an extra)
        from psycopg import sql  # noqa: PLC0415  (as above)
    except ImportError:
        raise WrongUse("Writing to PostgreSQL needs psycopg. Run: pip install 'gov-pipelines[postgres]'") from None
    made = set[str]()
    with psycopg.connect("postgresql://" + url.partition("://")[2]) as connection:

        def put(table: str, _: str, frame: pl.DataFrame) -> None:
            if table not in made:
                made.add(table)
                connection.execute(_create(table, frame, {pl.Datetime: "timestamptz", pl.Boolean: "boolean"}).encode())
            copy = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(table))
            with connection.cursor() as cursor, cursor.copy(copy) as stream:
                stream.write(frame.write_csv(include_header=False).encode())

        yield put


def _create(table: str, frame: pl.DataFrame, types: dict[type[pl.DataType], str]) -> str:
    """A table like a frame, its first column the key unless that is its moment, with an index of the moments."""
    plain = {pl.Float64: "double precision", pl.Int64: "bigint"}
    columns = [f"{name} {(types | plain).get(type(dtype), 'text')}" for name, dtype in frame.schema.items()]
    moment = frame.select(pl.selectors.datetime()).columns[0]
    columns += [f"PRIMARY KEY ({frame.columns[0]})"] * (frame.columns[0] != moment)
    index = f"CREATE INDEX {table}_by_time ON {table} ({moment});"
    return f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({', '.join(columns)}); {index}"
