"""`decision_rule`: a predicate that every decision must meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gov_pipelines.decisions.rules.ruling import Hearing, Ruling, first_of

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import DecisionRule


def judge(control: DecisionRule, hearing: Hearing) -> Ruling:
    """`must` holds: within; it does not: outside; a value it needs is null: undecidable."""
    must = hearing.predicate(control.must)
    holds = must.expression()
    verdict, reason = first_of(
        (holds, "within", "the rule holds"),
        (~holds, "outside", "the rule does not hold"),
        otherwise=("undecidable", f"a needed value is missing: {', '.join(sorted(must.columns))}"),
    )
    return Ruling(verdict, reason, control.when)
