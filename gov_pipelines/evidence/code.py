"""Which code signed: one digest over the source files of this package."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

import gov_pipelines


@cache
def code_digest() -> str:
    """SHA-256, hex, over a line `<SHA-256>  <path>` for each Python file of the installed package, in order of paths.

    Computed once a process. In the package's folder a shell finds the same (the order is that of bytes):

        find * -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum
    """
    root = Path(gov_pipelines.__file__).parent
    files = sorted((file.relative_to(root).as_posix().encode(), file) for file in root.rglob("*.py"))
    lines = (b"%b  %b\n" % (sha256(file.read_bytes()).hexdigest().encode(), name) for name, file in files)
    return sha256(b"".join(lines)).hexdigest()
