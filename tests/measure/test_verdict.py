"""The verdict rule, as a table: what is measured, what is due, what it comes to."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import (
    WORST_FIRST,
    Measurement,
    drift_measurements,
    fairness_measurements,
    freshness_measurement,
    judge,
    quality_measurements,
    range_measurements,
)
from gov_pipelines.measure.statistics.intervals import wilson
from gov_pipelines.policy.kinds import (
    DataAccess,
    DecisionRule,
    Drift,
    Expectation,
    Fairness,
    Freshness,
    LogQuality,
    OperatingRange,
)

from .conftest import DAY

RULE = DecisionRule(kind="decision_rule", must="amount > 0")
ACCESS = DataAccess(kind="data_access")


def fairness(**options):
    return Fairness(kind="fairness", **{"metric": "impact_ratio", "by": ["race"], "at_least": 0.8} | options)


def verdict(control, rows, present=1, expected=1):
    return judge(control, rows, partitions_present=present, partitions_expected=expected)


def ratio(value, lower=None, upper=None, p=None, **changes):
    base = Measurement(
        "impact_ratio", ("race",), {"race": "b"}, {"race": "a"}, None, value, lower, upper, 0.95, 100, "", p, p
    )
    return replace(base, **changes)


EQUALITY = [
    (ratio(0.7, 0.6, 0.79, 0.01), "fail"),
    (ratio(0.7, 0.6, 0.9, 0.05), "fail"),
    (ratio(0.7, 0.5, 0.9, 0.06), "insufficient"),
    (ratio(0.7, 0.6, 0.79, None), "insufficient"),
    (ratio(0.9, 0.7, 1.1, 0.5), "warn"),
    (ratio(0.9, 0.7, 1.1, 0.001), "warn"),
    (ratio(0.8, 0.79, 1.1, 0.001), "warn"),
    (ratio(0.9, 0.8, 1.1, 0.5), "pass"),
    (ratio(0.9, None, 1.1, 0.5), "warn"),
    (ratio(None), "insufficient"),
]
THRESHOLD = [
    (ratio(0.7, 0.6, 0.79, 0.9), "fail"),
    (ratio(0.7, 0.6, 0.9, 0.001), "warn"),
    (ratio(0.9, 0.7, 1.1, 0.5), "insufficient"),
    (ratio(0.9, 0.8, 1.1, 0.5), "pass"),
    (ratio(None), "insufficient"),
]
NONE = [(ratio(0.79), "fail"), (ratio(0.8), "pass"), (ratio(None), "insufficient")]


@pytest.mark.parametrize(("row", "expected"), EQUALITY)
def test_against_equality(row, expected):
    assert verdict(fairness(), [row]).verdict == expected


@pytest.mark.parametrize(("row", "expected"), THRESHOLD)
def test_against_threshold(row, expected):
    assert verdict(fairness(test={"against": "threshold"}), [row]).verdict == expected


@pytest.mark.parametrize(("row", "expected"), NONE)
def test_without_a_test_the_bare_point_and_the_reason_says_so(row, expected):
    found = verdict(fairness(test="none"), [row])
    assert found.verdict == expected
    assert row.value is None or "bare point" in found.reason


def test_no_limit_reports_only():
    assert verdict(fairness(at_least=None), [ratio(0.1, 0.0, 0.2, 0)]).verdict == "report_only"
    assert verdict(fairness(at_least=None), [ratio(0.1)], 1, 9).verdict == "report_only"


def test_both_limits_bind():
    metric = "adverse_impact_ratio"
    control = fairness(metric=metric, reference={"race": "a"}, at_most=1.25)
    assert verdict(control, [ratio(1.5, 1.3, 1.7, 0.001, metric=metric)]).verdict == "fail"
    assert verdict(control, [ratio(1.1, 0.9, 1.3, 0.5, metric=metric)]).verdict == "warn"
    assert verdict(control, [ratio(1.1, 0.9, 1.2, 0.5, metric=metric)]).verdict == "pass"


def test_the_worst_wins_and_the_reference_and_the_untested_do_not_count():
    itself = ratio(1.0, group={"race": "a"}, n=900)
    passing, failing = ratio(0.95, 0.85, 1.1, 0.9), ratio(0.7, 0.6, 0.79, 0.01, group={"race": "c"})
    small = ratio(0.2, 0.1, 0.3, 0.001, group={"race": "d"}, tested=False, note="3 of 30 decisions: listed, not tested")
    assert verdict(fairness(), [itself, passing, small]).verdict == "pass"
    found = verdict(fairness(), [itself, small, passing, failing])
    assert (found.verdict, found.decisive) == ("fail", failing)
    assert found.notes == ("d: 3 of 30 decisions: listed, not tested",)
    assert "against 900 a" in found.reason
    assert verdict(fairness(), [itself, small]).verdict == "insufficient"


@given(st.lists(st.sampled_from([row for row, _ in EQUALITY]), min_size=1), st.randoms())
def test_the_order_of_measurements_does_not_matter(rows, random):
    found = verdict(fairness(), rows)
    assert found.verdict == verdict(fairness(), random.sample(rows, len(rows))).verdict
    alone = [verdict(fairness(), [row]).verdict for row in rows]
    assert found.verdict == min(alone, key=WORST_FIRST.index)


@given(st.lists(st.sampled_from([row for row, _ in EQUALITY + THRESHOLD]), max_size=4), st.integers(0, 8))
def test_nothing_passes_out_of_ignorance(rows, present):
    found = verdict(fairness(), rows, present, 9)
    assert found.verdict == ("insufficient" if rows else "missing")


@pytest.mark.parametrize(
    "control", [fairness(), RULE, ACCESS, LogQuality(kind="log_quality", metric="duplicate_share", at_most=0)]
)
def test_nothing_measured_is_missing(control):
    assert verdict(control, []).verdict == "missing"
    assert verdict(control, [Measurement("something_else", value=0.0)]).verdict == "missing"


def test_half_measured_is_missing():
    assert verdict(fairness(by=["race", "sex"]), [ratio(0.9, 0.85, 1.1, 0.9)]).verdict == "missing"
    share = Measurement("missing_share", ("sex",), value=0.0, n=9)
    control = LogQuality(kind="log_quality", metric="missing_share", of=["sex", "race"], at_most=0.1)
    found = verdict(control, [share])
    assert found.verdict == "missing"
    assert "missing share of race was due" in found.reason


def test_the_mortgage_decisions_fail_against_equality(loans, mortgages):
    control = fairness()
    found = verdict(control, fairness_measurements(loans, control, mortgages))
    assert found.verdict == "fail"
    assert found.reason == (
        "The impact ratio of Black is 0.743 (95 % simultaneous interval 0.650 to 0.826; n = 197 against 1,679 white), "
        "below 0.8, and equality is rejected (Fisher's exact test, adjusted p = 1e-16)."
    )


def test_a_verdict_that_the_data_cannot_give_says_what_would(of_groups, declaration):
    control = fairness()
    found = verdict(control, fairness_measurements(of_groups({"a": (25, 15), "b": (18, 22)}), control, declaration))
    assert found.verdict == "insufficient"
    assert "but equality is not rejected (Fisher's exact test, adjusted p = 0.18)" in found.reason
    assert "; with 80 % power this sample shows 0.469 or worse; 0.720 would take n of about 138." in found.reason
    lone = verdict(control, fairness_measurements(of_groups({"a": (25, 15), "b": (1, 1)}), control, declaration))
    assert lone.verdict == "insufficient"
    assert "fewer than two known groups reach 30 decisions (a 40, b 2)" in lone.reason


def test_every_reason_says_which_null_was_tested_and_how(of_groups, declaration):
    tally = of_groups({"a": (250, 150), "b": (180, 220), "c": (240, 160)})
    equality, limit = fairness(), fairness(test={"against": "threshold"})
    low = fairness(at_least=0.5)
    rate = fairness(metric="selection_rate", at_least=0.3)
    told = {
        words: verdict(control, fairness_measurements(tally, control, declaration)).reason
        for control, words in (
            (equality, "equality is rejected (Fisher's exact test, adjusted p = 3e-06)"),
            (limit, "crosses the limit (tested against the limit by its Miettinen-Nurminen score interval)"),
            (low, "whole interval (tested against the limit by its Miettinen-Nurminen score interval)"),
            (rate, "whole interval (tested against the limit by its Wilson interval)"),
            (fairness(test="none"), "the bare point, not tested"),
        )
    }
    for words, reason in told.items():
        assert words in reason


def test_the_sample_a_limit_needs_is_told_and_enough(of_groups, declaration):
    control = fairness(metric="selection_rate")
    found = verdict(control, fairness_measurements(of_groups({"a": (88, 12), "b": (990, 10)}), control, declaration))
    assert found.verdict == "insufficient"
    n = int(re.search(r"; 0.880 would take n of about ([0-9,]+)\.", found.reason)[1].replace(",", ""))
    random = np.random.default_rng(20261123)
    sure = wilson(random.binomial(n, 0.88, 5000), n, 0.975)[0] > 0.8  # two groups against one limit
    assert 0.8 <= sure.mean() <= 0.9


@pytest.mark.parametrize(("p", "n"), [(0.1336144, 349), (0.5, 1726)])
def test_a_p_value_alone_tells_the_sample_needed(p, n):
    rows = [replace(ratio(0.7, 0.5, 1.1, p), method="Welch's interval and test")]
    assert f"(Welch's test, adjusted p = {p:.2g})" in verdict(fairness(), rows).reason
    assert verdict(fairness(), rows).reason.endswith(f"; 0.700 would take n of about {n:,}.")  # (1.96 + 0.84)² / z²
    assert "would take" not in verdict(fairness(), [replace(rows[0], p_value=1.0, p_adjusted=1.0)]).reason


@pytest.mark.parametrize(
    ("favorable", "decided", "expected"),
    [(60, 100, "fail"), (78, 100, "warn"), (88, 100, "insufficient"), (950, 1000, "pass")],
)
def test_selection_rates_are_held_against_the_limit_itself(of_groups, declaration, favorable, decided, expected):
    control = fairness(metric="selection_rate")
    tally = of_groups({"a": (favorable, decided - favorable), "b": (990, 10)})
    found = verdict(control, fairness_measurements(tally, control, declaration))
    assert found.verdict == expected


def test_a_declared_reference_that_is_not_there_is_insufficient(of_groups, declaration):
    control = fairness(metric="adverse_impact_ratio", reference={"race": "z"})
    found = verdict(control, fairness_measurements(of_groups({"a": (50, 50), "b": (50, 50)}), control, declaration))
    assert found.verdict == "insufficient"
    assert "declared reference z has 0 decisions" in found.reason


def test_drift(of_columns):
    control = Drift(kind="drift", of=["decision"], at_most=0.1, reference={"from": "2026-08-01", "until": "2026-09-01"})
    then = of_columns(decisions=["approved"] * 800 + ["denied"] * 200)
    for approved, expected in ((800, "pass"), (680, "warn"), (500, "fail")):
        now = of_columns(decisions=["approved"] * approved + ["denied"] * (1000 - approved))
        assert verdict(control, drift_measurements(now, then, control)).verdict == expected
    few = of_columns(decisions=["approved"] * 6 + ["denied"] * 4)
    found = verdict(control, drift_measurements(few, then, control))
    assert found.verdict == "insufficient"
    assert "with 80 % power this sample shows" in found.reason
    two = control.model_copy(update={"of": ["decision", "income"]})
    assert verdict(two, drift_measurements(few, then, control)).verdict == "missing"


def decisions(outside=0, undecidable=0, pending=0, within=0):
    counts = {"outside": outside, "undecidable": undecidable, "pending": pending, "within": within}
    total = sum(counts.values())
    return [Measurement(f"decisions_{name}", value=float(count), n=total) for name, count in counts.items()]


@pytest.mark.parametrize(
    ("counts", "expected", "words"),
    [
        ({"outside": 2, "within": 8, "undecidable": 1}, "fail", "2 of 11 decisions are outside; 1 undecidable"),
        ({"undecidable": 1, "within": 9, "pending": 2}, "insufficient", "1 of 12 decisions cannot be judged"),
        ({"within": 9, "pending": 1}, "pass", "All 9 decisions judged are within; 1 pending"),
        ({"pending": 3}, "insufficient", "3 clocks still run"),
        ({"pending": 1}, "insufficient", "1 clock still runs"),
        ({}, "not_applicable", "applied to no decision"),
    ],
)
def test_controls_over_decisions(counts, expected, words):
    found = verdict(RULE, decisions(**counts))
    assert found.verdict == expected
    assert words in found.reason
    assert found.breaches == counts.get("outside", 0)


def test_a_count_of_decisions_that_is_absent_is_missing():
    assert verdict(RULE, decisions(within=3)[:2]).verdict == "missing"
    assert verdict(RULE, [replace(row, value=None) for row in decisions()]).verdict == "insufficient"


@pytest.mark.parametrize(
    ("outside", "reads", "expected"),
    [
        (3, 10, "fail"),
        (0, 10, "pass"),
        (0, 0, "insufficient"),
        (None, 10, "insufficient"),
        (None, None, "insufficient"),
    ],
)
def test_reads_outside_what_is_declared(outside, reads, expected):
    rows = [
        Measurement("reads_outside", value=outside, n=10),
        Measurement("reads", value=reads, n=10),
        Measurement("fields_declared_outside", value=0.0, n=3),
    ]
    found = verdict(ACCESS, rows)
    assert found.verdict == expected
    assert expected != "pass" or "grants were not compared" in found.reason
    assert verdict(ACCESS, rows[:1]).verdict == "missing"
    assert verdict(ACCESS, rows[:2]).verdict == "missing"
    grants = Measurement("fields_granted_outside", value=0.0, n=3)
    assert verdict(ACCESS, [*rows, grants]).verdict == expected
    assert verdict(ACCESS, [*rows, replace(grants, value=1.0)]).verdict == "fail"
    assert verdict(ACCESS, [*rows[:2], replace(rows[2], value=1.0), grants]).verdict == "fail"
    unknown = replace(grants, value=None, note="the database has no role x")
    assert verdict(ACCESS, [*rows, unknown]).verdict == ("fail" if expected == "fail" else "insufficient")


@pytest.mark.parametrize(
    ("control", "metric", "values"),
    [
        (LogQuality(kind="log_quality", metric="duplicate_share", at_most=0.02), "duplicate_share", (0.02, 0.021)),
        (OperatingRange(kind="operating_range"), "rows_outside_range", (0.0, 1.0)),
        (OperatingRange(kind="operating_range"), "days_outside_range", (0.0, 1.0)),
        (Freshness(kind="freshness", within="24 hours"), "hours_since_newest", (24.0, 24.1)),
        (Freshness(kind="freshness", within="2 days"), "hours_since_newest", (48.0, 48.1)),
    ],
)
def test_bare_comparisons(control, metric, values):
    good, bad = (Measurement(metric, ("x",), value=value, n=9) for value in values)
    assert verdict(control, [good]).verdict == "pass"
    assert verdict(control, [good, bad]).verdict == "fail"
    assert verdict(control, [good, replace(good, value=None, note="no rows")]).verdict == "insufficient"
    assert verdict(control, [good], 2, 3).verdict == "insufficient"


def test_the_reason_names_the_one_nearest_its_limit():
    missing = LogQuality(kind="log_quality", metric="missing_share", of=["race", "sex"], at_most=0.05)
    shares = [Measurement("missing_share", (of,), value=value, n=9) for of, value in (("race", 0.0), ("sex", 0.0075))]
    assert verdict(missing, shares).reason == "The missing share of sex is 0.75 %, at most 5.00 %."
    drift = Drift(kind="drift", of=["a", "b"], at_most=0.2, reference={"from": "2026-08-01", "until": "2026-09-01"})
    indices = [
        Measurement("psi", (of,), value=value, lower=0.0, upper=0.19, n=9, p_adjusted=p)
        for of, value, p in (("a", 0.01, 0.001), ("b", 0.15, 0.9))
    ]
    assert verdict(drift, indices).decisive == indices[1]
    for upper, expected in ((1.2, "pass"), (1.3, "warn")):
        ratios = [ratio(1.0, 0.81, upper, 0.01), ratio(0.85, 0.81, upper, 0.9), ratio(1.2, 0.81, upper, 0.02)]
        metric = {"metric": "adverse_impact_ratio"}
        rows = [replace(row, **metric) for row in ratios]
        found = verdict(fairness(**metric, reference={"race": "a"}, at_most=1.22), rows)
        assert (found.verdict, found.decisive) == (expected, rows[2])
        found = verdict(fairness(**metric, reference={"race": "a"}), rows)
        assert found.decisive == rows[1]


def test_a_share_without_a_limit_reports_only():
    row = Measurement("duplicate_share", value=0.5, n=9)
    assert verdict(LogQuality(kind="log_quality", metric="duplicate_share"), [row]).verdict == "report_only"


def test_nothing_passes_on_no_rows(of_groups, declaration):
    empty = of_groups({})
    metrics = (
        {"metric": "selection_rate"},
        {"metric": "adverse_impact_ratio", "reference": {"race": "a"}},
        {"metric": "demographic_parity_difference", "at_least": None, "at_most": 0.1},
    )
    found = [
        (control, fairness_measurements(empty, control, declaration))
        for test in ({}, {"test": "none"})
        for control in (fairness(**test), *(fairness(**options, **test) for options in metrics))
    ]
    drift = Drift(kind="drift", of=["decision"], at_most=0.1, reference={"from": "2026-08-01", "until": "2026-09-01"})
    full = of_groups({"a": (25, 15)})
    found += [(drift, drift_measurements(now, then, drift)) for now, then in ((empty, full), (full, empty))]
    for metric in ("missing_share", "quarantined_share", "duplicate_share"):
        of = ["race"] if metric == "missing_share" else []
        control = LogQuality(kind="log_quality", metric=metric, of=of, at_most=0.5)
        found.append((control, quality_measurements(empty, control, declaration)))
    range_ = OperatingRange(kind="operating_range", ranges={"amount": (0, 9), "rows_per_day": (0, 9)})
    found.append((range_, range_measurements(empty, range_, declaration)))
    fresh = Freshness(kind="freshness", within="24 hours")
    found.append((fresh, [freshness_measurement(empty.newest, empty.rows, fresh, declaration, DAY)]))
    for control, rows in found:
        assert verdict(control, rows).verdict in {"insufficient", "missing"}, control
        sure = [replace(row, value=1.0, lower=1.0, upper=1.0, n=0) for row in rows]
        assert verdict(control, sure).verdict != "pass", control


def test_a_range_that_nothing_can_be_outside_passes_nothing():
    open_ = Measurement("days_outside_range", ("rows_per_day",), value=0.0, n=3, tested=False)
    kept = Measurement("rows_outside_range", ("amount",), value=0.0, n=3)
    assert verdict(OperatingRange(kind="operating_range"), [open_]).verdict == "report_only"
    assert verdict(OperatingRange(kind="operating_range"), [open_, kept]).verdict == "pass"


def test_what_no_rule_judges_is_refused():
    with pytest.raises(WrongUse, match="Great Expectations"):
        verdict(Expectation(kind="expectation", expect="expect_x"), [Measurement("x", value=1.0)])
