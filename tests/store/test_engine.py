from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from gov_pipelines.errors import GovError, SourceUnreachable, WrongUse
from gov_pipelines.policy import Policy
from gov_pipelines.store import Home, open_store, reading, record_policy
from gov_pipelines.store.policies import policy_versions
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata, store_schema

NOW = datetime(2026, 11, 5, 7, 30, 15, 123456, tzinfo=UTC)
DAY = NOW.date()


def write(connection, name="house", version=1, at=NOW):
    said = {"policy": name, "version": version, "in_force": {"from": DAY}, "owner": "o", "document": {"title": "t"}}
    clause = {"id": "A-1", "text": "Be fair.", "level": "runtime"}
    return record_policy(connection, Policy.model_validate(said | {"clauses": [clause]}), at)


def names(connection):
    return list(connection.scalars(sa.select(policy_versions.c.name)))


def test_an_empty_store_gets_all_tables_and_a_version(url):
    engine = open_store(url)
    assert set(sa.inspect(engine).get_table_names()) == set(metadata.tables)
    with reading(engine) as connection:
        assert connection.scalar(sa.select(store_schema.c.version)) == SCHEMA_VERSION
    engine.dispose()


def test_an_opened_store_keeps_what_it_holds(url):
    first = open_store(url)
    with first.begin() as connection:
        write(connection)
    first.dispose()
    second = open_store(url)
    with reading(second) as connection:
        assert names(connection) == ["house"]
    second.dispose()


def test_another_schema_version_is_refused_in_words(url):
    engine = open_store(url)
    with engine.begin() as connection:
        connection.execute(sa.update(store_schema).values(version=99))
    engine.dispose()
    with pytest.raises(GovError, match=r"schema version 99; this gov_pipelines reads version \d+.*GOV_HOME"):
        open_store(url)


def test_a_database_of_something_else_is_refused(url, home):
    home.root.mkdir()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE outbox (id INTEGER)")
    engine.dispose()
    with pytest.raises(GovError, match="table named outbox but no schema version"):
        open_store(url)


@pytest.mark.parametrize("change", ["DROP COLUMN title", "ADD COLUMN unheard_of INTEGER"])
def test_a_store_with_other_columns_is_refused_in_words(url, change):
    engine = open_store(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE outbox {change}")
    engine.dispose()
    with pytest.raises(GovError, match=rf"other columns \(outbox\.{change.split()[2]}\).*GOV_HOME"):
        open_store(url)


def test_the_file_and_what_sqlite_lays_beside_it_are_the_owners_alone(home):
    engine = open_store(home.store_url)
    with engine.begin() as connection:
        write(connection)
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.root.iterdir()}
    engine.dispose()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("hidden", "cannot be read"),
        ("mysql://u:hidden@h/d", "does not run on mysql"),
        ("postgresql+asyncpg://u:hidden@h/d", "driver of postgresql.asyncpg is not installed"),
        ("postgresql+nosuch://u:hidden@h/d", "driver of postgresql.nosuch is not installed"),
    ],
)
def test_an_unusable_url_is_wrong_use(url, words):
    with pytest.raises(WrongUse, match=words) as caught:
        open_store(url)
    assert "hidden" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SourceUnreachable, match="cannot be created"):
        open_store(Home(tmp_path / "file").store_url)


def test_a_file_that_is_no_database_is_said(home):
    home.root.mkdir()
    (home.root / "store.db").write_text("not a database, and longer than the sixteen bytes of SQLite's own header" * 20)
    with pytest.raises(SourceUnreachable, match="did not answer as a database does"):
        open_store(home.store_url)


def test_a_server_that_does_not_answer_is_named_without_its_password():
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: psycopg not installed")
    with pytest.raises(SourceUnreachable, match=r"gov on 127\.0\.0\.1 did not answer") as caught:
        open_store("postgresql+psycopg://someone:hidden@127.0.0.1:1/gov?connect_timeout=2")
    assert "hidden" not in str(caught.value)


def test_instants_come_back_aware_and_in_utc(engine):
    local = NOW.astimezone(timezone(timedelta(hours=-5)))
    with engine.begin() as connection:
        recorded = write(connection, at=local)
    assert (recorded, recorded.tzinfo) == (NOW, UTC)


def test_a_naive_datetime_is_refused(engine):
    with pytest.raises(StatementError, match="has no time zone"), engine.begin() as connection:
        write(connection, at=NOW.replace(tzinfo=None))


def test_a_reader_sees_one_state_and_never_holds_up_a_writer(engine):
    with reading(engine) as reader:
        assert names(reader) == []
        with engine.begin() as writer:
            write(writer)
        assert names(reader) == []
    with reading(engine) as reader:
        assert len(names(reader)) == 1


def test_transactions_that_read_before_they_write_wait_for_each_other(engine):
    """With SQLite's deferred transactions the second of these fails at once: `database is locked`."""
    both_have_begun = threading.Barrier(2)
    failures = []

    def read_then_write(system):
        both_have_begun.wait()
        try:
            for version in range(1, 21):
                with engine.begin() as connection:
                    names(connection)
                    write(connection, system, version)
        except Exception as error:  # noqa: BLE001  # handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=read_then_write, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with reading(engine) as connection:
        assert sorted(names(connection)) == ["one"] * 20 + ["two"] * 20


def _open_and_note(url: str, system: str) -> None:
    engine = open_store(url)
    with engine.begin() as connection:
        write(connection, system)
    engine.dispose()


def test_processes_that_create_one_store_at_once_agree(home: Home):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_open_and_note, args=(home.store_url, f"s{i}")) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    engine = open_store(home.store_url)
    with reading(engine) as connection:
        assert sorted(names(connection)) == [f"s{i}" for i in range(4)]
    engine.dispose()


def test_the_home_is_relative_to_where_it_was_named(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = Home(Path(".gov")).store_url
    monkeypatch.chdir("/")
    open_store(url).dispose()
    assert (tmp_path / ".gov" / "store.db").exists()


def test_postgresql_is_tested_too(postgres):
    open_store(postgres()).dispose()
