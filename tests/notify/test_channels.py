"""Signed webhooks and mail, against receivers that listen."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from gov_pipelines.notify import deliver, lint_alerts, load_settings, routes_from, try_receivers
from gov_pipelines.notify.channels import signature
from gov_pipelines.store import pending, reading

from .conftest import SECRET

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = datetime(2026, 11, 5, 7, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def waiting(engine):
    with reading(engine) as connection:
        return pending(connection)


def test_a_webhook_is_signed_as_the_standard_says(engine, receiver, raised):
    raised("lending|house/FL-1|2026-11-04|1|failing", body="Clause: Über § 4.2: all\nInterval: 0.6 to 0.8")
    raised("another", control="house/FL-2", transition="recovered", severity="info")
    assert deliver(engine, {"default": [receiver.webhook]}, NOW).delivered == 2
    headers, body = receiver.headers[0], receiver.bodies[0]
    sent = {name.lower(): value for name, value in headers.items()}
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    expected = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert sent["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert int(sent["webhook-timestamp"]) == NOW.timestamp()
    assert (sent["content-type"], sent["user-agent"]) == ("application/json", "gov_pipelines")
    assert "whsec" not in str(headers) + body.decode() + receiver.paths[0]
    said = json.loads(body)
    assert (said["type"], said["version"], said["timestamp"]) == ("gov_pipelines.alerts", 1, NOW.isoformat())
    first, second = said["data"]["alerts"]
    assert first == {
        "key": "lending|house/FL-1|2026-11-04|1|failing",
        "system": "lending",
        "control": "house/FL-1",
        "partition": "2026-11-04",
        "transition": "failing",
        "severity": "critical",
        "escalates": None,
        "title": "lending|house/FL-1|2026-11-04|1|failing",
        "facts": {"Clause": "Über § 4.2: all", "Interval": "0.6 to 0.8"},
    }
    assert second["key"] == "another"


def test_the_known_answer_of_the_standard():
    """The example that the specification's own libraries are tested with."""
    said = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_old_and_a_new_secret_sign_side_by_side():
    one, two = SECRET, "whsec_" + base64.b64encode(b"another").decode()
    assert signature(f"{one},{two}", "m", "1", b"x").split() == [signature(each, "m", "1", b"x") for each in (one, two)]


def test_a_retry_has_the_same_id(engine, receiver, raised):
    receiver.answers = [503]
    raised("a")
    for at in (NOW, NOW + MINUTE):
        deliver(engine, {"default": [receiver.webhook]}, at)
    ids = [{k.lower(): v for k, v in each.items()}["webhook-id"] for each in receiver.headers]
    assert ids[0] == ids[1]
    assert waiting(engine) == []


def test_a_receiver_that_is_gone_is_served_no_more_until_it_takes_a_test(engine, receiver, raised):
    receiver.answers = [410]
    raised("a")
    routes = {"default": [receiver.webhook]}
    first = deliver(engine, routes, NOW)
    assert "answered with HTTP status 410: it wants nothing more" in first.problems[0]
    raised("b", control="house/FL-2")
    later = deliver(engine, routes, NOW + 60 * MINUTE)
    assert (later.waiting, later.problems) == (
        2,
        ("route default, receiver 1 of 1: it said that it is gone; nothing is sent there",),
    )
    assert len(receiver.bodies) == 1
    assert try_receivers(engine, routes, ["default"], NOW) == {"route default, receiver 1 of 1": None}
    assert deliver(engine, routes, NOW + 120 * MINUTE).delivered == 2


def test_a_redirect_is_not_followed(engine, receiver, raised):
    receiver.answers = [307]
    raised("a")
    delivery = deliver(engine, {"default": [receiver.webhook]}, NOW)
    assert "redirects are not followed" in delivery.problems[0]
    assert receiver.paths == ["/hook/s3cr3t-t0k3n"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"webhook+http://hooks.example.org/s3cr3t#{SECRET}", "is https, unless it is on this host"),
        ("webhook+https://hooks.example.org/s3cr3t", "cannot be read"),
        ("webhook+https://hooks.example.org/s3cr3t#whsec_!!", "cannot be read"),
        ("webhook+https://hooks.example.org/s3cr3t#czNj", "cannot be read"),
    ],
)
def test_an_address_that_is_not_safe_is_refused_in_words(engine, raised, url, words):
    raised("a")
    (problem,) = deliver(engine, {"default": [url]}, NOW).problems
    assert words in problem
    assert "s3cr3t" not in problem
    assert "example" not in problem


def test_a_receiver_that_hangs_is_given_up_in_time(engine, receiver, raised, monkeypatch):
    monkeypatch.setattr("gov_pipelines.notify.channels.TIMEOUT_SECONDS", 0.2)
    receiver.seconds = 0.5
    raised("a")
    assert deliver(engine, {"default": [receiver.webhook]}, NOW).failed == 1


def test_a_secret_reaches_no_store_and_no_words(engine, home, receiver, raised, caplog, capfd):
    receiver.answers = [500]
    raised("a")
    delivery = deliver(engine, routes_from({"GOV_ALERT_URLS": receiver.webhook}), NOW)
    engine.dispose()
    assert "s3cr3t" not in caplog.text + "".join(capfd.readouterr()) + repr(delivery)
    secret = SECRET.encode()
    assert not [
        each.name for each in home.root.iterdir() if secret in each.read_bytes() or b"s3cr3t" in each.read_bytes()
    ]


class Mailbox:
    def __init__(self):
        self.refuses, self.mails = True, []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  (aiosmtpd's name)
        if self.refuses:
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's name)
        self.mails.append(envelope)
        return "250 OK"


def test_a_mail_server_that_refuses_is_tried_again_and_gets_it_once(engine, receiver, raised):
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        mail = f"mailto://127.0.0.1:{port}?from=gov@example.org&to=oncall@example.org&mode=insecure"
        raised("lending 2026-11-04: house/FL-1 fails (critical)")
        routes = {"default": [mail, receiver.webhook]}
        assert deliver(engine, routes, NOW).failed == 1
        assert len(receiver.bodies) == 1, "the other receiver was not held up"
        mailbox.refuses = False
        assert deliver(engine, routes, NOW + MINUTE).delivered == 1
    finally:
        server.stop()
    (mail,) = mailbox.mails
    text = mail.content.decode()
    assert mail.rcpt_tos == ["oncall@example.org"]
    assert "house/FL-1 fails" in text
    assert len(receiver.bodies) == 1


DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()


def block(language):
    return DOCUMENT.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_recipe_of_the_document_verifies_what_is_sent(receiver, engine, raised):
    recipe = {}
    exec(block("python"), recipe)
    raised("a")
    now = datetime.now(UTC)
    deliver(engine, {"default": [receiver.webhook]}, now)
    headers, body = {name.lower(): value for name, value in receiver.headers[0].items()}, receiver.bodies[0]
    assert recipe["genuine"](SECRET, headers, body)
    assert not recipe["genuine"](SECRET, headers, body + b" ")
    assert not recipe["genuine"]("whsec_" + base64.b64encode(b"another").decode(), headers, body)


def test_the_example_of_the_document_is_read(tmp_path):
    (tmp_path / "expectations").mkdir()
    (tmp_path / "alerts.yaml").write_text(block("yaml"))
    assert lint_alerts(tmp_path, []) == []
    said = load_settings(tmp_path)
    assert said.clean("any", "house-fair-lending/FL-9", "critical") == 7
    assert list(said.chain("credit-risk-oncall")) == ["credit-risk-oncall", "head-of-credit", "board"]
