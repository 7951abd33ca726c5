"""Controls of rates that need a label or a proposal: values as fairlearn has them, tests and limits as of selection rates."""

import numpy as np
import polars as pl
import pytest
from fairlearn import metrics as fairlearn
from pydantic import ValidationError

from gov_pipelines.measure import Columns, count, fairness_measurements, judge, metrics
from gov_pipelines.policy.kinds import Fairness
from gov_pipelines.validate import second_opinion

COLUMNS = Columns("decision", frozenset({"approved"}), ("race", "sex"), label="repaid", label_positive=frozenset({"1"}))


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(3)
    n = 3_000
    race, sex = rng.choice(["a", "b", "c"], n), rng.choice(["f", "m"], n)
    repaid = rng.random(n) < 0.6
    approved = rng.random(n) < np.where(repaid, 0.8 - 0.3 * (race == "b"), 0.3 + 0.1 * (race == "c"))
    return pl.DataFrame(
        {
            "race": pl.Series(race, dtype=pl.String),
            "sex": pl.Series(sex, dtype=pl.String),
            "decision": np.where(approved, "approved", "denied"),
            "repaid": pl.Series(repaid.astype(int)).cast(pl.String),
        }
    ).with_columns(
        repaid=pl.when(pl.int_range(n) % 10 != 0).then("repaid"), race=pl.when(pl.int_range(n) % 50 != 0).then("race")
    )


@pytest.fixture(scope="module")
def tally(log):
    return count(log, COLUMNS)


def control(metric, **options):
    return Fairness(kind="fairness", metric=metric, **({"by": ["race"]} | options))


@pytest.fixture(scope="module")
def measured(tally, declaration):
    def run(metric, **options):
        return fairness_measurements(tally, control(metric, **options), declaration)

    return run


def known(log):
    kept = log.drop_nulls(["repaid", "race"])
    y, d = (kept["repaid"] == "1").cast(int).to_numpy(), (kept["decision"] == "approved").cast(int).to_numpy()
    return {"y_true": y, "y_pred": d, "sensitive_features": kept["race"].to_numpy()}


@pytest.mark.parametrize(
    "metric",
    ["equalized_odds_difference", "equalized_odds_ratio", "equal_opportunity_difference", "equal_opportunity_ratio"],
)
def test_equal_to_fairlearn_and_confirmed_by_it(metric, log, tally, measured):
    rows = measured(metric)
    (least,) = [row for row in rows if row.metric == metric and row.group is None]
    assert least.value == pytest.approx(getattr(fairlearn, metric)(**known(log)), abs=1e-12)
    assert least.lower < least.value < least.upper
    assert least.p_adjusted is not None
    assert "without a label left out" in least.note
    outcome = pl.when(decision="approved").then(pl.lit("favorable")).otherwise(pl.lit("unfavorable"))
    label = pl.when(repaid="1").then(pl.lit("positive")).when(repaid="0").then(pl.lit("negative"))
    accepted = log.with_columns(outcome=outcome, label=label)
    for given in (accepted, None):
        opinion = second_opinion(rows, tally, given)
        assert opinion.agrees, opinion.disagreements
        assert opinion.compared >= len([row for row in rows if row.group and None not in row.group.values()])


@pytest.mark.parametrize("rate", ["true_positive_rate", "false_positive_rate", "accuracy", "false_negative_rate"])
def test_rates_and_their_gaps(rate, log, tally, measured):
    limits = {"at_most": 0.9} if rate.startswith("false") else {"at_least": 0.1}
    rows = measured(rate, **limits) + measured(f"{rate}_difference") + measured(f"{rate}_ratio")
    frame = fairlearn.MetricFrame(
        metrics=getattr(fairlearn, rate, None) or (lambda y, d: (y == d).mean()), **known(log)
    )
    for row in rows:
        if row.group and row.metric == rate and row.group["race"]:
            assert row.value == pytest.approx(frame.by_group[row.group["race"]])
    found = {row.metric: row.value for row in rows if row.group is None}
    assert found == pytest.approx({f"{rate}_difference": frame.difference(), f"{rate}_ratio": frame.ratio()})
    assert second_opinion(rows, tally).agrees


def test_a_second_opinion_that_differs_is_named(tally, measured):
    rows = measured("false_negative_rate_difference")
    moved = tally.cells.with_columns(
        label=pl.when(pl.col("label") == "positive").then(pl.lit("negative")).otherwise("label")
    )
    opinion = second_opinion(
        rows, type(tally)(**{name: getattr(tally, name) for name in tally.__slots__} | {"cells": moved})
    )
    assert not opinion.agrees


def test_the_worst_of_two_rates_fails_the_control(measured):
    limit = control("equalized_odds_difference", at_most=0.1)
    judgement = judge(
        limit, measured("equalized_odds_difference", at_most=0.1), partitions_present=1, partitions_expected=1
    )
    assert judgement.verdict == "fail"
    assert "true positive rate of b against" in judgement.decisive.note
    fine = judge(
        control("labelled_rate_ratio", at_least=0.8),
        measured("labelled_rate_ratio", at_least=0.8),
        partitions_present=1,
        partitions_expected=1,
    )
    assert fine.verdict == "pass"


def test_against_a_reference_a_group_falls_behind_by_more_errors(measured):
    behind = {
        row.group["race"]: row.value for row in measured("error_rate_difference", reference={"race": "a"}) if row.group
    }
    rates = {row.group["race"]: row.value for row in measured("error_rate") if row.group}
    assert behind["b"] == pytest.approx(rates["b"] - rates["a"])
    assert behind["b"] > 0
    rows = measured("error_rate_ratio", reference={"race": "a"}, at_most=1.1)
    assert all(row.group for row in rows)
    assert {row.group["race"]: row.value for row in rows}["b"] == pytest.approx(rates["b"] / rates["a"])


@pytest.mark.parametrize(
    "metric", ["demographic_parity_difference", "impact_ratio", "equalized_odds_ratio", "precision_ratio"]
)
def test_any_table_is_measured_as_controls_measure(measured, log, metric):
    asked = {"decision": "decision", "favorable": ["approved"], "label": "repaid", "label_positive": ["1"]}
    rows = [row for row in metrics(log, protected=["race"], **asked) if row.metric == metric]
    theirs = {str(row.group): row for row in measured(metric)}
    assert str(None) in {str(row.group) for row in rows}
    for row in rows:
        other = theirs[str(row.group)]
        assert (row.reference_group, row.recomputable) == (other.reference_group, other.recomputable)
        if not row.tested:
            continue
        assert (row.n_needed or 0) == pytest.approx(other.n_needed or 0, rel=0.01)
        for field in ("value", "p_value", "p_adjusted", "minimum_detectable"):
            assert getattr(row, field) == pytest.approx(getattr(other, field)), (field, row.group)
        assert (row.lower or 0, row.upper or 0) == pytest.approx((other.lower or 0, other.upper or 0), rel=0.02)


def test_without_a_label_there_is_nothing_to_compare(measured, tally, declaration):
    bare = type(tally)(
        **{name: getattr(tally, name) for name in tally.__slots__}
        | {"cells": tally.cells.with_columns(label=pl.lit(None, pl.String))}
    )
    rows = fairness_measurements(bare, control("equalized_odds_ratio", at_least=0.8), declaration)
    assert [row.value for row in rows if row.metric == "equalized_odds_ratio"] == [None]
    verdict = judge(control("equalized_odds_ratio", at_least=0.8), rows, partitions_present=1, partitions_expected=1)
    assert verdict.verdict == "insufficient"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"metric": "false_negative_rate", "at_least": 0.1}, "good when small; write `at_most`, such as 0.05"),
        ({"metric": "true_positive_rate", "at_most": 0.9}, "good when large; write `at_least`"),
        ({"metric": "equalized_odds_difference", "at_least": 0.1}, "good when small"),
        ({"metric": "equalized_odds_ratio", "at_most": 1.2}, "good when large and never above 1"),
        ({"metric": "equalized_odds_ratio", "reference": {"race": "a"}}, "every group with every other; leave `reference` out"),
        ({"metric": "error_rate_ratio", "reference": {"race": "a"}, "at_least": 0.8}, "good when small; write `at_most`, such as 1.25"),
        ({"metric": "error_rate_ratio", "reference": {"race": "a"}, "at_most": 0.9}, "would refuse equality"),
        ({"metric": "equalised_odds_ratio"}, "literal_error"),
    ],
)  # fmt: skip
def test_a_limit_that_says_nothing_is_refused(options, told):
    with pytest.raises(ValidationError) as refused:
        Fairness(kind="fairness", **options)
    assert told in str(refused.value) or told == refused.value.errors()[0]["type"]


def test_what_has_no_closed_interval_has_one_of_draws(log):
    asked = {"decision": "decision", "favorable": ["approved"], "label": "repaid", "label_positive": ["1"]}
    rows = {(row.metric, str(row.group)): row for row in metrics(log, protected=["race"], **asked)}
    weighted = metrics(log.with_columns(weight=pl.lit(1.0)), protected=["race"], weight="weight", **asked)
    for row in weighted:
        plain = rows[row.metric, str(row.group)]
        if row.value is not None and row.metric in {"f1_score", "f1_score_difference", "f1_score_ratio", "cohen_h"}:
            assert row.lower < row.value < row.upper
            assert (row.lower, row.upper) == pytest.approx((plain.lower, plain.upper), rel=0.1, abs=0.01)
            assert not row.recomputable
    assert rows["f1_score_difference", "None"].upper < 0.5
    assert rows["f1_score_difference_to_overall", "None"].lower is None


def test_a_policy_may_hold_the_share_of_false_findings_instead(measured):
    p = {
        how: {
            str(row.group): row.p_adjusted for row in measured("impact_ratio", test={"adjust": how}) if row.p_adjusted
        }
        for how in ("bh", "by", "holm")
    }
    assert all(p["bh"][group] <= p["by"][group] and p["bh"][group] <= p["holm"][group] for group in p["holm"])
    assert "Benjamini-Hochberg over 3 pairs" in measured("impact_ratio", test={"adjust": "bh"})[0].method
