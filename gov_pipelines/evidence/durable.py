"""Files and folders that appear whole or not at all, also after a crash or a power cut."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gov_pipelines.errors import EvidenceError

UNFINISHED = ".partial-"
"""Marks folders that a crash left unfinished: `.<name>.partial-<random>`."""


def write_folder(target: Path, files: Mapping[str, bytes], *, file_mode: int = 0o644) -> None:
    """Write files into a new folder beside the target, flush them to disk, and rename the folder into place.

    Args:
        target: the folder's final name; it must not exist, or be empty.
        files: file name to content.
        file_mode: permission bits of each file.

    Raises:
        EvidenceError: something is already there.
    """
    make_folder(target.parent)
    temporary = unfinished(target)
    try:
        for name, content in files.items():
            descriptor = os.open(temporary / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file_mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, file_mode)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        if file_mode & 0o044:
            temporary.chmod(0o755)  # mkdtemp makes folders private; evidence is there to be read
        flush(temporary)
        temporary.rename(target)
    except OSError as error:
        if target.exists():
            raise EvidenceError(f"{target} is already there and is never overwritten") from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    flush(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those around it where they are missing, so that a power cut does not take them."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        flush(each.parent)


def replace_file(target: Path, content: bytes) -> None:
    """Put a file in the place of another: at every moment one of them is there, whole.

    Its content is on disk when its name changes. The name is once the caller has flushed the folder.
    """
    temporary = target.with_name(f".{target.name}{UNFINISHED}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(target)


def unfinished(target: Path) -> Path:
    """Make a folder beside a target that `sweep` takes away if a crash leaves it."""
    return Path(tempfile.mkdtemp(prefix=f".{target.name}{UNFINISHED}", dir=target.parent))


def flush(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(target: Path) -> None:
    """Remove what crashes left unfinished beside a target. The caller must be the only writer of that folder."""
    for leftover in target.parent.glob(f".{target.name}{UNFINISHED}*"):
        shutil.rmtree(leftover)
