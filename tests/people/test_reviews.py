"""When a review counts: every part of it must fit, and the facts must be those that were seen."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.people import (
    Act,
    Case,
    Review,
    SignedAct,
    Snapshot,
    facts_digest,
    facts_of,
    objection,
    review_of,
    standing_review,
)

NOW = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)
SNAPSHOT = Snapshot("loans", date(2026, 11, 4), 2, "b" * 64)
SIGNED = {("2026-11-04", 1): "a" * 64, ("2026-11-04", 2): "b" * 64}
CASE = Case(SNAPSHOT, "house/R", "B", "no", frozenset({"yes", "no"}), "f" * 64, "senior", before=NOW, requester="kim")
REVIEW = Review("2026-11-04", 2, "b" * 64, "house/R", "B", "f" * 64, "approve")


def signed(review=REVIEW, *, at=NOW, person="sue", role="senior", system="loans", name="1"):
    return SignedAct(Act("review", person, role, at, system, asdict(review)), name, "k", at)


def test_a_review_that_fits_counts():
    assert objection(signed(), CASE, SIGNED) is None
    assert objection(signed(replace(REVIEW, outcome="override", decision="yes")), CASE, SIGNED) is None
    assert objection(signed(replace(REVIEW, revision=1, snapshot="a" * 64)), CASE, SIGNED) is None  # facts unchanged


FIELDS = ["partition", "revision", "snapshot", "control", "decision_id", "facts"]


@given(field=st.sampled_from(FIELDS), other=st.text(), number=st.integers())
def test_a_review_of_anything_else_does_not_count(field, other, number):
    value = number if field == "revision" else other
    if value != getattr(REVIEW, field):
        assert objection(signed(replace(REVIEW, **{field: value})), CASE, SIGNED)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "outcome", "decision", "more"]), st.none() | st.integers() | st.text() | st.just([])
    )
)
def test_no_subject_is_mistaken_for_a_review(changed):
    act = Act("review", "sue", "senior", NOW, "loans", asdict(REVIEW) | changed)
    review = review_of(SignedAct(act, "1", "k", NOW))
    assert review is None or asdict(review) == act.subject


@pytest.mark.parametrize("name", ["sue", "SUE", " sue ", "s\u200bue", "\uff53ue", "su\u00ade", "\ufeffsue"])
def test_no_spelling_of_a_name_lets_a_requester_review(name):
    assert "whoever asked" in objection(signed(), replace(CASE, requester=name), SIGNED)


def test_a_person_is_named_only_where_an_approver_is():
    act = signed(person="senior", role="clerk")
    assert "only senior" in objection(act, CASE, SIGNED)
    assert objection(act, replace(CASE, or_person=True), SIGNED) is None


@given(st.timedeltas(min_value=timedelta(days=-1), max_value=timedelta(days=1)))
def test_in_time_is_up_to_the_moment_itself(after):
    said = objection(signed(at=NOW + after), CASE, SIGNED)
    assert (said is None) == (after <= timedelta())


def test_the_last_review_that_counts_stands():
    first, last = signed(name="1", at=NOW - timedelta(hours=2)), signed(name="2", at=NOW - timedelta(hours=1))
    late = signed(name="3", at=NOW + timedelta(hours=1))
    assert standing_review(CASE, [first, last, late], SIGNED)[0] is last
    standing, why = standing_review(CASE, [late], SIGNED)
    assert standing is None
    assert "too late" in why


ROW = {"decision_id": "B", "decided_at": NOW, "amount": 600.0, "score": None, "notice_sent_at": NOW, "told_at": NOW}


def test_what_comes_after_the_decision_is_none_of_its_facts():
    facts = facts_of(ROW, "told_at")
    assert facts == {"decision_id": "B", "decided_at": "2026-11-05T07:30:00Z", "amount": 600.0}
    assert facts_digest("salt", facts) == facts_digest("salt", facts_of(ROW | {"label": "x", "new": None}, "told_at"))


@given(
    amount=st.floats(allow_nan=False, allow_infinity=False), salt=st.text(min_size=1).filter(lambda it: it != "salt")
)
def test_other_facts_or_another_salt_are_another_digest(amount, salt):
    facts = facts_of(ROW)
    assert facts_digest(salt, facts) != facts_digest("salt", facts)
    if amount != 600.0:
        assert facts_digest("salt", facts_of(ROW | {"amount": amount})) != facts_digest("salt", facts)
