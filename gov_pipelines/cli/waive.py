"""`gov waive`: a clause set aside for a system, for a time, by two people."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import DAY, WithDefault, by_hand, clause_in_force, table
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.people import Waiver, countersign, known_waivers, policy_owners, waive
from gov_pipelines.store import reading


class _Waive(WithDefault):
    default = "ask"


@click.group("waive", cls=_Waive)
def waive_command() -> None:
    """Set a clause aside for a system, for a time: one person asks, the policy's owner countersigns.

    `gov waive CLAUSE ...` is short for `gov waive ask CLAUSE ...`; `gov waive list --json` prints them all as JSON.

    \b
    Example:
      gov waive house-fair-lending/FL-9 --system mortgage_underwriting --why "Too few rows a day until March" \\
        --until 2027-03-01 --as jane --key keys/jane
      gov waive countersign 3fa92c1b07d2 --as omar --key keys/omar
      gov waive list
    """


@waive_command.command("ask")
@click.argument("clause")
@click.option("--system", required=True, help="The system it is for.")
@click.option("--why", required=True, help="Why the clause cannot be kept.")
@click.option("--until", required=True, type=DAY, help="Local date it ends, exclusive; a year ahead at most.")
@by_hand
def ask(clause: str, system: str, why: str, until: datetime, person: str, folder: Path) -> None:
    """Ask for a waiver. It is not in force before another person countersigns.

    \b
    Example:
      gov waive ask house-fair-lending/FL-9 --system mortgage_underwriting --why "Too few rows a day until March" \\
        --until 2027-03-01 --as jane --key keys/jane
    """
    place = workplace()
    declaration = place.system(system)
    policy, found = clause_in_force(place, clause)
    if policy.policy not in declaration.policies:
        raise WrongUse(f"{system} is not under {policy.policy}, but under {', '.join(declaration.policies)}.")
    with place.signing(person, folder) as hand:
        act = waive(hand, declaration, policy, found, why=why, until=until.date(), now=place.now)
    click.echo(
        f"Waiver {act[:12]} of {clause} for {system} until {until:%Y-%m-%d} is asked for, and not in force. "
        f"Somebody else, as {policy.owner}: gov waive countersign {act[:12]} --as NAME --key FOLDER"
    )


@waive_command.command("countersign")
@click.argument("waiver")
@by_hand
def countersign_waiver(waiver: str, person: str, folder: Path) -> None:
    """Agree to a waiver that somebody else asked for, as the owner of the policy.

    \b
    Example:
      gov waive countersign 3fa92c1b07d2 --as omar --key keys/omar
    """
    place = workplace()
    policies = place.books.policies
    with place.signing(person, folder) as hand:
        found = _waiver(known_waivers(hand.connection, place.roster(hand.connection), policies), waiver)
        entitled = policy_owners(policies).get(found.clause.partition("/")[0], set())
        countersign(hand, found, entitled, place.now)
    click.echo(
        f"Waiver {found.id[:12]} of {found.clause} for {found.system} is in force until {found.until}, exclusive."
    )


@waive_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print waivers as JSON.")
def list_waivers(as_json: bool) -> None:
    """List every waiver that was asked for: in force, ended, or waiting for a second signature.

    \b
    Example:
      gov waive list
    """
    place = workplace()
    with reading(place.store) as connection:
        known = known_waivers(connection, place.roster(connection), place.books.policies)
    rows = [[each.id[:12], each.state(place.now), each.system, each.clause, *_words(each)] for each in known]
    count = f"{len(known)} waivers, {sum(each.stands(place.now) for each in known)} in force."
    data = [asdict(each) | {"state": each.state(place.now)} for each in known]
    answer(as_json, data, *([table(rows)] if rows else []), count)


def _words(each: Waiver) -> list[str]:
    signed = f"{each.by}, countersigned by {each.countersigned_by}" if each.since else f"{each.by} alone"
    return [f"until {each.until}", signed, each.why]


def _waiver(known: list[Waiver], name: str) -> Waiver:
    found = [each for each in known if len(name) >= 8 and each.id.startswith(name)]
    if len(found) != 1:
        raise WrongUse(f"There is no waiver {name}, or more than one. `gov waive list` lists them.")
    return found[0]
