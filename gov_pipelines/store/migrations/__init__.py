"""Bringing a store of an earlier schema to this one: Alembic's scripts, run in the caller's transaction."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, since: int, until: int) -> None:
    """Run the scripts after one schema version up to another. Who calls holds the only right to write, and commits.

    Args:
        connection: of the store, in a transaction. On SQLite, tables are made anew under their names, so foreign keys
            must not be enforced meanwhile.
        since: the version found; 0 for an empty database.
        until: the version wanted.
    """
    scripts = ScriptDirectory(str(Path(__file__).parent))
    wanted = scripts.iterate_revisions(f"{until:04}", f"{since:04}" if since else "base")
    with Operations.context(MigrationContext.configure(connection)):
        for script in reversed([*wanted]):
            script.module.upgrade()
