"""`gov gaps`: which control enforces each clause, where none does, and which controls serve no clause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.policy import CoverageCell, LastVerdict, Orphan, coverage_matrix, last_verdict, orphans
from gov_pipelines.store import reading, verdict_history


@click.command("gaps")
@click.option("--orphans", "only_orphans", is_flag=True, help="Show only the controls that serve no clause.")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a gap; with --orphans, if there is one of them.")
@click.option("--json", "as_json", is_flag=True, help="Print the matrix, or with --orphans those, as a JSON array.")
def gaps_command(only_orphans: bool, strict: bool, as_json: bool) -> int:
    """Show for each clause and system what enforces it: acts, last verdict, state. The riskiest come first.

    \b
    Example:
      gov gaps
      gov gaps --strict
      gov gaps --orphans --json
    """
    place = workplace()
    serve_none = orphans(place.policies, place.systems[0].values(), place.project.root, today=place.now)
    if only_orphans:
        answer(as_json, list(map(asdict, serve_none)), *_told(serve_none))
        return 1 if strict and serve_none else 0
    cells = coverage(place)
    gaps = sum(cell.gap is not None for cell in cells)
    red, waived = (sum(cell.state == state for cell in cells) for state in ("failing", "waived"))
    lines = [table([_line(cell) for cell in cells]), "", *(cell.sentence for cell in cells if cell.risk)]
    lines.append(f"\n{len(cells)} clauses: {red} red, {gaps} gap{'s' * (gaps != 1)}, {waived} waived.\n")
    answer(as_json, list(map(asdict, cells)), *lines, *_told(serve_none))
    return 1 if strict and gaps else 0


def coverage(place: Workplace) -> list[CoverageCell]:
    """The coverage matrix of a project, with what its store last said, the riskiest first."""
    declarations, mistakes = place.systems
    for mistake in mistakes:
        click.echo(f"not shown: {mistake}", err=True)
    last: dict[tuple[str, str], LastVerdict] = {}
    waivers: Mapping[tuple[str, str], str] = {}
    if place.audited:
        with reading(place.engine) as connection:
            for system in declarations:
                rows = defaultdict(list)
                for row in verdict_history(connection, system):
                    rows[row.control].append(row)
                last |= {(system, control): found for control, said in rows.items() if (found := last_verdict(said))}
            waivers = place.waivers(connection)
    else:
        click.echo(f"Nothing was audited in {place.project.home} yet: no control has given a verdict.", err=True)
    cells = coverage_matrix(place.policies, declarations.values(), last, today=place.now, waivers=waivers)
    return sorted(cells, key=lambda cell: -cell.risk)


def _line(cell: CoverageCell) -> tuple[str, ...]:
    acts = cell.acts or ("people" if cell.obligation else "nothing")
    return cell.system, cell.clause, cell.level, acts, cell.verdict or "-", cell.state.replace("_", " ")


def _told(found: list[Orphan]) -> list[str]:
    heading = "Controls that serve no clause:" if found else "Every control serves a clause."
    return [heading, *(f"  {each.sentence}" for each in found)]
