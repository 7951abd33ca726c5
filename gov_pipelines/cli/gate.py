"""`gov gate`: whether a system may be live, and the signatures it needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.people import TRANSITIONS, Requirement, approval_subject
from gov_pipelines.pipeline.clearing import gate_now, people_of
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.store import reading


@click.command("gate")
@click.argument("system")
@click.option("--approve", is_flag=True, help="Sign the declaration as it is, as its owner or approver.")
@click.option("--as", "person", help="With --approve: who signs.")
@click.option("--key", "folder", type=click.Path(path_type=Path), help="With --approve: folder of their own key.")
@click.option("--json", "as_json", is_flag=True, help="Print state and requirements as JSON.")
def gate_command(system: str, approve: bool, person: str | None, folder: Path | None, as_json: bool) -> int:
    """Say whether a system may be live: controls bound, their data there, audited once, owner and approver signed.

    Exit code 1 if not. Whatever the declaration says: unless it may, nothing it decides is cleared.

    \b
    Example:
      gov gate mortgage_underwriting
      gov gate mortgage_underwriting --approve --as omar --key keys/omar
    """
    place = workplace()
    declaration = place.system(system)
    if approve:
        _approve(place, declaration, person, folder)
    found = requirements(place, declaration)
    shut = any(not each.met for each in found)
    data = {"system": system, "state": declaration.state, "open": not shut, "requirements": list(map(asdict, found))}
    lines = [f"{system} is {declaration.state}; it {'may not' if shut else 'may'} be live."]
    lines += [f"  {'yes' if each.met else 'NO '}  {each.name}: {each.why}" for each in found]
    answer(as_json, data, *lines, _next(declaration, found))
    return int(shut and not approve)


def _next(declaration: SystemDeclaration, found: list[Requirement]) -> str:
    """What to do now: what the gate still asks for, else what the state leads to."""
    unmet = {each.name for each in found if not each.met}
    if "a first audit has run" in unmet:
        return f"Next: audit a day, `gov audit {declaration.system} --date DAY`."
    if "the owner has signed" in unmet or "the approver has signed" in unmet:
        return f"Next: who has not signed does: `gov gate {declaration.system} --approve --as NAME --key FOLDER`."
    return f"{TRANSITIONS[declaration.state]} The state stands in assets/{declaration.system}/defs.yaml."


def requirements(place: Workplace, declaration: SystemDeclaration) -> list[Requirement]:
    """What the gate asks of a system at this moment."""
    night = place.night(declaration, place.now.date())
    with reading(place.store) as connection:
        return gate_now(night, connection, people_of(night, connection))


def _approve(place: Workplace, declaration: SystemDeclaration, person: str | None, folder: Path | None) -> None:
    if person is None or folder is None:
        raise WrongUse("--approve is signed: name who signs with --as, and the folder of their own key with --key.")
    entitled = [name for name in (declaration.owner, declaration.approver) if name is not None]
    with place.signing(person, folder) as hand:
        role = hand.role(f"sign for {declaration.system}", entitled)
        hand.sign("approve", role, declaration.system, approval_subject(declaration, place.authority), place.now)
    click.echo(f"{person} has signed the declaration of {declaration.system} as it is.", err=True)
