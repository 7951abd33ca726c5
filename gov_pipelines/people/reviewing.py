"""The reviews of a system as rows to measure: those its log tells of, and those that were signed here."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from gov_pipelines.measure.reviewing import REVIEW_SCHEMA
from gov_pipelines.people.acts import SignedAct
from gov_pipelines.people.reviews import review_of

_MOMENT = pl.Datetime("us", "UTC")
_SIGNED = {
    "decision_id": pl.String(),
    "reviewer": pl.String(),
    "opened_at": pl.String(),
    "reviewed_at": _MOMENT,
    "put": pl.String(),
}


def review_rows(log: pl.DataFrame, signed: Iterable[SignedAct], attributes: tuple[str, ...] = ()) -> pl.DataFrame:
    """One row a review, of the decisions in a log.

    What the log tells of: a reviewer named beside the decision, who was given `proposed_decision` and left `decision`. What
    was signed: `decision` was given, and the signature says what was left. A decision reviewed twice has two rows.

    Args:
        log: decision log of any number of days.
        signed: acts of the kind `review`, their signatures verified; others are passed over.
        attributes: columns of the log to keep beside each review.

    Returns:
        `REVIEW_SCHEMA` and the attributes, by moment.
    """
    told = log.filter(pl.col("reviewer").is_not_null()).select(
        "decision_id",
        "reviewer",
        pl.lit(None, _MOMENT).alias("opened_at"),
        "reviewed_at",
        proposed="proposed_decision",
        final="decision",
    )
    acts = [(act.act, review) for act in signed if (review := review_of(act)) is not None]
    rows = [(review.decision_id, act.person, review.opened_at, act.at, review.decision) for act, review in acts]
    here = pl.DataFrame(rows, _SIGNED, orient="row").join(
        log.select("decision_id", proposed="decision"), on="decision_id"
    )
    here = here.with_columns(
        opened_at=pl.col("opened_at").str.to_datetime(time_unit="us", time_zone="UTC", strict=False),
        final=pl.coalesce("put", "proposed"),
    )
    both = pl.concat([frame.select(*REVIEW_SCHEMA) for frame in (told, here)])
    return both.join(log.select("decision_id", *attributes), on="decision_id").sort("reviewed_at", "decision_id")
