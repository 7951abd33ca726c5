"""The demo's home, audited once for all tests that look at real results."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest
from command import ROOT, gov


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory) -> Path:
    """A home in which `gov demo` ran; read it, or copy it, but do not change it. Its output is demo.json."""
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.getbasetemp()
    )
    home = shared / "demo-home"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one run share it; the first one builds it
        if not (home / "demo.json").is_file():
            done = gov("demo", "--json", home=home, check=0)
            (home / "demo.json").write_text(done.stdout)
    return home


@pytest.fixture(scope="session")
def demo_environment(demo_home) -> dict[str, str]:
    """What a run on the demo's home reads from the environment."""
    return {"MORTGAGE_DECISIONS_URL": f"sqlite:///{demo_home}/demo/decisions.db"}


@pytest.fixture
def scratch_project(tmp_path) -> Path:
    """A copy of this project's systems and policies, to break."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("assets", "expectations"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture(scope="session")
def demo_found(demo_home) -> dict:
    """What the demo said it found."""
    return json.loads((demo_home / "demo.json").read_text())
