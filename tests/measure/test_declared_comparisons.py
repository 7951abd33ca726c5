"""Fairness controls that hold groups against what a policy declares, from a log through its tally to the verdict."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from gov_pipelines.errors import EvidenceError
from gov_pipelines.measure import (
    disclosed,
    fairness_measurements,
    judge,
    scored_tally,
    tally,
    tally_digest,
    tally_from_json,
    tally_json,
    total,
)
from gov_pipelines.measure.fairness.adverse_impact import binomial_p, z_binomial
from gov_pipelines.measure.statistics.comparisons import fisher
from gov_pipelines.measure.statistics.intervals import ratio_score
from gov_pipelines.measure.statistics.strata import common_odds
from gov_pipelines.policy.kinds import Fairness

from .conftest import DAY, MOMENT, NOON, accounting


def control(metric, **more):
    return Fairness.model_validate({"kind": "fairness", "metric": metric, "min_group_size": 10} | more)


def log_of(rows):
    """Rows of (decision, race, sex, gdlin, score)."""
    schema = {"decision": pl.String, "race": pl.String, "sex": pl.String, "gdlin": pl.String, "score": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(decided_at=pl.lit(NOON).cast(MOMENT))


@pytest.fixture(scope="module")
def declared(declare):
    return declare(strata=["gdlin"], fields={"gdlin": {"type": "category"}})


@pytest.fixture(scope="module")
def paradox(declared):
    """Within each stratum both have the same rate; black applicants stand mostly in the strict one."""
    rows = []
    for stratum, rate, black, white in (("strict", 2, 200, 50), ("open", 7, 50, 200), (None, 5, 20, 20)):
        for race, n in (("black", black), ("white", white)):
            rows += [("approved" if at % 10 < rate else "denied", race, None, stratum, at / 10) for at in range(n)]
    return tally(log_of(rows), declared, accounting(len(rows)), DAY, moments=["score"])


def judged(control_, rows):
    return judge(control_, rows, partitions_present=1, partitions_expected=1)


def test_odds_within_strata_show_no_gap_where_pooling_does(paradox, declared):
    within = control("common_odds_ratio", by=["race"], over=["gdlin"], reference={"race": "white"}, at_least=0.8)
    rows = fairness_measurements(paradox, within, declared)
    (row,) = (each for each in rows if each.metric == "common_odds_ratio" and each.group == {"race": "black"})
    expected = common_odds([(40, 200, 10, 50), (35, 50, 140, 200)])
    assert (row.value, row.p_value, row.n) == (expected.odds_ratio, expected.p, 250)
    assert row.value == pytest.approx(1.0)
    assert "40 decisions in no known stratum left out" in row.note
    assert judged(within, rows).verdict == "warn"
    pooled = control("adverse_impact_ratio", by=["race"], reference={"race": "white"}, at_least=0.8)
    assert judged(pooled, fairness_measurements(paradox, pooled, declared)).verdict == "fail"


def test_a_gap_in_every_stratum_fails(declared):
    rows = []
    for stratum in ("a", "b", "c"):
        for race, rate in (("black", 3), ("white", 6)):
            rows += [("approved" if at % 10 < rate else "denied", race, None, stratum, None) for at in range(60)]
    counted = tally(log_of(rows), declared, accounting(len(rows)), DAY)
    within = control("common_odds_ratio", by=["race"], over=["gdlin"], reference={"race": "white"}, at_least=0.8)
    judgement = judged(within, fairness_measurements(counted, within, declared))
    assert judgement.verdict == "fail"
    assert "black" in judgement.reason


def smd(**more):
    fields = {"by": ["race"], "of": "score", "denominator": "pooled", "reference": {"race": "white"}, "at_least": -0.3}
    return control("standardized_mean_difference", **fields | more)


@pytest.fixture(scope="module")
def scored(declared):
    """White applicants score two points higher than black ones; of five the race is unknown, of seven the score."""
    rows = [("approved", "white", None, "a", 10.0 + at % 7) for at in range(80)]
    rows += [("approved", "black", None, "a", 8.0 + at % 7) for at in range(60)]
    rows += [("denied", None, None, "a", 30.0)] * 5 + [("denied", "black", None, "a", None)] * 7
    return log_of(rows)


def test_means_come_from_the_sums_in_the_tally(scored, declared):
    counted = tally(scored, declared, accounting(scored.height), DAY, moments=["score"])
    rows = fairness_measurements(counted, smd(), declared)
    (row,) = (each for each in rows if each.group == {"race": "black"})
    black, white = (scored.filter(race=race)["score"].drop_nulls() for race in ("black", "white"))
    spread = ((len(black) - 1) * black.var() + (len(white) - 1) * white.var()) / (len(black) + len(white) - 2)
    assert row.value == pytest.approx((black.mean() - white.mean()) / spread**0.5, rel=1e-12)
    assert row.n == 60
    assert judged(smd(), rows).verdict == "fail"
    everyone = smd(denominator="population")
    (row,) = (e for e in fairness_measurements(counted, everyone, declared) if e.group == {"race": "black"})
    assert row.value == pytest.approx((black.mean() - white.mean()) / scored["score"].std(ddof=0), rel=1e-12)


def test_the_other_side_has_a_limit_of_its_own(scored, declared):
    counted = tally(scored, declared, accounting(scored.height), DAY, moments=["score"])
    rows = fairness_measurements(counted, smd(), declared)
    assert judged(smd(at_least=None, at_most=0.3), rows).verdict == "pass"


def test_rows_that_were_not_summed_are_told_and_never_passed(scored, declared):
    summed = tally(scored, declared, accounting(scored.height), DAY, moments=["score"])
    earlier = tally(scored, declared, accounting(scored.height), DAY - timedelta(days=1))
    rows = fairness_measurements(total([earlier, summed]), smd(), declared)
    judgement = judged(smd(), rows)
    assert judgement.verdict == "insufficient"
    assert "summed in 145 of 290 rows" in judgement.reason


@pytest.mark.parametrize("extreme", [2e9, -1e12, float("inf")])
def test_a_value_too_large_to_sum_is_missing_from_the_count(scored, declared, extreme):
    log = scored.with_columns(score=pl.when(pl.col("race").is_null()).then(extreme).otherwise("score"))
    counted = tally(log, declared, accounting(log.height), DAY, moments=["score"])
    assert "summed in 140 of 145 rows" in judged(smd(), fairness_measurements(counted, smd(), declared)).reason


def test_moments_add_up_exactly_in_any_parts(scored, declared):
    def of(rows):
        return tally(rows, declared, accounting(rows.height), DAY, moments=["score"])

    shuffled = scored.sample(fraction=1, shuffle=True, seed=5)
    parts = total([of(shuffled[:50]), of(shuffled[50:60]), of(shuffled[60:])])
    assert parts.moments.equals(of(scored).moments)


def test_a_tally_without_moments_is_written_as_ever_and_with_them_reads_back(scored, declared):
    plain = tally(scored, declared, accounting(scored.height), DAY)
    assert b"moments" not in tally_json(plain)
    summed = tally(
        scored.with_columns(pl.col("score") * 1e7), declared, accounting(scored.height), DAY, moments=["score"]
    )
    written = tally_json(summed)
    assert b'"moments"' in written
    again = tally_from_json(written)
    assert tally_json(again) == written
    assert tally_digest(again) == tally_digest(summed) != tally_digest(plain)
    assert not disclosed(summed).moments.width
    forged = written.replace(str(summed.moments["sum"][0]).encode(), b"+" + str(summed.moments["sum"][0]).encode())
    with pytest.raises(EvidenceError):
        tally_from_json(forged)


def test_the_pool_that_a_policy_declares(of_groups, declaration):
    teachers = of_groups({"black": (15, 60), "white": (390, 900)})
    near = control("availability_z", availability={"race": {"black": 0.154}}, at_least=-2)
    (row,) = fairness_measurements(teachers, near, declaration)
    assert (row.value, row.p_value, row.n) == (z_binomial(15, 405, 0.154), binomial_p(15, 405, 0.154), 405)
    assert row.value == pytest.approx(-6.52, abs=0.005)
    assert judged(near, [row]).verdict == "fail"
    far = control("availability_z", availability={"race": {"black": 0.057}}, at_least=-2)
    rows = fairness_measurements(teachers, far, declaration)
    assert judged(far, rows).verdict == "warn"  # 1.73 below: inside, and the interval is not


def test_a_group_that_nobody_selected_is_the_worst_of_all(of_groups, declaration):
    nobody = of_groups({"white": (400, 10)})
    pool = control("availability_z", availability={"race": {"black": 0.1}}, at_least=-2)
    rows = fairness_measurements(nobody, pool, declaration)
    assert rows[0].note.startswith("0 of 400")
    assert judged(pool, rows).verdict == "fail"


def test_scores_are_held_against_the_median_of_everyone(scored, declared):
    counted = tally(scored, declared, accounting(scored.height), DAY)
    median = scored["score"].median()
    rows = fairness_measurements(scored_tally(counted, scored), control("scoring_rate", by=["race"]), declared)
    for race, n in (("white", 80), ("black", 60)):
        (row,) = (each for each in rows if each.group == {"race": race})
        assert row.n == n
        assert row.value == (scored.filter(race=race)["score"] > median).sum() / n
    (black,) = (each for each in rows if each.group == {"race": "black"})
    assert "7 without a score left out" in black.note
    ratio = control("scoring_impact_ratio", by=["race"], at_least=0.8)
    assert judged(ratio, fairness_measurements(scored_tally(counted, scored), ratio, declared)).verdict == "fail"


def test_all_at_the_median_are_none_above_it(declared):
    log = log_of([("approved", "white", None, "a", 5.0)] * 30 + [("approved", "black", None, "a", 5.0)] * 30)
    counted = tally(log, declared, accounting(log.height), DAY)
    rows = fairness_measurements(scored_tally(counted, log), control("scoring_rate", by=["race"]), declared)
    assert {row.value for row in rows} == {0.0}


def test_the_battery_stands_beside_the_ratio(of_groups, declaration):
    hires = of_groups({"white": (48, 32), "black": (12, 28)})
    rows = fairness_measurements(hires, control("adverse_impact", by=["race"], at_least=0.8), declaration)
    black = {row.metric: row for row in rows if row.group == {"race": "black"}}
    assert {name: round(row.value, 6) for name, row in black.items()} == {
        "adverse_impact": 0.5,
        "four_fifths_flag": 1.0,
        "fisher_p": 0.003409,
        "fisher_mid_p": 0.002776,
        "z_pooled": -3.098387,
        "flip_flop": 0.0,
        "shortfall": 8.0,
        "selections_to_four_fifths": 8.0,
        "relative_rate_adverse": 1.75,
    }
    (all_,) = (row for row in rows if row.metric == "permutation_p")
    assert all_.value == pytest.approx(0.0034, abs=0.002)  # of two groups, Fisher's test by chance
    assert not all_.recomputable
    assert judged(control("adverse_impact", by=["race"], at_least=0.8), rows).verdict == "fail"


def test_exactly_four_fifths_is_inside(of_groups, declaration):
    rows = fairness_measurements(
        of_groups({"white": (6000, 4000), "black": (4800, 5200)}),
        control("adverse_impact", by=["race"], at_least=0.8),
        declaration,
    )
    assert judged(control("adverse_impact", by=["race"], at_least=0.8), rows).verdict == "warn"


def drawn_scores(shift, times):
    """Counts above the median of everyone: two groups of normal scores, of 60 and 90 people so many times."""
    draw, n, m = np.random.default_rng(6), 60 * times, 90 * times
    one, other = draw.normal(-shift, 1, (3000, n)), draw.normal(0, 1, (3000, m))
    median = np.median(np.hstack([one, other]), axis=1, keepdims=True)
    return (one > median).sum(axis=1), n, (other > median).sum(axis=1), m


def test_fishers_test_keeps_its_level_where_the_number_above_the_median_is_fixed():
    assert np.mean(fisher(*drawn_scores(0.0, 1)) <= 0.05) <= 0.05


@pytest.mark.parametrize("shift", [0.0, 0.6])
@pytest.mark.parametrize(("times", "least"), [(1, 0.925), (8, 0.94)])  # few possible tables: 0.93 at 60 and 90 people
def test_the_scoring_ratios_interval_covers(shift, times, least):
    median = brentq(lambda at: 60 * norm.cdf(at + shift) + 90 * norm.cdf(at) - 75, -3, 3)
    truth = norm.sf(median + shift) / norm.sf(median)
    low, high = ratio_score(*drawn_scores(shift, times))
    assert np.mean((low <= truth) & (truth <= high)) >= least
