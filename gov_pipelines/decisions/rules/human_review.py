"""`human_review`: a person of the right role looked, in time, who was not the one who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions.rules.ruling import Hearing, Ruling, first_of

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import HumanReview


def judge(control: HumanReview, hearing: Hearing) -> Ruling:
    """Properly reviewed no later than `before`: within; `before` has come without that: outside; not come yet: pending.

    Proper is a review by the declared role and by somebody else than the requester. Where the log carries requesters,
    a null one leaves it open who asked; where it carries none, no person asked.
    """
    reviewed = hearing.happened("reviewed_at")
    right_role = pl.col("reviewer_role") == control.role
    someone_else = (
        pl.col("reviewer") != pl.col("requester")
        if "requester" in hearing.carried or "requester" in hearing.declaration.columns
        else pl.col("reviewer").is_not_null() | pl.lit(None, dtype=pl.Boolean)
    )
    proper = reviewed.is_not_null() & right_role & someone_else
    told = hearing.happened(control.before) if control.before else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    missing = "reviewer, role or requester is missing"
    by_role = pl.format("reviewed by {}", pl.col("reviewer_role"))
    verdict, reason = first_of(
        (told.is_null() & proper, "within", by_role),
        (told.is_null() & reviewed.is_not_null() & proper.is_null(), "undecidable", missing),
        (told.is_null(), "pending", "no proper review yet"),
        (reviewed.is_null(), "outside", f"not reviewed before {control.before}"),
        (reviewed > told, "outside", f"reviewed after {control.before}"),
        (proper, "within", by_role),
        (~right_role, "outside", pl.format("reviewed by {}, not by {}", pl.col("reviewer_role"), pl.lit(control.role))),
        (~someone_else, "outside", "reviewed by the requester"),
        otherwise=("undecidable", missing),
    )
    return Ruling(verdict, reason, control.when or hearing.declaration.intake.needs_review)
