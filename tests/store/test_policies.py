from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gov_pipelines.policy import Policy
from gov_pipelines.store import edited_in_place, record_policy

NOW = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def house():
    def make(text="Be fair: §.", version=3, **span):
        return Policy.model_validate(
            {
                "policy": "house", "version": version, "in_force": {"from": "2026-10-01"} | span, "owner": "x",
                "document": {"title": "House"}, "clauses": [{"id": "A-1", "text": text, "level": "runtime"}],
            }
        )  # fmt: skip

    return make


def test_a_text_keeps_the_time_it_was_first_recorded(engine, house):
    for later in range(3):
        with engine.begin() as connection:
            assert record_policy(connection, house(), NOW + timedelta(days=later)) == NOW


def test_an_edited_text_is_recorded_anew(engine, house):
    with engine.begin() as connection:
        record_policy(connection, house(), NOW)
        later = NOW + timedelta(days=9)
        assert record_policy(connection, house("Be kind."), later) == later
        assert record_policy(connection, house(), later) == NOW


def test_a_text_edited_in_place_shows_and_one_that_was_closed_does_not(engine, house):
    edited = []
    for day, policy in enumerate((house(), house(until="2027-01-01"), house("Be kind."))):
        with engine.begin() as connection:
            edited.append(edited_in_place(connection, policy))
            record_policy(connection, policy, NOW + timedelta(days=day))
            record_policy(connection, house(version=4), NOW)
    assert edited == [False, False, True]
