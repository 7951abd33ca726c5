"""Dagster's tables in the home, or on PostgreSQL."""

import sys

import pytest
import yaml
from bank import FIRST, Bank
from dagster._core.storage.event_log import SqliteEventLogStorage

from gov_pipelines.definitions import load
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.pipeline import AuditHome, audit
from gov_pipelines.pipeline.event_log import OpenEventLog
from gov_pipelines.pipeline.instance import URL_VARIABLE, instance_settings, open_instance
from gov_pipelines.project import Project

OWN = "telemetry: {enabled: false}\n"


@pytest.fixture
def bank(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        monkeypatch.delitem(sys.modules, name)
    bank = Bank(tmp_path)
    bank.night()
    (tmp_path / "dagster.yaml").write_text(OWN)
    yield bank
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        del sys.modules[name]


@pytest.mark.parametrize("url", [None, "postgresql://someone:hidden@host/dagster"])
def test_settings_name_where_the_tables_are_and_never_a_secret(url):
    written = instance_settings(OWN, {URL_VARIABLE: url} if url else {}).decode()
    said = yaml.safe_load(written)
    assert said["telemetry"] == {"enabled": False}
    assert said["concurrency"]["runs"]["max_concurrent_runs"] == (4 if url else 1)
    assert said.get("storage") == ({"postgres": {"postgres_url": {"env": URL_VARIABLE}}} if url else None)
    assert "hidden" not in written


def test_what_the_project_says_stands():
    own = (
        "concurrency: {runs: {max_concurrent_runs: 9}, pools: {default_limit: 2}}\nstorage: {sqlite: {base_dir: /x}}\n"
    )
    said = yaml.safe_load(instance_settings(own, {URL_VARIABLE: "postgresql://h/d"}))
    assert said["concurrency"] == {"runs": {"max_concurrent_runs": 9}, "pools": {"default_limit": 2}}
    assert said["storage"] == {"sqlite": {"base_dir": "/x"}}


def test_a_run_is_recorded_in_the_files_that_dagster_itself_reads(bank, monkeypatch):
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "set, and set back, by this")
    project = Project(bank.root, bank.root / ".gov")
    home = AuditHome.of(project)
    with open_instance(project) as instance:
        (run,) = audit("loans", [FIRST], instance, definitions=load(project, {}, home), home=home, report=False)
        written = [each.dagster_event_type for each in instance.all_logs(run.run_id)]
    assert run.done
    folder = bank.root / ".gov" / "dagster" / "history" / "runs"
    assert {file.name for file in folder.iterdir()} == {
        "index.db",
        f"{run.run_id}.db",
    }  # closed: no write-ahead log is left
    own = SqliteEventLogStorage(str(folder))
    assert [each.dagster_event_type for each in own.get_logs_for_run(run.run_id)] == written
    assert len(own.all_asset_keys()) > 5


def test_only_so_many_files_are_kept_open(tmp_path):
    log = OpenEventLog(str(tmp_path))
    for number in range(40):
        assert log.get_logs_for_run(f"run-{number}") == []
    kept = {file.name for file in tmp_path.glob("*.db-wal")}
    assert len(kept) <= 16
    log.dispose()
    assert not list(tmp_path.glob("*.db-wal"))


def test_a_run_is_recorded_on_postgresql(bank, postgres, monkeypatch):
    url = postgres().replace("psycopg:", "psycopg2:")
    monkeypatch.setenv(URL_VARIABLE, url)
    monkeypatch.setenv("DAGSTER_HOME", "set, and set back, by this")
    project = Project(bank.root, bank.root / ".gov")
    home = AuditHome.of(project)
    with open_instance(project) as instance:
        (run,) = audit("loans", [FIRST], instance, definitions=load(project, {}, home), home=home, report=False)
    assert run.done
    assert url not in (bank.root / ".gov" / "dagster" / "dagster.yaml").read_text()
    with open_instance(project) as again:
        assert again.get_run_by_id(run.run_id).is_success
        assert type(again.run_storage).__module__.startswith("dagster_postgres")
    assert list((bank.root / ".gov" / "dagster").glob("**/*.db")) == []


def test_a_database_that_does_not_answer_is_said_without_its_password(bank, monkeypatch):
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _: None)  # it tries six times
    monkeypatch.setenv(URL_VARIABLE, "postgresql+psycopg2://someone:hidden@127.0.0.1:1/dagster")
    monkeypatch.setenv("DAGSTER_HOME", "set, and set back, by this")
    with pytest.raises(SourceUnreachable, match=URL_VARIABLE) as caught:
        open_instance(Project(bank.root, bank.root / ".gov")).run_storage.get_runs()
    assert "hidden" not in str(caught.value)


def test_another_driver_is_refused(bank, monkeypatch):
    monkeypatch.setenv(URL_VARIABLE, "postgresql://someone:hidden@host/dagster")
    monkeypatch.setenv("DAGSTER_HOME", "set, and set back, by this")
    with pytest.raises(WrongUse, match="must begin with") as caught:
        open_instance(Project(bank.root, bank.root / ".gov"))
    assert "hidden" not in str(caught.value)
