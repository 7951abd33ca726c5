"""Proxies: association of features with attributes against SciPy, and what independence looks like."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.distributions.proxy import correlation_ratio, mutual_information, proxy_measurements


def found(rows, *features):
    tally = count(rows, Columns("d", frozenset("y"), attributes=("race",), pairs=features))
    return {(row.attribute, row.metric): row for row in proxy_measurements(tally)}


def people(n=20_000, seed=1):
    random = np.random.default_rng(seed)
    race = random.choice(["a", "b", "c", None], n, p=[0.5, 0.3, 0.15, 0.05])
    place = np.where(
        random.random(n) < 0.8, np.where(race == "a", "north", "south"), random.choice(["north", "south"], n)
    )
    income = random.lognormal(10 + 0.5 * (race == "a"), 0.6, n)
    return pl.DataFrame(
        {
            "race": pl.Series(race.tolist(), dtype=pl.String),
            "place": place,
            "income": income,
            "noise": random.random(n),
            "d": "y",
        }
    )


def test_associations_of_features_with_an_attribute():
    rows = people()
    all_of = found(rows, "place", "income", "noise")
    known = rows.drop_nulls("race")
    groups = [known.filter(race=each)["income"].to_numpy() for each in "abc"]
    mean = known["income"].mean()
    between = sum(len(each) * (each.mean() - mean) ** 2 for each in groups)
    eta = all_of[("income", "race"), "correlation_ratio"]
    assert eta.value == pytest.approx(between / ((known["income"] - mean) ** 2).sum(), rel=0.02)
    assert eta.p_value < 1e-12
    table = known.pivot("race", index="place", values="d", aggregate_function="len").drop("place").to_numpy()
    v = all_of[("place", "race"), "cramers_v_corrected"]
    assert v.value == pytest.approx(stats.contingency.association(table), abs=0.005)
    assert v.n == known.height
    told = all_of[("place", "race"), "mutual_information"].value
    assert told == pytest.approx(mutual_information(table)[0] / stats.entropy(table.sum(axis=0)))
    assert all_of[("noise", "race"), "cramers_v_corrected"].value < 0.02
    assert all_of[("noise", "race"), "correlation_ratio"].p_adjusted > 0.01


def test_analysis_of_variance_is_scipys():
    counts = np.array([[3, 1], [5, 2], [1, 6]])
    values = np.array([1.0, 2.0, 4.0])
    theirs = stats.f_oneway(*(np.repeat(values, each) for each in counts.T))
    assert correlation_ratio(values, counts)[1] == pytest.approx(theirs.pvalue)


def test_a_copy_tells_everything_and_one_value_nothing():
    rows = people(500).with_columns(copy="race", same=pl.lit("x"), empty=pl.lit(None, pl.Float64))
    all_of = found(rows.drop_nulls("race"), "copy", "same", "empty")
    assert all_of[("copy", "race"), "cramers_v_corrected"].value == pytest.approx(1, abs=0.01)
    assert all_of[("copy", "race"), "mutual_information"].value == pytest.approx(1)
    assert all_of[("same", "race"), "cramers_v_corrected"].note.startswith("one value or one group only")
    assert all_of[("same", "race"), "mutual_information"].value == pytest.approx(0, abs=1e-12)
    assert found(people(0), "place") == {}


@pytest.mark.parametrize("size", [2, 3, 4])
def test_as_many_values_as_rows_are_no_association_that_could_be_told(size):
    rows = people(size).with_columns(
        race=pl.Series([f"r{at % 2}" for at in range(size)]), id=pl.int_range(size).cast(pl.String)
    )
    all_of = found(rows, "id")
    assert all_of[("id", "race"), "cramers_v_corrected"].value is None
    assert "too few rows" in all_of[("id", "race"), "cramers_v_corrected"].note
