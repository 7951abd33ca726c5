"""What breaks a night, on real services; afterwards the ledger check holds. Counts are printed. `make faults` runs it."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from gov_pipelines.store import Home, all_snapshots, open_store, reading

from .conftest import BAD, DAYS, day

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800, func_only=True)]


def test_three_days_down(site, capsys):
    site.night(1)
    told = site.night(5)  # nothing ran on the mornings of the days two to four
    assert [line.split()[0] for line in told.splitlines() if "  signed  " in line] == [
        str(day(n)) for n in (2, 3, 4, 5)
    ]
    assert site.check(5, capsys)["audited"] == 5


def test_postgres_refuses_at_the_scheduled_hour(site, server, capsys):
    site.fill(server.url)
    site.night(1)
    server.kill()
    for number in (2, 3):
        site.night(number, codes=(3,))
    assert site.check(3, capsys)["missed"] == 2
    site.counts.clear()
    server.start()
    site.night(4)
    assert site.check(4, capsys)["audited"] == 4


def test_postgres_killed_in_the_middle_of_a_read_and_restarted(site, server, capsys):
    site.fill(server.url)
    engine = sa.create_engine(server.url)
    with engine.begin() as connection:  # each row takes its time, so that there is a middle
        connection.exec_driver_sql("ALTER TABLE decisions RENAME TO kept")
        connection.exec_driver_sql(
            "CREATE VIEW decisions AS SELECT k.* FROM kept k, LATERAL (SELECT k.id, pg_sleep(0.04)) AS slow OFFSET 0"
        )
    for number in (1, 2, 3):
        process = site.start("audit", "loans", now=site.morning(number))
        _wait_for(engine, "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query ILIKE '%%decided_on%%' OR "
                  "(state = 'active' AND query ILIKE '%%decisions%%' AND pid <> pg_backend_pid())")  # fmt: skip
        server.kill()
        site.counts["kills"] += 1
        time.sleep(1)
        server.start()
        told, _ = process.communicate(timeout=300)
        assert process.returncode in {0, 1}, told
        engine.dispose()
    assert site.check(3, capsys)["audited"] == 3


def _wait_for(engine, query, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with engine.connect() as connection:
            if connection.exec_driver_sql(query).first():
                return
        time.sleep(0.01)
    raise AssertionError("the read never began")


def test_the_disk_is_full(site, tmp_path, capsys):
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
            process = site.start("audit", "loans", now=site.morning(number))
            told, _ = process.communicate(timeout=300)
            assert process.returncode, f"a full disk ended with 0:\n{told}"
            assert "disk" in told or "space" in told, told
            site.counts["full nights"] += 1
        filler.unlink()
        site.night(5)
        site.night(6, at="04:00:00")
        site.check(6, capsys)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_sigkill_at_fifty_random_points(site, capsys):
    draw = random.Random(20260901)
    began = time.monotonic()
    site.night(1)
    length = time.monotonic() - began
    kills = int(os.environ.get("FAULTS_KILLS", "50"))
    for each in range(kills):
        number = 2 + each * (DAYS - 3) // kills
        process = site.start("audit", "loans", now=site.morning(number) + timedelta(minutes=10 * (each % 6)))
        try:
            process.wait(draw.uniform(0.2, 1.05) * length)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            site.counts["killed"] += 1
        process.wait()
        process.stdout.close()
    last = DAYS - 1
    site.night(last)
    site.night(last, at="05:00:00")  # runs that died are ended, and what waited is sent
    counts = site.check(last, capsys)
    assert counts["audited"] == last
    assert counts["state changes"] == len([n for n in BAD if n - 1 not in BAD])
    assert _unfinished(site) == 0


def _unfinished(site) -> int:
    engine = sa.create_engine(f"sqlite:///{site.home}/dagster/history/runs.db")
    with engine.connect() as connection:
        query = "SELECT count(*) FROM runs WHERE status IN ('STARTED', 'STARTING', 'NOT_STARTED', 'CANCELING')"
        found = connection.exec_driver_sql(query).scalar_one()
    engine.dispose()
    return found


def test_two_schedulers_at_once(site, capsys):
    for number in range(1, 5):
        same = [site.start("audit", "loans", now=site.morning(number)) for _ in range(2)]
        for process in same:
            told, _ = process.communicate(timeout=300)
            assert process.returncode in {0, 1}, told
            assert f"{day(number)}  signed" in told, told
    other = [
        site.start("audit", "loans", "--date", day(number), now=site.morning(8)) for number in (5, 6, 7, 8)
    ]  # and four different days at once
    for process in other:
        told, _ = process.communicate(timeout=300)
        assert process.returncode in {0, 1}, told
    counts = site.check(8, capsys)
    assert counts["snapshots"] == counts["audited"] == 8  # the second found the same, and signed nothing


def test_the_clock_is_stepped_back(site, capsys):
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
    site.check(5, capsys)


def test_the_webhook_is_down_for_a_day(site, receiver, capsys):
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
    site.check(4, capsys)


def test_the_mail_server_refuses(site, receiver, capsys):
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
    site.check(4, capsys)


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
