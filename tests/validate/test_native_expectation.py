"""Every way in which Great Expectations passes on nothing (`expectation` controls)."""

import json
from dataclasses import replace
from importlib import import_module

import pytest

from gov_pipelines.measure import Measurement
from gov_pipelines.validate import compile_suites, run_suite

BETWEEN = "expect_column_values_to_be_between"
LIMIT = {"column": "value", "min_value": 0.0, "max_value": 1.0}
INSIDE = [Measurement("psi", value=0.1, n=10), Measurement("psi", value=0.9, n=20)]
NULL = Measurement("psi", value=None)
NAN = Measurement("psi", value=float("nan"))
BEYOND = Measurement("psi", value=7.0)


def where(metric):
    """Great Expectations' condition object for `metric == ...`."""
    return {"type": "comparison", "column": {"name": "metric"}, "operator": "==", "parameter": metric}


@pytest.fixture
def judged(policy_of):
    def run(measurements, expect=BETWEEN, presence=(1, 1), **arguments):
        control = {"kind": "expectation", "expect": expect, "arguments": arguments or LIMIT}
        (compiled,) = compile_suites([policy_of(control)]).values()
        given = {"house/A-1": measurements}
        return run_suite(json.loads(compiled), given, {"house/A-1": presence})["house/A-1"]

    return run


def test_inside_passes(judged):
    judgement = judged(INSIDE)
    assert (judgement.verdict, judgement.reason) == ("pass", f"{BETWEEN} holds: 0 of 2 measurements are outside.")


def test_outside_fails(judged):
    judgement = judged([*INSIDE, BEYOND])
    assert judgement.verdict == "fail"
    assert "1 of 3 measurements are outside" in judgement.reason


def test_an_aggregate_passes_and_fails(judged):
    largest = "expect_column_max_to_be_between"
    assert judged(INSIDE, largest, column="value", max_value=1).verdict == "pass"
    judgement = judged(INSIDE, largest, column="value", max_value=0.5)
    assert (judgement.verdict, judgement.reason) == (
        "fail",
        f"{largest} does not hold: observed 0.9 over 2 measurements.",
    )


def test_a_table_expectation_passes_and_fails(judged):
    count = "expect_table_row_count_to_be_between"
    assert judged(INSIDE, count, min_value=2).verdict == "pass"
    assert judged(INSIDE, count, min_value=3).verdict == "fail"


ROW_WISE_AND_AGGREGATE = pytest.mark.parametrize("expect", [BETWEEN, "expect_column_max_to_be_between"])


@ROW_WISE_AND_AGGREGATE
def test_an_empty_frame_is_missing(judged, expect):
    assert judged([], expect).verdict == "missing"


@ROW_WISE_AND_AGGREGATE
@pytest.mark.parametrize("nothing", [NULL, NAN])
def test_a_column_of_nothing_is_insufficient(judged, expect, nothing):
    judgement = judged([nothing, nothing], expect)
    assert judgement.verdict == "insufficient"
    assert "value: 2 of 2" in judgement.reason


@ROW_WISE_AND_AGGREGATE
@pytest.mark.parametrize("nothing", [NULL, NAN])
def test_a_null_among_values_is_insufficient_and_never_a_pass(judged, expect, nothing):
    judgement = judged([*INSIDE, nothing], expect)
    assert judgement.verdict == "insufficient"
    assert "value: 1 of 3" in judgement.reason


@ROW_WISE_AND_AGGREGATE
def test_a_null_does_not_hide_a_failure(judged, expect):
    assert judged([BEYOND, NULL], expect).verdict == "fail"


@ROW_WISE_AND_AGGREGATE
def test_a_condition_that_matches_nothing_is_insufficient(judged, expect):
    judgement = judged(INSIDE, expect, **LIMIT, row_condition=where("no such metric"))
    assert (judgement.verdict, judgement.reason) == ("insufficient", f"{expect} met no row: nothing was tested.")


@ROW_WISE_AND_AGGREGATE
def test_a_condition_tests_only_its_rows(judged, expect):
    others = [Measurement("n", value=None), Measurement("n", value=500.0)]
    assert judged([*INSIDE, *others], expect, **LIMIT, row_condition=where("psi")).verdict == "pass"
    assert judged([*INSIDE, *others], expect, **LIMIT, row_condition=where("n")).verdict == "fail"


def test_two_columns_are_both_guarded(judged):
    expect, arguments = (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "upper", "column_B": "value", "or_equal": True},
    )
    bounded = Measurement("psi", value=0.1, upper=0.2)
    unbounded = Measurement("psi", value=0.1, upper=None)
    assert judged([bounded], expect, **arguments).verdict == "pass"
    assert judged([bounded, unbounded], expect, **arguments).verdict != "pass"
    assert judged([unbounded], expect, **arguments).verdict == "insufficient"


def test_an_expectation_about_nulls_may_see_them(judged):
    assert judged([NULL], "expect_column_values_to_not_be_null", column="value").verdict == "fail"
    assert judged(INSIDE, "expect_column_values_to_not_be_null", column="value").verdict == "pass"
    assert judged([NULL], "expect_column_values_to_be_null", column="value").verdict == "pass"


@pytest.mark.parametrize(
    ("expect", "arguments", "words"),
    [
        (BETWEEN, {**LIMIT, "column": "no_such_column"}, "no_such_column"),
        (BETWEEN, {**LIMIT, "column": "metric"}, "raised"),
        (BETWEEN, {"column": "value"}, "cannot be built"),
        (BETWEEN, {**LIMIT, "colour": "red"}, "colour"),
        ("expect_wonders", LIMIT, "expect_wonders not found"),
        ("expect_column_values_to_match_like_pattern", {"column": "metric", "like_pattern": "p%"}, "raised"),
    ],
)
def test_what_cannot_run_is_missing(judged, expect, arguments, words):
    judgement = judged(INSIDE, expect, **arguments)
    assert judgement.verdict == "missing"
    assert words in judgement.reason


@pytest.mark.parametrize("measurements", [INSIDE, [BEYOND]])
def test_a_hole_in_the_window_is_insufficient(judged, measurements):
    judgement = judged(measurements, presence=(29, 30))
    assert (judgement.verdict, judgement.reason) == ("insufficient", "29 of 30 partitions of the window are present.")


def test_groups_can_be_named_in_a_condition(judged):
    rows = [
        Measurement("selection_rate", attribute=("sex",), group={"sex": "F"}, value=0.2),
        Measurement("selection_rate", attribute=("sex",), group={"sex": "M"}, value=2.0),
    ]
    only_f = {"type": "comparison", "column": {"name": "group"}, "operator": "==", "parameter": '{"sex": "F"}'}
    assert judged(rows, **LIMIT, row_condition=only_f).verdict == "pass"


def test_a_guard_that_did_not_count_is_missing(judged, monkeypatch):
    expectations = import_module("gov_pipelines.validate.expectations")
    ask = expectations.ask

    def uncounted(questions, rows):
        return {name: replace(answer, result={}) for name, answer in ask(questions, rows).items()}

    monkeypatch.setattr(expectations, "ask", uncounted)
    judgement = judged(INSIDE)
    assert (judgement.verdict, judgement.reason) == ("missing", "Not judged: the rows it saw were not counted.")
