import math
from dataclasses import replace

import narwhals as nw
import numpy as np
import polars as pl
import polars.testing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import (
    BULKY,
    Columns,
    columns_of,
    count,
    disclosed,
    tally_from_json,
    tally_json,
    total,
    total_from_json,
)
from gov_pipelines.measure.counting.engines import count_there
from gov_pipelines.policy import log_schema

LOG = pl.DataFrame(
    {
        "said": ["yes", "no", "later", None, "maybe", "yes"],
        "sex": ["f", "f", "m", "m", None, "f"],
        "repaid": ["1", "0", None, "1", "1", "1"],
        "ai": ["yes", "yes", None, "no", "no", "yes"],
        "person": ["ann", None, None, "ann", None, "bob"],
    }
)
COLUMNS = Columns(
    decision="said",
    favorable=frozenset({"yes"}),
    undecided=frozenset({"later"}),
    attributes=("sex",),
    label="repaid",
    label_positive=frozenset({"1"}),
    proposed="ai",
    reviewed="person",
)


def test_a_cell_is_a_decision_beside_its_label_its_proposal_and_its_review():
    counted = count(LOG, COLUMNS)
    assert counted.dimensions == ("sex",)
    assert set(counted.cells.rows()) == {
        ("f", "yes", "favorable", "positive", "favorable", True, 2),
        ("f", "no", "unfavorable", "negative", "favorable", False, 1),
        ("m", "later", "undecided", None, None, False, 1),
        ("m", None, "undecided", "positive", "unfavorable", True, 1),
        (None, "maybe", "unfavorable", "positive", "unfavorable", False, 1),
    }


def test_where_unfavorable_decisions_are_named_any_other_has_no_outcome():
    named = Columns(
        **{**{name: getattr(COLUMNS, name) for name in COLUMNS.__slots__}, "unfavorable": frozenset({"no"})}
    )
    outcomes = count(LOG, named).cells.select("decision", "outcome", "proposed").unique()
    assert ("maybe", None, "unfavorable") in outcomes.rows()


@pytest.mark.parametrize(
    ("positive", "texts"), [(True, ["true", "True", "1"]), (False, ["false", "0"]), (1, ["1"]), ("paid", ["paid"])]
)
def test_the_declared_label_is_compared_as_text(declare, positive, texts):
    declared = declare(label={"column": "repaid", "positive": positive, "matures_after": "1 days"})
    columns = columns_of(declared, log_schema(declared))
    assert columns.label_positive.issuperset(texts)
    assert columns.label == "label"
    assert ("2" in columns.label_positive) is False


def test_names_of_the_tally_are_no_attributes():
    with pytest.raises(WrongUse, match="can be called reviewed"):
        Columns(decision="said", favorable=frozenset({"yes"}), attributes=("reviewed",))
    with pytest.raises(WrongUse, match="no column nowhere"):
        count(LOG, Columns(decision="nowhere", favorable=frozenset()))


TEXTS = st.sampled_from([None, "a", "b", "", "1"])
NUMBERS = st.none() | st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, 3e38, 1e300, math.nan, -math.inf])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "said": st.sampled_from([None, "yes", "no", "later"]),
            "sex": TEXTS,
            "race": TEXTS,
            "age": st.none() | st.integers(0, 3),
        }
        | {
            "repaid": TEXTS,
            "ai": TEXTS,
            "score": NUMBERS,
            "income": NUMBERS,
            "place": TEXTS,
            "times": st.integers(0, 3),
        }
    ),
    max_size=12,
)
SCHEMA = {
    **dict.fromkeys(["said", "sex", "race", "repaid", "ai", "place"], pl.String),
    **dict.fromkeys(["score", "income"], pl.Float64),
    **dict.fromkeys(["age", "times"], pl.Int64),
}
EVERYTHING = replace(
    COLUMNS,
    attributes=("sex", "race"),
    strata=("age",),
    reviewed="place",
    score="score",
    weight="times",
    numbers=("income", "score"),
    categories=("place", "said", "age"),
    moments=("income",),
    pairs=("income", "place", "times", "age", "score"),
)
TABLES = ("cells", "categories", "histograms", "nulls", "moments", "scores", "pairs")


def log_of(rows, dtype=pl.String):
    return pl.DataFrame(rows, schema=SCHEMA).cast({pl.String: dtype})


def same(one, other):
    for table in TABLES:
        pl.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


@given(ROWS, ROWS, st.sampled_from([pl.String, pl.Enum(["", "1", "a", "b", "later", "no", "yes"])]))
@settings(max_examples=20, deadline=None)
def test_the_tally_of_a_union_is_the_sum_whatever_is_counted(first, second, dtype):
    parts = [count(log_of(rows, dtype), EVERYTHING) for rows in (first, second)]
    whole = count(log_of(first + second), EVERYTHING)
    same(total(parts), whole)
    same(tally_from_json(tally_json(whole)), whole)
    assert tally_json(total(parts)) == tally_json(whole)
    written = [tally_json(part) for part in parts]
    same(total_from_json(written), whole)
    same(total_from_json(written, BULKY), replace(whole, **{name: getattr(whole, name).clear() for name in BULKY}))


@given(ROWS, st.sampled_from([pl.String, pl.Enum(["", "1", "a", "b", "later", "no", "yes"])]))
@settings(max_examples=10, deadline=None)
def test_numpy_counts_what_queries_count(rows, dtype):
    same(count(log_of(rows, dtype), EVERYTHING), count_there(nw.from_native(log_of(rows).lazy()), EVERYTHING))


def test_bins_are_written_as_steps_and_left_out_of_what_is_published():
    log = pl.DataFrame(
        {"said": ["yes"] * 5, "sex": ["f"] * 5, "repaid": ["1"] * 5, "income": [None, 1.0, 1.0, 2.0, -1.0]}
    )
    counted = count(
        log, Columns("said", frozenset({"yes"}), ("sex",), numbers=("income",), score="income", pairs=("income",))
    )
    assert b'"histograms":[["income","- -32512 65024 256","1 1 2 1"]]' in tally_json(counted)
    shown = disclosed(counted)
    assert shown.scores.is_empty()
    assert shown.pairs.is_empty()
    assert tally_json(tally_from_json(tally_json(shown))) == tally_json(shown)


@pytest.mark.parametrize("text", ["x],[y", "1],[", "x,5],[y", "],[", '"],["', "a,1"])
def test_texts_like_the_bounds_of_rows_are_added_like_any(text):
    log = LOG.with_columns(sex=pl.Series([text, "f", text, None, "m", "f"]))
    counted = count(log, COLUMNS)
    same(total_from_json([tally_json(counted)] * 3), total([counted] * 3))


def test_a_day_without_decisions_adds_nothing():
    full, empty = count(LOG, COLUMNS), count(LOG.clear(), COLUMNS)
    same(total_from_json([tally_json(each) for each in (empty, full, empty)]), full)
    same(total_from_json([tally_json(empty)] * 2), empty)


def test_a_number_that_is_a_category_too_is_counted_as_both():
    log = pl.DataFrame({"said": ["yes", "no", "no"], "sex": ["f", "m", None], "kind": [1, 2, 2]})
    columns = Columns("said", frozenset({"yes"}), ("sex",), categories=("kind",), pairs=("kind",))
    same(count(log, columns), count_there(nw.from_native(log.lazy()), columns))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_a_number_is_not_missing_whatever_its_bits(dtype):
    odd = np.array([1, 1.5], dtype)
    odd.view(f"u{odd.itemsize}")[0] = (1 << (8 * odd.itemsize - 1)) - 1
    columns = Columns("said", frozenset({"yes"}), ("sex",), numbers=("x",), pairs=("x",), score="x")
    for values in (pl.Series(odd), pl.Series(odd).append(pl.Series([None], dtype=pl.Series(odd).dtype))):
        log = pl.DataFrame({"x": values}).with_columns(said=pl.lit("yes"), sex=pl.lit("f"))
        same(count(log, columns), count_there(nw.from_native(log.lazy()), columns))
