"""`gov attest`: somebody signs that they did what a clause obliges them to."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import by_hand, clause_in_force
from gov_pipelines.cli.place import workplace
from gov_pipelines.people import attest, known_obligations


@click.command("attest")
@click.argument("clause")
@by_hand
@click.option("--note", help="What was done, or where its record is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print what was signed as JSON.")
def attest_command(clause: str, person: str, folder: Path, note: str | None, as_json: bool) -> None:
    """Attest what a clause asks of people, in the version in force today.

    \b
    Example:
      gov attest house-fair-lending/FL-15 --as jane --key keys/jane
    """
    place = workplace()
    policy, found = clause_in_force(place, clause)
    with place.signing(person, folder) as hand:
        act = attest(hand, policy, found, note, place.now)
        owed = known_obligations(hand.connection, place.roster(hand.connection), place.books.policies, place.now)
    due = next(each.due for each in owed if (each.clause, each.person) == (clause, person))
    said = {"act": act, "clause": clause, "version": policy.version, "person": person, "next_due": due}
    answer(as_json, said, f"{person} attested {clause}, version {policy.version}. Next due: {due or 'not again'}.")
