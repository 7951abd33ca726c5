"""Broken files are refused in words or read; reading them runs nothing, opens nothing else, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MUTANTS = Path(__file__).with_name("mutants.py")


def read_mutants(folder: Path, count: int, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, MUTANTS, folder, str(count), str(seed)],
        capture_output=True, text=True, check=False, timeout=1800, env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == [], "\n\n".join(found["wrong"])
    assert found["seen"] == {}  # nothing opened outside the folder, run, imported or connected to
    counts = found["counts"]
    assert sum(counts.values()) == count
    assert counts["refused"] > count / 3
    assert counts["sound"] + counts["linted"] > count / 10, "hardly any was read: what lint does is not tried"
    assert found["slowest"][0] < 15, found["slowest"]  # seconds of the processor


@pytest.mark.timeout(600)
def test_mutated_files_are_refused_in_words_or_read(tmp_path):
    read_mutants(tmp_path / "project", 500, seed=2026)


@pytest.mark.fuzz
@pytest.mark.timeout(2000)
def test_ten_thousand_mutated_files(tmp_path):
    read_mutants(tmp_path / "project", 10_000, seed=3)
