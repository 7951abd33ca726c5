"""The second demo system: what is known of Toronto's release decisions, found again by the calendar year."""

import json
from collections import Counter
from datetime import date

import numpy as np
import polars as pl
import pytest
from command import ROOT
from scipy.optimize import minimize

from gov_pipelines.cli.demo.arrests import DATES, SHOW, SYSTEM, arrests, read_arrests
from gov_pipelines.policy import load_declaration
from gov_pipelines.store import Home, all_snapshots, open_store, reading, verdict_history

LAST = date(2002, 10, 15)
RATIOS = {1997: 0.863, 1998: 0.773, 1999: 0.843, 2000: 0.836, 2001: 0.962, 2002: 0.976}


@pytest.fixture(scope="module")
def history(demo_home):
    engine = open_store(Home(demo_home).store_url)
    with reading(engine) as connection:
        found = verdict_history(connection, SYSTEM), all_snapshots(connection, SYSTEM)
    engine.dispose()
    return found


def measured(demo_home, day, clause):
    folder = Home(demo_home).partition_dir(SYSTEM, day)
    return json.loads((folder / "fairness_metrics.json").read_text())[f"house-police-oversight/{clause}"]


def test_each_year_lies_on_ten_dates_of_its_own():
    ours, public = arrests(), read_arrests()
    assert ours.height == public.height == 5226
    declared = load_declaration(ROOT / "assets" / SYSTEM / "defs.yaml").calendar
    days = Counter(ours["decided_on"].dt.date())
    assert sorted(days) == declared.between(declared.starts, declared.ends)
    assert len(days) == 6 * DATES
    assert ours["decided_on"].dt.year().to_list() == public["year"].to_list()
    assert all(day.day == 15 for day in days)
    assert max(days.values()) - min(days.values()) == 127 - 27
    for name in ("released", "colour", "sex", "age", "citizen", "employed", "checks"):
        assert ours[name].equals(public[name])


def test_one_signed_snapshot_a_date_and_every_row_accounted_for(history, demo_found):
    assert [row.sequence for row in history[1]] == list(range(1, 61))
    assert demo_found["systems"][SYSTEM]["rows"] == {
        "source_count": 5226, "accepted": 5226, "quarantined": 0, "duplicate": 0
    }  # fmt: skip


def test_release_rates_by_colour_and_their_ratio_over_all_years(demo_home):
    rows = {row["group"]["colour"]: row for row in measured(demo_home, LAST, "PO-3") if row["group"]}
    assert rows["Black"]["value"] == pytest.approx(0.864, abs=5e-4)
    log = pl.read_parquet(demo_home / "artifacts" / SYSTEM / "*" / "decision_log.parquet")
    rates = dict(log.group_by("colour").agg((pl.col("decision") == "Yes").mean()).iter_rows())
    assert rates == pytest.approx({"Black": 0.741, "White": 0.858}, abs=5e-4)


@pytest.mark.parametrize("year", RATIOS)
def test_one_year_of_six_is_below_four_fifths(history, year):
    (row,) = (each for each in history[0] if each.clause == "PO-1" and each.partition == date(year, 10, 15))
    assert row.value == pytest.approx(RATIOS[year], abs=5e-4)
    assert (row.verdict == "fail") == (year == 1998)


def test_the_odds_given_the_checks_stay_unequal(demo_home):
    rows = measured(demo_home, LAST, "PO-2")
    (row,) = (row for row in rows if row["metric"] == "common_odds_ratio" and row["group"] == {"colour": "Black"})
    assert row["value"] == pytest.approx(0.576, abs=5e-4)  # Mantel and Haenszel's
    assert row["upper"] < 0.8
    ours = arrests()
    released, black = ours["released"] == "Yes", ours["colour"] == "Black"
    design = np.column_stack([black.to_numpy(), np.eye(7)[ours["checks"].to_numpy()]])

    def loss(odds):
        return np.logaddexp(0, design @ odds).sum() - released.to_numpy() @ design @ odds

    likeliest = minimize(loss, np.zeros(8), method="BFGS").x
    assert np.exp(likeliest[0]) == pytest.approx(0.572, abs=5e-4)  # the same by maximum likelihood


def test_it_finds_what_the_data_break_on_the_dates_they_do_and_nothing_else(history, demo_found):
    bad = {(row.control, row.partition): row.breaches for row in history[0] if row.verdict in {"fail", "missing"}}
    assert bad == SHOW.expected
    told = demo_found["systems"][SYSTEM]
    assert told["missed"] == told["unexpected"] == []
    assert [row["control"].split("/")[1] for row in told["found"]] == ["PO-1", "PO-2", "PO-4"]
    assert told["cleared"] == 0  # nobody signed it off
