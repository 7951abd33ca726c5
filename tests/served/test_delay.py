"""How long it takes from a logged decision to a delivered alert, on Dagster's own daemon.

Slow (minutes): run it by `make served`. The scheduled times are put two minutes ahead; nothing else is shortened.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command import ROOT
from projects import declared, found_home, house

from gov_pipelines.pipeline.instance import open_instance
from gov_pipelines.project import Project

pytestmark = [pytest.mark.served, pytest.mark.timeout(900)]
DEFS = """\
  partitions: {partitions}
  source: {{url_env: LOANS_URL, table: {system}, zone: UTC}}
  columns: {{decision_id: id, decided_at: at, decision: d}}
  outcomes: {{favorable: [yes], unfavorable: [no]}}
  protected_attributes: {{sex: {{}}}}
  schedule: {schedule}
"""
CLAUSES = """\
  - id: H-1
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1, severity: critical}
"""
WORKSPACE = "load_from: [{python_module: {module_name: gov_pipelines.definitions, location_name: gov_pipelines}}]\n"


class Receiver(ThreadingHTTPServer):
    """Notes when it first hears of each system, and what."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, system, seconds):
        end = time.monotonic() + seconds
        while system not in self.heard:
            assert time.monotonic() < end, f"nobody heard of {system}; only of {self.heard}"
            time.sleep(0.5)
        return self.heard[system]


class Handler(BaseHTTPRequestHandler):
    """Takes what Apprise posts as JSON."""

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for system in ("nightly_loans", "hourly_loans", "arriving_loans"):
            if system in said["title"]:
                self.server.heard.setdefault(system, (datetime.now(UTC), said["title"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def decide(root, table, at, rows=20):
    """Decisions of which every other one is `perhaps`, which nobody declared."""
    with sqlite3.connect(root / "loans.db") as database:
        made = [(f"L{n}", f"{at:%Y-%m-%d %H:%M:%S}.{n:06}", "yes" if n % 2 else "perhaps", "f") for n in range(rows)]
        database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", made)


@pytest.fixture
def scheduled():
    """A minute that is about to come."""
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=3)


@pytest.fixture
def project(tmp_path, scheduled):
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "house.yaml").write_text(house(CLAUSES))
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    starts, later = scheduled.date() - timedelta(days=1), (scheduled.minute + 40) % 60
    for system, partitions, schedule in (
        ("nightly_loans", "daily", f'{{at: "{scheduled:%H:%M}"}}'),
        ("hourly_loans", "hourly", f"{{minute: {scheduled.minute}}}"),
        ("arriving_loans", "hourly", f"{{minute: {later}, on_arrival: true}}"),
    ):
        (tmp_path / "assets" / system).mkdir(parents=True)
        more = DEFS.format(system=system, partitions=partitions, schedule=schedule)
        (tmp_path / "assets" / system / "defs.yaml").write_text(declared(more, starts, system))
        with sqlite3.connect(tmp_path / "loans.db") as database:
            database.execute(f"CREATE TABLE {system} (id TEXT, at TIMESTAMP, d TEXT, sex TEXT)")
    found_home(tmp_path / ".gov", created=datetime.now(UTC))
    return tmp_path


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server
        server.shutdown()


@pytest.fixture
def daemon(project, receiver, monkeypatch):
    """Dagster's daemon with a code server of its own, as `deploy/` starts it."""
    told = {
        "GOV_PIPELINES_PROJECT": str(project), "GOV_HOME": str(project / ".gov"), "GOV_STORE_URL": "",
        "LOANS_URL": f"sqlite:///{project / 'loans.db'}",
        "GOV_ALERT_URLS": f"json://127.0.0.1:{receiver.server_address[1]}/",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GOV_DAGSTER_URL", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards, for opening sets it
    open_instance(Project(project, project / ".gov")).dispose()
    log = (project / "daemon.log").open("w")
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    process = subprocess.Popen(command, cwd=project, stdout=log, stderr=log, start_new_session=True)
    yield process
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    log.close()


@pytest.mark.usefixtures("daemon")
def test_an_alert_comes_within_half_an_hour_by_night_and_ten_minutes_by_the_hour(project, receiver, scheduled):
    this_hour = scheduled.replace(minute=0)
    decide(project, "nightly_loans", scheduled.replace(hour=12, minute=0) - timedelta(days=1))
    decide(project, "hourly_loans", this_hour - timedelta(minutes=30))
    wait = (scheduled - datetime.now(UTC)).total_seconds()
    hourly, nightly = (receiver.wait_for(f"{each}_loans", wait + 300)[0] for each in ("hourly", "nightly"))
    over = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    arrived = datetime.now(UTC)
    decide(project, "arriving_loans", over - timedelta(minutes=30))
    arriving, title = receiver.wait_for("arriving_loans", 400)
    delays = {
        "nightly, from the scheduled hour": (nightly - scheduled, 30),
        "hourly, from the scheduled minute": (hourly - scheduled, 10),
        "on arrival, from the row's insertion": (arriving - arrived, 10),
    }
    for what, (delay, most) in delays.items():
        print(f"{what}: {delay.total_seconds():.0f} s until the alert was delivered, {most} min at most")
        assert timedelta() < delay < timedelta(minutes=most)
    assert "H-1" in title
