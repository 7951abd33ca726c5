"""Opening the store: one engine, the right habits for SQLite, and a schema version that is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
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
    """Open the store: a new one gets its tables, one of an earlier schema version is upgraded, in one transaction.

    Write with `engine.begin()`, read with `reading(engine)`.

    Args:
        url: SQLAlchemy URL, `sqlite:///path/store.db` or `postgresql+psycopg://...`. A new SQLite file gets mode 600.

    Raises:
        WrongUse: the URL cannot be read, or its driver is not installed.
        SourceUnreachable: the database did not answer.
        GovError: the store has a later schema version, other columns, or tables of ours without a version.
    """
    with connecting(url) as (engine, place):
        _settle_schema(engine, place)
    return engine


@contextmanager
def connecting(url: str) -> Iterator[tuple[Engine, str]]:
    """Yield an engine with our habits and the place's name; what goes wrong is said in words, and the engine given up.

    Raises:
        WrongUse: the URL cannot be read, or its driver is not installed.
        SourceUnreachable: the database did not answer.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in _BACK_ENDS:
            raise WrongUse(f"the store does not run on {parsed.get_backend_name()}; {_URL_EXPECTED}")
        pre_ping = parsed.get_backend_name() == "postgresql"
        engine = sa.create_engine(parsed, pool_pre_ping=pre_ping, hide_parameters=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise WrongUse(f"the driver of {parsed.drivername} is not installed; {_URL_EXPECTED}") from error
    except ArgumentError:
        raise WrongUse(f"the store's URL cannot be read; {_URL_EXPECTED}") from None  # its text repeats the URL
    # The URL may hold a password: errors name the place by its public parts only.
    place = parsed.database if parsed.get_backend_name() == "sqlite" else f"{parsed.database} on {parsed.host}"
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, parsed.database)

    @sa.event.listens_for(engine, "handle_error")
    def _away(context: sa.engine.ExceptionContext) -> SourceUnreachable | None:
        refused = context.connection is None and context.dialect.name == "postgresql"
        return _unreachable(place or "memory", context.original_exception) if refused or context.is_disconnect else None

    try:
        yield engine, place or "memory"
    except DatabaseError as error:
        engine.dispose()
        raise _unreachable(place or "memory", error.orig) from None
    except GovError:
        engine.dispose()
        raise


def _unreachable(place: str, error: BaseException | None) -> SourceUnreachable:
    """What to say without the driver's own text, which may repeat the connection parameters."""
    return SourceUnreachable(
        f"the store {place} did not answer as a database does ({type(error).__name__}). Check that it is one, "
        "that it runs and that you may write to it"
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection for reading one consistent state; on SQLite it never holds up a writer."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":  # whose transactions would see what others commit meanwhile
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def server_clock(engine: Engine) -> datetime | None:
    """The clock of the database's machine, UTC; None for SQLite, which has no other than ours."""
    if engine.dialect.name == "sqlite":
        return None
    with reading(engine) as connection:
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)


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
    """Make the tables of a new store, and bring those of an earlier schema version to this one: all or nothing."""
    with reading(engine) as connection:  # most stores are current, and opening them should wait for nobody
        if _version(connection) == SCHEMA_VERSION and columns_in(connection) == _layout(SCHEMA_VERSION):
            return
    with writing_alone(engine) as connection:  # another process may just have done it
        version, found = _version(connection), columns_in(connection)
        if not found:
            metadata.create_all(connection)
            connection.execute(sa.insert(store_schema).values(version=SCHEMA_VERSION))
            return
        other = found ^ _layout(version) if version in range(1, SCHEMA_VERSION + 1) else set()
        if version not in range(1, SCHEMA_VERSION + 1) or other:
            raise GovError(
                f"the store {place} has {_said(version, found, other)}; this gov_pipelines reads version {SCHEMA_VERSION}. Use "
                "the gov_pipelines that wrote it, give the store a database of its own in GOV_STORE_URL, or start a new "
                "home in GOV_HOME"
            )
        if version != SCHEMA_VERSION:
            from gov_pipelines.store.migrations import upgrade  # noqa: PLC0415  (Alembic: only an old store pays for it)

            upgrade(connection, version, SCHEMA_VERSION)
            connection.execute(sa.update(store_schema).values(version=SCHEMA_VERSION))


@contextmanager
def writing_alone(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction in which nobody else settles the schema, and in which SQLite lets tables be made anew."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            _tell_sqlite(connection, "journal_mode = WAL", "foreign_keys = OFF")
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
                yield connection
        finally:
            if connection.dialect.name == "sqlite":
                _tell_sqlite(connection, "foreign_keys = ON")


def _tell_sqlite(connection: Connection, *pragmas: str) -> None:
    """Set what cannot be set inside a transaction: this speaks to the driver, outside of SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    for pragma in pragmas:
        driver.execute(f"PRAGMA {pragma}").close()


def _version(connection: Connection) -> int:
    """The schema version written down; 0 for none."""
    known = sa.inspect(connection).has_table(store_schema.name)
    return connection.scalar(sa.select(store_schema.c.version)) or 0 if known else 0


def columns_in(connection: Connection) -> set[str]:
    """Columns of those of our tables that are there."""
    found = sa.inspect(connection).get_multi_columns(filter_names=[*metadata.tables])
    return {f"{table}.{column['name']}" for (_, table), columns in found.items() for column in columns}


def _layout(version: int) -> set[str]:
    """Columns that a schema version has: what its scripts make of an empty database."""
    if version == SCHEMA_VERSION:
        return {str(column) for table in metadata.tables.values() for column in table.columns}
    from gov_pipelines.store.migrations import upgrade  # noqa: PLC0415  (as above)

    with sa.create_engine("sqlite://").begin() as connection:
        upgrade(connection, 0, version)
        return columns_in(connection)


def _said(version: int, found: set[str], other: set[str]) -> str:
    if not version:
        return f"a table named {min(found).partition('.')[0]} but no schema version"
    because = "for it was written by a gov_pipelines in development"
    return f"schema version {version}" + (
        f" but other columns ({', '.join(sorted(other))}), {because}" if other else ""
    )
