"""The files of a home: where they lie, and writing them so that a reader never sees half of one."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.policy import partition_key, partition_of

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 100_000
"""Rows in a Parquet row group. Fixed, for the bytes of a file depend on it."""

_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{16}\.tmp$")
_KEY = re.compile(r"\d{4}-\d\d-\d\d(T\d\dZ)?")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one installation lies (GOV_HOME, by default `.gov`).

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the home's own SQLite store."""
        return f"sqlite:///{(self.root / 'store.db').absolute()}"

    @property
    def keys_dir(self) -> Path:
        """Signing keys."""
        return self.root / "keys"

    @property
    def dagster_dir(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def report_dir(self) -> Path:
        """The pages that `gov report` writes."""
        return self.root / "report"

    def partition_dir(self, system: str, partition: date) -> Path:
        """Frames and tallies of one partition."""
        return self.root / "artifacts" / system / partition_key(partition)

    def audited(self, system: str, name: str) -> dict[date, Path]:
        """A file of each audited day that has it, oldest first; copies that somebody made under other names are none."""
        files = sorted((self.root / "artifacts" / system).glob(f"*/{name}"))
        return {partition_of(file.parent.name): file for file in files if _KEY.fullmatch(file.parent.name)}

    def evidence_dir(self, system: str) -> Path:
        """All snapshot packages of a system."""
        return self.root / "evidence" / system

    @property
    def ledger_dir(self) -> Path:
        """The ledger of everything that was signed here."""
        return self.root / "evidence" / "ledger"

    @property
    def roots_dir(self) -> Path:
        """Versions of the root of trust: who may sign what."""
        return self.ledger_dir / "root"

    def snapshot_dir(self, system: str, partition: date, revision: int) -> Path:
        """One snapshot package."""
        return self.evidence_dir(system) / partition_key(partition) / f"r{revision}"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that at every moment either the old or the new content is there, whole, and survives a crash.

    The folder is made where missing. What killed writers left in it is swept when a day old.

    Raises:
        OSError: the disk is full or the folder not writable; the old content stands.
    """
    with _replacing(path) as file:
        file.write(data)


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as Parquet in its own order, as atomically as `write_atomic`; the same frame gives the same bytes.

    Raises:
        OSError: as `write_atomic`.
    """
    with _replacing(path) as file:
        # Chunks would show in the bytes: one frame read in two ways must make one file.
        frame.rechunk().write_parquet(file, compression="lz4", statistics=True, row_group_size=ROW_GROUP)


def read_frame(path: Path) -> pl.DataFrame:
    """Read a frame that `write_frame` wrote.

    Raises:
        WrongUse: there is none.
        EvidenceError: it is damaged.
    """
    import polars as pl  # noqa: PLC0415  (paths are asked for where no frame is)

    try:
        with as_written(path, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise WrongUse(
            f"{path} is not there: this partition was not audited in this home. Run `gov audit SYSTEM --date DAY`, or "
            "point GOV_HOME to the home that has it"
        ) from error


@contextmanager
def as_written(path: Path, *damages: type[BaseException]) -> Iterator[None]:
    """Read a file of a home within, and say which one is damaged where what is read makes no sense.

    Args:
        path: the file.
        damages: what its reader raises besides errors of values, places and types.

    Raises:
        EvidenceError: it is damaged.
    """
    found: tuple[type[BaseException], ...] = (ValueError, LookupError, TypeError, AttributeError, *damages)
    try:
        yield
    except found as error:
        raise EvidenceError(
            f"{path} is not as this version writes it: damaged, or of another version. Restore it from a backup (`gov restore`), "
            "or audit its day again (`gov audit`)"
        ) from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # also on Ctrl-C: the half-written file goes, the error goes on
    _sync_folder(path.parent)


def _sweep(folder: Path) -> None:
    """Remove temporary files so old that their writer was killed."""
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):  # its writer lives, and has just renamed it
            if _TEMPORARY.match(entry.name) and entry.stat().st_mtime < time.time() - _DAY:
                entry.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
