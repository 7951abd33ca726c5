"""`decision_scope`: the system decides only what it may decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions.rules.ruling import Hearing, Ruling, first_of

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import DecisionScope


def judge(control: DecisionScope, hearing: Hearing) -> Ruling:
    """Another product, or more than `up_to`: outside; a product or amount needed and null: undecidable; else within.

    Where neither the control nor the declaration names a scope, nothing can be held against it: undecidable.
    """
    scope = control.may_decide or hearing.declaration.intake.may_decide
    if scope is None or (scope.products is None and scope.amount is None):
        return Ruling(pl.lit("undecidable"), pl.lit("no scope is declared"))
    product, amount = pl.col("product"), pl.col("amount")
    foreign = ~product.is_in(scope.products) if scope.products is not None else pl.lit(value=False)
    above = amount > scope.amount.up_to if scope.amount is not None else pl.lit(value=False)
    verdict, reason = first_of(
        (foreign, "outside", pl.format("product {} is not in scope", product)),
        (above, "outside", f"amount above {scope.amount.up_to:.12g}" if scope.amount else ""),
        (foreign.is_null(), "undecidable", "product is missing"),
        (above.is_null(), "undecidable", "amount is missing"),
        otherwise=("within", "in scope"),
    )
    return Ruling(verdict, reason)
