"""What `gov doctor` finds of a home that is well, and of one where each thing in turn is not."""

import json
import socketserver
import sys
import threading
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from bank import FIRST, START, Bank
from command import let_go
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._daemon.types import DaemonHeartbeat
from stored import alert

from gov_pipelines.cli import main
from gov_pipelines.cli.doctor import _answers
from gov_pipelines.definitions import load
from gov_pipelines.evidence import DEMO_KEY_NAME, generate, load_public
from gov_pipelines.evidence.roots import current_roots, sign_root
from gov_pipelines.evidence.succession import NEXT, holders, next_root, publish, replaced
from gov_pipelines.notify.reaching import Server, server_of, unanswered
from gov_pipelines.notify.routes import Receiver
from gov_pipelines.pipeline.health import Finding
from gov_pipelines.pipeline.instance import open_instance
from gov_pipelines.project import Project
from gov_pipelines.store import Home, enqueue, open_store


@pytest.fixture
def receiver():
    """A server that takes connections and notes what it was sent."""

    class Note(socketserver.BaseRequestHandler):
        def handle(self):
            self.server.heard.append(self.request.recv(1000))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Note) as server:
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A bank with one audited night and nothing wrong but that no daemon runs."""
    bank = Bank(tmp_path_factory.mktemp("audited") / "bank")
    bank.declare((bank.root / "assets" / "loans" / "defs.yaml").read_text() + "  ends: 2026-09-02\n")
    return bank.audit()


@pytest.fixture
def bank(audited, tmp_path, monkeypatch, receiver):
    """A copy of it; commands are called in it."""
    bank = audited.copy(tmp_path / "bank")
    monkeypatch.chdir(bank.root)
    monkeypatch.syspath_prepend(bank.root)
    monkeypatch.setenv("GOV_HOME", str(bank.root / ".gov"))
    monkeypatch.setenv("GOV_PIPELINES_PROJECT", str(bank.root))
    monkeypatch.setenv("DAGSTER_HOME", "set, and set back, by this")
    monkeypatch.setenv("GOV_ALERT_URLS", f"json://token@127.0.0.1:{receiver.server_address[1]}/hook")
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        monkeypatch.delitem(sys.modules, name)
    return bank


@pytest.fixture
def ask(bank, capsys):
    """The findings by what was looked at, and the exit code."""

    def run():
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["doctor", "--json"])
        written = capsys.readouterr()
        assert "token" not in written.out + written.err
        found = {each["check"]: each for each in json.loads(written.out)}
        assert (ended.value.code or 0) == any(each["state"] == "bad" for each in found.values())
        return found

    return run


def states(found):
    return {check: each["state"] for check, each in found.items()}


def test_a_home_that_is_well(bank, ask, receiver):
    now = datetime.now(UTC).timestamp()
    with open_instance(Project(bank.root, bank.root / ".gov")) as instance:
        for kind in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(now, kind, "id", []))
    found = ask()
    assert set(states(found).values()) == {"ok"}, found
    assert {"store", "keys", "clock", "disk", "Dagster", "daemon SENSOR", "runs", "schedules and sensors", "alerts", "files",
            "windows", "source loans.csv", "route default, receiver 1 of 1"} <= found.keys()  # fmt: skip
    assert receiver.heard in ([], [b""])  # connected to, and told nothing


def test_everything_that_can_be_wrong_is_found(bank, ask, monkeypatch):
    """One home in which all goes wrong at once: each check names its own."""
    project = Project(bank.root, bank.root / ".gov")
    home = Home(project.home)
    repository = load(project, {}).get_repository_def()
    with open_instance(project) as instance:
        stale = datetime.now(UTC).timestamp() - 3600
        instance.add_daemon_heartbeat(DaemonHeartbeat(stale, "SCHEDULER", "id", []))
        sensor = repository.sensor_defs[0]
        origin = dg._core.remote_origin.RemoteInstigatorOrigin(
            dg._core.remote_origin.RemoteRepositoryOrigin(
                dg._core.remote_origin.RegisteredCodeLocationOrigin("gov_pipelines"), "repo"
            ),
            sensor.name,
        )
        instance.add_instigator_state(
            InstigatorState(
                origin, dg._core.definitions.run_request.InstigatorType.SENSOR, InstigatorStatus.STOPPED,
                SensorInstigatorData(),
            )
        )  # fmt: skip
        instance.create_run_for_job(repository.get_job("audit_loans"), status=dg.DagsterRunStatus.STARTED)
        monkeypatch.setattr("gov_pipelines.pipeline.health.SILENCE", {False: timedelta(0)})
    engine = open_store(home.store_url)
    with engine.begin() as connection:
        enqueue(connection, [alert("late", system="loans")])
        connection.exec_driver_sql("UPDATE snapshots SET signed_at = '2100-01-01 00:00:00.000000'")
    engine.dispose()
    (home.keys_dir / "signing.pem").chmod(0o640)
    (bank.root / "loans.csv").unlink()
    bank.policy((bank.root / "expectations" / "house.yaml").read_text().replace("version: 1", "versio: 1"))
    monkeypatch.setenv("GOV_ALERT_URLS", "json://token@127.0.0.1:1/hook")
    found = ask()
    for check in (
        "daemon SENSOR", "daemon SCHEDULER", f"schedule {sensor.name}", "runs", "keys", "clock", "files", "alerts",
        "source loans.csv",
    ):  # fmt: skip
        assert found[check]["state"] == "bad", found[check]
        assert found[check]["found"]
    assert "60 minutes ago" in found["daemon SCHEDULER"]["found"]
    assert "mode 640" in found["keys"]["found"]
    assert "set back" in found["clock"]["found"]


def test_the_ledger_is_computed_anew_and_the_store_held_against_it(bank, ask):
    assert ask()["ledger"]["found"] == "sound"
    bank.review("sue", "B")
    found = ask()["ledger"]
    assert (found["state"], found["found"]) == ("ok", "sound, 1 entries wait for the next night")
    bank.rows["H"] = bank.rows["F"].replace("F", "H", 1)
    bank.audit()
    with bank.night().store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM acts WHERE kind = 'review'")
    found = ask()["ledger"]
    assert (found["state"], found["found"]) == (
        "bad",
        "the store has lost what the ledger holds: 1 signed acts of people",
    )
    assert "restore" in found["do"]
    checkpoint = bank.root / ".gov" / "evidence" / "ledger" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n\n", b"\nmore\n\n", 1))
    assert ask()["ledger"]["state"] == "bad"
    checkpoint.unlink()
    assert ask()["ledger"]["state"] == "bad"  # tiles go beyond a ledger that seems not to have begun


def test_an_owed_window_a_dead_receiver_and_a_route_to_nowhere(bank, ask, monkeypatch):
    text = (bank.root / "assets" / "loans" / "defs.yaml").read_text()
    bank.declare(text.replace("  ends: 2026-09-02\n", "").replace("starts: 2026-09-01", f"starts: {FIRST}"))
    monkeypatch.setattr("gov_pipelines.cli.place.datetime", _at(datetime.now(UTC) + timedelta(days=3)))
    monkeypatch.setenv(
        "GOV_ALERT_URLS", "json://token@127.0.0.1:1/hook mailto://me:token@localhost:1?to=you@b.com&from=me@b.com"
    )
    found = ask()
    assert found["windows of loans"]["state"] == "bad"
    assert "gov audit loans --from" in found["windows of loans"]["do"]
    for number in (1, 2):
        assert "does not answer" in found[f"route default, receiver {number} of 2"]["found"]
    monkeypatch.delenv("GOV_ALERT_URLS")
    assert "has no receiver" in ask()["routes"]["found"]


def _at(moment):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    return Clock


def test_the_demos_key_is_refused_with_postgresql(bank, ask, monkeypatch, postgres, tmp_path):
    keys = Home(bank.root / ".gov").keys_dir
    keys.rename(tmp_path / "keys")
    generate(keys, name=DEMO_KEY_NAME, created=datetime.now(UTC))
    assert states(ask())["keys"] == "warn"
    monkeypatch.setenv("GOV_STORE_URL", postgres())
    found = ask()
    assert found["keys"]["state"] == "bad"
    assert (found["store"]["state"], found["clock"]["state"]) == ("ok", "ok")
    assert "the database's" in found["clock"]["found"]
    let_go()


def test_a_restored_home_is_told_which_key_to_put_back(bank, ask, tmp_path):
    keys = Home(bank.root / ".gov").keys_dir
    old = load_public(keys).keyid
    (keys / "signing.pem").rename(tmp_path / "signing.pem")
    missing = ask()["keys"]
    (keys / "signing.pub.json").unlink()
    generate(keys, name="made after the restore", created=datetime.now(UTC))
    for found in (missing, ask()["keys"]):
        assert found["state"] == "bad"
        assert old in found["do"]
        assert str(keys) in found["do"]


def test_a_key_that_was_replaced_on_purpose_is_well(bank, ask):
    home = Home(bank.root / ".gov")
    before, new = current_roots(home.roots_dir)[-1], generate(home.keys_dir / NEXT, name="next", created=START)
    data = next_root(before, START, replaced(before, bank.home.public, new.public))
    publish(home.keys_dir, home.roots_dir, sign_root(sign_root(data, bank.home), new))
    found = ask()["keys"]
    assert (found["state"], found["found"]) == ("ok", "signs as next, by version 2 of the root of trust")


def test_a_root_of_trust_that_soon_ends_is_told_in_time(bank, ask):
    home = Home(bank.root / ".gov")
    before = current_roots(home.roots_dir)[-1]
    data = next_root(before, START, holders(before), expires=datetime.now(UTC) + timedelta(days=59))
    publish(home.keys_dir, home.roots_dir, sign_root(data, bank.home))
    assert ask()["keys"]["state"] == "warn"
    assert "gov keys root new-version --expires" in ask()["keys"]["do"]


def test_a_check_that_hangs_holds_nobody_up(monkeypatch):
    monkeypatch.setattr("gov_pipelines.cli.doctor._SECONDS", 0.2)
    never = threading.Event()
    found = _answers({"slow": lambda: [never.wait()], "quick": lambda: [Finding("quick", "ok", "done")]})
    assert [(each.check, each.state) for each in found] == [("slow", "bad"), ("quick", "ok")]
    never.set()


def test_a_check_that_breaks_says_nothing_of_what_it_read():
    def broken():
        raise ValueError("Ann Smith, 555-1234")

    (found,) = _answers({"broken": broken})
    assert (found.state, found.found) == ("unknown", "the check failed with ValueError")


@pytest.mark.parametrize(
    ("url", "host", "port", "greets"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "hooks.slack.com", 443, False),
        ("mailto://me:token@localhost:25?to=you@b.com&from=me@b.com", "localhost", 25, True),
        ("jsons://token@inside/hook", "inside", 443, False),
        ("webhook+https://inside:8443/x#whsec_AAAA", "inside", 8443, False),
    ],
)
def test_a_receivers_server_is_found_and_no_token_is_taken_for_its_name(url, host, port, greets):
    assert server_of(Receiver("r", "f", url)) == Server(host, port, greets)


def test_a_mail_server_that_is_not_ready_is_told(receiver):
    receiver.RequestHandlerClass.handle = lambda self: self.request.sendall(b"554 no")
    assert unanswered(Server("127.0.0.1", receiver.server_address[1], greets=True), 5) == "its mail server is not ready"
