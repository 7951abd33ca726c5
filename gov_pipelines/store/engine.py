"""Opening the store: one engine, the right habits for SQLite, and a schema version that is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from gov_pipelines.errors import GovError, SourceUnreachable, WrongUse
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata, store_schema

__all__ = ["Connection", "Engine", "insert_if_absent", "open_store", "reading"]

BUSY_SECONDS = 30
"""How long a writer waits for another before SQLite says that the store is locked."""

_BACK_ENDS = ("sqlite", "postgresql")
_URL_EXPECTED = "expected `sqlite:///path/store.db` or `postgresql+psycopg://host/name`. Check GOV_STORE_URL"
_SCHEMA_LOCK = 0x676F7650  # "govP": the advisory lock under which PostgreSQL processes create the tables


def open_store(url: str) -> Engine:
    """Open the store, creating the tables it does not have: all in a new one, the later ones in one of an earlier version.

    Write with `engine.begin()`, read with `reading(engine)`.

    Args:
        url: SQLAlchemy URL, `sqlite:///path/store.db` or `postgresql+psycopg://...`. A new SQLite file gets mode 600.

    Raises:
        WrongUse: the URL cannot be read, or its driver is not installed.
        SourceUnreachable: the database did not answer.
        GovError: the store has a later schema version, other columns, or tables of ours without a version.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in _BACK_ENDS:
            raise WrongUse(f"the store does not run on {parsed.get_backend_name()}; {_URL_EXPECTED}")
        engine = sa.create_engine(parsed)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise WrongUse(f"the driver of {parsed.drivername} is not installed; {_URL_EXPECTED}") from error
    except ArgumentError:
        raise WrongUse(f"the store's URL cannot be read; {_URL_EXPECTED}") from None  # its text repeats the URL
    # The URL may hold a password: errors name the place by its public parts only.
    place = parsed.database if parsed.get_backend_name() == "sqlite" else f"{parsed.database} on {parsed.host}"
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, parsed.database)
    try:
        _settle_schema(engine, place or "memory")
    except DatabaseError as error:
        engine.dispose()
        # `from None`: the driver's text may repeat the connection parameters.
        raise SourceUnreachable(
            f"the store {place} did not answer as a database does ({type(error.orig).__name__}). Check that it is one, "
            "that it runs and that you may write to it"
        ) from None
    except GovError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection for reading one consistent state; on SQLite it never holds up a writer."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":  # whose transactions would see what others commit meanwhile
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken.

    Returns:
        Whether the row is new.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return connection.execute(statement).first() is not None


def _prepare_sqlite(engine: Engine, database: str | None) -> None:
    """Give each connection WAL's companions, and take transactions out of the driver's hands.

    The driver begins a transaction only at the first write; one that has read before then fails at once when another
    wrote in between, whatever its busy timeout. So writers begin immediately, and wait for their turn.
    """

    @sa.event.listens_for(engine, "connect")
    def _connect(driver: Any, _record: object) -> None:
        driver.isolation_level = None
        for pragma in (f"busy_timeout = {BUSY_SECONDS * 1000}", "foreign_keys = ON", "synchronous = FULL"):
            driver.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if reads_only else "BEGIN IMMEDIATE")

    if database and database != ":memory:":
        path = Path(database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # the mode of a new store only; WAL's files inherit it
        except OSError as error:
            raise SourceUnreachable(
                f"the store {path} cannot be created ({error.strerror}). Check the folder and your right to write there"
            ) from error


def _settle_schema(engine: Engine, place: str) -> None:
    """Check the version of a store's tables; create those that are not there, in a new store or one of before."""
    with reading(engine) as connection:  # most stores are there, and opening them should wait for nobody
        found = _tables_in(connection)
        known = not found or store_schema.name in found
        version = connection.scalar(sa.select(store_schema.c.version)) if known and found else None
        other = _other_columns(connection)
    readable = not found or (version in range(1, SCHEMA_VERSION + 1) and not other)
    if readable and (version != SCHEMA_VERSION or found != set(metadata.tables)):
        _create(engine)
    if not readable:
        said = f"schema version {version}" if known else f"a table named {min(found)} but no schema version"
        if version in range(1, SCHEMA_VERSION + 1):
            said += f" but other columns ({', '.join(other)}), for it was written by a gov_pipelines in development"
        raise GovError(
            f"the store {place} has {said}; this gov_pipelines reads version {SCHEMA_VERSION}. Use the gov_pipelines "
            "that wrote it, give the store a database of its own in GOV_STORE_URL, or start a new home in GOV_HOME"
        )


def _create(engine: Engine) -> None:
    """Create the tables that are not there, unless another process just did."""
    if engine.dialect.name == "sqlite":
        # WAL is a property of the file, and cannot be set inside a transaction: this speaks to the driver.
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL").close()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        metadata.create_all(connection)
        if connection.execute(sa.update(store_schema).values(version=SCHEMA_VERSION)).rowcount == 0:
            connection.execute(sa.insert(store_schema).values(version=SCHEMA_VERSION))


def _tables_in(connection: Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names()) & set(metadata.tables)


def _other_columns(connection: Connection) -> list[str]:
    """Columns of those of our tables that are there, absent or not ours."""
    inspector = sa.inspect(connection)
    tables = _tables_in(connection)
    found = {f"{name}.{column['name']}" for name in tables for column in inspector.get_columns(name)}
    return sorted(found ^ {str(column) for name in tables for column in metadata.tables[name].columns})
