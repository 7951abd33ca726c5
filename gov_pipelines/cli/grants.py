"""`gov grants`: least-privilege SQL for a system's role, and what it can read beyond that."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import click

from gov_pipelines import access
from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import PARTITION
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import SystemDeclaration, controls_in_force, newest_due
from gov_pipelines.policy.kinds import DataAccess


@click.command("grants")
@click.argument("system")
@click.option("--view", metavar="NAME", help="Make a view of the permitted columns, and grant that alone.")
@click.option("--compare", is_flag=True, help="Print what is permitted, declared, granted and read; what lies outside.")
@click.option("--date", "day", type=PARTITION, help="The day of the reads compared; default: the last.")
@click.option("--json", "as_json", is_flag=True, help="Print the statements, or the comparison, as JSON.")
def grants_command(system: str, view: str | None, compare: bool, day: date | None, as_json: bool) -> int:
    """Print SQL for PostgreSQL that lets a system's role read what is declared and permitted, and nothing else.

    Run it as the tables' owner. It takes every privilege on the tables of the declared schemas from the role and from
    PUBLIC. With --compare nothing is printed to run: the database is asked. Exit code 1 if anything lies outside.

    \b
    Example:
      gov grants mortgage_underwriting
      gov grants mortgage_underwriting --view mortgage_inputs
    """
    place = workplace()
    declaration = place.system(system)
    on = day or newest_due(declaration, place.now)
    bound = controls_in_force(place.policies, declaration, on)
    controls = {each.key: each.control for each in bound if isinstance(each.control, DataAccess)}
    if compare:
        return _compare(place, declaration, controls, on, as_json)
    statements = access.grant_statements(declaration, [*controls.values()], view=view)
    answer(
        as_json,
        {"system": system, "role": declaration.intake.database_role, "statements": statements},
        f"-- What the role of {system} may read: declared in its intake and permitted by",
        f"-- {', '.join(controls) or 'default, as no data_access control is in force'}. The role must exist.",
        *("BEGIN;", *(f"{statement};" for statement in statements), "COMMIT;"),
    )
    return 0


def _compare(
    place: Workplace, declaration: SystemDeclaration, controls: dict[str, DataAccess], on: date, as_json: bool
) -> int:
    root = place.project.root
    privileges = access.granted(declaration, project=root, environ=os.environ)
    if privileges is None:
        raise WrongUse(
            f"{declaration.system} names no role in a PostgreSQL database. Declare `intake.database_role` and "
            "`intake.database_url_env`, or a source on PostgreSQL."
        )
    permitted = [f"{key}: {_permits(control)}" for key, control in controls.items()]
    found: dict[str, Any] = {
        "permitted": permitted or ["whatever is declared: no data_access control is in force"],
        "declared": access.declared_fields(declaration, next(iter(controls.values()), None)),
        "granted": [one.name for one in privileges.columns],
    }
    log = access.read_access_log(declaration, on, project=root, environ=os.environ)
    found["read"] = sorted({_read(row) for row in log.select("field", "table").iter_rows(named=True)})
    outside = [each for control in controls.values() or [None] for each in _outside(declaration, control, privileges)]
    for control in controls.values() or [None]:
        for row in access.access_outside(log, declaration, control).iter_rows(named=True):
            who = row["principal"] or row["role"] or "nobody named"
            outside.append({"set": "read", "what": _read(row), "why": f"{row['reads']} reads by {who} on {on}"})
    found["outside"] = unique = list({(each["set"], each["what"]): each for each in outside}.values())
    found["notes"] = list(privileges.notes)
    lines = [f"{name:<10} {', '.join(found[name]) or 'none'}" for name in ("permitted", "declared", "granted", "read")]
    lines += ["", *(f"{each['set']} outside: {each['what']}: {each['why']}" for each in unique)]
    lines += [f"not told by grants: {note}" for note in privileges.notes]
    answer(as_json, found, *lines, f"{len(unique)} outside.")
    return 1 if unique else 0


def _permits(control: DataAccess) -> str:
    fields = "whatever is declared" if control.may_read is None else " ".join(control.may_read)
    return f"{fields}, never {' '.join(control.never)}" if control.never else fields


def _outside(
    declaration: SystemDeclaration, control: DataAccess | None, privileges: access.Privileges
) -> list[dict[str, str]]:
    allowed = ", ".join(access.allowed_fields(declaration, control))
    rows = [
        {"set": "declared", "what": name, "why": f"the policy permits {allowed or 'none'} of the declared fields"}
        for name in access.declared_outside(declaration, control)
    ]
    if not privileges.exists:
        return [*rows, {"set": "granted", "what": privileges.role, "why": "the database has no such role"}]
    excess = access.granted_outside(privileges, declaration, control)
    return [*rows, *({"set": "granted", "what": one.name, "why": "; ".join(one.routes)} for one in excess)]


def _read(row: dict[str, Any]) -> str:
    return f"{row['table'] or 'unknown table'}.{row['field'] or '*'}"
