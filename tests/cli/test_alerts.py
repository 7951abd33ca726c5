"""`gov alerts` and `gov ack`, run as people would: a missed window, a failure, a person with a key."""

from __future__ import annotations

import json
import threading
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from types import SimpleNamespace

import pytest
from crew import Crew
from stored import alert

from gov_pipelines.cli import main
from gov_pipelines.notify import missed_window
from gov_pipelines.store import Home, enqueue, open_store

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = datetime.now(UTC)
FAILING = "lending|house/FL-1|2026-11-04|1|failing"
MISSED = "lending||2026-11-05|0|missed_window"
ALERTS = """\
routes:
  oncall: {escalate: {to: head, after: 2 hours}}
  head: {escalate: {to: board, after: 9 days}}
rules: [{notify: [oncall]}]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project in which a window was missed and a control began to fail yesterday, and somebody is enrolled."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "expectations").mkdir()
    (tmp_path / "alerts.yaml").write_text(ALERTS)
    home = Home(tmp_path / ".gov")
    crew = Crew(open_store(home.store_url), tmp_path / "people")
    crew.enrol("jane", "analyst")
    yesterday = NOW - timedelta(days=1)
    with crew.engine.begin() as connection:
        enqueue(
            connection,
            [
                alert(FAILING, title="house/FL-1 fails", notify=("oncall",), raised_at=yesterday),
                missed_window("lending", date(2026, 11, 5), reason="no source", notify=(), raised_at=yesterday),
                alert("over", control="house/FL-2", transition="recovered", raised_at=yesterday),
            ],
        )
    monkeypatch.chdir(tmp_path)
    for name in ("GOV_HOME", "GOV_STORE_URL", "GOV_ALERT_URLS", "GOV_PIPELINES_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    crew.engine.dispose()


def gov(*arguments):
    """The command in this process, which spares a second of imports a call."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    return SimpleNamespace(code=ended.value.code, out=out.getvalue(), err=err.getvalue())


def listed():
    return json.loads(gov("alerts", "--json").out)


def test_open_pages_say_since_when_who_is_next_and_where_they_wait(place):
    said = listed()
    first, second = said["pages"]
    assert {first["key"], second["key"]} == {FAILING, MISSED}
    page = next(each for each in said["pages"] if each["key"] == FAILING)
    assert (page["system"], page["control"], page["since"]) == ("lending", "house/FL-1", "2026-11-04")
    assert (page["acknowledged"], page["escalated"], page["next"]["route"]) == (None, ["head"], "board")
    assert page["waiting"] == {
        "route oncall": "route oncall has no receiver; set GOV_ALERT_URLS_ONCALL or GOV_ALERT_URLS to an address"
    }
    assert [each["key"] for each in said["waiting"]] == ["over"]
    text = gov("alerts").out
    for words in (
        "house/FL-1 fails",
        "acknowledged by nobody",
        "goes to board at",
        "2 open pages. 1 other alerts wait.",
    ):
        assert words in text


def test_an_acknowledgement_says_whether_it_is_signed(place):
    said = gov("ack", FAILING, "--as", "omar", "--why", "Rolled back.")
    assert "house/FL-1 fails: acknowledged by omar, not signed." in said.out
    key = str(place / "people" / "jane")
    signed = json.loads(
        gov("ack", "--system", "lending", "--as", "jane", "--why", "On it.", "--key", key, "--json").out
    )
    assert signed == {"acknowledged": [FAILING, MISSED], "signed": True}
    pages = {each["key"]: each for each in listed()["pages"]}
    one, two = pages[FAILING]["acknowledged"], pages[MISSED]["acknowledged"]
    assert (one["by"], one["why"], one["signed"]) == ("omar", "Rolled back.", False), "the first stands"
    assert (two["by"], two["signed"]) == ("jane", True)
    assert pages[MISSED]["next"] is None
    assert "acknowledged by jane (signed)" in gov("alerts").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name either an alert's key"),
        ((FAILING, "--system", "lending"), "Name either an alert's key"),
        (("lending|house/FL-1|2026-11-04|1|failin",), "Did you mean"),
        (("--system", "lending", "--control", "house/FL-9"), "No open page is meant"),
    ],
)
def test_an_acknowledgement_of_nothing_is_refused(place, arguments, words):
    said = gov("ack", *arguments, "--as", "omar", "--why", "x")
    assert said.code == 2
    assert words in said.err


def test_a_name_without_its_key_cannot_sign(place):
    said = gov("ack", FAILING, "--as", "omar", "--why", "x", "--key", str(place / "people" / "jane"))
    assert said.code == 2
    assert "omar is not enrolled" in said.err
    assert listed()["pages"][0]["acknowledged"] is None


@pytest.fixture
def answers():
    """A receiver that answers with what is asked in its path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(self.path.rsplit("/", 1)[1]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield lambda status: f"json://127.0.0.1:{server.server_port}/s3cr3t/{status}"
    server.shutdown()
    server.server_close()


def test_a_test_message_says_who_took_it_and_shows_no_address(place, monkeypatch, answers):
    monkeypatch.setenv("GOV_ALERT_URLS", answers(200))
    monkeypatch.setenv("GOV_ALERT_URLS_HEAD", f"{answers(200)} {answers(503)}")
    said = gov("alerts", "test")
    assert said.code == 3
    assert said.out.splitlines() == [
        "route default, receiver 1 of 1  took it",
        "route head, receiver 1 of 2     took it",
        "route head, receiver 2 of 2     answered with HTTP status 503",
    ]
    well = gov("alerts", "test", "--route", "default", "--json")
    assert (well.code, json.loads(well.out)) == (0, {"route default, receiver 1 of 1": None})
    assert "s3cr3t" not in said.out + said.err + well.out + well.err


def test_a_test_without_receivers_says_what_to_set(place):
    said = gov("alerts", "test")
    assert said.code == 2
    assert "GOV_ALERT_URLS" in said.err
