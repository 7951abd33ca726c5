"""The store as a file: JSON lines of our own tables, the same from SQLite and PostgreSQL, and for either of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.store.engine import columns_in, connecting, open_store, reading, writing_alone
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata, store_schema

_BATCH = 1000


def dump_store(engine: Engine, path: Path) -> None:
    """Write every row as of one moment, while others write: a line a row, `[table, {column: value}]`.

    The first line says the schema version. Nulls are left out; instants are UTC.
    """
    with reading(engine) as connection, path.open("x", encoding="utf-8") as file:
        print(json.dumps(["store_schema", {"version": SCHEMA_VERSION}]), file=file)
        for table in metadata.sorted_tables:
            if table is store_schema:
                continue
            # A snapshot follows one that is there: the ledger's own order. All other rows follow nobody.
            order = table.c.get("sequence", next(iter(table.primary_key)))
            for row in connection.execution_options(yield_per=_BATCH).execute(sa.select(table).order_by(order)):
                said = {name: value for name, value in row._asdict().items() if value is not None}
                print(json.dumps([table.name, said], default=str, ensure_ascii=False), file=file)


def dumped(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read table and row of each line.

    Raises:
        EvidenceError: a line is no row.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                table, row = json.loads(line)
                yield str(table), dict(row)
            except ValueError as error:
                raise EvidenceError(f"{path}:{number} is no row of a table: {type(error).__name__}") from error


def load_store(path: Path, url: str) -> Engine:
    """Make a store of a dump, whole or not at all, and open it. One of an earlier schema version is upgraded.

    Raises:
        WrongUse: the store at the URL holds tables already, or the dump is of a later gov_pipelines.
        SourceUnreachable: the database did not answer.
    """
    from gov_pipelines.store.migrations import upgrade  # noqa: PLC0415  (Alembic: nothing else pays for it)

    rows = dumped(path)
    version = next(rows)[1]["version"]
    if version > SCHEMA_VERSION:
        raise WrongUse(
            f"{path} has schema version {version}; this gov_pipelines reads {SCHEMA_VERSION}. Install a later one"
        )
    with connecting(url) as (engine, place):
        with writing_alone(engine) as connection:
            if columns_in(connection):
                raise WrongUse(f"the store {place} holds tables already; give the copy a database of its own")
            upgrade(connection, 0, version)
            connection.execute(sa.insert(store_schema).values(version=version))
            _fill(connection, rows)
        engine.dispose()
    return open_store(url)


def _fill(connection: Connection, rows: Iterator[tuple[str, dict[str, Any]]]) -> None:
    """Insert rows as they were dumped, into tables as they are."""
    found = sa.MetaData()
    found.reflect(connection)
    for name, of_one in groupby(rows, key=itemgetter(0)):
        table, read = found.tables[name], {}
        for column in table.columns:
            if isinstance(column.type, sa.JSON):
                column.type = sa.JSON(none_as_null=True)
            if isinstance(column.type, sa.DateTime | sa.Date):
                read[column.name] = datetime if isinstance(column.type, sa.DateTime) else date
        absent = dict.fromkeys(table.columns.keys())
        while batch := [row for _, row in islice(of_one, _BATCH)]:
            instants = ({key: read[key].fromisoformat(row[key]) for key in read.keys() & row} for row in batch)
            values = [absent | row | known for row, known in zip(batch, instants, strict=True)]
            connection.execute(sa.insert(table), values)
        counted = table.autoincrement_column
        if connection.dialect.name == "postgresql" and counted is not None and counted.server_default is not None:
            sequence = sa.func.pg_get_serial_sequence(name, counted.name)
            connection.execute(sa.select(sa.func.setval(sequence, sa.select(sa.func.max(counted)).scalar_subquery())))
