"""`gov explain`: one decision in words."""

from __future__ import annotations

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.pipeline.erasing import erased_on
from gov_pipelines.report.explanation import explain
from gov_pipelines.store import reading


@click.command("explain")
@click.argument("decision")
@click.option("--system", required=True, help="The system that made it.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain_command(decision: str, system: str, as_json: bool) -> None:
    """Say of one decision which clauses judged it, which judge only the population, people, or nothing.

    \b
    Example:
      gov explain BF-0224 --system mortgage_underwriting
    """
    place = workplace()
    declaration = place.system(system)
    with reading(place.engine) as connection:
        if gone := erased_on(place.home, connection, system, decision):
            raise WrongUse(f"{decision} was erased on {gone}: nothing that is kept says how it was judged.")
        found = explain(decision, declaration, place.policies, place.home, connection, place.waivers(connection))
    answer(as_json, found.to_json(), found.to_text())
