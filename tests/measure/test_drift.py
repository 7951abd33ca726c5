"""The stability index: published value, binning, and by simulation the level of its test and the coverage of its interval."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import disclosed, drift_measurements
from gov_pipelines.measure.distances import chi_square, stability_index
from gov_pipelines.measure.intervals import stability_index_interval
from gov_pipelines.policy.kinds import Drift


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
