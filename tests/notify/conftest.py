from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stored

from gov_pipelines.store import Alert, Engine, Home, VerdictRow, enqueue, open_store

SECRET = "whsec_czNjcjN0LXQwazNuLXMzY3IzdC10MGszbg=="


@dataclass
class Receiver:
    """A real HTTP receiver: what it got, and what it answers, call by call, then 200."""

    port: int
    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/s3cr3t-t0k3n"

    @property
    def webhook(self) -> str:
        return f"webhook+http://127.0.0.1:{self.port}/hook/s3cr3t-t0k3n#{SECRET}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.taken]


def _serve() -> tuple[ThreadingHTTPServer, Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(receiver.seconds)
            message = json.loads(body)
            receiver.bodies.append(body)
            status = receiver.answers.pop(0) if receiver.answers else 200
            (receiver.taken if status < 300 else receiver.refused).append(message)
            receiver.headers.append(dict(self.headers))
            receiver.paths.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in range(300, 400):
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server, receiver


@pytest.fixture
def new_receiver() -> Iterator[Callable[[], Receiver]]:
    servers = []

    def make() -> Receiver:
        server, receiver = _serve()
        servers.append(server)
        return receiver

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(new_receiver: Callable[[], Receiver]) -> Receiver:
    return new_receiver()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    engine = open_store(home.store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def raised(engine: Engine) -> Callable[..., Alert]:
    """Put an alert into the outbox."""

    def make(key: str, **more: Any) -> Alert:
        alert = stored.alert(key, **more)
        with engine.begin() as connection:
            enqueue(connection, [alert])
        return alert

    return make


@pytest.fixture
def verdict() -> Callable[..., VerdictRow]:
    reason = "The ratio is below the limit and the test rejects equality."
    return lambda verdict, **more: stored.verdict_row(**({"verdict": verdict, "reason": reason} | more))
