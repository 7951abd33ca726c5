"""Dagster's event log in SQLite files, their connections kept open.

Dagster's own makes an engine and a connection for each of the hundred and more events of a run: it compiles every
statement anew, and closing the last connection folds the write-ahead log into the file each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

_KEPT = 16
"""Files kept open: the index, and those of the last runs."""


class OpenEventLog(SqliteEventLogStorage):
    """The files, tables and locking are Dagster's, so that either reads what the other wrote."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenEventLog:
        """Where Dagster's own would be; `base_dir` is DAGSTER_HOME."""
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data=inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Any:
        if shard not in self._engines:
            if len(self._engines) == _KEPT:
                self._engines.pop(next(iter(self._engines))).dispose()
            address, waiting = self.conn_string_for_shard(shard), {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            self._engines[shard] = create_engine(address, pool_size=1, connect_args=waiting)
            self._initdb(self._engines[shard])
            with self._engines[shard].connect() as connection:
                # A power cut may lose the last events of a run, which is then swept; what was signed is kept elsewhere.
                connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
        return self._engines[shard]

    def dispose(self) -> None:
        """Close what is open."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()
