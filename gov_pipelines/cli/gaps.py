"""`gov gaps`: which control enforces each clause, and where none does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, date, datetime

import click

from gov_pipelines.cli.app import print_json
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.policy import CoverageCell, LastVerdict, coverage_matrix, last_verdict
from gov_pipelines.store import reading, verdict_history

_RED = {"fail", "missing"}


@click.command("gaps")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a gap.")
@click.option("--json", "as_json", is_flag=True, help="Print the matrix as JSON.")
def gaps_command(strict: bool, as_json: bool) -> int:
    """Show for each clause and system what enforces it: acts, last verdict, gap.

    \b
    Example:
      gov gaps
      gov gaps --strict
    """
    place = workplace()
    cells = coverage(place, datetime.now(UTC).date())
    gaps = [cell for cell in cells if cell.gap]
    if as_json:
        print_json([asdict(cell) for cell in cells])
    else:
        for cell in cells:
            click.echo(_line(cell))
        red = [cell for cell in cells if cell.verdict in _RED]
        click.echo("")
        for cell in [*red, *(cell for cell in gaps if cell not in red)]:
            click.echo(cell.sentence)
        click.echo(f"\n{len(cells)} clauses: {len(red)} red, {len(gaps)} gaps.")
    return 1 if strict and gaps else 0


def coverage(place: Workplace, today: date) -> list[CoverageCell]:
    """The coverage matrix of a project, with what its store last said."""
    declarations, mistakes = place.systems
    for mistake in mistakes:
        click.echo(f"not shown: {mistake}", err=True)
    last: dict[tuple[str, str], LastVerdict] = {}
    with reading(place.engine) as connection:
        for system in declarations:
            rows = defaultdict(list)
            for row in verdict_history(connection, system):
                rows[row.control].append(row)
            last |= {(system, control): found for control, said in rows.items() if (found := last_verdict(said))}
    return coverage_matrix(place.policies, declarations.values(), last, today=today)


def _line(cell: CoverageCell) -> str:
    acts = cell.acts or ("people" if cell.obligation else "nothing")
    return (
        f"{cell.system}  {cell.clause:<6} {cell.level:<8} {acts:<9} {cell.verdict or '-':<15} {cell.gap or ''}".rstrip()
    )
