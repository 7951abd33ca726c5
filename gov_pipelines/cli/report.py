"""`gov report`: the pages."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace


@click.command("report")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: report/ in the home.")
@click.option("--json", "as_json", is_flag=True, help="Print the files as JSON.")
def report_command(out: Path | None, as_json: bool) -> None:
    """Write self-contained pages: gaps first, then each control in plain words, with charts.

    \b
    Example:
      gov report
      gov report --out public/
    """
    from gov_pipelines.pipeline.pages import write_pages  # noqa: PLC0415  (Altair and Jinja take a second)

    place = workplace()
    pages = write_pages(place.project, place.engine, place.policies, place.now, out)
    answer(as_json, {"pages": pages}, f"Wrote {len(pages)} pages. Open {pages[0]}")
