import polars as pl
import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Columns, columns_of, count
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
