"""`gov audit`: exit codes, missed windows, revisions."""

import json
import shutil
import sqlite3
from datetime import date

import pytest
from command import copy_home, told

from gov_pipelines.cli.demo.loanapp import SYSTEM
from gov_pipelines.pipeline import assets
from gov_pipelines.store import Home, open_store, pending, reading, snapshot_of, verdicts_of

DAY = date(2026, 9, 30)


@pytest.fixture
def home(demo_home, tmp_path):
    return copy_home(demo_home, tmp_path / "home")


def audit(home, *arguments, url=None, check):
    env = {"MORTGAGE_DECISIONS_URL": url or f"sqlite:///{home}/demo/{SYSTEM}.db"}
    return told("audit", SYSTEM, "--date", DAY, *arguments, home=home, env=env, check=check)


@pytest.fixture
def impatient(monkeypatch):
    """A source that does not answer is asked again as often, and at once."""
    monkeypatch.setattr(assets, "FIRST_WAIT", 0.01)


@pytest.fixture
def new_home(demo_home, tmp_path):
    """A home with nothing but the demo's keys."""
    shutil.copytree(demo_home / "keys", tmp_path / "home" / "keys")
    shutil.copytree(demo_home / "evidence" / "ledger" / "root", tmp_path / "home" / "evidence" / "ledger" / "root")
    return tmp_path / "home"


def stored(home):
    engine = open_store(Home(home).store_url)
    with reading(engine) as connection:
        found = snapshot_of(connection, SYSTEM, DAY), verdicts_of(connection, SYSTEM, DAY), pending(connection)
    engine.dispose()
    return found


def test_a_failing_control_ends_with_1_and_the_same_findings_sign_nothing(home):
    before = stored(home)
    runs = json.loads(audit(home, "--json", check=1).stdout)
    assert runs[0]["verdicts"]["house-fair-lending/FL-5"] == "fail"
    assert stored(home) == before


def test_a_correction_in_the_source_is_a_new_revision_that_names_the_old(home):
    with sqlite3.connect(home / "demo" / f"{SYSTEM}.db") as database:
        changed = database.execute(
            "UPDATE applications SET action = 'denied' WHERE application_id IN"
            " (SELECT application_id FROM applications WHERE decided_on LIKE '2026-09-30%' AND action = 'approved' LIMIT 1)"
        ).rowcount
    database.close()
    assert changed == 1
    first = stored(home)[0]
    audit(home, check=1)
    second = stored(home)[0]
    assert (second.revision, second.sequence) == (2, first.sequence + 1)
    assert second.content_digest != first.content_digest
    told("verify", home / "evidence", home=home, check=0)


@pytest.mark.usefixtures("impatient")
def test_an_unreachable_source_is_a_signed_missed_window_and_ends_with_3(demo_home, new_home, tmp_path):
    home = new_home
    done = audit(home, "--json", url=f"sqlite:///{tmp_path}/absent/decisions.db", check=3)
    run = json.loads(done.stdout)[0]
    assert run["unreachable"]
    assert run["verdicts"].pop("house-model-pilot/PL-1") == "not_applicable"  # its policy is over on that day
    assert set(run["verdicts"].values()) == {"missing"}
    snapshot, verdicts, waiting = stored(home)
    assert snapshot.revision == 1
    assert {row.verdict for row in verdicts if row.policy == "house-fair-lending"} == {"missing"}
    assert [row.alert.transition for row in waiting] == ["missed_window"]
    assert waiting[0].alert.notify == ("credit-risk-oncall",)
    told("verify", home / "evidence", home=home, check=0)
    # The source is back: the day is audited, as a revision of the missed one.
    copy_home(demo_home / "demo", home / "demo")
    audit(home, check=0)
    assert stored(home)[0].revision == 2


@pytest.mark.usefixtures("impatient")
def test_a_secret_in_the_url_is_never_printed(new_home, capfd):
    done = audit(new_home, url="postgresql+psycopg://audit:hunter2@127.0.0.1:1/none", check=3)
    assert "hunter2" not in "".join([done.stdout, done.stderr, *capfd.readouterr()])
    assert not any(b"hunter2" in path.read_bytes() for path in new_home.rglob("*") if path.is_file())


def test_missing_environment_variable_is_named(new_home):
    done = told("audit", SYSTEM, "--date", DAY, home=new_home, env={"MORTGAGE_DECISIONS_URL": ""})
    assert done.returncode in {1, 2, 3}
    assert "MORTGAGE_DECISIONS_URL" in done.stdout + done.stderr


@pytest.mark.usefixtures("impatient")
def test_a_day_missed_first_is_on_the_pages(new_home, tmp_path):
    audit(new_home, url=f"sqlite:///{tmp_path}/absent/decisions.db", check=3)
    told("report", home=new_home, check=0)
    page = (new_home / "report" / f"{SYSTEM}.html").read_text()
    assert "missing" in page
    assert DAY.isoformat() in page


def test_without_a_key_nothing_starts(tmp_path):
    done = audit(tmp_path / "home", check=2)
    assert "gov keys new --name" in done.stderr


def test_every_system_is_audited_and_one_whose_days_are_past_is_skipped(new_home):
    done = told("audit", "--all", home=new_home, check=0)
    assert "skipped: mortgage_underwriting has partitions from 2026-09-01 to 2026-09-30" in done.stderr


def test_an_as_of_before_the_days_end_is_refused(new_home):
    done = audit(new_home, "--as-of", "2026-09-30T12:00:00+0000", check=2)
    assert "is not over as of" in done.stderr
