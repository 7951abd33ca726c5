"""Stores of every earlier schema version, with rows in all their tables, opened by this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from stored import DAY, NOW, alert, snapshot_row, verdict_row

import gov_pipelines.store.migrations as scripts
from gov_pipelines.errors import GovError
from gov_pipelines.store import (
    ActRow,
    FindingEvent,
    Opening,
    act_rows,
    all_snapshots,
    findings_recorded,
    open_store,
    opened_at,
    pending,
    reading,
    verdict_history,
)
from gov_pipelines.store.migrations.versions import v0001, v0002
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata

VERDICTS = [
    verdict_row(attribute=("race",), group={"race": None}, value=0.71, lower=0.6, n=200),
    verdict_row(control="house/FL-2", verdict="missing", revision=2),
    verdict_row(control="house/FL-1", revision=2),
]
SNAPSHOTS = [snapshot_row(1), snapshot_row(2, revision=2), snapshot_row(3, partition=DAY.replace(day=5))]
ALERTS = [alert("one", notify=("on call",)), alert("two", control=None, transition="missed_window")]
FINDING = FindingEvent(
    key="k", finding="F-1", event="opened", system="lending", partition=DAY, snapshot="a" * 64, at=NOW, said={"due": 3}
)
ACT = ActRow(id="a" * 64, kind="review", system=None, envelope="{}", recorded_at=NOW)
OPENING = Opening(key_id="k", system="lending", decision_id="d", revision=1, opened_at=NOW)
POLICY = {"name": "house", "version": 3, "digest": "d", "text": "{}", "in_force_from": DAY, "recorded_at": NOW}


def make_old(url, version):
    """A store as the gov_pipelines of that schema version left it."""
    if url.startswith("sqlite"):
        Path(sa.make_url(url).database).parent.mkdir(exist_ok=True)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        scripts.upgrade(connection, 0, version)

        def fill(layout, name, rows):
            table = layout.tables[name]
            taken = [{key: value for key, value in row.items() if key in table.columns} for row in rows]
            connection.execute(sa.insert(table), taken)

        waiting = {"reached": ["0123abcd"], "attempts": 2, "last_error": "refused"}
        fill(v0001.layout, "store_schema", [{"version": version}])
        fill(v0001.layout, "control_verdicts", map(asdict, VERDICTS))
        fill(v0001.layout, "snapshots", map(asdict, SNAPSHOTS))
        fill(v0001.layout, "outbox", [asdict(each) | waiting for each in ALERTS])
        fill(v0001.layout, "policy_versions", [POLICY])
        if version > 1:
            fill(v0002.layout, "acts", [asdict(ACT)])
            fill(v0002.layout, "openings", [asdict(OPENING)])
            fill(v0002.layout, "finding_events", [asdict(FINDING)])
    engine.dispose()


def assert_intact(engine, version):
    with reading(engine) as connection:
        assert verdict_history(connection, "lending") == [VERDICTS[2], VERDICTS[1]]
        assert connection.scalar(sa.text("SELECT count(*) FROM control_verdicts")) == len(VERDICTS)
        assert all_snapshots(connection, "lending") == SNAPSHOTS
        waiting = pending(connection)
        assert [each.alert for each in waiting] == ALERTS
        assert {(each.reached, each.attempts, each.last_error) for each in waiting} == {
            (frozenset({"0123abcd"}), 2, "refused")
        }
        assert connection.scalar(sa.text("SELECT name FROM policy_versions")) == "house"
        if version > 1:
            assert act_rows(connection) == [ACT]
            assert opened_at(connection, "k", "lending", "d", 1) == NOW
            assert findings_recorded(connection) == [FINDING]
        if connection.dialect.name == "sqlite":
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
            assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1


def shape(engine):
    """What a database says of its tables; neither the order of columns nor how a type is spelled."""
    inspector = sa.inspect(engine)

    def plain(found):
        return sorted(str({key: value for key, value in each.items() if key != "comment"}) for each in found)

    return {
        name: (
            plain({**each, "type": str(each["type"])} for each in inspector.get_columns(name)),
            inspector.get_pk_constraint(name),
            plain(inspector.get_check_constraints(name)),
            plain(inspector.get_foreign_keys(name)),
            plain(inspector.get_unique_constraints(name)),
            plain(inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
    }


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
    context = multiprocessing.get_context("spawn" if url.startswith("postgresql") else "fork")
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
