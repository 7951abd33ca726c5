"""Distances: SciPy's values from counts, on which bins, and by simulation the coverage of intervals and the power promised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from gov_pipelines.measure.distributions.distances import (
    DISTANCES,
    Sides,
    chi_square,
    deviation_of,
    kolmogorov_smirnov,
    representatives,
)
from gov_pipelines.policy.kinds import ORDERED

PAIRS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=12).map(
    lambda pairs: [pair for pair in pairs if sum(pair)]
).filter(lambda pairs: len(pairs) > 1 and all(map(sum, zip(*pairs, strict=True))))  # fmt: skip


def sides(pairs, values=None):
    now, then = (np.array(each) for each in zip(*pairs, strict=True))
    return Sides(now, then, np.arange(len(now)) * 1.5 if values is None else values)


@given(PAIRS)
@settings(deadline=None)
def test_scipy_says_the_same(pairs):
    one = sides(pairs)
    p, q = one.shares
    rows = [np.repeat(one.values, counts) for counts in (one.now, one.then)]
    ks = stats.ks_2samp(*rows, method="asymp")
    table = np.array([one.now, one.then])
    theirs = {
        "jensen_shannon_distance": jensenshannon(p, q, base=2),
        "jensen_shannon_divergence": jensenshannon(p, q, base=2) ** 2,
        "hellinger": np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2),
        "total_variation": np.abs(p - q).sum() / 2,
        "l_infinity": np.abs(p - q).max(),
        "chi_square": stats.chi2_contingency(table, correction=False).statistic,
        "cramers_v": stats.contingency.association(table),
        "ks": ks.statistic,
        "wasserstein": stats.wasserstein_distance(one.values, one.values, one.now, one.then),
    }
    for name, value in theirs.items():
        # A distance is the root of a divergence, and so is what rounding leaves of it.
        within = 1e-7 if name in {"jensen_shannon_distance", "hellinger"} else 1e-9
        assert DISTANCES[name].value(one) == pytest.approx(value, abs=within), name
    assert kolmogorov_smirnov(one)[1] == pytest.approx(ks.pvalue, abs=1e-9)
    if np.std(rows[1]) > 0:
        assert DISTANCES["wasserstein_normed"].value(one) == pytest.approx(theirs["wasserstein"] / np.std(rows[1]))
    else:
        assert np.isnan(DISTANCES["wasserstein_normed"].value(one))


@given(PAIRS)
@settings(deadline=None, max_examples=25)
def test_every_interval_holds_its_value_and_no_number_is_negative(pairs):
    one = sides(pairs)
    for name, distance in DISTANCES.items():
        value = distance.value(one)
        if distance.interval is None or np.isnan(value):
            continue
        low, high = distance.interval(one, value, 0.05)
        assert 0 <= low <= value <= high, name
        if distance.detectable:
            assert distance.detectable(one, 0.05) > 0


def test_a_sample_is_no_distance_from_itself():
    one = sides([(10, 10), (20, 20), (30, 30)])
    for name, distance in DISTANCES.items():
        assert distance.value(one) == pytest.approx(0, abs=1e-7), name


def test_what_a_bin_is_taken_for():
    def bins(*values):
        return (np.abs(np.array(values, np.float32)).view(np.uint32) >> 16).astype(np.int64) * np.sign(values).astype(
            int
        )

    assert representatives(bins(-3, 0, 1, 255), 16).tolist() == [-3, 0, 1, 255]
    assert representatives(bins(300), 16).tolist() == [300.5]  # 300 and 301 share a bin
    fractions = np.array([0.013, 0.4, 7.77])
    assert representatives(bins(*fractions), 16) == pytest.approx(fractions, rel=1 / 256)
    assert len(representatives(np.zeros(0, np.int64), 16)) == 0


THEN = np.array([0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05])
SHIFTS = {
    "none": THEN,
    "slight": np.array([0.06, 0.12, 0.2, 0.28, 0.18, 0.1, 0.06]),
    "large": np.array([0.15, 0.2, 0.2, 0.2, 0.15, 0.07, 0.03]),
}


@pytest.mark.parametrize(("shift", "n", "m"), [("none", 300, 300), ("slight", 400, 4000), ("large", 300, 300)])
def test_intervals_cover_the_populations_distance(shift, n, m):
    random, draws = np.random.default_rng(3), 120
    values = np.array([0.0, 1, 2, 4, 8, 9, 12])
    truth = Sides((SHIFTS[shift] * 10**9).astype(int), (THEN * 10**9).astype(int), values)
    covered = dict.fromkeys(DISTANCES, 0)
    for now, then in zip(random.multinomial(n, SHIFTS[shift], draws), random.multinomial(m, THEN, draws), strict=True):
        one = Sides(now, then, values)
        for name, distance in DISTANCES.items():
            if distance.interval:
                real = distance.value(truth) if name != "cramers_v" else _v(SHIFTS[shift], n, m)
                low, high = distance.interval(one, distance.value(one), 0.05)
                covered[name] += low - 1e-9 <= real <= high
    for name, distance in DISTANCES.items():
        assert distance.interval is None or covered[name] / draws > 0.9, name


def test_a_rare_category_is_no_distance():
    """A row or two of a category that is one in a thousand are no evidence that its share has changed."""
    random, p = np.random.default_rng(8), 1 / np.arange(1, 301) ** 1.5
    p, n, m, above = p / p.sum(), 30, 20_000, 0
    for now, then in zip(random.multinomial(n, p, 200), random.multinomial(m, p, 200), strict=True):
        one = Sides(*(side[now + then > 0] for side in (now, then)))
        low, _ = DISTANCES["l_infinity"].interval(one, DISTANCES["l_infinity"].value(one), 0.05)
        above += low > 0
    assert above <= 10


@pytest.mark.parametrize("categories", [2, 10, 25])
def test_samples_alike_by_luck_leave_room_for_a_distance(categories):
    """No drift in 30 rows is no proof that there is none: the upper end is above the value, and above what chance makes."""
    one = Sides(*[np.full(categories, 300 // categories)] * 2)
    for name in ("psi", "jensen_shannon_distance", "jensen_shannon_divergence", "hellinger", "cramers_v"):
        low, high = DISTANCES[name].interval(one, 0.0, 0.05)
        assert low == 0 < high, name
    assert DISTANCES["psi"].interval(one, one.expected / 3, 0.05)[1] >= one.expected


def _v(shares, n, m):
    """Cramer's V of the populations, mixed as the samples are."""
    table = np.array([shares * n, THEN * m]) * 10**5
    return np.sqrt(chi_square(*table)[0] / table.sum())


@pytest.mark.parametrize("metric", ["psi", "hellinger", "ks", "total_variation"])
def test_what_is_called_detectable_is_found_with_80_percent_power(metric):
    random, n, m = np.random.default_rng(4), 500, 2000
    then = np.full(10, 0.1)
    least = DISTANCES[metric].detectable(Sides(np.full(10, n // 10), np.full(10, m // 10)), 0.05)
    step = np.array([1.0] * 5 + [-1.0] * 5)
    low, high = 0.0, 0.099
    for _ in range(40):
        middle = (low + high) / 2
        far = (
            DISTANCES[metric].value(Sides(((then + middle * step) * 10**9).astype(int), (then * 10**9).astype(int)))
            > least
        )
        low, high = (low, middle) if far else (middle, high)
    test = kolmogorov_smirnov if metric in ORDERED else lambda one: chi_square(one.now, one.then)
    samples = zip(random.multinomial(n, then + low * step, 600), random.multinomial(m, then, 600), strict=True)
    found = np.mean([test(Sides(*each))[1] <= 0.05 for each in samples])
    assert found > 0.75
    assert found < 0.9 or metric in {"total_variation", "ks"}


def test_a_deviation_is_numpys():
    one = sides([(3, 1), (4, 4), (0, 5)])
    assert deviation_of(one, one.then) == pytest.approx(np.std(np.repeat(one.values, one.then)))
