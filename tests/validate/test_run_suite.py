"""One judgement for every expectation, and never a pass out of ignorance."""

import json
from importlib import import_module
from typing import get_args

import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Judgement, Measurement, Verdict
from gov_pipelines.validate import PASSED, compile_suites, run_suite
from gov_pipelines.validate.rows import row_of

FRESH = {"kind": "freshness", "within": "6 hours"}
SHARE = {"kind": "log_quality", "metric": "duplicate_share", "at_most": 0.01}
HERE = {"house/A-1": (1, 1), "house/A-2": (1, 1)}


@pytest.fixture
def suite_of(policy_of):
    return lambda *controls: json.loads(*compile_suites([policy_of(*controls)]).values())


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_comes_through_whole(suite_of, judged_as, measured, verdict):
    told = Judgement(verdict, "as told", measured, breaches=3, notes=("one", "two"))
    judged_as(told)
    assert run_suite(suite_of(FRESH), {"house/A-1": [measured]}, HERE) == {"house/A-1": told}


def test_the_control_and_its_measurements_reach_the_judge_unchanged(suite_of, judged_as, policy_of, measured):
    calls = judged_as("pass")
    undefined = Measurement("impact_ratio", value=None, note="no favorable decision in any group")
    other = Measurement("duplicate_share", value=0.0, n=7)
    run_suite(
        suite_of(FRESH, SHARE),
        {"house/A-1": [measured, undefined], "house/A-2": [other]},
        {"house/A-1": (28, 30), "house/A-2": (1, 1)},
    )
    fresh, share = sorted(calls, key=lambda call: call[0].kind)
    declared = policy_of(FRESH, SHARE).clauses
    assert fresh == (declared[0].control, [measured, undefined], 28, 30)
    assert share == (declared[1].control, [other], 1, 1)


def test_an_unmeasured_number_is_none_and_not_nan(suite_of, judged_as):
    calls = judged_as("insufficient")
    run_suite(suite_of(FRESH), {"house/A-1": [Measurement("hours", value=float("nan"))]}, HERE)
    assert calls[0][1][0].value is None


def test_results_are_joined_by_control_and_not_by_position(suite_of, monkeypatch):
    by_kind = {"freshness": "fail", "log_quality": "pass", "data_access": "warn"}
    monkeypatch.setattr(
        "gov_pipelines.measure.judge",
        lambda control, measurements, **_: Judgement(by_kind[control.kind], measurements[0].metric),
        raising=False,
    )
    suite = suite_of(FRESH, SHARE, {"kind": "data_access"})
    keys = ["house/A-3", "house/A-1", "house/A-2"]
    rows = {key: [Measurement(key)] for key in keys}
    assert run_suite(suite, rows, dict.fromkeys(keys, (1, 1))) == {
        "house/A-1": Judgement("fail", "house/A-1"),
        "house/A-2": Judgement("pass", "house/A-2"),
        "house/A-3": Judgement("warn", "house/A-3"),
    }


def only(judgements):
    (judgement,) = judgements.values()
    assert judgement.verdict not in PASSED
    return judgement


def test_an_exception_of_the_judge_is_missing(suite_of, judged_as):
    judged_as(RuntimeError("no such metric"))
    judgement = only(run_suite(suite_of(FRESH), {"house/A-1": [Measurement("hours")]}, HERE))
    assert judgement.verdict == "missing"
    assert "no such metric" in judgement.reason


def test_one_broken_expectation_leaves_the_others_their_verdict(suite_of, judged_as):
    judged_as("pass")
    suite = suite_of(FRESH, SHARE)
    suite["expectations"][0]["kwargs"]["parameters"]["within"] = "soon"
    judgements = run_suite(suite, {key: [Measurement("hours")] for key in HERE}, HERE)
    assert {key: each.verdict for key, each in judgements.items()} == {"house/A-1": "missing", "house/A-2": "pass"}
    assert "not a duration" in judgements["house/A-1"].reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "expect_policy_to_be_nice"}, "expect_policy_to_be_nice not found"),
        ({"type": None}, "cannot be built"),
        ({"kwargs": {}}, "cannot be built"),
        ({"kwargs": {"control": "house/A-1", "parameters": {"kind": "wish"}}}, "wish"),
    ],
)
def test_what_great_expectations_does_not_know_is_missing(suite_of, judged_as, change, words):
    judged_as("pass")
    suite = suite_of(FRESH)
    suite["expectations"][0] |= change
    judgement = only(run_suite(suite, {"house/A-1": [Measurement("hours")]}, HERE))
    assert judgement.verdict == "missing"
    assert words in judgement.reason


@pytest.mark.parametrize("measurements", [{}, {"house/A-1": []}])
def test_nothing_measured_is_missing(suite_of, judged_as, measurements):
    judged_as(Judgement("pass", "as told"))
    judgement = only(run_suite(suite_of(FRESH), measurements, HERE))
    assert judgement == Judgement("missing", "Not judged: nothing was measured for it.")


def test_unknown_presence_is_missing(suite_of, judged_as):
    judged_as("pass")
    judgement = only(run_suite(suite_of(FRESH), {"house/A-1": [Measurement("hours")]}, {}))
    assert judgement.verdict == "missing"
    assert "partitions" in judgement.reason


def test_a_suite_that_says_nothing_of_presence_has_a_hole(suite_of, judged_as):
    ask = import_module("gov_pipelines.validate.expectations").ask
    calls = judged_as("insufficient")
    (expectation,) = suite_of(FRESH)["expectations"]
    ask({"as loaded": expectation}, [row_of(Measurement("hours"), "house/A-1")])
    assert calls[0][2:] == (0, 1)


def test_a_control_is_judged_on_its_own_rows_whatever_the_suite_says(suite_of, judged_as):
    calls = judged_as("pass")
    suite = suite_of(FRESH)
    suite["expectations"][0]["kwargs"]["control"] = "house/A-2"
    run_suite(suite, {"house/A-1": [Measurement("own")], "house/A-2": [Measurement("other")]}, HERE)
    assert [each.metric for _, measurements, *_ in calls for each in measurements] == ["own"]


def test_an_empty_suite_judges_nothing():
    assert run_suite({"name": "house@1", "expectations": []}, {}, {}) == {}


@pytest.mark.parametrize("suite", [{}, {"expectations": {}}, {"expectations": ["expect_control_to_hold"]}])
def test_what_is_no_suite_is_refused(suite):
    with pytest.raises(WrongUse, match="gov compile"):
        run_suite(suite, {}, {})


def test_an_expectation_without_a_control_is_missing(suite_of, judged_as):
    judged_as("pass")
    suite = suite_of(FRESH)
    del suite["expectations"][0]["meta"]["control"]
    assert run_suite(suite, {"house/A-1": [Measurement("hours")]}, HERE)["house@1#0"].verdict == "missing"


def test_two_expectations_for_one_control_are_missing(suite_of, judged_as):
    judged_as("pass")
    suite = suite_of(FRESH)
    suite["expectations"] *= 3
    judgement = only(run_suite(suite, {"house/A-1": [Measurement("hours")]}, HERE))
    assert "two expectations" in judgement.reason


class Config:
    def __init__(self, meta):
        self.meta = meta


class Result:
    """One result as Great Expectations might give it."""

    def __init__(self, question, *, success=True, result=None, exception_info=None):
        self.expectation_config = Config({"question": question})
        self.success, self.result, self.exception_info = success, result, exception_info


JUDGED = Judgement("pass", "fine")
RAISED = {"raised_exception": True, "exception_message": "division by zero", "exception_traceback": "..."}


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], "no result"),
        ([Result("house/A-9", result={"observed_value": JUDGED})], "no result"),
        ([Result("house/A-1", exception_info=RAISED)], "division by zero"),
        ([Result("house/A-1", exception_info={"MetricConfigurationID(...)": RAISED})], "division by zero"),
        ([Result("house/A-1", result={"observed_value": JUDGED}, exception_info={"id": RAISED})], "division by zero"),
        ([Result("house/A-1", result={"observed_value": JUDGED})] * 2, "two results"),
        ([Result("house/A-1")], "without a judgement"),
        ([Result("house/A-1", result={})], "without a judgement"),
        ([Result("house/A-1", result={"observed_value": None})], "without a judgement"),
        ([Result("house/A-1", result={"observed_value": True})], "without a judgement"),
        ([Result("house/A-1", result={"observed_value": Judgement("passed", "?")})], "beside the verdict passed"),
        ([Result("house/A-1", result={"observed_value": Judgement("fail", "bad")})], "beside the verdict fail"),
        ([Result("house/A-1", success=False, result={"observed_value": JUDGED})], "beside the verdict pass"),
        ([Result("house/A-1", success=None, result={"observed_value": JUDGED})], "beside the verdict pass"),
        (RuntimeError("no batch"), "no batch"),
    ],
)
def test_whatever_great_expectations_answers_is_not_taken_on_trust(suite_of, monkeypatch, results, words):
    batch = import_module("great_expectations.datasource.fluent.interfaces").Batch

    def validate(self, suite, **_):
        if isinstance(results, Exception):
            raise results
        return type("Answer", (), {"results": results, "success": True})

    monkeypatch.setattr(batch, "validate", validate)
    judgement = only(run_suite(suite_of(FRESH), {"house/A-1": [Measurement("hours")]}, HERE))
    assert judgement.verdict == "missing"
    assert words in judgement.reason


def test_nothing_is_printed_and_no_context_is_left_behind(suite_of, judged_as, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    judged_as("pass")
    run_suite(suite_of(FRESH), {"house/A-1": [Measurement("hours")]}, HERE)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
