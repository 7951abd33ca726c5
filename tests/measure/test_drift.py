"""The stability index: published value, binning, and by simulation the level of its test and the coverage of its interval."""

import math
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import disclosed, drift_measurements, drift_shares, judge
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.distributions.distances import chi_square, homogeneity, stability_index
from gov_pipelines.measure.distributions.drift import drift
from gov_pipelines.measure.statistics.intervals import stability_index_interval
from gov_pipelines.policy.kinds import Drift

DAY = date(2026, 9, 1)


def control(*of, **options):
    return Drift(kind="drift", of=list(of), reference={"from": "2026-08-01", "until": "2026-09-01"}, **options)


def numbers(values):
    return pl.Series(values, dtype=pl.Float64)


def test_the_published_value():
    assert stability_index([10, 20, 30, 40], [25, 25, 25, 25]) == pytest.approx(0.22821741, abs=1e-8)


COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12).map(
    lambda pairs: [pair for pair in pairs if sum(pair)] or [(1, 1)]
)


@given(COUNTS.filter(lambda pairs: all(map(sum, zip(*pairs, strict=True)))), st.randoms())
def test_it_is_symmetric_not_negative_and_forgets_the_order(pairs, random):
    a, e = zip(*pairs, strict=True)
    index = stability_index(a, e)
    assert index >= 0
    assert np.isfinite(index)
    assert stability_index(e, a) == pytest.approx(index)
    order = random.sample(pairs, len(pairs))
    assert stability_index(*zip(*order, strict=True)) == pytest.approx(index)
    assert 0 <= chi_square(a, e)[1] <= 1


@given(COUNTS.filter(lambda pairs: len(pairs) > 1 and all(map(sum, zip(*pairs, strict=True)))))
def test_homogeneity_is_scipys(pairs):
    theirs = stats.chi2_contingency(np.array(pairs).T, correction=False).pvalue
    assert chi_square(*zip(*pairs, strict=True))[1] == pytest.approx(theirs, abs=1e-12)


def exact(current, reference, bins):
    """Bins at the reference's own quantiles, from the rows."""
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf"))
    counts = [
        np.bincount(np.searchsorted(edges, rows, side="left"), minlength=len(edges) + 1)
        for rows in (current, reference)
    ]
    used = sum(counts) > 0
    return stability_index(counts[0][used], counts[1][used])


@pytest.mark.parametrize("bins", [2, 5, 10, 20])
def test_on_whole_numbers_the_histogram_loses_nothing(of_columns, bins):
    random = np.random.default_rng(3)
    then, now = random.poisson(20, 900), random.poisson(22, 700)
    (row,) = drift_measurements(of_columns(x=numbers(now)), of_columns(x=numbers(then)), control("x", bins=bins))
    assert row.value == pytest.approx(exact(now, then, bins), abs=1e-12)
    assert (row.n, row.attribute) == (700, ("x",))


def test_on_continuous_numbers_it_is_close(of_columns):
    random = np.random.default_rng(4)
    then, now = random.lognormal(4, 1, 4000), random.lognormal(4.2, 1.1, 4000)
    (row,) = drift_measurements(of_columns(x=numbers(now)), of_columns(x=numbers(then)), control("x"))
    assert row.value == pytest.approx(exact(now, then, 10), rel=0.05)
    assert row.lower < row.value < row.upper


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), st.integers(2, 20))
@settings(deadline=None, max_examples=30)
def test_a_column_does_not_drift_from_itself(of_columns, values, bins):
    tally = of_columns(x=numbers(values))
    (row,) = drift_measurements(tally, tally, control("x", bins=bins))
    if row.value is None:
        assert "of the bins" in row.note
    else:
        assert row.value == pytest.approx(0, abs=1e-12)
        assert row.p_value == pytest.approx(1)


def test_missing_values_and_categories_are_counted(of_columns):
    now = of_columns(x=numbers([1.0] * 50 + [None] * 30 + [float("nan")] * 20), c=pl.Series(["a"] * 60 + [None] * 40))
    then = of_columns(x=numbers([1.0] * 100), c=pl.Series(["a"] * 60 + ["b"] * 40))
    x, c, decision = drift_measurements(now, then, control("x", "c", "decision"))
    assert x.value == pytest.approx(stability_index([50, 50], [100, 0]))
    assert c.value == pytest.approx(stability_index([60, 0, 40], [60, 40, 0]))
    assert (decision.value, decision.p_value) == (0, 1)
    assert "0.5 added" in x.method
    assert "Holm over 3 columns" in x.method
    assert c.p_adjusted == pytest.approx(3 * min(x.p_value, c.p_value))


def shown(now, then, *of, **options):
    return [record["shares"] for record in drift_shares(now, then, control(*of, **options))]


def test_the_shares_shown_are_those_the_distance_is_of(of_columns):
    now = of_columns(x=numbers([1.0] * 50 + [40.0] * 30 + [2500.0] * 20), c=pl.Series(["a"] * 60 + [None] * 40))
    then = of_columns(x=numbers([1.0] * 40 + [40.0] * 40 + [2500.0] * 20), c=pl.Series(["a"] * 60 + ["b"] * 40))
    x, c = shown(now, then, "x", "c")
    assert x == [("to 1", 50, 40), ("to 40", 30, 40), ("above 40", 20, 20)]
    assert c == [("a", 60, 60), ("b", 0, 40), ("missing", 40, 0)]
    missing = of_columns(x=numbers([1.0] * 90 + [None, math.nan, math.inf, -math.inf] * 5))
    assert shown(missing, missing, "x", bins=20) == [
        [("to -inf", 5, 5), ("to 1", 90, 90), ("above 1", 5, 5), ("missing", 10, 10)]
    ]


@given(COUNTS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_no_share_shown_is_of_fewer_than_five_rows_and_none_is_lost(of_columns, counts, ordered):
    values = [float(at) if ordered else f"v{at}" for at in range(len(counts))]
    sides = [
        of_columns(x=pl.Series(np.repeat(values, side), dtype=pl.Float64 if ordered else pl.String))
        for side in zip(*counts, strict=True)
    ]
    (rows,) = shown(*sides, "x", bins=20)
    if any(0 < count < 5 for _, *both in rows for count in both):
        assert [label for label, *_ in rows] == ["others"]  # there are no five rows
    assert [sum(side) for side in list(zip(*rows, strict=True))[1:]] == [
        sum(side) for side in zip(*counts, strict=True)
    ] or not rows


def test_the_rare_of_many_categories_are_shown_as_one(of_columns):
    sides = [of_columns(c=pl.Series([f"v{at}" for at in range(40) for _ in range(60 - at)]))] * 2
    (rows,) = shown(*sides, "c")
    assert (rows[0], len(rows), rows[-1][0]) == (("v0", 60, 60), 20, "others")


def test_protected_attributes_drift_too(loans):
    (row,) = drift_measurements(loans, loans, control("sex"))
    assert row.value == 0


def test_what_has_no_rows_has_no_value(of_columns):
    some, none = of_columns(c=pl.Series(["a"] * 9)), of_columns(c=pl.Series([], dtype=pl.String))
    assert "no rows in the window" in drift_measurements(none, some, control("c"))[0].note
    assert drift_measurements(some, none, control("c"))[0].value is None
    assert drift_measurements(none, none, control("c"))[0].value is None


def test_columns_nobody_counts_are_refused(loans):
    with pytest.raises(WrongUse, match="no column age"):
        drift_measurements(loans, loans, control("age"))
    with pytest.raises(WrongUse, match="merged"):
        drift_measurements(loans, disclosed(loans), control("amount"))


def test_few_rows_say_what_they_cannot_show(of_columns):
    now, then = (
        of_columns(decisions=["approved"] * 12 + ["denied"] * 8),
        of_columns(decisions=["approved"] * 300 + ["denied"] * 100),
    )
    (row,) = drift_measurements(now, then, control("decision", at_most=0.05))
    assert row.p_adjusted > 0.05
    assert row.minimum_detectable > row.value > 0.05
    few = of_columns(decisions=["approved"] * 4)
    assert "interval and test are approximate" in drift_measurements(few, then, control("decision"))[0].note


@pytest.mark.parametrize(("n", "m", "bins"), [(200, 200, 5), (300, 3000, 10), (1000, 1000, 20)])
def test_the_test_holds_its_level_on_quantile_bins(n, m, bins):
    random, rejected, draws = np.random.default_rng([n, bins]), 0, 1500
    ranks = np.ceil(np.arange(1, bins) * m / bins).astype(int) - 1
    for _ in range(draws):
        then, now = np.sort(random.random(m)), random.random(n)
        edges = then[ranks]
        counts = [np.bincount(np.searchsorted(edges, rows, side="left"), minlength=bins) for rows in (now, then)]
        rejected += chi_square(*counts)[1] <= 0.05
    assert rejected / draws == pytest.approx(0.05, abs=0.017)


@pytest.mark.parametrize(("n", "m", "categories"), [(200, 20_000, 300), (1000, 20_000, 1000), (30, 20_000, 4)])
def test_the_test_holds_its_level_where_most_categories_are_rare(n, m, categories):
    random, p = np.random.default_rng([n, m]), 1 / np.arange(1, categories + 1) ** (1.5 if categories > 9 else 3)
    p /= p.sum()
    found = np.array([homogeneity(random.multinomial(n, p), random.multinomial(m, p)) for _ in range(1000)])
    assert np.mean(found <= 0.05) <= 0.075
    assert np.mean(found <= 0.01) <= 0.022
    moved = np.append(p * 0.9, 0.1)
    assert homogeneity(random.multinomial(n, moved), random.multinomial(m, np.append(p, 0))) < 0.05


def test_the_exact_moments_are_those_of_every_table():
    margins = [4, 3, 2, 1]
    rows = np.repeat(np.arange(4), margins)
    tables = [np.bincount(rows[list(each)], minlength=4) for each in combinations(range(10), 3)]
    statistics = [chi_square(each, margins - each)[0] for each in tables]
    shape = np.mean(statistics) ** 2 / np.var(statistics)
    for table, statistic in zip(tables[::7], statistics[::7], strict=True):
        by_moments = stats.gamma.sf(statistic, shape, scale=np.mean(statistics) / shape)
        expected = max(by_moments, chi_square(table, margins - table)[1])
        assert homogeneity(table, margins - table) == pytest.approx(expected, abs=1e-12)
    assert homogeneity([1, 0], [0, 1]) == homogeneity([1, 1, 1, 0], [0, 0, 0, 1]) == homogeneity([], []) == 1


def test_a_rare_reason_code_is_no_news(of_columns):
    then = of_columns(reason_codes=pl.Series(["A"] * 3000))
    now = of_columns(reason_codes=pl.Series(["A"] * 49 + ["B"]))
    (row,) = drift_measurements(now, then, control("reason_codes"))
    assert row.p_value == pytest.approx(2 * stats.fisher_exact([[49, 1], [3000, 0]]).pvalue)


SHARES = {
    "none": ([0.25] * 4, [0.25] * 4),
    "slight": ([0.1] * 10, [0.13, 0.12, 0.11, 0.1, 0.1, 0.1, 0.09, 0.09, 0.08, 0.08]),
    "at the limit": ([0.2] * 5, [0.3, 0.25, 0.2, 0.15, 0.1]),
    "large": ([0.2, 0.3, 0.3, 0.2], [0.3, 0.4, 0.2, 0.1]),
}


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES.keys())
@pytest.mark.parametrize(("n", "m"), [(300, 300), (500, 5000)])
def test_the_interval_covers_the_populations_index(shares, n, m):
    then, now = np.array(shares[0]), np.array(shares[1])
    truth = np.sum((now - then) * np.log(now / then))
    random, draws = np.random.default_rng(11), 1000
    a, e = random.multinomial(n, now, draws), random.multinomial(m, then, draws)
    index = [stability_index(one, other) for one, other in zip(a, e, strict=True)]
    low, high = stability_index_interval(index, len(then), n, m)
    assert ((low <= truth + 1e-12) & (truth <= high)).mean() > 0.93


def frame(n, seed, **shares):
    """Decisions of two groups and some unknown; `shares` are of approved, by group."""
    random = np.random.default_rng(seed)
    sex = random.choice(["F", "M", None], n, p=[0.45, 0.5, 0.05]).tolist()
    approved = random.random(n) < np.array([shares.get(each, 0.5) for each in sex])
    return pl.DataFrame(
        {
            "sex": sex,
            "action": np.where(approved, "yes", "no"),
            "paid": random.choice(["1", "0", None], n, p=[0.3, 0.2, 0.5]).tolist(),
            "score": random.random(n),
            "reason_codes": random.choice(["A", "B; A", "B;C", None], n).tolist(),
        },
        schema_overrides=dict.fromkeys(["sex", "paid", "reason_codes"], pl.String),
    )


def counted(rows):
    features = ("score", "sex", "reason_codes")
    columns = Columns(
        "action", frozenset(["yes"]), attributes=("sex",), label="paid", label_positive=frozenset("1"), score="score",
        numbers=("score",), categories=features[1:],
    )  # fmt: skip
    return count(rows, columns)


def test_drift_within_a_group_that_the_whole_does_not_show():
    then, now = counted(frame(6000, 1)), counted(frame(6000, 2, F=0.6, M=0.41))
    (everyone,) = drift_measurements(now, then, control("decision", metric="total_variation", at_most=0.05))
    assert everyone.value < 0.05
    women, men, unknown = drift_measurements(
        now, then, control("decision", metric="total_variation", per=["sex"], at_most=0.05)
    )
    assert (women.group, men.group, unknown.group) == ({"sex": "F"}, {"sex": "M"}, {"sex": None})
    assert women.value == pytest.approx(0.1, abs=0.03)
    assert women.p_adjusted < 0.001
    assert (unknown.tested, unknown.value) == (False, None)
    judged = judge(
        control("decision", metric="total_variation", per=["sex"], at_most=0.05),
        [women, men, unknown], partitions_present=1, partitions_expected=1,
    )  # fmt: skip
    assert judged.verdict == "fail"
    assert "total variation distance of decision within" in judged.reason


def test_scores_drift_by_group_as_they_do_alone():
    then, now = frame(4000, 3), frame(4000, 4).with_columns(pl.col("score") ** 2)
    women, *_ = drift_measurements(
        counted(now), counted(then), control("score", metric="ks", per=["sex"], min_group_size=100)
    )
    mine = [rows.filter(sex="F")["score"].to_numpy() for rows in (now, then)]
    assert women.value == pytest.approx(stats.ks_2samp(*mine).statistic, abs=5e-3)
    with pytest.raises(WrongUse, match="do not count reason_codes by sex"):
        drift_measurements(counted(now), counted(then), control("reason_codes", per=["sex"]))


def test_a_label_that_is_not_known_yet_is_no_drift():
    then, now = frame(2000, 5), frame(2000, 6).with_columns(paid=pl.when(pl.col("score") < 0.8).then("paid"))
    (row,) = drift_measurements(counted(now), counted(then), control("label", metric="l_infinity"))
    assert row.value < 0.06
    assert "without a label and left out" in row.note


def test_reason_codes_are_counted_one_by_one():
    then = counted(frame(2000, 7))
    now = counted(frame(2000, 8).with_columns(reason_codes=pl.col("reason_codes").str.replace("C", "B")))
    (row,) = drift_measurements(now, then, control("reason_codes", metric="l_infinity"))
    now_codes, then_codes = np.array([1000, 1000, 0, 500]), np.array([1000, 1000, 500, 500])
    assert row.value == pytest.approx(np.abs(now_codes / 2500 - then_codes / 3000).max(), abs=0.03)
    assert (row.n, row.lower) == (2000, None)
    assert row.p_adjusted < 1e-9


def test_two_tables_without_set_up():
    pytest.importorskip("pyarrow", reason="pandas frames are read through pyarrow; `make spark` has it")
    then, now = frame(1500, 9), frame(1200, 10, F=0.9).with_columns(new=pl.lit("x"), score=pl.col("score") + 0.5)
    then = then.with_columns(id=pl.int_range(pl.len()).cast(pl.String))
    now = now.with_columns(id=pl.format("n{}", pl.int_range(pl.len())), day=pl.lit(DAY))
    rows = drift(then.to_pandas(), now, per=["sex"])
    found = {(row.attribute[0], row.metric, row.group and (row.group["sex"] or "?")): row for row in rows}
    assert found["score", "wasserstein", None].value == pytest.approx(0.5, abs=0.02)
    assert found["action", "l_infinity", "F"].value == pytest.approx(0.4, abs=0.06)
    assert found["action", "chi_square", None].lower is None
    assert "only in the current table" in found["new", "drift", None].note
    assert "identifier" in found["id", "drift", None].note
    assert not any(name == "action" and metric == "ks" for name, metric, _ in found)
    few = drift(then, now.with_columns(score=pl.lit(1)), columns=["score"], metrics=["wasserstein_normed", "psi"])
    assert {row.metric for row in few} == {"psi", "wasserstein_normed"}
    same = drift(then.with_columns(score=pl.lit(1.0)), now, columns=["score"], metrics=["wasserstein_normed"])
    assert (same[0].value, same[0].note) == (None, "the reference does not vary")
    with pytest.raises(WrongUse, match="no column `colour`"):
        drift(then, now, columns=["colour"])
    with pytest.raises(WrongUse, match="no metric `kl`"):
        drift(then, now, metrics=["kl"])


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_almost_nothing_is_no_exception(rows):
    few = frame(rows, 11).with_columns(nothing=pl.lit(None, pl.Float64), infinite=pl.lit(float("inf")))
    for row in drift(few, few, columns=["score", "action", "nothing", "infinite"]):
        numbers = (row.value, row.lower, row.upper, row.p_value, row.minimum_detectable)
        assert all(each is None or np.isfinite(each) for each in numbers)
        assert row.value is not None or row.note


@pytest.mark.parametrize("least", [2015, 1_790_000_000, -(10**15), 0.7])
def test_numbers_far_from_zero_are_told_apart(least):
    random = np.random.default_rng(3)
    then, now = (least + random.integers(0, 9 + more, 400) * (0.001 if least < 1 else 1) for more in (0, 2))
    groups = pl.Series("sex", ["f", "m"] * 200)
    tables = [pl.DataFrame({"x": each, "sex": groups}) for each in (then, now)]
    found = {(row.metric, str(row.group)): row for row in drift(*tables, columns=["x"], per=["sex"])}
    theirs = stats.ks_2samp(then, now, method="asymp")
    assert found["ks", "None"].value == pytest.approx(theirs.statistic)
    assert found["ks", "None"].p_value == pytest.approx(theirs.pvalue)
    assert found["wasserstein", "None"].value == pytest.approx(stats.wasserstein_distance(then, now), rel=0.005)
    assert found["ks", "{'sex': 'f'}"].value == pytest.approx(stats.ks_2samp(then[::2], now[::2]).statistic)


@pytest.mark.parametrize("least", [1990, 1_790_000_000, 0.7, 300.05])
def test_bins_too_wide_to_show_a_change_show_none(of_columns, least):
    """In one pass nobody knows how far from zero the values are; bins that are wider than the change are no evidence."""
    unit = 0.001 if least < 1 else 0.01 if least < 1000 else 1
    then = np.random.default_rng(5).integers(0, 12, 500) * unit
    now, asked = then + unit, control("x", at_most=0.1)

    def judged(now, then):
        rows = drift_measurements(of_columns(x=numbers(now)), of_columns(x=numbers(then)), asked)
        return judge(asked, rows, partitions_present=1, partitions_expected=1)

    far = judged(2 * least + now, least + then)
    assert far.verdict == "fail"  # a change wider than the bins is seen in them
    told = judged(least + now, least + then)
    assert (told.verdict, "have it logged as the distance" in told.reason) == ("insufficient", True)
    assert judged(now, then).verdict == "fail"
