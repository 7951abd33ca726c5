"""Cells tell everything: whatever rules say of any decision, they say of the decision that stands for its cell."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.policy import parse_predicate
from gov_pipelines.policy.columns import MOMENT, NUMBER, TEXT
from gov_pipelines.policy.reasoning import MOST_CELLS, Space, counterexample, space_of, space_of_any, survey

SPACE = Space({"a": NUMBER, "n": pl.Int64(), "t": TEXT, "m": MOMENT})
numbers = st.sampled_from(["-1.5", "0", "1", "1.0000000000000002", "2", "1e300"])
texts = st.sampled_from(["''", "'x'", "'xy'", "'y'", "'it''s'"])
moments = st.sampled_from(["'2026-09-01'", "'2026-09-01T00:00:00.000001'", "'2026-12-31'"])
comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def atoms() -> st.SearchStrategy[str]:
    of = [("a", numbers), ("n", numbers), ("t", texts), ("m", moments)]
    return st.one_of(
        *(st.builds("{} {} {}".format, st.just(name), comparison, values) for name, values in of),
        *(st.builds("{1} {0} {2}".format, comparison, values, st.just(name)) for name, values in of),
        *(st.builds("{} BETWEEN {} AND {}".format, st.just(name), values, values) for name, values in of),
        *(st.builds("{} NOT IN ({}, {})".format, st.just(name), values, values) for name, values in of),
        st.sampled_from(["a IS NULL", "t IS NOT NULL", "m IS NULL"]),
    )


rules = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)
decisions = st.fixed_dictionaries(
    {
        "a": st.none() | st.sampled_from([-1.5, 0.0, 1.0, 2.0, 1e300]) | st.floats(allow_nan=False, allow_infinity=False),
        "n": st.none() | st.integers(-3, 4) | st.integers(-(2**63), 2**63 - 1),
        "t": st.none() | st.sampled_from(["", "x", "x\0", "xy", "y", "it's"]) | st.text(max_size=3),
        "m": st.none() | st.datetimes(datetime(2026, 8, 30), datetime(2027, 1, 2), timezones=st.just(UTC)),
    }
)  # fmt: skip


@given(st.lists(rules, min_size=1, max_size=3), st.lists(decisions, min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_what_rules_say_of_any_decision_they_say_of_some_cell(texts_of_rules, rows):
    found = survey(texts_of_rules, SPACE)
    assert found is not None
    log = pl.DataFrame(rows, schema=dict(SPACE.schema))
    said = log.select(
        parse_predicate(rule, SPACE.schema).expression().alias(f"{place}") for place, rule in enumerate(texts_of_rules)
    ).rows()
    answers = found.select(f"#{place}" for place in range(len(texts_of_rules))).rows()
    assert set(said) <= set(answers)


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ("a > 1 AND a < 1.0000000000000002", {False, None}),  # nothing lies between neighbouring floats
        ("a > 1 AND a < 1.0000000000000004", {True, False, None}),
        ("n > 1 AND n < 2", {False, None}),
        ("n > 1.5 AND n < 2.5", {True, False, None}),
        ("t > 'x' AND t < 'y'", {True, False, None}),
        ("t <> 'x' OR t = 'x'", {True, None}),
        ("a IS NULL OR a IS NOT NULL", {True}),
        ("m >= '2026-09-01' AND m < '2026-09-01T00:00:00.000001'", {True, False, None}),
        ("m > '2026-09-01' AND m < '2026-09-01T00:00:00.000001'", {False, None}),
    ],
)
def test_cells_are_exact(rule, answers):
    assert set(survey([rule], SPACE)["#0"]) == answers


@pytest.mark.parametrize("rule", ["a + 1 > 2", "t LIKE 'x%'", "a > n", "-n > 1", "NOT a * 2 = 4", "unknown = 1", "a >"])
def test_what_cells_cannot_tell_gets_no_answer(rule):
    assert survey(["a > 1", rule], SPACE) is None


def test_too_many_cells_get_no_answer():
    columns = {f"c{place}": NUMBER for place in range(12)}
    wide = " AND ".join(f"{name} > 1" for name in columns)
    assert 4 ** len(columns) > MOST_CELLS
    assert survey([wide], Space(columns)) is None


def test_declared_values_and_ranges_bound_the_decisions(declaration):
    space = space_of(declaration)
    assert set(survey(["decision = 'invited' OR decision = 'rejected'"], space)["#0"]) == {True}
    assert set(survey(["years > 60"], space)["#0"]) == {False, None}
    assert set(survey(["years <= 60"], space)["#0"]) == {True, None}
    assert set(survey(["grade < '2'"], space)["#0"]) == {True, False, None}
    assert set(survey(["decided_at > '2026-01-01'"], space)["#0"]) == {True, False}


def test_a_counterexample_is_one_and_reads_well():
    assert counterexample("a > 5", "a > 10", SPACE) == {"a": 6.0}
    assert counterexample("a > 10", "a > 5", SPACE) is None
    assert counterexample("t <> 'x'", "a > 1", SPACE) == {"a": 0.0, "t": "something else"}


def test_columns_of_no_system_in_particular_get_the_type_they_are_compared_with():
    schema = space_of_any(["grade = 'a' AND years > 3", "amount > 1", "not a rule ("]).schema
    assert (schema["grade"], schema["years"], schema["amount"]) == (TEXT, NUMBER, NUMBER)
