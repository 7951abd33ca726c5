"""`gov report`: the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gov_pipelines.cli.app import print_json
from gov_pipelines.cli.place import Workplace, workplace


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
    pages = write_pages(workplace(), out)
    if as_json:
        print_json({"pages": [str(page) for page in pages]})
    else:
        click.echo(f"Wrote {len(pages)} pages. Open {pages[0]}")


def write_pages(place: Workplace, out: Path | None = None) -> list[Path]:
    """Write the pages of everything in a home; the first is the one with the gaps."""
    from gov_pipelines.pipeline.pages import pages_of  # noqa: PLC0415  (Altair and Jinja take a second)

    declarations, mistakes = place.systems
    return pages_of(
        place.home,
        place.engine,
        declarations,
        place.policies,
        mistakes,
        now=datetime.now(UTC),
        root=place.project.root,
        out=out or place.home.report_dir,
    )
