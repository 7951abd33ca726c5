"""Through Great Expectations and back, a verdict is what `measure.judge` says of the same measurements."""

import json

import pytest

from gov_pipelines.measure import Measurement, judge
from gov_pipelines.validate import compile_suites, outcome, run_suite

RULE = {"kind": "decision_rule", "must": "amount > 0", "severity": "critical"}
RATIO = {"kind": "fairness", "metric": "impact_ratio", "by": ["race"], "at_least": 0.8, "severity": "critical"}
REPORT = {"kind": "fairness", "metric": "impact_ratio", "by": ["race"]}
SHARE = {"kind": "log_quality", "metric": "duplicate_share", "at_most": 0.01}


def ratio(value, lower, upper, p):
    return [
        Measurement(
            "impact_ratio",
            attribute=("race",),
            group={"race": race},
            reference_group={"race": "white"},
            value=value,
            lower=lower,
            upper=upper,
            confidence=0.95,
            n=200,
            p_adjusted=p,
        )
        for race in ("Black", "Hispanic")
    ]


def decisions(within, outside, pending, undecidable):
    found = {"within": within, "outside": outside, "pending": pending, "undecidable": undecidable}
    judged = sum(found.values())
    return [Measurement(f"decisions_{name}", value=float(count), n=judged) for name, count in found.items()]


CASES = {
    "ratio fails": (RATIO, ratio(0.743, 0.66, 0.84, 1e-17), (1, 1), "fail", (False, "ERROR")),
    "ratio warns": (RATIO, ratio(0.85, 0.7, 1.0, 0.2), (1, 1), "warn", (False, "WARN")),
    "ratio cannot tell": (RATIO, ratio(0.7, 0.4, 1.2, 0.3), (1, 1), "insufficient", (False, "WARN")),
    "ratio passes": (RATIO, ratio(0.95, 0.9, 1.0, 0.5), (1, 1), "pass", (True, "WARN")),
    "window has a hole": (RATIO, ratio(0.95, 0.9, 1.0, 0.5), (9, 10), "insufficient", (False, "WARN")),
    "ratio undefined": (RATIO, ratio(None, None, None, None), (1, 1), "insufficient", (False, "WARN")),
    "no limit": (REPORT, ratio(0.3, 0.2, 0.4, 1e-9), (1, 1), "report_only", (True, "WARN")),
    "other metric": (SHARE, [Measurement("missing_share", value=0.0)], (1, 1), "missing", (False, "ERROR")),
    "share too large": (SHARE, [Measurement("duplicate_share", value=0.5)], (1, 1), "fail", (False, "WARN")),
    "all within": (RULE, decisions(5, 0, 0, 0), (1, 1), "pass", (True, "WARN")),
    "two outside": (RULE, decisions(5, 2, 0, 0), (1, 1), "fail", (False, "ERROR")),
    "one undecidable": (RULE, decisions(5, 0, 0, 1), (1, 1), "insufficient", (False, "WARN")),
    "none applies": (RULE, decisions(0, 0, 0, 0), (1, 1), "not_applicable", (True, "WARN")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_suite_says_what_the_rule_says(policy_of, case):
    declared, measurements, presence, verdict, shown = CASES[case]
    policy = policy_of(declared)
    control = policy.clauses[0].control
    present, expected = presence
    suite = json.loads(*compile_suites([policy]).values())

    judged = run_suite(suite, {"house/A-1": measurements}, {"house/A-1": presence})["house/A-1"]
    assert judged == judge(control, measurements, partitions_present=present, partitions_expected=expected)
    assert judged.verdict == verdict
    assert outcome(judged.verdict, control.severity) == shown


def test_all_cases_in_one_suite_keep_their_own_verdict(policy_of):
    suite = json.loads(*compile_suites([policy_of(*(declared for declared, *_ in CASES.values()))]).values())
    keys = [f"house/A-{number}" for number in range(1, len(CASES) + 1)]
    measurements = {key: case[1] for key, case in zip(keys, CASES.values(), strict=True)}
    presence = {key: case[2] for key, case in zip(keys, CASES.values(), strict=True)}
    judged = run_suite(suite, measurements, presence)
    assert [judged[key].verdict for key in keys] == [case[3] for case in CASES.values()]
    assert list(judged) == keys
