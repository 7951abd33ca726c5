from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from stored import DAY

from gov_pipelines.errors import WrongUse
from gov_pipelines.notify import deliver
from gov_pipelines.notify.delivery import back_off
from gov_pipelines.notify.reaching import server_of
from gov_pipelines.notify.routes import Receiver
from gov_pipelines.store import pending, pending_count, reading

# Apprise imports `imghdr` with its e-mail plugins; Python 3.11 warns that it goes, and Apprise has its own when it is gone.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)
DAY_LONG = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def waiting(engine):
    with reading(engine) as connection:
        return pending(connection)


def summary(delivery):
    return (delivery.delivered, delivery.failed, delivery.waiting)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_receiver_gets_the_message(engine, receiver, raised):
    alert = raised("a", body="Clause: Über § 4.2 & <b>\nAlert key: a")
    assert summary(deliver(engine, {"default": [receiver.url]}, NOW)) == (1, 0, 0)
    (message,) = receiver.taken
    assert (message["title"], message["message"], message["type"]) == (alert.title, alert.body, "failure")
    assert receiver.headers[0]["User-Agent"] == "gov_pipelines"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.paths == ["/hook/s3cr3t-t0k3n"]
    assert waiting(engine) == []


def test_what_is_delivered_is_not_sent_again(engine, receiver, raised):
    raised("a")
    for _ in range(3):
        raised("a")
        deliver(engine, {"default": [receiver.url]}, NOW)
    assert receiver.titles == ["a"]


@pytest.mark.parametrize(
    ("transition", "severity", "kind"),
    [
        ("failing", "critical", "failure"),
        ("failing", "warning", "warning"),
        ("missing", "info", "warning"),
        ("missed_window", "critical", "failure"),
        ("recovered", "critical", "success"),
    ],
)
def test_channels_can_colour_what_happened(engine, receiver, raised, transition, severity, kind):
    raised("a", transition=transition, severity=severity)
    deliver(engine, {"default": [receiver.url]}, NOW)
    assert receiver.taken[0]["type"] == kind


def test_a_refusal_is_tried_again_after_the_back_off_and_taken_once(engine, receiver, raised):
    receiver.answers = [500, 503]
    raised("a")
    routes = {"default": [receiver.url]}
    first = deliver(engine, routes, NOW)
    assert summary(first) == (0, 1, 0)
    assert first.problems == ("route default, receiver 1 of 1: answered with HTTP status 500",)
    assert summary(deliver(engine, routes, NOW + MINUTE - timedelta(seconds=1))) == (0, 0, 1)
    assert len(receiver.refused) == 1
    assert summary(deliver(engine, routes, NOW + MINUTE)) == (0, 1, 0)
    (fares,) = waiting(engine)[0].deliveries.values()
    assert fares.next_attempt_at == NOW + 3 * MINUTE
    assert summary(deliver(engine, routes, NOW + 3 * MINUTE)) == (1, 0, 0)
    assert (len(receiver.taken), len(receiver.refused)) == (1, 2)


def test_a_clock_that_was_set_back_holds_up_nothing(engine, receiver, raised):
    receiver.answers = [500]
    raised("a", raised_at=NOW)
    routes = {"default": [receiver.url]}
    deliver(engine, routes, NOW)
    assert summary(deliver(engine, routes, NOW - 3 * DAY_LONG)) == (1, 0, 0)


def test_the_back_off_doubles_up_to_an_hour():
    assert [back_off(n) / MINUTE for n in (1, 2, 3, 6, 7, 8, 5000)] == [1, 2, 4, 32, 60, 60, 60]


def test_a_receiver_that_is_down_holds_nobody_up(engine, receiver, raised):
    raised("a", notify=("gone", "here"))
    routes = {"gone": [f"json://127.0.0.1:{closed_port()}/s3cr3t-t0k3n"], "here": [receiver.url]}
    assert summary(deliver(engine, routes, NOW)) == (0, 1, 0)
    (row,) = waiting(engine)
    errors = {fares.last_error for fares in row.deliveries.values()}
    assert errors == {None, "not reached, or it did not take the message"}
    deliver(engine, routes, NOW + MINUTE)
    assert receiver.titles == ["a"], "the receiver that took it is not told again"


def test_an_address_that_no_channel_knows_is_said_and_kept(engine, raised):
    raised("a")
    delivery = deliver(engine, {"default": ["nosuchchannel://s3cr3t-t0k3n"]}, NOW)
    assert delivery.problems == ("route default, receiver 1 of 1: Apprise cannot read its URL",)
    assert summary(delivery) == (0, 1, 0)


def test_an_alert_without_receiver_waits_and_is_counted(engine, receiver, raised):
    raised("a", notify=("oncall",))
    delivery = deliver(engine, {}, NOW)
    assert summary(delivery) == (0, 0, 1)
    assert delivery.problems == (
        "route oncall has no receiver; set GOV_ALERT_URLS_ONCALL or GOV_ALERT_URLS to an address",
    )
    with reading(engine) as connection:
        assert pending_count(connection) == 1
    assert summary(deliver(engine, {"default": [receiver.url]}, NOW)) == (1, 0, 0)


def test_the_pages_of_one_run_are_one_message(engine, receiver, raised):
    raised("lending 2026-11-04: house/FL-1 failing (critical)")
    raised("lending 2026-11-04: house/FL-2 failing (warning)", control="house/FL-2", severity="warning")
    raised(
        "lending 2026-11-04: house/FL-3 recovered (info)", control="house/FL-3", transition="recovered", severity="info"
    )
    raised("hiring", system="hiring")
    assert summary(deliver(engine, {"default": [receiver.url]}, NOW)) == (4, 0, 0)
    assert receiver.titles == ["lending 2026-11-04: 2 failing, 1 recovered (critical)", "hiring"]
    text = receiver.taken[0]["message"]
    for control in ("house/FL-1 failing (critical)", "house/FL-2 failing (warning)", "house/FL-3 recovered (info)"):
        assert text.count(f"lending 2026-11-04: {control}\n") >= 2, "in the list, and above its facts"


def test_each_route_gets_its_own_controls_of_a_run(engine, new_receiver, raised):
    one, two = new_receiver(), new_receiver()
    raised("a", notify=("one",))
    raised("b", notify=("two",), control="house/FL-2")
    raised("c", notify=("one", "two"), control="house/FL-3")
    deliver(engine, {"one": [one.url], "two": [two.url]}, NOW)
    assert [["Alert key: " + key in each.taken[0]["message"] for key in "abc"] for each in (one, two)] == [
        [True, False, True],
        [False, True, True],
    ]


def test_the_alerts_of_one_control_arrive_in_order(engine, receiver, raised):
    """The failure is refused; its recovery must not arrive before it."""
    receiver.answers = [500]
    raised("failing")
    raised("recovered", transition="recovered", partition=DAY + DAY_LONG)
    routes = {"default": [receiver.url]}
    assert summary(deliver(engine, routes, NOW)) == (0, 1, 1)
    assert summary(deliver(engine, routes, NOW + timedelta(seconds=30))) == (0, 0, 2)
    assert receiver.titles == []
    assert summary(deliver(engine, routes, NOW + MINUTE)) == (2, 0, 0)
    assert receiver.titles == ["failing", "recovered"]


def test_a_message_refused_for_what_it_holds_blocks_no_other_control(engine, receiver, raised):
    receiver.answers = [422, 422]
    raised("poisoned")
    raised("b", control="house/FL-2")
    raised("c", control="house/FL-3")
    routes = {"default": [receiver.url]}
    assert summary(deliver(engine, routes, NOW)) == (0, 3, 0)
    assert summary(deliver(engine, routes, NOW + MINUTE)) == (2, 1, 0), "each travels alone now"
    assert receiver.titles == ["b", "c"]


def test_a_slow_receiver_holds_up_no_other(engine, new_receiver, raised, monkeypatch):
    slow, quick = new_receiver(), new_receiver()
    slow.seconds = 0.4
    for number in range(6):
        raised(f"{number}", partition=DAY + number * DAY_LONG, control=f"house/{number}")
    monkeypatch.setattr("gov_pipelines.notify.delivery.ROUND_SECONDS", 0.6)
    began = time.monotonic()
    deliver(engine, {"default": [slow.url, quick.url]}, NOW)
    assert len(quick.taken) == 6
    assert len(slow.taken) == 2, "the others go in the next round"
    assert time.monotonic() - began < 2.0


def test_a_receiver_that_is_down_for_a_day_gets_everything_once_in_order(engine, receiver, raised):
    """A day of rounds each minute at a closed port; then it is up."""
    down = {"default": [f"json://127.0.0.1:{closed_port()}"]}
    raised("a: failing")
    raised("b: failing", control="house/FL-2")
    raised("a: recovered", transition="recovered", partition=DAY + DAY_LONG)
    for minute in range(0, 24 * 60, 20):
        assert deliver(engine, down, NOW + minute * MINUTE).delivered == 0
    tried = max(fares.attempts for row in waiting(engine) for fares in row.deliveries.values())
    assert 20 < tried < 40, "an hour apart at most"
    back = {"default": [*down["default"], receiver.url]}
    deliver(engine, back, NOW + DAY_LONG)
    assert receiver.titles == ["lending 2026-11-04: 2 failing (critical)", "a: recovered"]


def test_a_dead_receiver_does_not_keep_later_alerts_from_a_living_one(engine, receiver, raised):
    raised("failing")
    raised("recovered", transition="recovered")
    routes = {"default": [f"json://127.0.0.1:{closed_port()}", receiver.url]}
    deliver(engine, routes, NOW)
    assert [title.partition(":")[2] for title in receiver.titles] == [" 1 failing, 1 recovered (critical)"]
    assert len(waiting(engine)) == 2


def test_a_changed_route_takes_effect_on_what_waits(engine, receiver, raised):
    raised("a")
    deliver(engine, {"default": [f"json://127.0.0.1:{closed_port()}"]}, NOW)
    assert summary(deliver(engine, {"default": [receiver.url]}, NOW + MINUTE)) == (1, 0, 0)


DYING = """
import os, signal, sys
from datetime import datetime
from gov_pipelines.notify import delivery
from gov_pipelines.store import open_store
delivery.store.note_delivery = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
delivery.deliver(open_store(sys.argv[1]), {"default": [sys.argv[2]]}, datetime.fromisoformat(sys.argv[3]))
"""


def test_a_crash_between_sending_and_noting_sends_the_same_key_again(engine, home, receiver, raised):
    """A process is killed the moment the receiver has the message: at least once, and the receiver can tell."""
    raised("lending|house/FL-1|2026-11-04|1|failing")
    routes = {"default": [receiver.url]}
    command = [sys.executable, "-c", DYING, home.store_url, receiver.url, NOW.isoformat()]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert len(receiver.taken) == 1
    assert summary(deliver(engine, routes, NOW)) == (0, 0, 1), "it backs off as after a failure"
    assert summary(deliver(engine, routes, NOW + MINUTE)) == (1, 0, 0)
    first, second = receiver.taken
    assert first == second
    assert first["message"].endswith("Alert key: lending|house/FL-1|2026-11-04|1|failing")


OTHER = """
import sys
from datetime import datetime
from gov_pipelines.notify import deliver
from gov_pipelines.store import open_store
engine = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
deliver(engine, {"default": [sys.argv[2]]}, datetime.fromisoformat(sys.argv[3]))
"""


def test_two_processes_send_each_alert_once_and_in_order(engine, home, receiver, raised):
    receiver.seconds = 0.02
    for number in range(12):
        raised(f"{number}", partition=DAY + number * DAY_LONG, control=f"house/{number % 3}")
    command = [sys.executable, "-c", OTHER, home.store_url, receiver.webhook, NOW.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        other.stdin.write("go\n")
        other.stdin.flush()
        deliver(engine, {"default": [receiver.webhook]}, NOW)
    deliver(engine, {"default": [receiver.webhook]}, NOW)
    got = [int(json.loads(body)["data"]["title"]) for body in receiver.bodies]
    assert sorted(got) == list(range(12))
    assert all(part == sorted(part) for part in ([each for each in got if each % 3 == rest] for rest in range(3)))
    assert waiting(engine) == []


def test_no_token_reaches_a_log_or_the_store(engine, home, receiver, raised, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    receiver.answers = [500]
    raised("a", notify=("one", "two", "three"))
    routes = {
        "one": [receiver.url],
        "two": [f"json://someone:s3cr3t-t0k3n@127.0.0.1:{closed_port()}/s3cr3t-t0k3n"],
        "three": ["nosuchchannel://s3cr3t-t0k3n"],
    }
    delivery = deliver(engine, routes, NOW)
    deliver(engine, routes, NOW + MINUTE)
    logging.getLogger("apprise").setLevel(logging.NOTSET)
    engine.dispose()
    everything = caplog.text + "".join(capfd.readouterr()) + repr(delivery)
    assert "s3cr3t" not in everything
    assert not [file.name for file in home.root.iterdir() if b"s3cr3t" in file.read_bytes()]


def test_the_logs_of_others_are_given_back(engine, receiver, raised):
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    raised("first")
    deliver(engine, {"default": [receiver.url]}, NOW)
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    raised("second")
    deliver(engine, {"default": [receiver.url]}, NOW)
    assert [(logger.handlers, logger.propagate) for logger in loggers] == before
    assert all(logger.propagate for logger in loggers)


def test_without_apprise_the_way_to_install_it_is_told_and_nothing_is_lost(engine, receiver, raised, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    raised("a")
    told = deliver(engine, {"default": [receiver.url]}, NOW)
    assert summary(told) == (0, 1, 0)
    assert "pip install 'gov-pipelines[alerts]'" in " ".join(told.problems)
    with pytest.raises(WrongUse, match=r"pip install 'gov-pipelines\[alerts\]'"):
        server_of(Receiver("default", "f", receiver.url))
    monkeypatch.undo()
    assert summary(deliver(engine, {"default": [receiver.url]}, NOW + DAY_LONG)) == (1, 0, 0)
