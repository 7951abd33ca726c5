"""Stores of every earlier schema version, with rows in all their tables, opened by this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from earlier import assert_intact, make_old, shape

import gov_pipelines.store.migrations as scripts
from gov_pipelines.errors import GovError
from gov_pipelines.store import open_store
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata


def test_every_schema_version_has_its_script():
    found = ScriptDirectory(str(Path(scripts.__file__).parent))
    assert [each.revision for each in found.walk_revisions()] == [f"{n:04}" for n in range(SCHEMA_VERSION, 0, -1)]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_old_store_is_upgraded_and_keeps_what_it_holds(url, version):
    make_old(url, version)
    engine = open_store(url)
    assert_intact(engine, version)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    engine.dispose()
    open_store(url).dispose()


def test_a_migrated_store_is_made_like_a_new_one(url, request, tmp_path):
    make_old(url, 1)
    migrated = open_store(url)
    other = f"sqlite:///{tmp_path}/new.db" if url.startswith("sqlite") else request.getfixturevalue("postgres")()
    new = open_store(other)
    assert shape(migrated) == shape(new)
    new.dispose()
    migrated.dispose()


def test_processes_that_open_an_old_store_at_once_agree(url):
    make_old(url, 1)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_open, args=(url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    engine = open_store(url)
    assert_intact(engine, 1)
    engine.dispose()


def _open(url):
    open_store(url).dispose()


def _open_and_die(url, statement):
    """Open a store, and be killed after so many statements."""
    left = [statement]

    @sa.event.listens_for(sa.Engine, "after_cursor_execute")
    def _count(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    open_store(url).dispose()


def test_a_store_whose_upgrade_is_killed_is_old_or_new(home):
    make_old(home.store_url, 1)
    context = multiprocessing.get_context("fork")
    died, statement = True, 1
    while died:
        process = context.Process(target=_open_and_die, args=(home.store_url, statement))
        process.start()
        process.join(60)
        died, statement = process.exitcode == -signal.SIGKILL, statement + 9
        found = sa.create_engine(home.store_url)
        with found.connect() as connection:
            version = connection.scalar(sa.text("SELECT version FROM store_schema"))
        assert version == (1 if died else SCHEMA_VERSION)
        assert ("acts" in sa.inspect(found).get_table_names()) is not died
        found.dispose()
    assert statement > 30
    engine = open_store(home.store_url)
    assert_intact(engine, 1)
    engine.dispose()


def test_an_old_store_with_other_columns_is_refused_and_left_as_it_is(url):
    make_old(url, 1)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox DROP COLUMN reached")
    before = shape(engine)
    with pytest.raises(GovError, match=r"schema version 1 but other columns \(outbox\.reached\)"):
        open_store(url)
    assert shape(engine) == before
    engine.dispose()


def test_opening_a_current_store_imports_no_alembic(home):
    script = f"""
import sys
from gov_pipelines.store import open_store
open_store({home.store_url!r}).dispose()
open_store({home.store_url!r}).dispose()
sys.exit("alembic" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
