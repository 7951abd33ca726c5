"""Reading files that somebody else laid there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gov_pipelines.errors import EvidenceError


def read_plain(path: Path, max_bytes: int) -> bytes:
    """Read a plain file of at most so many bytes; one byte more is returned where there is more.

    Raises:
        EvidenceError: absent, a symbolic link, not a plain file, or unreadable.
    """
    # Non-blocking, so that a pipe put in a file's place cannot hold the verifier up.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise EvidenceError("not a plain file")
            with open(descriptor, "rb", closefd=False) as file:  # which reads on where the system gives a part
                return file.read(max(0, min(max_bytes, status.st_size)) + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EvidenceError(f"not a readable plain file: {error.strerror}") from error
