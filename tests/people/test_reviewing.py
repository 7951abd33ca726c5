"""Reviews the log tells of and reviews signed here, as rows of one shape."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import polars as pl

from gov_pipelines.measure.reviewing import REVIEW_SCHEMA
from gov_pipelines.people import Act, SignedAct
from gov_pipelines.people.reviewing import review_rows
from gov_pipelines.people.reviews import Review

AT = datetime(2026, 9, 3, 12, tzinfo=UTC)
LOG = pl.DataFrame(
    [("d1", "denied", "approved", "ann", AT, "f"), ("d2", "denied", None, None, None, "m")],
    schema={
        "decision_id": pl.String,
        "decision": pl.String,
        "proposed_decision": pl.String,
        "reviewer": pl.String,
        "reviewed_at": pl.Datetime("us", "UTC"),
        "sex": pl.String,
    },
    orient="row",
)


def signed(decision_id, *, put=None, opened=None):
    review = Review(
        "2026-09-03", 1, "s", "house/FL-2", decision_id, "f", "override" if put else "approve", put, None, None, opened
    )
    return SignedAct(Act("review", "bo", "senior", AT + timedelta(hours=1), "lending", asdict(review)), "i", "k", AT)


def test_a_review_in_the_log_goes_from_proposed_to_decided():
    (row,) = review_rows(LOG, [], ("sex",)).to_dicts()
    assert (row["reviewer"], row["proposed"], row["final"], row["opened_at"], row["sex"]) == (
        "ann",
        "approved",
        "denied",
        None,
        "f",
    )


def test_a_signed_review_goes_from_decided_to_what_it_leaves():
    opened = (AT + timedelta(minutes=50)).isoformat().replace("+00:00", "Z")
    rows = review_rows(LOG, [signed("d2", put="approved", opened=opened), signed("d1")])
    assert [(row["decision_id"], row["reviewer"], row["proposed"], row["final"]) for row in rows.to_dicts()] == [
        ("d1", "ann", "approved", "denied"),
        ("d1", "bo", "denied", "denied"),
        ("d2", "bo", "denied", "approved"),
    ]
    assert rows["opened_at"].to_list() == [None, None, AT + timedelta(minutes=50)]


def test_an_act_that_is_no_review_or_of_another_day_is_passed_over():
    other = SignedAct(Act("review", "bo", "senior", AT, "lending", {"anything": 1}), "i", "k", AT)
    assert review_rows(LOG, [other, signed("elsewhere")]).height == 1
    assert dict(review_rows(LOG.head(0), []).schema) == REVIEW_SCHEMA
