"""Reviewer behaviour: rates against counting by hand, a test that holds its level, signs that appear only where planted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.measure.reviewing import REVIEW_SCHEMA, review_measurements, reviewers

START = datetime(2026, 9, 1, 9, tzinfo=UTC)


def frame(rows):
    """Rows of reviewer, seconds (None: not noted), proposed, final, sex."""
    records = [
        (str(at), who, None if taken is None else START + timedelta(hours=at) - timedelta(seconds=taken),
         START + timedelta(hours=at), proposed, final, sex)
        for at, (who, taken, proposed, final, sex) in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(records, schema={**REVIEW_SCHEMA, "sex": pl.String()}, orient="row")


def case(who="ann", *, override=False, taken=60.0, sex="f"):
    return (who, taken, "denied", "approved" if override else "denied", sex)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from(["f", "m", None])), max_size=40))
@settings(max_examples=100, deadline=None)
def test_rates_are_what_counting_gives(cases):
    reviews = frame([case(who, override=over, sex=sex) for who, over, sex in cases])
    rows = review_measurements(reviews, ("sex",))
    found = {(row.metric, (row.group or {}).get("sex", "all")): row for row in rows}
    overridden = sum(over for _, over, _ in cases)
    if cases:
        assert found["override_rate", "all"].value == overridden / len(cases)
        assert found["agreement_rate", "all"].value == (len(cases) - overridden) / len(cases)
    for sex in {sex for *_, sex in cases}:
        own = [over for _, over, each in cases if each == sex]
        assert found["override_rate", sex].value == sum(own) / len(own)
        assert found["override_rate", sex].n == len(own)
    for each in reviewers(reviews):
        own = [over for who, over, _ in cases if who == each.name]
        assert (each.reviews, each.overrides) == (len(own), sum(own))
        runs = "".join("x" if over else "." for over in own).split("x")
        assert each.longest_agreement == max(map(len, runs))


def test_no_reviews_are_no_rate_and_no_error():
    rows = review_measurements(frame([]), ("sex",))
    assert [row.value for row in rows] == [None, None, None]
    assert reviewers(frame([])) == []


def test_a_review_without_a_proposal_is_counted_and_left_out():
    reviews = frame([case(), ("ann", 60.0, None, "denied", "f")])
    rate = review_measurements(reviews)[0]
    assert rate.n == 1
    assert rate.note is not None
    assert rate.note.startswith("1 review")


def test_a_reviewer_who_only_agrees_stands_out_among_those_who_do_not():
    rows = [case("stamp") for _ in range(60)] + [case(who, override=at % 4 == 0) for who in "bc" for at in range(60)]
    stamp = next(each for each in reviewers(frame(rows)) if each.name == "stamp")
    assert stamp.longest_agreement == 60
    assert stamp.p_fewer is not None
    assert stamp.p_fewer < 0.001
    assert stamp.signs
    assert not any(each.signs for each in reviewers(frame(rows)) if each.name != "stamp")


def test_seconds_nobody_reads_a_case_in_are_a_sign():
    fast, slow = reviewers(frame([case("fast", taken=3.0)] * 9 + [case("slow", taken=300.0)] * 8))
    assert fast.quick == 9
    assert "less than 10 seconds" in fast.signs[0]
    assert fast.median_seconds == pytest.approx(3.0)
    assert not slow.signs


@pytest.mark.parametrize("taken", [None, -60.0], ids=["not noted", "after the review"])
def test_openings_nobody_noted_are_no_time_at_all(taken):
    (each,) = reviewers(frame([case(taken=taken)] * 5))
    assert (each.median_seconds, each.timed, each.signs) == (None, 0, ())


def test_where_nobody_differs_signs_are_as_rare_as_the_test_promises():
    draws = np.random.default_rng(20260923)
    nights, told = 400, 0
    for _ in range(nights):
        overrides = draws.random(120) < 0.2
        rows = [case("abcd"[at % 4], override=bool(over)) for at, over in enumerate(overrides)]
        told += any(each.signs for each in reviewers(frame(rows)))
    assert told / nights <= 0.05 + 2 * (0.05 * 0.95 / nights) ** 0.5


def test_group_differences_are_as_rare_as_the_adjusted_test_promises():
    draws = np.random.default_rng(20260924)
    nights, told = 400, 0
    for _ in range(nights):
        rows = [case(override=bool(draws.random() < 0.3), sex=str(draws.choice(["f", "m", "x"]))) for _ in range(90)]
        p = [row.p_adjusted for row in review_measurements(frame(rows), ("sex",)) if row.p_adjusted is not None]
        told += min(p) < 0.05
    assert told / nights <= 0.05 + 2 * (0.05 * 0.95 / nights) ** 0.5
