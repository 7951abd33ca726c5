"""`gov concern`: anybody says that something looks wrong."""

from __future__ import annotations

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.people import raise_concern
from gov_pipelines.pipeline.register import concern_raised
from gov_pipelines.store import enqueue


@click.command("concern")
@click.option("--system", required=True, help="The system it is about.")
@click.option("--text", required=True, help="What looks wrong, in your words. Kept in the store, shown nowhere else.")
@click.option("--decision", help="Id of the decision it is about, if it is about one.")
@click.option("--as", "person", help="Your name, if you want to say it. Nobody checks it.")
@click.option("--json", "as_json", is_flag=True, help="Print the finding's id as JSON.")
def concern_command(system: str, text: str, decision: str | None, person: str | None, as_json: bool) -> None:
    """Say that something looks wrong. It needs no key, opens a finding, and tells the system's people that it is there.

    \b
    Example:
      gov concern --system mortgage_underwriting --text "Two applicants with the same file got different answers."
    """
    place = workplace()
    declaration = place.system(system)
    with place.store.begin() as connection:
        name = raise_concern(connection, declaration, text, decision, person, place.now)
        enqueue(connection, [concern_raised(name, system, place.now)])
    told = f"Finding {name} is open. {declaration.owner} sees to it; `gov findings show {name}` says how it stands."
    answer(as_json, {"finding": name}, told)
