"""`gov obligations`: what people owe, who did it and who did not."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import date, timedelta

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import table
from gov_pipelines.cli.place import workplace
from gov_pipelines.notify import deliver, load_settings, routes_from
from gov_pipelines.people import Owed, known_obligations, obligations_in_force
from gov_pipelines.pipeline.register import register
from gov_pipelines.policy import Obligation, control_key
from gov_pipelines.store import reading

_SOON = timedelta(days=30)


@click.command("obligations")
@click.option("--tell", is_flag=True, help="Alert on what is due and was not told: what the daily schedule does.")
@click.option("--json", "as_json", is_flag=True, help="Print what everybody owes as JSON.")
def obligations_command(tell: bool, as_json: bool) -> None:
    """Show what each clause obliges people to: who, by when, done or overdue. It names people; alerts name their roles.

    Never counted as a control of a system.

    \b
    Example:
      gov obligations
      gov obligations --tell
    """
    place = workplace()
    today, books = place.now.date(), place.books
    with reading(place.store) as connection:
        owed = known_obligations(connection, place.roster(connection), books.policies, place.now)
    in_force = obligations_in_force(books.policies, today)
    obliging = {control_key(policy, clause): owes for policy, clause, owes in in_force}
    new = register(place.store, books, place.authority, place.now) if tell else None
    settings = load_settings(place.project.root)
    sent = deliver(place.store, routes_from(os.environ), place.now, settings) if tell else None
    lists, lines = {}, []
    for key, owes in obliging.items():
        lists[key] = owes.model_dump(mode="json", by_alias=True, include={"tools", "never"})
        mine = [each for each in owed if each.clause == key]
        lines.append(f"{key}  {owes.shape}, {owes.who}: {mine[0].text}")
        lines += [*(f"    {line}" for line in _lists(owes, today)), *_people(mine)]
    late = sum(each.state == "overdue" for each in owed)
    lines.append(f"\nObligations: {len(obliging)}. Overdue: {late}. None of them is a control of a system.")
    answer(as_json, [asdict(each) | lists[each.clause] for each in owed], *lines)
    if sent is not None:
        told = f"{new} new alerts; {sent.delivered} delivered, {sent.failed} failed, {sent.waiting} waiting."
        click.echo(told, err=as_json)


def _lists(owes: Obligation, today: date) -> list[str]:
    """Tools and for how long they are approved; uses that are never allowed."""
    lines = []
    for tool in owes.tools:
        what = f"{tool.name}{f', for {tool.for_}' if tool.for_ else ''}"
        if tool.approved_from and today < tool.approved_from:
            lines.append(f"tool: {what}: not approved before {tool.approved_from}")
        elif tool.approved_until is None:
            lines.append(f"tool: {what}: approved")
        elif today >= tool.approved_until:
            lines.append(f"tool: {what}: RAN OUT on {tool.approved_until}")
        else:
            soon = " (soon)" if tool.approved_until - today <= _SOON else ""
            lines.append(f"tool: {what}: approved until {tool.approved_until}{soon}")
    return [*lines, *(f"never: {use}" for use in owes.never)]


def _people(owed: list[Owed]) -> list[str]:
    if owed[0].person is None:
        return [f"    nobody is enrolled as {owed[0].who}: nobody owes this. `gov keys add` enrols people."]
    return [f"    {line}" for line in table([_person(each) for each in owed]).splitlines()]


def _person(each: Owed) -> list[str]:
    days = each.working_days_overdue
    late = f" by {days} working day{'s' * (days != 1)}" if each.state == "overdue" else ""
    said = "never attested"
    if each.attested_at:
        said = f"attested {each.attested_at:%Y-%m-%d}, version {each.attested_version}"
    told = "".join(f"; escalated to {step.to}" for step in each.steps)
    return [each.person or "", f"{each.state}{late}", f"due {each.due}" if each.due else "", f"{said}{told}"]
