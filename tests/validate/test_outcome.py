from typing import get_args

import pytest

from gov_pipelines.measure import Verdict
from gov_pipelines.policy.kinds import Severity
from gov_pipelines.validate import PASSED, outcome

EXPECTED = {
    ("pass", "critical"): (True, "WARN"),
    ("pass", "warning"): (True, "WARN"),
    ("pass", "info"): (True, "WARN"),
    ("report_only", "critical"): (True, "WARN"),
    ("report_only", "warning"): (True, "WARN"),
    ("report_only", "info"): (True, "WARN"),
    ("not_applicable", "critical"): (True, "WARN"),
    ("not_applicable", "warning"): (True, "WARN"),
    ("not_applicable", "info"): (True, "WARN"),
    ("warn", "critical"): (False, "WARN"),
    ("warn", "warning"): (False, "WARN"),
    ("warn", "info"): (False, "WARN"),
    ("insufficient", "critical"): (False, "WARN"),
    ("insufficient", "warning"): (False, "WARN"),
    ("insufficient", "info"): (False, "WARN"),
    ("fail", "critical"): (False, "ERROR"),
    ("fail", "warning"): (False, "WARN"),
    ("fail", "info"): (False, "WARN"),
    ("missing", "critical"): (False, "ERROR"),
    ("missing", "warning"): (False, "ERROR"),
    ("missing", "info"): (False, "ERROR"),
}


@pytest.mark.parametrize("verdict", get_args(Verdict))
@pytest.mark.parametrize("severity", get_args(Severity))
def test_every_verdict_has_its_outcome(verdict, severity):
    assert outcome(verdict, severity) == EXPECTED[verdict, severity]


def test_passed_is_a_python_bool():
    assert all(type(outcome(verdict, "info").passed) is bool for verdict in get_args(Verdict))


def test_a_word_that_is_no_verdict_is_missing():
    assert outcome("passed", "info") == outcome("missing", "info")


def test_only_three_verdicts_pass():
    assert {"pass", "report_only", "not_applicable"} == PASSED
