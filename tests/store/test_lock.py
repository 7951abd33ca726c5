from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from gov_pipelines.errors import GovError
from gov_pipelines.store import Home, lock, open_store

HOLDER = """
import sys, time
from pathlib import Path
from gov_pipelines.store import Home, lock
with lock(Home(Path(sys.argv[1])), "lending"):
    print("held", flush=True)
    time.sleep(60)
"""

COUNTER = """
import sys, time
from pathlib import Path
from gov_pipelines.store import Home, lock
home = Home(Path(sys.argv[1]))
count = home.root / "count"
for _ in range(50):
    with lock(home, "lending"):
        before = int(count.read_text())
        time.sleep(0.001)
        count.write_text(str(before + 1))
"""


@pytest.fixture
def holder(home):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(home.root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_waits_and_says_for_whom(home, holder):
    began = time.monotonic()
    with (
        pytest.raises(GovError, match=rf"lending is being written by process {holder.pid}\. Wait"),
        lock(home, "lending", wait=0.3),
    ):
        pass
    assert time.monotonic() - began >= 0.3


def test_other_names_are_free(home, holder):
    with lock(home, "hiring", wait=0):
        pass


def test_a_killed_holder_lets_go(home, holder):
    holder.send_signal(signal.SIGKILL)
    with lock(home, "lending", wait=10):
        pass


def test_two_processes_never_write_at_once(home):
    home.root.mkdir()
    (home.root / "count").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTER, str(home.root)]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (home.root / "count").read_text() == "100"


def test_postgresql_keeps_apart_the_writers_of_two_homes(tmp_path, postgres):
    here, there = Home(tmp_path / "here"), Home(tmp_path / "there")
    engine = open_store(postgres())
    with lock(here, "lending", engine=engine):
        with pytest.raises(GovError, match="another machine"), lock(there, "lending", engine=engine, wait=0.1):
            pass
        with lock(there, "hiring", engine=engine, wait=0):
            pass
    with lock(there, "lending", engine=engine, wait=0):
        pass
    engine.dispose()
