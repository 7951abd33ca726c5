# ruff: noqa: PLC0415  (the child process imports what it patches)
"""SIGKILL in the middle of each asset, then again: the same findings, nothing lost, nothing twice."""

import multiprocessing
import os
import shutil
import signal
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from command import ROOT
from projects import found_home

from gov_pipelines.cli.demo.loanapp import SYSTEM, build_database
from gov_pipelines.evidence import DEMO_KEY_NAME, verify
from gov_pipelines.store import Home, all_snapshots, open_store, pending, reading, verdicts_of

DAY = date(2026, 9, 8)  # two decisions by an unapproved model: something to alert on

# A file that an asset writes, the moment it is renamed into place or once it is; what comes between signing and the ledger.
MOMENTS = [
    *((name, "before") for name in (
        "decision_log.parquet", "rows.json", "reading.json", "decision_verdicts.parquet", "access_patterns.json", "tally.json",
        "fairness_metrics.json", "distribution_shift.json", "sign_package", "write_folder", "record_snapshot",
    )),
    ("put_verdicts", "after"), ("record_snapshot", "after"),
]  # fmt: skip
# Their neighbours, which cost as much and differ in less.
MORE = [
    *((name, "before") for name in (
        "quarantine.parquet", "fingerprints.parquet", "salts.parquet", "decision_reasons.parquet", "access_log.parquet",
        "second_opinion.json", "put_verdicts",
    )),
    *((name, "after") for name in ("quarantine.parquet", "decision_log.parquet", "distribution_shift.json", "sign_package")),
]  # fmt: skip

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["gov_pipelines.definitions", "gov_pipelines.pipeline.signing", "great_expectations", "fairlearn.metrics"]
)


def audit_day(home: str, kill: tuple[str, str] | None) -> None:
    """Audit the day through Dagster in this process; die by SIGKILL at the moment named."""
    os.environ |= {"GOV_HOME": home, "MORTGAGE_DECISIONS_URL": f"sqlite:///{home}/demo/decisions.db"}
    from gov_pipelines.definitions import load
    from gov_pipelines.pipeline import AuditHome, audit
    from gov_pipelines.pipeline.instance import open_instance
    from gov_pipelines.project import Project

    if kill:
        _arm(*kill)
    project = Project(ROOT, Path(home))
    resource = AuditHome.of(project)
    with open_instance(project) as instance:
        runs = audit(
            SYSTEM, [DAY], instance, definitions=load(project, os.environ, resource), home=resource, report=False
        )
    assert [run.done for run in runs] == [True]


def _arm(name: str, when: str) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if "." in name:
        rename = Path.replace

        def replace(self, target):
            if Path(target).name == name and when == "before":
                die()
            rename(self, target)
            if Path(target).name == name:
                die()

        Path.replace = replace
        return
    from gov_pipelines.evidence import package
    from gov_pipelines.pipeline import signing, verdicts

    owner = {"put_verdicts": verdicts, "write_folder": package}.get(name, signing)
    real = getattr(owner, name)

    def killed(*args, **kwargs):
        if when == "before":
            die()
        real(*args, **kwargs)
        die()

    setattr(owner, name, killed)


def run(home: Path, kill: tuple[str, str] | None = None) -> int:
    child = FORKS.Process(target=audit_day, args=(str(home), kill))
    child.start()
    child.join(120)
    assert child.exitcode is not None, "the audit hangs"
    return child.exitcode


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory) -> Path:
    """A demo's home with its database and key, not audited."""
    home = tmp_path_factory.mktemp("kills") / "home"
    build_database(home / "demo" / "decisions.db")
    from datetime import UTC, datetime

    found_home(home, DEMO_KEY_NAME, datetime(2026, 10, 1, tzinfo=UTC))
    return home


@pytest.fixture(scope="module")
def undisturbed(empty_home, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(empty_home, home)
    assert run(home) == 0
    return home


def findings(home: Path):
    engine = open_store(Home(home).store_url)
    with reading(engine) as connection:
        chain = all_snapshots(connection, SYSTEM)
        verdicts = [
            (row.control, row.revision, row.verdict, row.reason) for row in verdicts_of(connection, SYSTEM, DAY)
        ]
        alerts = sorted(row.alert.key for row in pending(connection))
    engine.dispose()
    return [row.content_digest for row in chain], verdicts, alerts


@pytest.mark.parametrize(
    ("name", "when"), [*MOMENTS, *(pytest.param(*more, marks=pytest.mark.faults) for more in MORE)]
)
def test_killed_and_run_again_finds_the_same(empty_home, undisturbed, tmp_path, name, when):
    home = tmp_path / "home"
    shutil.copytree(empty_home, home)
    assert run(home, (name, when)) == -signal.SIGKILL
    assert run(home) == 0
    assert findings(home) == findings(undisturbed)  # one snapshot, one row a control, each alert once
    log, reference = (
        pl.read_parquet(Home(each).partition_dir(SYSTEM, DAY) / "decision_log.parquet") for each in (home, undisturbed)
    )
    assert log.equals(reference)
    result = verify.verify(home / "evidence")
    assert result.ok, result.failures


def test_run_again_without_a_kill_changes_nothing(undisturbed):
    before = findings(undisturbed)
    assert run(undisturbed) == 0
    assert findings(undisturbed) == before
