"""`approved_model`: each decision was made by a model version approved on that date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions.rules.ruling import Hearing, Ruling, first_of

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import ApprovedModel


def judge(control: ApprovedModel, hearing: Hearing) -> Ruling:
    """The version was approved on the local date of the decision: within; it was not: outside; none is known: undecidable.

    Where neither the control nor the declaration lists models, nothing can be held against it: undecidable.
    """
    models = control.models or hearing.declaration.intake.models
    if not models:
        return Ruling(pl.lit("undecidable"), pl.lit("no approved models are declared"))
    version = pl.col("model_version")
    day = hearing.local_date(pl.col("decided_at"))
    approved = pl.any_horizontal(
        (version == model.version)
        & (day >= model.approved_from)
        & (day < model.approved_until if model.approved_until else pl.lit(value=True))
        for model in models
    )
    verdict, reason = first_of(
        (version.is_null(), "undecidable", "model_version is missing"),
        (approved, "within", pl.format("model {} is approved", version)),
        otherwise=("outside", pl.format("model {} is not approved on that date", version)),
    )
    return Ruling(verdict, reason)
