"""`gov findings`: what failed, who sees to it, until when, and what closed it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click

from gov_pipelines import people
from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import DAY, WithDefault, by_hand, printable, table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.people.findings import REPORT_WITHIN
from gov_pipelines.policy import control_key, did_you_mean, partition_key, unit_of
from gov_pipelines.policy.kinds import Incident
from gov_pipelines.store import Connection, reading

_CONFIDED = ("text", "decision", "by")


@click.group("findings", cls=WithDefault)
def findings_command() -> None:
    """Show findings: what failing controls, breaches and concerns opened. `gov findings list --help` has the options.

    Subcommands show one, assign it, accept it, start an incident's clock and report it; list and show take --json.

    \b
    Example:
      gov findings
      gov findings mortgage_underwriting --all
      gov findings show F-3fa92c1b07
    """


@findings_command.command("list")
@click.argument("system", required=False)
@click.option("--all", "everything", is_flag=True, help="Closed ones, too.")
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON; never the text of a concern.")
def list_findings(system: str | None, everything: bool, as_json: bool) -> None:
    """List the open findings of one system or of all, those due first first.

    \b
    Example:
      gov findings list mortgage_underwriting --all
    """
    place = workplace()
    if system is not None:
        place.system(system)
    with reading(place.engine) as connection:
        known = people.known_findings(connection, place.roster(connection), system).values()
    shown = sorted((each for each in known if everything or each.state == "open"), key=lambda each: (each.due, each.id))
    late = sum(_past_due(place, each) for each in shown)
    running = sum(clock.reported is None for each in shown for clock in each.clocks)
    lines = [table([_line(place, each) for each in shown])] if shown else []
    of = "Findings" if everything else "Findings open"
    lines.append(f"{of}: {len(shown)}. Past due: {late}. Incident clocks running: {running}.")
    answer(as_json, [_record(place, each) for each in shown], *lines)


@findings_command.command("show")
@click.argument("finding")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(finding: str, as_json: bool) -> None:
    """Show one finding whole, the text of a concern included.

    \b
    Example:
      gov findings show F-3fa92c1b07
    """
    place = workplace()
    with reading(place.engine) as connection:
        found = _finding(place, connection, finding)
    lines = (f"{name:<12} {printable(said)}" for name, said in _facts(place, found) if said)
    answer(as_json, _record(place, found) | {name: getattr(found, name) for name in _CONFIDED}, *lines)


@findings_command.command("assign")
@click.argument("finding")
@click.option("--owner", help="Who sees to it: a team, a role or a person.")
@click.option("--action", help="What is being done.")
@click.option("--due", type=DAY, help="Until when.")
def assign_finding(finding: str, owner: str | None, action: str | None, due: datetime | None) -> None:
    """Say who sees to a finding, what is being done, and until when. Whoever is named may not accept it for that.

    \b
    Example:
      gov findings assign F-3fa92c1b07 --owner credit-risk --action "Retrain without income bands" --due 2026-12-01
    """
    place = workplace()
    with place.store.begin() as connection:
        found = _finding(place, connection, finding)
        today = place.books.today(found.system, place.now)
        people.assign(connection, found, owner=owner, action=action, due=due and due.date(), today=today, now=place.now)
        now = _finding(place, connection, finding)
    click.echo(f"{finding}: {printable(now.owner)}, due {now.due}. {printable(now.action or 'No action is named.')}")


@findings_command.command("accept")
@click.argument("finding")
@click.option("--why", required=True, help="Why this may stand.")
@by_hand
def accept_finding(finding: str, why: str, person: str, folder: Path) -> None:
    """Accept what was found, as the system's owner or an approver, with a signature. The next failure opens it again.

    To set a clause aside for a time, use `gov waive`.

    \b
    Example:
      gov findings accept F-3fa92c1b07 --why "Corrected by letter on 3 November" --as jane --key keys/jane
    """
    place = workplace()
    with place.signing(person, folder) as hand:
        found = _finding(place, hand.connection, finding)
        people.accept(hand, found, _entitled(place, found), why, place.now)
    click.echo(f"{finding} is closed: accepted by {person}.")


@findings_command.command("incident")
@click.argument("finding")
@click.option("--kind", required=True, type=click.Choice(list(REPORT_WITHIN)), help="2, 10 or 15 days to report it.")
@click.option("--aware", required=True, type=DAY, help="The local date somebody became aware of it.")
def incident(finding: str, kind: str, aware: datetime) -> None:
    """Start the time to report an incident to an authority.

    \b
    Example:
      gov findings incident F-3fa92c1b07 --kind serious --aware 2026-11-03
    """
    place = workplace()
    with place.store.begin() as connection:
        found = _finding(place, connection, finding)
        today = place.books.today(found.system, place.now)
        people.start_clock(connection, found, cast("Incident", kind), aware.date(), today, place.now)
        clock = _finding(place, connection, finding).clocks[-1]
    click.echo(f"{finding}: {_clock(place, found, clock)}.")


@findings_command.command("report")
@click.argument("finding")
@click.option("--to", "authority", required=True, help="The authority it was reported to.")
@by_hand
def report(finding: str, authority: str, person: str, folder: Path) -> None:
    """Sign that an incident was reported: its clock stops. A first report may be incomplete.

    \b
    Example:
      gov findings report F-3fa92c1b07 --to "Market surveillance authority" --as jane --key keys/jane
    """
    place = workplace()
    with place.signing(person, folder) as hand:
        found = _finding(place, hand.connection, finding)
        people.report_incident(hand, found, _entitled(place, found), authority, place.now)
        now = _finding(place, hand.connection, finding)
    click.echo("\n".join(f"{finding}: {_clock(place, now, clock)}." for clock in now.clocks))


def _finding(place: Workplace, connection: Connection, name: str) -> people.Finding:
    known = people.known_findings(connection, place.roster(connection))
    if name not in known:
        raise WrongUse(f"There is no finding {name}. {did_you_mean(name, known)} `gov findings --all` lists them.")
    return known[name]


def _entitled(place: Workplace, finding: people.Finding) -> frozenset[str]:
    declaration = place.books.systems.get(finding.system)
    if declaration is None:
        raise WrongUse(f"{finding.system} is not declared, so nobody may sign for it. Restore its defs.yaml.")
    clauses = {control_key(policy, each): each for policy in place.books.policies for each in policy.clauses}
    return people.may_accept(declaration, clauses.get(finding.control or ""))


def _past_due(place: Workplace, finding: people.Finding) -> bool:
    return finding.state == "open" and place.books.today(finding.system, place.now) > finding.due


def _line(place: Workplace, each: people.Finding) -> list[str]:
    due = f"due {each.due}{' PAST DUE' if _past_due(place, each) else ''}" if each.state == "open" else "-"
    on = f"{unit_of(each.partition)}{'s' * (each.occurrences != 1)}"
    seen = f"seen on {each.occurrences} {on}" if each.control else "said once"
    again = f"reopened {len(each.reopened)} x" if each.reopened else ""
    clocks = ", ".join(_clock(place, each, clock) for clock in each.clocks)
    days = f"{each.days_open(place.now)} days"
    what = each.control or "a concern"
    return [each.id, each.state, each.severity, each.system, what, due, days, seen, each.owner, again, clocks]


def _clock(place: Workplace, finding: people.Finding, clock: people.Clock) -> str:
    if clock.reported:
        late = " LATE" if clock.late(place.books.zone(finding.system)) else ""
        return f"{clock.kind} incident reported{late} {clock.reported:%Y-%m-%d} to {printable(clock.authority or '')}"
    late = " OVERDUE" if clock.overdue(place.books.today(finding.system, place.now)) else ""
    return f"{clock.kind} incident, report by {clock.due}{late}"


def _facts(place: Workplace, found: people.Finding) -> list[tuple[str, str | None]]:
    """One finding, a fact a line; a fact that is not known has no line."""
    days = [f"{day}{f' ({count} breaches)' if count else ''}" for day, count in sorted(found.red.items())]
    return [
        ("finding", found.id),
        ("system", found.system),
        ("control", found.control or "a concern, which somebody raised"),
        ("state", f"{found.state}, {found.days_open(place.now)} days open"),
        ("severity", found.severity),
        ("owner", found.owner),
        ("action", found.action or "none is named; `gov findings assign`"),
        ("due", f"{found.due}{' PAST DUE' if _past_due(place, found) else ''}"),
        ("first seen", f"{found.partition}, by snapshot {found.snapshot}" if found.partition else None),
        ("opened", f"{found.opened_at:%Y-%m-%d %H:%M} UTC"),
        ("reopened", ", ".join(f"{at:%Y-%m-%d %H:%M}" for at in found.reopened)),
        ("seen on", ", ".join(days)),
        ("accepted", ", ".join(str(day) for day in sorted(found.accepted))),
        ("closed", f"{found.closed_at:%Y-%m-%d %H:%M} UTC: {found.evidence}" if found.closed_at else None),
        *(("incident", _clock(place, found, clock)) for clock in found.clocks),
        ("said by", found.by),
        ("decision", found.decision),
        ("text", found.text),
    ]


def _record(place: Workplace, found: people.Finding) -> dict[str, Any]:
    said = {name: value for name, value in asdict(found).items() if name not in _CONFIDED}
    for name in ("red", "accepted"):
        said[name] = {partition_key(day): count for day, count in sorted(said[name].items())}
    derived = {"days_open": found.days_open(place.now), "occurrences": found.occurrences}
    return said | derived | {"past_due": _past_due(place, found)}
