"""Tables that say little: every number is a number or None with the reason, and nothing raises."""

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import cautions, metrics
from gov_pipelines.measure.measurement import Measurement

NUMBERS = [None, math.nan, math.inf, -math.inf, -0.0, 0.0, 1e-320, 1e308, 0.5, 1.0]
COLUMNS = {
    "race": [None, "", "a", "b", "c"],
    "sex": [None, "f", "m"],
    "decision": [None, "yes", "no", "later"],
    "label": [None, "1", "0"],
    "score": [*NUMBERS, -1e308, -0.3],
    "weight": NUMBERS,
}
TYPES = {name: pl.Float64 if name in {"score", "weight"} else pl.String for name in COLUMNS}


def few_of(values):
    """Values of a column: any, or only one or two of them, so that one class and one group are common."""
    some = st.lists(st.sampled_from(values), min_size=1, max_size=2)
    return st.one_of(st.just(values), some)


@st.composite
def tables(draw):
    height = draw(st.integers(0, 25))
    kept = {name: draw(few_of(values)) for name, values in COLUMNS.items()}
    columns = {
        name: draw(st.lists(st.sampled_from(each), min_size=height, max_size=height)) for name, each in kept.items()
    }
    return pl.DataFrame(columns, schema=TYPES)


def measured(table, **options):
    return metrics(
        table, decision="decision", favorable=["yes"], undecided=["later"], protected=["race", "sex"], **options
    )


def sound(rows):
    """Numbers that JSON has, intervals around their values, and a reason for each that is not there."""
    for row in rows:
        numbers = [row.value, row.lower, row.upper, row.p_value, row.p_adjusted, row.minimum_detectable]
        assert all(each is None or math.isfinite(each) for each in numbers), row
        assert row.value is not None or row.note, row
        assert row.n >= 0
        if row.value is not None:
            assert row.lower is None or row.lower <= row.value + 1e-9, row
            assert row.upper is None or row.upper >= row.value - 1e-9, row
        if row.group is None and row.reference_group is not None:
            assert None not in row.reference_group.values()
        assert row.p_value is None or 0 <= row.p_value <= 1
        assert row.p_adjusted is None or row.p_value <= row.p_adjusted <= 1
        json.dumps([row.value, row.lower, row.upper, row.n], allow_nan=False)
    assert all(isinstance(words, str) for words in cautions(rows))


@settings(max_examples=12, deadline=None)
@given(tables(), st.sets(st.sampled_from(["intersections", "label", "score", "stratify", "weight"])))
def test_whatever_a_table_lacks_no_number_is_made_up(table, asked):
    given_too = {"intersections": True, "label": "label", "score": "score", "stratify": ["stratum"], "weight": "weight"}
    options = {name: given_too[name] for name in asked}
    if "label" in asked:
        options["label_positive"] = ["1"]
    try:
        rows = measured(table.with_columns(stratum=pl.col("sex")), **options)
    except WrongUse as refused:
        if "never holds" in str(refused):  # said of a value that is nowhere, and of nothing else
            return
        raise
    sound(rows)
    known = table.filter(pl.col("race").is_not_null())["race"].n_unique()
    gaps = [row for row in rows if row.metric == "impact_ratio" and row.group is None and row.attribute == ("race",)]
    assert known > 1 or all(row.value is None for row in gaps)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_nothing(name):
    full = {"race": ["a", "b"] * 4, "sex": ["f", "f", "m", "m"] * 2, "decision": ["yes", "no", "no", "yes"] * 2}
    full |= {"label": ["1"] * 4 + ["0"] * 4, "score": [float(at) for at in range(8)], "weight": [1.0] * 8}
    for kind in (pl.Null, TYPES[name]):
        table = pl.DataFrame(full).with_columns(pl.lit(None, kind).alias(name))
        rows = measured(table, label="label", label_positive=["1"], score="score", weight="weight", intersections=True)
        sound(rows)
        assert any(row.value is None for row in rows)
        rates = [row for row in rows if row.metric == "selection_rate" and row.attribute == ("race",)]
        assert sum(row.n for row in rates) == (0 if name == "decision" else 8)


def test_rows_that_weigh_nothing_are_counted_and_say_nothing():
    table = pl.DataFrame({"race": ["a", "a", "b", "b"], "sex": ["f"] * 4, "decision": ["yes", "no"] * 2})
    rows = measured(table.with_columns(weight=pl.Series([0.0, 0.0, 3.0, 1.0])), weight="weight")
    a, b = (row for row in rows if row.metric == "selection_rate" and row.attribute == ("race",))
    assert (a.value, a.n, a.note) == (None, 2, "undefined: its rows weigh nothing")
    assert (b.value, b.n) == (0.75, 2)
    assert next(row for row in rows if row.metric == "impact_ratio" and row.group is None).value is None


def test_minus_zero_is_zero():
    table = pl.DataFrame({"race": [0.0, -0.0, 1.0], "sex": ["f"] * 3, "decision": ["yes", "no", "yes"]})
    rows = [row for row in measured(table) if row.metric == "selection_rate" and row.attribute == ("race",)]
    assert [(row.group, row.n) for row in rows] == [({"race": "0.0"}, 2), ({"race": "1.0"}, 1)]


def test_no_row_at_all():
    rows = measured(pl.DataFrame(schema=TYPES), label="label", label_positive=["1"], score="score", intersections=True)
    sound(rows)
    assert {row.value for row in rows} == {None}


def test_frames_of_other_libraries():
    pytest.importorskip("pyarrow", reason="pandas and Arrow frames are read through pyarrow; `make spark` has it")
    table = pl.DataFrame({"race": ["a", "b", None], "sex": ["f", "m", "m"], "decision": ["yes", "no", "yes"]})
    assert measured(table) == measured(table.lazy()) == measured(table.to_pandas()) == measured(table.to_arrow())


def test_many_groups_have_the_limits_of_all_pairs():
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"race": [f"{at % 70}" for at in range(7_000)], "sex": ["f"] * 7_000})
    rows = measured(table.with_columns(decision=pl.Series(np.where(rng.random(7_000) < 0.5, "yes", "no"))))
    sound(rows)
    (gap,) = [row for row in rows if row.metric == "demographic_parity_difference" and row.attribute == ("race",)]
    assert 0 <= gap.lower < gap.value < gap.upper < 1
    assert "Bonferroni over 2,415 pairs of groups" in gap.method


def test_a_warning_is_not_given_where_nothing_is_wrong():
    rows = [(race, decision, label) for race in "ab" for decision, label in [("yes", "1")] * 40 + [("no", "0")] * 40]
    table = pl.DataFrame(rows, schema=["race", "decision", "label"], orient="row").with_columns(sex=pl.lit("f"))
    assert cautions(measured(table, label="label", label_positive=["1"])) == []
    assert cautions([Measurement(metric="accuracy")]) == []
