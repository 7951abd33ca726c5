"""The planted breach of every kind of control is caught; by a broken evaluator it is not, and that is told."""

from typing import get_args

import polars as pl
import pytest

from gov_pipelines.decisions import rules
from gov_pipelines.measure import Judgement, verdict
from gov_pipelines.pipeline import verdicts
from gov_pipelines.pipeline.selftest import PLANTS, selftest
from gov_pipelines.policy import kinds as room

from .conftest import DAY, KINDS, control, declared, finding, policy_of


def test_every_kind_has_a_plant_of_its_name():
    every = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(room.Control)}
    assert set(KINDS) == every
    assert set(PLANTS) == every - {"expectation"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_planted_breach_is_caught(kind):
    found = finding(control(kind), control("drift"))
    assert (found.kind, found.outcome) == (kind, "caught"), found.why
    assert not found.wrong


@pytest.mark.parametrize(
    "more",
    [
        {"metric": "selection_rate", "at_least": 0.2, "at_most": 0.6},
        {"metric": "adverse_impact_ratio", "by": ["sex"], "reference": {"sex": "f"}, "at_most": 1.25},
        {"metric": "demographic_parity_difference", "at_least": None, "at_most": 0.1},
        {"metric": "demographic_parity_difference", "at_least": None, "at_most": 0.1, "by": ["race"], "reference": {"race": "w"}},
        {"metric": "demographic_parity_ratio", "test": {"against": "threshold"}},
        {"metric": "adverse_impact"},
        {"metric": "scoring_rate", "at_least": 0.2},
        {"metric": "scoring_impact_ratio"},
        {"metric": "common_odds_ratio", "by": ["race"], "reference": {"race": "w"}, "over": ["region"], "at_least": 0.5, "at_most": 2},
        {"metric": "standardized_mean_difference", "by": ["race"], "reference": {"race": "w"}, "of": "score",
         "denominator": "population", "at_least": -0.3, "at_most": 0.3},
        {"metric": "availability_z", "by": None, "availability": {"race": {"b": 0.2}}, "at_least": -2, "at_most": 2},
        {"among": {"grade": "2"}, "test": "none", "min_group_size": 1000},
        {"by": ["sex", "race", ["sex", "race"]]},  # an intersection fares unequally where neither attribute does
        {"by": ["sex", ["race", "sex"]], "metric": "adverse_impact_ratio", "reference": {"sex": "f", "race": "b"}, "at_most": 1.25},
        {"by": None, "window": "partition", "min_group_size": 100},
    ],
    ids=lambda more: more.get("metric", "impact_ratio"),
)  # fmt: skip
def test_every_metric_of_fairness(more):
    found = finding(control("fairness", **more))
    assert found.outcome == "caught", found.why


@pytest.mark.parametrize(
    ("more", "positive"),
    [
        ({"metric": "false_negative_rate", "at_least": None, "at_most": 0.2}, True),
        ({"metric": "false_positive_rate_ratio", "by": ["race"], "reference": {"race": "w"}, "at_least": None, "at_most": 1.5}, "repaid"),
        ({"metric": "equalized_odds_difference", "by": ["race"], "at_least": None, "at_most": 0.1}, 1),
        ({"metric": "override_rate_difference", "by": ["race"], "at_least": None, "at_most": 0.1}, True),
        ({"metric": "abstain_rate", "by": ["race"], "at_least": None, "at_most": 0.5}, True),
    ],
)  # fmt: skip
def test_rates(more, positive):
    label = {"table": "loans", "key": "person", "column": "came", "positive": positive, "matures_after": "90 days"}
    found = finding(control("fairness", **more), declaration=declared(label=label))
    assert found.outcome == "caught", found.why


def test_a_rate_of_labels_needs_them():
    found = finding(control("fairness", metric="equalized_odds_ratio"))
    assert "declares no `label`" in found.why


@pytest.mark.parametrize(
    ("kind", "more", "changes"),
    [
        ("deadline", {"from": "decided_at", "to": "notice_sent_at", "within": "24 hours"}, {}),
        ("deadline", {"to": "decided_at", "within": "0 days", "window": "90 days"}, {}),
        ("deadline", {"from": "decided_at", "when": "notice_sent_at IS NULL", "window": "all"}, {}),
        ("decision_rule", {"must": "amount / years < 3 OR reviewer LIKE 'team\\_%' OR completed_at >= '2026-09-19'"}, {}),
        ("decision_rule", {"must": "sex <> 'f' OR sex IS NULL", "when": "age_band = '60+'"}, {}),
        ("human_review", {"before": "reviewed_at"}, {}),
        ("human_review", {"before": "decided_at"}, {"reviews": None}),
        ("decision_scope", {"may_decide": {"products": ["it's"]}}, {}),
        ("data_access", {"may_read": ["years", "grade"], "never": None}, {}),
        ("access_pattern", {"watch": ["table"], "at_most_new": 3, "window": "3 days", "reads": None}, {}),
        ("access_pattern", {"usual": ["reads", "rows"], "reference": {"weeks": 4}}, {}),
        ("freshness", {"of": "bias_audit", "within": "1 year"}, {}),
        ("freshness", {"of": "access_log", "within": "24 hours"}, {}),
        ("operating_range", {"ranges": None, "usual": ["volume", "hours", "decision", "sex"], "new": ["product", "grade"],
                             "reference": {"weeks": 4}}, {}),
        ("freshness", {"within": "24 hours"}, {}),  # only on the day on which clocks are set back
        ("freshness", {"within": "36 hours", "window": "3 days"}, {"operating_range": {"rows_per_day": [0, 9]}}),
        ("operating_range", {"ranges": None}, {}),
        ("operating_range", {"ranges": {"score": [None, 0.9]}, "window": "7 days"}, {}),
        ("log_quality", {"metric": "quarantined_share", "of": None, "at_most": 0.9}, {}),
        ("log_quality", {"metric": "duplicate_share", "of": None, "at_most": 0.5}, {}),
        ("drift", {"of": ["grade"], "bins": 2, "reference": {"from": "2026-09-18", "until": "2026-09-20"}}, {}),
        ("expectation", {"expect": "expect_table_row_count_to_be_between", "arguments": {"max_value": 500}}, {}),
        ("expectation", {"expect": "expect_column_values_to_not_be_null", "arguments": {"column": "lower"}}, {}),
    ],
)  # fmt: skip
def test_variants(kind, more, changes):
    found = finding(control(kind, **more), control("drift"), declaration=declared(**changes))
    assert found.outcome == "caught", found.why


def test_a_condition_on_the_clause_is_met():
    found = finding(control("approved_model"), applies={"when": "product = 'clerk' AND amount BETWEEN 3 AND 4"})
    assert found.outcome == "caught", found.why


EIGHT = """product = 'clerk' AND model_version = 'v1' AND reviewer_role = 'boss' AND requester = 'web' AND region = 'north'
    AND decision = 'rejected' AND (amount > 100 AND amount < 200)"""


@pytest.mark.parametrize(
    ("must", "when"),
    [
        ("reviewer <> requester", "reviewed_at IS NOT NULL"),
        ("reviewer = requester", None),
        ("NOT (reason_codes LIKE '%R1%' AND reason_codes LIKE '%R2%')", None),
        ("reviewer IS NOT NULL", "reason_codes LIKE 'R%' AND reason_codes LIKE '%9'"),
        ("reviewer IS NOT NULL", "model_version > 'v3' AND model_version < 'v4'"),
        ("reviewer IS NOT NULL", "model_version < 'a'"),
        ("reviewer IS NOT NULL", "amount > -10 AND amount < -9"),
        ("reviewer IS NOT NULL", "amount < -2000000"),
        ("notice_sent_at <= completed_at", None),
        ("notice_sent_at >= decided_at", None),
        ("reviewer IS NOT NULL", "completed_at < notice_sent_at AND notice_sent_at < reviewed_at"),
        ("reviewed_at IS NOT NULL", f"({EIGHT}) AND TRUE"),
        (f"reviewed_at IS NOT NULL OR NOT ({EIGHT})", None),
    ],
)  # fmt: skip
def test_a_decision_that_breaks_a_rule_is_found(must, when):
    found = finding(control("decision_rule", must=must, when=when))
    assert found.outcome == "caught", found.why


@pytest.mark.parametrize("kind", rules.RULES)
def test_a_rule_that_always_says_within_is_not_caught(kind, monkeypatch):
    monkeypatch.setitem(rules.RULES, kind, lambda *_: rules.Ruling(pl.lit("within"), pl.lit("blind"), None))
    found = finding(control(kind))
    assert found.outcome == "not caught"
    assert found.wrong


def test_a_rule_that_dies_is_not_caught_and_stops_no_other(monkeypatch):
    monkeypatch.setitem(rules.RULES, "deadline", lambda *_: 1 / 0)
    found = list(selftest([policy_of(control("deadline"), control("decision_rule"))], declared(), DAY))
    assert [each.outcome for each in found] == ["not caught", "caught"]
    assert "ZeroDivisionError" in found[0].why


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"expectation"}))
def test_a_judge_that_always_passes_is_not_caught(kind, monkeypatch):
    monkeypatch.setattr(verdict, "_rule", lambda *_: Judgement("pass", "blind"))
    monkeypatch.setattr(
        verdicts,
        "run_suite",
        lambda suite, *_: {each["meta"]["control"]: Judgement("pass", "blind") for each in suite["expectations"]},
    )
    found = finding(control(kind))
    assert found.outcome == "not caught"
    assert "blind" in found.why


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"expectation"}))
def test_a_judge_that_always_fails_is_told(kind, monkeypatch):
    def always(suite, measurements, _):
        return {
            key: Judgement("fail", "blind", rows[0], 1)
            for key, rows in measurements.items()
            if key in {each["meta"]["control"] for each in suite["expectations"]}
        }

    monkeypatch.setattr(verdicts, "run_suite", always)
    found = finding(control(kind))
    assert found.outcome in {"always fails", "not caught"}
    assert found.wrong


@pytest.mark.parametrize(
    "changes",
    [
        {"of": ["years"], "metric": "wasserstein_normed"},
        {"of": ["decision", "score", "years"], "per": ["sex"], "metric": "jensen_shannon_distance"},
        {"of": ["decision"], "metric": "l_infinity", "reference": {"weeks": 4}},
    ],
)
def test_drift_is_caught_by_every_distance_within_groups_and_against_the_weeks_before(changes):
    found = finding(control("drift", **changes))
    assert found.outcome == "caught", found.why
