"""What breaks a night, on real services; afterwards the ledger check holds. Counts are printed. `make faults` runs it."""

from __future__ import annotations

import io
import itertools
import os
import random
import socket
import subprocess
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest
import sqlalchemy as sa

from gov_pipelines.store import Home, all_snapshots, open_store, reading

from .conftest import DATABASE, DAYS, day, decisions

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800, func_only=True)]


def test_three_days_down(site):
    site.night(1)
    told = site.night(5)  # nothing ran on the mornings of the days two to four
    assert [line.split()[0] for line in told.splitlines() if "  signed  " in line] == [
        str(day(n)) for n in (2, 3, 4, 5)
    ]
    assert site.check(5)["audited"] == 5


def test_postgres_refuses_at_the_scheduled_hour(site, server):
    site.fill(server.url)
    site.night(1)
    server.kill()
    for number in (2, 3):
        site.night(number, codes=(3,))
    assert site.check(3)["missed"] == 2
    server.start()
    site.night(4)
    assert site.check(4)["audited"] == 4


def test_postgres_killed_in_the_middle_of_a_read_and_restarted(site, server):
    site.fill(server.url)
    engine = sa.create_engine(server.url)
    with engine.begin() as connection:  # each row takes as long as the table says, so that there is a middle
        connection.exec_driver_sql("ALTER TABLE decisions RENAME TO kept")
        connection.exec_driver_sql("CREATE TABLE pace AS SELECT 0::float AS seconds")
        connection.exec_driver_sql(
            "CREATE VIEW decisions AS SELECT k.* FROM kept k, "
            "LATERAL (SELECT k.id, pg_sleep((SELECT seconds FROM pace))) AS slow OFFSET 0"
        )
    for number in (1, 2, 3):
        _pace(engine, 0.02)
        process = site.start("audit", "loans", now=site.morning(number))
        _wait_for(engine, "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query ILIKE '%%decisions%%' "
                  "AND pid <> pg_backend_pid()")  # fmt: skip
        server.kill()
        site.counts["kills"] += 1
        engine.dispose()
        server.start()
        _pace(engine, 0)
        site.ended(process)
    engine.dispose()
    assert site.check(3)["audited"] == 3


def _pace(engine, seconds):
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE pace SET seconds = {seconds}")


def _wait_for(engine, query, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with engine.connect() as connection:
            if connection.exec_driver_sql(query).first():
                return
        time.sleep(0.01)
    raise AssertionError("the read never began")


@pytest.fixture
def bucket():
    """A bucket of S3 behind a door that can answer 500, or late; `door.mood` says which."""
    moto = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            door.asked += 1
            if door.mood == "fails" or (door.mood == "stumbles" and door.asked % 3):
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            time.sleep({"slow": 0.5, "too slow": 4}.get(door.mood, 0))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            behind = HTTPConnection(*moto.get_host_and_port())
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length", "server", "date"}:
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_header("Content-Length", str(size or 0))
            self.end_headers()
            with suppress(OSError):  # who asked has given up
                self.wfile.write(content)

        do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    door.daemon_threads, door.mood, door.asked = True, "well", 0
    threading.Thread(target=door.serve_forever, daemon=True).start()
    yield door
    door.shutdown()
    door.server_close()
    moto.stop()


def test_s3_answers_500_and_slowly(site, bucket):
    site.environ |= {
        "AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.server_port}",
    }  # fmt: skip
    client = pytest.importorskip("boto3").client(
        "s3", endpoint_url=site.environ["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="access", aws_secret_access_key="secret",
    )  # fmt: skip
    client.create_bucket(Bucket="bank")
    file = io.BytesIO()
    pl.DataFrame(list(decisions())).write_parquet(file)
    client.put_object(Bucket="bank", Key="decisions.parquet", Body=file.getvalue())
    declared = site.root / "assets" / "loans" / "defs.yaml"
    declared.write_text(declared.read_text().replace(DATABASE, '{path: "s3://bank/*.parquet", timeout: 2}'))
    site.night(1)
    for number, mood in ((2, "fails"), (3, "too slow")):
        bucket.mood = mood
        site.night(number, codes=(3,))
    assert site.check(3)["missed"] == 2
    for number, mood in ((4, "slow"), (5, "stumbles")):  # both can be waited for
        bucket.mood = mood
        site.night(number)
    site.counts["requests"] = bucket.asked
    assert site.check(5)["audited"] == 5


def test_the_disk_is_full(site, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs can only be mounted by root")
    try:
        site.home = disk / "home"
        site.make_home()
        site.night(1)
        filler = disk / "filler"
        for number, left in ((2, 0), (3, 100_000), (4, 400_000)):  # no room at all, for a little, for nearly all
            with filler.open("ab") as file:
                try:
                    while True:
                        file.write(b"0" * 65536)
                        file.flush()
                except OSError:
                    pass
            os.truncate(filler, max(0, filler.stat().st_size - left))
            told = site.ended(site.start("audit", "loans", now=site.morning(number)), codes=(1, 2, 3))
            assert "disk" in told or "space" in told, told
            site.counts["full nights"] += 1
        filler.unlink()
        site.night(5)
        site.night(6, at="04:00:00")
        site.check(6)
    finally:
        subprocess.run(["umount", disk], check=True)


KILLS = 10


@pytest.mark.parametrize("seed", range(5))
def test_sigkill_at_ten_random_points(site, seed):
    draw = random.Random(seed)
    site.night(1)
    began = time.monotonic()
    site.night(2)
    length = time.monotonic() - began
    for number in range(3, DAYS + 1):
        if number % 3 == 0:  # then the night audits an earlier day again
            _late_rows(site, number - 2)
            site.counts["late rows"] += 2
        running = site.start("audit", "loans", now=site.morning(number))
        ended = running.wait(draw.uniform(0, 1) * length)
        running.kill()
        site.counts["ended before" if ended is not None else "killed"] += 1
        site.night(number, at="02:35:00")  # ends the run that died, and does what it left
        counts = site.check(number)
        if counts["killed"] == KILLS:
            break
    assert (counts["killed"], counts["audited"]) == (KILLS, number)
    assert counts["state changes"] == 2  # on the days three and eight
    site.night(number, at="03:40:00")  # a run that wrote the report holds no system's lock: it is waited for an hour
    assert _unfinished(site) == 0


def _late_rows(site, number):
    engine = sa.create_engine(site.environ["LOANS_URL"])
    with engine.begin() as connection:
        for each in range(2):
            at = f"{day(number)} 20:00:0{each}.000000"
            connection.exec_driver_sql(f"INSERT INTO decisions VALUES ('late {number} {each}', '{at}', 'yes', 'f')")
    engine.dispose()
    site.rows[number] += 2


def _unfinished(site) -> int:
    engine = sa.create_engine(f"sqlite:///{site.home}/dagster/history/runs.db")
    with engine.connect() as connection:
        query = "SELECT count(*) FROM runs WHERE status IN ('STARTED', 'STARTING', 'NOT_STARTED', 'CANCELING')"
        found = connection.exec_driver_sql(query).scalar_one()
    engine.dispose()
    return found


def test_two_schedulers_at_once(site):
    for number in range(1, 5):
        same = [site.start("audit", "loans", now=site.morning(number)) for _ in range(2)]
        for process in same:
            told = site.ended(process)
            assert f"{day(number)}  signed" in told, told
    other = [
        site.start("audit", "loans", "--date", day(number), now=site.morning(8)) for number in (5, 6, 7, 8)
    ]  # and four different days at once
    for process in other:
        site.ended(process)
    counts = site.check(8, in_order=False)
    assert counts["snapshots"] == counts["audited"] == 8  # the second found the same, and signed nothing


def test_the_clock_is_stepped_back(site):
    site.night(1)
    site.night(2, at="03:00:00")
    site.gov(
        "audit", "loans", "--date", day(1), now=site.morning(2, "02:10:00")
    )  # the same findings: nothing is signed
    site.night(3, at="02:30:00")
    site.gov("audit", "loans", "--date", day(4), now=site.morning(4, "04:00:00"))
    engine = sa.create_engine(site.environ["LOANS_URL"])
    with engine.begin() as connection:  # a correction, so that there is something to sign while the clock is behind
        connection.exec_driver_sql("UPDATE decisions SET d = 'no' WHERE id = 'L0138'")
    engine.dispose()
    site.gov("audit", "loans", "--date", day(1), now=site.morning(4, "02:20:00"))
    store = open_store(Home(site.home).store_url)
    with reading(store) as connection:
        chain = all_snapshots(connection, "loans")
        behind = connection.execute(sa.text("SELECT count(*) FROM outbox WHERE key LIKE 'clock|%'")).scalar_one()
    store.dispose()
    backwards = [later for before, later in itertools.pairwise(chain) if later.signed_at < before.signed_at]
    assert (len(backwards), behind) == (1, 1)
    site.counts["signed behind"] = len(backwards)
    site.night(5)
    site.check(5)


def test_the_webhook_is_down_for_a_day(site, receiver):
    site.night(1)
    site.night(2)
    receiver.leave()
    site.night(3)  # fails, and nobody hears
    assert not any("failing" in text for text in receiver.texts)
    receiver.come_back()
    receiver.status = 503
    site.night(3, at="14:00:00")
    receiver.status = 200
    site.night(4)
    assert any("house/Q|2026-09-03" in text for text in receiver.texts)
    site.check(4)


def test_the_mail_server_refuses(site, receiver):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.environ["GOV_ALERT_URLS"] += (
        f" mailto://127.0.0.1:{port}?from=gov@example.org&to=you@example.org&mode=insecure"
    )
    site.night(1)
    site.night(3)  # the day three fails: the webhook hears at once, the mail server is not there
    assert any("house/Q|2026-09-03" in text for text in receiver.texts)
    mails = _mail_server(port)
    try:
        site.night(4, at="06:00:00")
        site.night(4, at="08:00:00")
    finally:
        mails.stop()
    site.counts["mails"] = len(mails.handler.taken)
    assert any("2026-09-03" in text for text in mails.handler.taken)
    site.check(4)


def _mail_server(port):
    from aiosmtpd.controller import Controller  # noqa: PLC0415

    class Handler:
        def __init__(self):
            self.taken = []

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            self.taken.append(envelope.content.decode(errors="replace"))
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    return controller
