"""One writer per ledger."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

import sqlalchemy as sa
from sqlalchemy import Engine

from gov_pipelines.errors import GovError, SourceUnreachable
from gov_pipelines.store.artifacts import Home

_POLL_SECONDS = 0.05


@contextmanager
def lock(home: Home, name: str, *, engine: Engine | None = None, wait: float = 600) -> Iterator[None]:
    """Hold the only right to write under a name, such as a system's ledger. It dies with its process.

    Not re-entrant: taken twice in one process, the second waits for the first.

    Args:
        home: whose writers are kept apart.
        name: what is written, such as `mortgage_underwriting`.
        engine: of the store; on PostgreSQL an advisory lock keeps apart the writers of other machines too.
        wait: seconds to wait for another writer.

    Raises:
        GovError: another writer held the lock all that time.
    """
    folder = home.root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    with ExitStack() as stack:
        # Opened for appending: a second process must not empty the note of the one that holds the lock.
        file = stack.enter_context((folder / f"{name}.lock").open("a+"))
        while not _flock(file):
            file.seek(0)
            _pause(deadline, name, f"process {file.read().strip() or 'unknown'}")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        if engine is not None and engine.dialect.name == "postgresql":
            stack.enter_context(_advisory(engine, name, deadline))
        yield


def _flock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _advisory(engine: Engine, name: str, deadline: float) -> Iterator[None]:
    key = int.from_bytes(hashlib.sha256(f"gov_pipelines ledger {name}".encode()).digest()[:8], signed=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
            _pause(deadline, name, "a process on another machine")
        try:
            yield
        finally:
            with suppress(SourceUnreachable):  # it went with the connection
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


def _pause(deadline: float, name: str, holder: str) -> None:
    """Wait a moment for another writer.

    Raises:
        GovError: it has had its time.
    """
    if time.monotonic() >= deadline:
        raise GovError(f"{name} is being written by {holder}. Wait for it, or end it if it hangs; then run this again")
    time.sleep(_POLL_SECONDS)
