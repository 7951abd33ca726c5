"""Spark Connect: a session on a server, without a JVM of our own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]


def test_counts_and_rows_come_through_spark_connect(connect, tmp_path):
    script = Path(__file__).with_name("connecting.py")
    environ = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    command = [sys.executable, "-W", "ignore", script, connect, tmp_path]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "took longer than `source.timeout` (20 s)" in told.stdout
