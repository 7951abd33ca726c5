"""Metrics of counts: against the libraries that are installed, against counting by hand, and where nothing is defined."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.agreement import compare, random_tables
from benchmarks.agreement_peers import fairlearn, rows_of, scipy
from gov_pipelines.measure import Columns, count, examples
from gov_pipelines.measure.rates.bounds import label_bounds
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, OF_PAIR, Together, bases
from gov_pipelines.measure.rates.conditional import by_strata, conditional_demographic_disparity, standardized_rates
from gov_pipelines.measure.rates.confusion import RATES, confusion
from gov_pipelines.measure.rates.groups import groups_of
from gov_pipelines.measure.rates.inequality import generalized_entropy, gini
from gov_pipelines.measure.rates.overrides import HANDLING, handling, override_effect
from gov_pipelines.policy.kinds import GOOD

TABLES = arrays(np.int64, st.tuples(st.integers(0, 4), st.just(6)), elements=st.integers(0, 9))
EVERY = {"group": OF_GROUP, "groups": OF_GROUPS, "pair": OF_PAIR}


@pytest.mark.filterwarnings("ignore")
def test_equal_to_fairlearn_scikit_learn_and_scipy_on_random_tables():
    tables = random_tables(4, most=9)
    told = []
    for at, table in enumerate(tables):
        y, d, g = rows_of(table)
        told += [(at, *value) for value in (*fairlearn(y, d, g), *scipy(table, y, d, g))]
    lines = compare(tables, told)
    assert [wrong for line in lines.values() for wrong in line.wrong] == []
    assert min(line.equal for line in lines.values()) >= 1
    assert len(lines) > 80


def computed(about, metric, counts):
    if about == "pair":
        return metric.compute(counts, bases(counts, metric.against or "overall"))
    return metric.compute(Together(counts) if about == "groups" else counts)


@settings(max_examples=25, deadline=None)
@given(TABLES)
@pytest.mark.parametrize("about", EVERY)
def test_what_is_undefined_is_not_a_number_and_nothing_is_infinite_or_out_of_bounds(about, counts):
    for name, metric in EVERY[about].items():
        values = np.asarray(computed(about, metric, counts))
        assert not np.isinf(values).any(), name
        low, high = metric.bounds
        told = values[np.isfinite(values)]
        assert low is None or (told >= low - 1e-12).all(), name
        assert high is None or (told <= high + 1e-12).all(), name


@pytest.mark.parametrize("about", EVERY)
def test_draws_and_nights_go_through_the_same_code(about):
    counts = np.random.default_rng(0).integers(0, 9, (3, 2, 4, 6))
    counts[0, 0, 0] = 0
    for name, metric in EVERY[about].items():
        each = [[computed(about, metric, table) for table in tables] for tables in counts]
        np.testing.assert_allclose(computed(about, metric, counts), np.array(each), err_msg=name)


@pytest.mark.parametrize("name", OF_GROUP)
def test_equal_groups_differ_by_nothing(name):
    counts = np.tile(np.random.default_rng(1).integers(5, 50, 6), (3, 1))
    counts[:, 2] *= name != "mean_log_deviation"  # infinite where somebody has no benefit
    assert OF_GROUPS[f"{name}_difference"].compute(Together(counts)) == 0
    assert OF_PAIR[f"{name}_difference"].compute(counts[0], counts[1]) == 0
    if f"{name}_ratio" in OF_PAIR:
        assert OF_GROUPS[f"{name}_ratio"].compute(Together(counts)) == 1
        assert OF_PAIR[f"{name}_ratio"].compute(counts[0], counts[1]) == 1


def test_every_metric_says_what_it_means_and_what_is_good():
    for metrics in EVERY.values():
        assert all(
            metric.meaning and metric.good in {"large", "small", "zero", "one", "either"} for metric in metrics.values()
        )
    assert {**RATES, **HANDLING}.keys() == GOOD.keys()


def test_ten_thousand_groups():
    counts = np.random.default_rng(2).integers(0, 9, (10_000, 6))
    for metric in OF_GROUPS.values():
        assert metric.compute(Together(counts)).shape == ()


LOG = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["yes", "no", "later", None]),
        st.sampled_from(["1", "0", None]),
        st.sampled_from(["yes", "no", None]),
        st.sampled_from(["me", None]),
    ),
    min_size=1,
    max_size=60,
)
COLUMNS = Columns(
    "decision", frozenset({"yes"}), ("race",), ("region",), frozenset({"later"}), label="label",
    label_positive=frozenset({"1"}), proposed="proposed", reviewed="by",
)  # fmt: skip
NAMES = ["race", "region", "decision", "label", "proposed", "by"]


def counted(rows):
    return count(pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.String), orient="row"), COLUMNS)


def by_hand(rate, rows):
    """Numerator and denominator, row by row, as the words of the metric say."""
    decided = [row for row in rows if row["decision"] in {"yes", "no"}]
    labelled = [row for row in decided if row["label"] is not None]
    both = [row for row in decided if row["proposed"] is not None]

    def having(rows, **values):
        return [row for row in rows if all(row[name] == value for name, value in values.items())]

    yes, no = having(decided, decision="yes"), having(decided, decision="no")
    positive, negative = having(labelled, label="1"), having(labelled, label="0")
    favored, refused = having(labelled, decision="yes"), having(labelled, decision="no")
    right = having(favored, label="1") + having(refused, label="0")
    moved = [row for row in both if row["proposed"] != row["decision"]]
    x, n = {
        "selection_rate": (yes, decided),
        "rejection_rate": (no, decided),
        "labelled_rate": (labelled, decided),
        "true_positive_rate": (having(positive, decision="yes"), positive),
        "false_negative_rate": (having(positive, decision="no"), positive),
        "false_positive_rate": (having(negative, decision="yes"), negative),
        "true_negative_rate": (having(negative, decision="no"), negative),
        "precision": (having(favored, label="1"), favored),
        "false_discovery_rate": (having(favored, label="0"), favored),
        "negative_predictive_value": (having(refused, label="0"), refused),
        "false_omission_rate": (having(refused, label="1"), refused),
        "accuracy": (right, labelled),
        "error_rate": ([0] * (len(labelled) - len(right)), labelled),
        "base_rate": (positive, labelled),
        "review_rate": (having(rows, by="me"), rows),
        "abstain_rate": ([0] * (len(rows) - len(decided)), rows),
        "override_rate": (moved, both),
        "agreement_rate": ([0] * (len(both) - len(moved)), both),
        "withdrawn_rate": (having(moved, proposed="yes"), having(both, proposed="yes")),
        "granted_rate": (having(moved, proposed="no"), having(both, proposed="no")),
        "proposed_selection_rate": (having(both, proposed="yes"), both),
        "final_selection_rate": (having(both, decision="yes"), both),
    }[rate]
    return len(x), len(n)


@settings(max_examples=40, deadline=None)
@given(LOG)
def test_every_rate_counts_what_its_name_says(rows):
    tally = counted(rows)
    each = [dict(zip(NAMES, row, strict=True)) for row in rows]
    for rate in GOOD:
        for group in groups_of(tally, ["race", "region"], {}, rate):
            own = [row for row in each if (row["race"], row["region"]) == group.key]
            assert (group.favorable, group.decided) == by_hand(rate, own), rate


@pytest.mark.parametrize("rate", GOOD)
def test_examples_count_where_they_say(rate):
    words = {
        "favorable": "yes",
        "unfavorable": "no",
        "undecided": "later",
        "positive": "1",
        "negative": "0",
        "reviewed": "me",
    }
    names = {"proposed_decision": "proposed", "reviewed_at": "by"}
    made = [{names.get(name, name): words[word] for name, word in row.items()} for row in examples(rate)]
    rows = [("a", "x", *(row.get(name, "yes" if name == "decision" else None) for name in NAMES[2:])) for row in made]
    (group,) = groups_of(counted(rows), ["race"], {}, rate)
    assert (group.favorable, group.decided) == (1, 2)
    assert [one.favorable for row in rows for one in groups_of(counted([row]), ["race"], {}, rate)] == [1, 0]


def test_groups_are_listed_though_nobody_is_in_them_unknown_ones_last():
    found = confusion(
        counted(
            [
                ("a", "x", "yes", "1", None, None),
                ("b", "y", "later", None, None, None),
                (None, "x", None, None, None, None),
            ]
        ),
        ["race", "region"],
    )
    assert found.keys == (("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), (None, "x"))
    assert found.counts.sum() == 1
    assert found.undecided.tolist() == [0, 0, 0, 1, 1]
    assert found.known.tolist() == [True] * 4 + [False]


def test_people_who_override_move_groups_apart():
    yes, no = ("yes", None), ("no", None)
    rows = [("a", "x", *yes, "yes", "me")] * 6 + [("a", "x", *no, "no", None)] * 4
    rows += [("b", "x", *no, "yes", "me")] * 3 + [("b", "x", *yes, "yes", None)] * 3 + [("b", "x", *no, "no", None)] * 4
    keys, counts = handling(counted(rows), ["race"])
    assert keys == (("a",), ("b",))
    assert HANDLING["override_rate"](counts).tolist() == [0, 0.3]
    assert override_effect(counts[1], counts[0]) == pytest.approx(-0.3)


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (6,), elements=st.integers(0, 4)))
def test_missing_labels_leave_open_what_every_filling_of_them_gives(counts):
    for name, rate in RATES.items():
        if name == "labelled_rate":
            continue
        values = []
        for favorable, unfavorable in itertools.product(range(counts[4] + 1), range(counts[5] + 1)):
            filled = counts.copy()
            filled[:4] += [favorable, counts[4] - favorable, unfavorable, counts[5] - unfavorable]
            filled[4:] = 0
            values.append(float(rate(filled)))
        told = [value for value in values if not math.isnan(value)]
        low, high = label_bounds(counts, rate)
        if told:
            assert (low, high) == pytest.approx((min(told), max(told))), name
        else:
            assert np.isnan(low), name


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (6,), elements=st.integers(0, 5)))
def test_inequality_is_that_of_the_people(counts):
    tp, fp, fn, tn = counts[:4]
    benefits = np.repeat([0.0, 1, 1, 2], [fn, tp, tn, fp])
    if not benefits.sum():
        assert np.isnan([generalized_entropy(counts), gini(counts)]).all()
        return
    ratio = benefits / benefits.mean()
    assert generalized_entropy(counts) == pytest.approx((ratio**2 - 1).mean() / 2, abs=1e-12)
    theil = np.where(ratio > 0, ratio * np.log(np.where(ratio > 0, ratio, 1)), 0).mean()
    assert generalized_entropy(counts, 1.0) == pytest.approx(theil, abs=1e-12)
    deviation = generalized_entropy(counts, 0.0)
    assert np.isnan(deviation) if fn else deviation == pytest.approx(-np.log(ratio).mean(), abs=1e-12)
    differences = np.abs(benefits[:, None] - benefits).mean()
    assert gini(counts) == pytest.approx(differences / 2 / benefits.mean(), abs=1e-12)


def test_a_difference_between_strata_is_none_between_groups():
    # Berkeley's: in each department women fare as men do, and more of them ask where few are admitted.
    rows = [("w", "hard", "yes", None, None, None)] * 20 + [("w", "hard", "no", None, None, None)] * 80
    rows += [("m", "hard", "yes", None, None, None)] * 4 + [("m", "hard", "no", None, None, None)] * 16
    rows += [("w", "easy", "yes", None, None, None)] * 16 + [("w", "easy", "no", None, None, None)] * 4
    rows += [("m", "easy", "yes", None, None, None)] * 80 + [("m", "easy", "no", None, None, None)] * 20
    tally = counted(rows)
    strata, groups, counts = by_strata(tally, ["race"], ["region"])
    assert (strata, groups, counts.shape) == ((("easy",), ("hard",)), (("m",), ("w",)), (2, 2, 6))
    assert OF_GROUPS["impact_ratio"].compute(Together(counts.sum(0))) == pytest.approx(36 / 84)
    rates, told, covered = standardized_rates(counts, RATES["selection_rate"])
    assert rates == pytest.approx([0.5, 0.5])
    assert told == pytest.approx([1 / (0.25 / n + 0.25 / m) for n, m in ((100, 20), (20, 100))])
    assert covered == 1
    assert conditional_demographic_disparity(counts) == pytest.approx([0, 0])
    assert OF_PAIR["demographic_disparity"].compute(counts.sum(0)[1], counts.sum(0)[0]) == pytest.approx(84 / 120 - 0.3)
    one_sided = counts.copy()
    one_sided[0, 0] = 0  # nobody of one group: the stratum compares nobody
    assert standardized_rates(one_sided, RATES["selection_rate"])[0] == pytest.approx([0.2, 0.2])


def test_who_is_compared_with_whom():
    counts = np.array([[9, 0, 0, 1, 0, 0], [5, 0, 0, 5, 0, 0], [0, 0, 0, 3, 0, 0], [0, 0, 0, 0, 0, 0]])
    rate = RATES["selection_rate"]
    assert rate(bases(counts, 1)).tolist() == [0.5] * 4
    assert rate(bases(counts, "overall")) == pytest.approx([14 / 23] * 4)
    assert rate(bases(counts, "rest")) == pytest.approx([5 / 13, 9 / 13, 14 / 20, 14 / 23])
