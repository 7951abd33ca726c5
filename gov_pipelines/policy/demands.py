"""What a control asks of each decision, as rules: the form in which clauses can be held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlglot import expressions as sql

from gov_pipelines.policy import kinds
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Clause
from gov_pipelines.policy.reasoning import space_of, survey
from gov_pipelines.policy.yaml_file import Place


@dataclass(frozen=True, slots=True)
class Demand:
    """What a control asks of each decision, as rules.

    Attributes:
        when: the conditions under which it speaks of a decision, and where in the clause each stands.
        musts: what every decision meets that is `within`; empty where there is no such rule.
        exact: whether each decision that meets them all is `within`.
    """

    when: Mapping[Place, str]
    musts: Sequence[str]
    exact: bool = True


def demand_of(clause: Clause, declaration: SystemDeclaration) -> Demand | None:
    """What a clause asks of each decision of a system; None where its control judges no decisions."""
    control, intake = clause.control, declaration.intake
    when: dict[Place, str] = {("applies", "when"): clause.applies.when} if clause.applies else {}
    own = getattr(control, "when", None)
    when |= {("control", "when"): own} if own else {}
    match control:
        case kinds.DecisionRule():
            return Demand(when, [control.must])
        case kinds.DecisionScope():
            scope = control.may_decide or intake.may_decide
            products = [_any_of("product", scope.products)] if scope and scope.products is not None else []
            amount = [f"amount <= {scope.amount.up_to!r}"] if scope and scope.amount else []
            return Demand(when, [*products, *amount])
        case kinds.ApprovedModel():
            approved = [
                f"(model_version = {_text(each.version)} AND {days_between(each.approved_from, each.approved_until)})"
                for each in control.models or intake.models
            ]
            return Demand(when, [" OR ".join(approved)] if approved else [])
        case kinds.HumanReview():
            when |= {("control",): intake.needs_review} if own is None and intake.needs_review else {}
            return Demand(when, ["reviewed_at IS NOT NULL"], exact=False)
        case kinds.Deadline():
            return Demand(when, [f"{sql.to_identifier(control.to, quoted=True).sql()} IS NOT NULL"], exact=False)
    return None


def days_between(start: date, until: date | None) -> str:
    """The rule that a decision is made from a day on and before another."""
    return f"decided_at >= '{start}'" + (f" AND decided_at < '{until}'" if until else "")


def spoken_of(
    demands: Sequence[Demand], declaration: SystemDeclaration, more: Sequence[str] = ()
) -> list[pl.Series] | None:
    """One decision of each kind that all the demands speak of, and that meets the rules `more`.

    Returns:
        For each demand whether these meet all its `musts` (null: undecidable); None where that cannot be told.
    """
    when = [*(rule for each in demands for rule in each.when.values()), *more]
    rules = [*when, *(rule for each in demands for rule in each.musts)]
    found = survey(rules, space_of(declaration)) if rules else None
    if found is None:
        return None
    column = iter(pl.col(f"#{place}") for place in range(len(rules)))
    met = found.filter(pl.lit(value=True), *(next(column) for _ in when))
    held = [pl.all_horizontal(pl.lit(value=True), *(next(column) for _ in each.musts)) for each in demands]
    return [met.with_columns(holds=each)["holds"] for each in held]


def _text(value: str) -> str:
    return sql.Literal.string(value).sql()


def _any_of(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(map(_text, values))})" if values else f"{column} IS NULL AND {column} IS NOT NULL"
