"""`gov reproduce`: a signed night done again, and held against what was signed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gov_pipelines.cli.app import answer, here

_MOST = 20


@click.command("reproduce")
@click.argument("snapshot", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print digests and differences as JSON.")
def reproduce_command(snapshot: Path, as_json: bool) -> int:
    """Audit a signed partition again, from the inputs its home kept, under the policies it records.

    SNAPSHOT is a package's folder in a home. Exit code 0 if the same content comes out, 1 if not, with every member that
    differs and why, 2 if there is no such snapshot or its inputs are no longer kept.

    \b
    Example:
      gov reproduce .gov/evidence/mortgage_underwriting/2026-09-14/r1
    """
    from gov_pipelines.pipeline.reproduce import reproduce  # noqa: PLC0415  (every room: seconds of import)

    found = reproduce(snapshot, project=here().root, environ=os.environ)
    data = {
        "ok": found.equal,
        "contentDigest": {"recorded": found.recorded, "reproduced": found.reproduced},
        "differs": [dict(zip(("path", "recorded", "reproduced"), each, strict=True)) for each in found.differs],
        "because": [*found.because],
    }
    told = [f"{path}: recorded {was}; reproduced {now}" for path, was, now in found.differs[:_MOST]]
    more = [f"... and {len(found.differs) - _MOST} more; --json shows all"] if found.differs[_MOST:] else []
    word = "the same content" if found.equal else f"NOT THE SAME: {len(found.differs)} members differ"
    lines = [f"{word}: {found.recorded} recorded, {found.reproduced} reproduced", *told, *more]
    answer(as_json, data, *lines, *(f"Because: {each}" for each in found.because))
    return 0 if found.equal else 1
