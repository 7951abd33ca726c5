"""`gov export-intake`: what a system may read and decide, as JSON that the system itself loads and obeys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from gov_pipelines.cli.gate import requirements
from gov_pipelines.cli.place import workplace
from gov_pipelines.people import Requirement
from gov_pipelines.policy import BoundClause, SystemDeclaration, controls_in_force, declaration_digest
from gov_pipelines.policy.kinds import ApprovedModel, DataAccess, DecisionScope, HumanReview
from gov_pipelines.store import write_atomic

FORMAT = "gov-pipelines/intake/v1"


@click.command("export-intake")
@click.argument("system")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file, whole or not at all.")
@click.option("--json", "_", is_flag=True, help="Print it as JSON, which is the default.")
def export_intake_command(system: str, out: Path | None, _: bool) -> None:
    """Write what a system may read and decide, which outputs need a human, and whether it may decide at all.

    The fields are described in docs/reviews.md, with a program of twenty lines that obeys them.

    \b
    Example:
      gov export-intake mortgage_underwriting --out intake.json
    """
    place = workplace()
    declaration = place.system(system)
    today = place.now.astimezone(ZoneInfo(declaration.zone)).date()
    bound = controls_in_force(place.policies, declaration, today)
    said = intake(declaration, bound, requirements(place, declaration), place.now)
    text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomic(out, text.encode())
        click.echo(f"{out}: what {system} may read and decide; decisions are {'open' if said['open'] else 'not open'}.")


def intake(
    declaration: SystemDeclaration, bound: Sequence[BoundClause], gate: Sequence[Requirement], now: datetime
) -> dict[str, Any]:
    """The intake of a system: what the declaration says, narrowed by each clause in force.

    Args:
        declaration: the system.
        bound: the controls in force on it.
        gate: the gate's answer.
        now: when it was asked.
    """
    block = declaration.intake
    kinds = (ApprovedModel, DataAccess, DecisionScope, HumanReview)
    clauses = {each.key: each.clause.text for each in bound if isinstance(each.control, kinds)}
    controls = [each.control for each in bound]
    shut = [each for each in gate if not each.met]
    return {
        "format": FORMAT,
        "system": declaration.system,
        "exported_at": now.astimezone(UTC).isoformat(),
        "declaration": declaration_digest(declaration),
        "state": declaration.state,
        "gate": {"open": not shut, "unmet": [f"{each.name}: {each.why}" for each in shut]},
        "open": declaration.state == "live" and not shut,
        "may_read": _may_read(block.may_read, [each for each in controls if isinstance(each, DataAccess)]),
        "may_decide": _may_decide([block, *(each for each in controls if isinstance(each, DecisionScope))]),
        "needs_review": _needs_review(block.needs_review, bound),
        "models": _models(block.models, [each.models for each in controls if isinstance(each, ApprovedModel)]),
        "zone": declaration.zone,
        "clauses": clauses,
    }


def _may_read(declared: Sequence[str], controls: Sequence[DataAccess]) -> list[str]:
    limits = [set(each.may_read) for each in controls if each.may_read is not None]
    never = {name for each in controls for name in each.never}
    named = declared or sorted(set().union(*limits))
    return [name for name in named if name not in never and all(name in limit for limit in limits)]


def _may_decide(scopes: Sequence[Any]) -> dict[str, Any]:
    """What all scopes allow; null is no limit."""
    given = [each.may_decide for each in scopes if each.may_decide is not None]
    products = [set(scope.products) for scope in given if scope.products is not None]
    amounts = [scope.amount.up_to for scope in given if scope.amount is not None]
    return {
        "products": sorted(set.intersection(*products)) if products else None,
        "amount_up_to": min(amounts, default=None),
        "role": "recommends" if any(scope.role == "recommends" for scope in given) else "decides",
    }


def _needs_review(declared: str | None, bound: Sequence[BoundClause]) -> list[dict[str, Any]]:
    """Each condition under which a human looks first; one that cannot be told counts as met."""
    asked: list[dict[str, Any]] = []
    for each in bound:
        if isinstance(control := each.control, HumanReview):
            applies = each.clause.applies.when if each.clause.applies else None
            when = " AND ".join(f"({text})" for text in (control.when or declared, applies) if text) or "TRUE"
            asked.append({"clause": each.key, "when": when, "role": control.role, "before": control.before})
    by_default = any(isinstance(each.control, HumanReview) and each.control.when is None for each in bound)
    if declared is not None and not by_default:
        asked.append({"clause": None, "when": f"({declared})", "role": None, "before": None})
    return asked


def _models(declared: Sequence[Any], allowed: Sequence[Sequence[Any]]) -> list[dict[str, Any]] | None:
    """Approved versions with their local dates; null where nothing says which."""
    named = declared or next((models for models in allowed if models), ())
    return [each.model_dump(mode="json") for each in named] if named else None
