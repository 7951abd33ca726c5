"""The files of a home: where they lie, and writing them so that a reader never sees half of one."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gov_pipelines.errors import WrongUse

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 100_000
"""Rows in a Parquet row group. Fixed, for the bytes of a file depend on it."""

_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{16}\.tmp$")


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
        return self.root / "artifacts" / system / partition.isoformat()

    def evidence_dir(self, system: str) -> Path:
        """All snapshot packages of a system."""
        return self.root / "evidence" / system

    def snapshot_dir(self, system: str, partition: date, revision: int) -> Path:
        """One snapshot package."""
        return self.evidence_dir(system) / partition.isoformat() / f"r{revision}"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that at every moment either the old or the new content is there, whole, and survives a crash.

    The folder is made where missing. What killed writers left in it is swept.

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
    """
    import polars as pl  # noqa: PLC0415  (paths are asked for where no frame is)

    try:
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise WrongUse(
            f"{path} is not there: this partition was not audited in this home. Run `gov audit SYSTEM --date DAY`, or "
            "point GOV_HOME to the home that has it"
        ) from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary, file = _temporary(path)
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:  # also on Ctrl-C: the half-written file goes, the error goes on
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _temporary(path: Path) -> tuple[Path, IO[bytes]]:
    """Create a temporary file beside `path` and lock it: the lock dies with its process, and says who is alive."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        file = temporary.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # another process swept it between creation and lock


def _sweep(folder: Path) -> None:
    """Remove temporary files that no living process holds."""
    for entry in os.scandir(folder):
        if not _TEMPORARY.match(entry.name):
            continue
        try:
            with Path(entry.path).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                Path(entry.path).unlink()
        except (BlockingIOError, FileNotFoundError):
            continue  # its writer lives, or has just renamed it


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
