import numpy as np
import polars as pl
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import disclosed, fairness_measurements
from gov_pipelines.policy.kinds import Fairness


def control(metric="impact_ratio", by=("race",), **options):
    return Fairness(kind="fairness", metric=metric, by=list(by), **options)


@pytest.fixture(scope="module")
def measure(declaration):
    def measured(tally, metric="impact_ratio", **options):
        return fairness_measurements(tally, control(metric, **options), declaration)

    return measured


def row(rows, group, attribute=("race",)):
    values = (
        None if group is None else dict(zip(attribute, group if isinstance(group, tuple) else (group,), strict=True))
    )
    (found,) = [one for one in rows if one.attribute == attribute and one.group == values]
    return found


def test_rates_of_the_mortgage_decisions(loans, measure):
    rows = measure(loans, "selection_rate")
    assert [round(row(rows, race).value, 3) for race in ("white", "Black", "Hispanic")] == [0.908, 0.675, 0.766]
    assert [row(rows, race).n for race in ("white", "Black", "Hispanic")] == [1679, 197, 111]


def test_impact_ratios_of_the_mortgage_decisions(loans, measure):
    rows = measure(loans, at_least=0.8)
    black, hispanic, white, least = (row(rows, group) for group in ("Black", "Hispanic", "white", None))
    assert (round(black.value, 3), round(hispanic.value, 3), white.value) == (0.743, 0.843, 1)
    assert (black.lower, black.upper) == pytest.approx((0.654, 0.823), abs=0.004)
    assert "simultaneous (Bonferroni over 3 pairs" in black.method
    assert black.recomputable
    assert black.p_value == pytest.approx(4.56e-17, rel=1e-2)
    assert black.p_adjusted == pytest.approx(3 * black.p_value)
    assert 0.85 < black.minimum_detectable < 1
    assert black.reference_group == {"race": "white"}
    assert (white.lower, white.p_value, white.note) == (
        None,
        None,
        "the best group, which the others are compared with",
    )
    assert (least.value, least.p_adjusted, least.n) == (black.value, black.p_adjusted, 1987)
    assert least.lower <= black.lower <= least.value <= least.upper <= black.upper


def test_against_a_declared_reference_intervals_are_plain(loans, measure):
    rows = measure(loans, "adverse_impact_ratio", at_least=0.8, reference={"race": "white"})
    black = row(rows, "Black")
    assert (black.lower, black.upper) == pytest.approx((0.67, 0.82), abs=0.01)
    assert "interval, plain" in black.method
    assert black.recomputable
    assert black.p_adjusted == pytest.approx(2 * black.p_value)
    assert [one.group for one in rows if one.group is None] == []


@pytest.mark.parametrize("by", ["race", "sex", ("race", "sex")])
def test_equal_to_fairlearn(loanapp, loans, measure, by):
    names = [by] if isinstance(by, str) else list(by)
    known = loanapp.drop_nulls(names)
    y = (known["decision"] == "approved").cast(pl.Int64).to_numpy()
    groups = known.select(pl.concat_str(names, separator="|")).to_series().to_numpy()
    frame = fairlearn.MetricFrame(metrics=fairlearn.selection_rate, y_true=y, y_pred=y, sensitive_features=groups)
    options = {"by": [by if isinstance(by, str) else names], "min_group_size": 1}
    for one in measure(loans, "selection_rate", **options):
        if None not in one.group.values():
            assert one.value == pytest.approx(frame.by_group["|".join(one.group.values())], abs=1e-12)
    for metric in ("demographic_parity_difference", "demographic_parity_ratio"):
        theirs = getattr(fairlearn, metric)(y, y, sensitive_features=groups)
        assert row(measure(loans, metric, **options), None, tuple(names)).value == pytest.approx(theirs, abs=1e-12)


def test_the_family_is_all_pairs_over_all_entries(loans, measure):
    rows = measure(loans, by=["race", "sex", ["race", "sex"]])
    alone = row(measure(loans), "Black")
    black = row(rows, "Black")
    assert "over 14 pairs" in black.method  # 3 of race, 1 of sex, 10 of their five tested intersections
    assert black.p_adjusted == pytest.approx(14 * black.p_value)
    assert black.lower < alone.lower < alone.upper < black.upper


def test_unknown_groups_are_shown_but_neither_best_nor_compared(of_groups, measure):
    tally = of_groups({("a", "f"): (50, 50), ("a", None): (90, 0), ("b", "m"): (40, 60)})
    rows = measure(tally, by=["sex"])
    unknown = row(rows, (None,), ("sex",))
    assert unknown.value == pytest.approx(2)
    assert not unknown.tested
    assert unknown.p_value is None
    assert "sex unknown" in unknown.note
    assert row(rows, None, ("sex",)).value == pytest.approx(0.8)
    assert row(rows, "f", ("sex",)).reference_group == {"sex": "f"}
    assert row(rows, "m", ("sex",)).p_adjusted == row(rows, "m", ("sex",)).p_value


def test_small_groups_are_listed_not_tested(of_groups, measure):
    rows = measure(of_groups({"a": (50, 50), "b": (40, 60), "c": (29, 0)}))
    small = row(rows, "c")
    assert (small.tested, small.n, small.p_adjusted) == (False, 29, None)
    assert small.value == pytest.approx(2)
    assert "29 of 30 decisions" in small.note
    assert row(rows, "b").reference_group == {"race": "a"}
    assert row(rows, None).n == 200


def test_missing_combinations_are_listed(of_groups, measure):
    tally = of_groups({("a", "f"): (20, 20), ("a", "m"): (20, 20), ("b", "f"): (20, 20)})
    rows = measure(tally, by=[["race", "sex"]])
    absent = row(rows, ("b", "m"), ("race", "sex"))
    assert (absent.value, absent.n, absent.tested) == (None, 0, False)


def test_undecided_decisions_are_left_out_and_counted(of_groups, measure):
    rows = measure(of_groups({"a": (50, 50, 7), "b": (40, 60, 5)}))
    assert row(rows, "a").n == 100
    assert "7 undecided (withdrawn) left out" in row(rows, "a").note
    assert "12 undecided" in row(rows, None).note


def test_groups_of_0_and_100_percent(of_groups, measure):
    rows = measure(of_groups({"all": (40, 0), "none": (0, 40)}))
    none = row(rows, "none")
    assert (none.value, none.lower) == (0, 0)
    assert 0 < none.upper < 0.3
    rows = measure(of_groups({"a": (0, 40), "b": (0, 40)}))
    assert row(rows, "a").value is row(rows, None).value is None
    assert "no favorable decision" in row(rows, "b").note
    difference = row(measure(of_groups({"a": (40, 0), "b": (40, 0)}), "demographic_parity_difference"), None)
    assert (difference.value, difference.lower) == (0, 0)
    assert 0 < difference.upper < 0.15


def test_exactly_four_fifths_is_exactly_four_fifths(of_groups, measure):
    assert row(measure(of_groups({"Hispanic": (48, 52), "white": (60, 40)})), "Hispanic").value == 0.8


def test_among_keeps_one_stratum(loans, loanapp, measure):
    rows = measure(loans, "selection_rate", among={"gdlin": "1"})
    black = loanapp.filter((pl.col("race") == "Black") & (pl.col("gdlin") == "1"))
    assert row(rows, "Black").n == black.height
    assert row(rows, "Black").stratum == {"gdlin": "1"}


@pytest.mark.parametrize(
    ("groups", "options", "words"),
    [
        ({"a": (50, 50)}, {}, "fewer than two known groups reach 30"),
        ({"a": (50, 50), "b": (1, 2)}, {}, "fewer than two known groups reach 30 decisions (a 100, b 3)"),
        ({}, {}, "none is known"),
        ({"a": (50, 50), "b": (50, 50)}, {"reference": {"race": "c"}}, "the declared reference c has 0 decisions"),
        ({"a": (50, 50), "b": (50, 50)}, {"reference": {"sex": "f"}}, "no reference is declared for race"),
    ],
)
def test_what_cannot_be_compared_has_no_value_and_says_why(of_groups, measure, groups, options, words):
    aggregate = row(measure(of_groups(groups), **options), None)
    assert aggregate.value is None
    assert words in aggregate.note


def test_columns_the_tally_does_not_count_are_refused(loans, measure):
    with pytest.raises(WrongUse, match="not counted by age, only by race, sex, gdlin"):
        measure(loans, by=["age"])
    with pytest.raises(WrongUse, match="merged"):
        measure(disclosed(loans))


GROUPS = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=4
)
METRICS = st.sampled_from(["impact_ratio", "demographic_parity_difference", "demographic_parity_ratio"])


@given(GROUPS, METRICS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_names_and_order_of_groups_do_not_matter(of_groups, measure, groups, metric, random):
    names = random.sample("vwxyz", len(groups))
    renamed = dict(zip(names, groups.values(), strict=True))
    one, other = measure(of_groups(groups), metric), measure(of_groups(renamed), metric)
    numbers = ("value", "lower", "upper", "p_adjusted", "minimum_detectable", "n")
    for name in numbers:
        ours, theirs = (getattr(row(rows, None), name) for rows in (one, other))
        assert (ours is None) == (theirs is None)
        assert ours is None or ours == pytest.approx(theirs, abs=1e-9)


@given(GROUPS, METRICS)
@settings(max_examples=60, deadline=None)
def test_aggregates_are_the_extreme_of_their_groups_and_intervals_hold_them(of_groups, measure, groups, metric):
    rows = measure(of_groups(groups), metric)
    aggregate = row(rows, None)
    values = [one.value for one in rows if one.tested and one.group and one.value is not None]
    if aggregate.value is not None:
        assert aggregate.value == (max(values) if "difference" in metric else min(values))
    for one in rows:
        if one.value is not None and one.lower is not None:
            assert one.lower - 1e-9 <= one.value
            assert one.upper is None or one.value <= one.upper + 1e-9
        assert one.p_adjusted is None or one.p_value <= one.p_adjusted <= 1


def test_aggregate_intervals_cover_the_worst_ratio(of_groups, measure):
    random, rates, covered = np.random.default_rng(7), (0.8, 0.6, 0.7), []
    for _ in range(60):
        x = random.binomial(60, rates)
        tally = of_groups({name: (int(k), 60 - int(k)) for name, k in zip("abc", x, strict=True)})
        found = row(measure(tally), None)
        covered.append(found.lower <= 0.75 <= found.upper)
    assert np.mean(covered) >= 0.93
