import json
import math
from dataclasses import fields
from datetime import date, timedelta

import polars as pl
import polars.testing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.measure import disclosed, tally, tally_digest, tally_from_json, tally_json, total

from .conftest import DAY, MOMENT, NOON, accounting

TEXTS = st.sampled_from([None, "a", "b", "c"])
NUMBERS = st.none() | st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.5, math.nan, math.inf])
ROW = st.fixed_dictionaries(
    {
        "decided_at": st.integers(0, 86_399).map(lambda second: NOON + timedelta(seconds=second)),
        "decision": st.sampled_from(["approved", "denied", "withdrawn"]),
        "race": TEXTS,
        "sex": TEXTS,
        "product": TEXTS,
        "amount": NUMBERS,
    }
)
SCHEMA = {
    "decided_at": MOMENT,
    **dict.fromkeys(["decision", "race", "sex", "product"], pl.String),
    "amount": pl.Float64,
}


@pytest.fixture(scope="module")
def count(declare):
    declared = declare(operating_range={"amount": [1, 2], "rows_per_day": [1, 10]})

    def counted(rows, day=DAY):
        log = pl.DataFrame(rows, schema=SCHEMA)
        return tally(log, declared, accounting(log.height, quarantined=1), day)

    return counted


@given(st.lists(ROW, max_size=12), st.lists(ROW, max_size=12), st.lists(ROW, max_size=12))
@settings(max_examples=25, deadline=None)
def test_adding_is_exact_commutative_and_associative(count, first, second, third):
    a, b, c = count(first), count(second, DAY + timedelta(days=1)), count(third, DAY + timedelta(days=2))
    assert tally_json(a + b) == tally_json(b + a)
    assert tally_json((a + b) + c) == tally_json(a + (b + c)) == tally_json(total([c, a, b]))
    assert (a + b).rows == a.rows + b.rows
    assert (a + b).days["partition"].to_list() == [str(DAY), str(DAY + timedelta(days=1))]


@given(st.lists(ROW, max_size=20), st.randoms(), st.data())
@settings(max_examples=25, deadline=None)
def test_parts_in_any_order_add_up_to_the_tally_of_the_whole(count, rows, random, data):
    cut = data.draw(st.integers(0, len(rows)))
    whole = count(rows)
    shuffled = random.sample(rows, len(rows))
    parts = count(shuffled[:cut]) + count(shuffled[cut:])
    for table in ("cells", "categories", "histograms", "ranges", "nulls"):
        assert getattr(parts, table).equals(getattr(whole, table)), table
    assert parts.newest == whole.newest


@given(st.lists(ROW, max_size=20))
@settings(max_examples=25, deadline=None)
def test_canonical_json_goes_there_and_back(count, rows):
    counted = count(rows)
    read = tally_from_json(tally_json(counted))
    for part in fields(counted):
        ours, theirs = getattr(counted, part.name), getattr(read, part.name)
        if isinstance(ours, pl.DataFrame):
            pl.testing.assert_frame_equal(theirs, ours)
        else:
            assert theirs == ours
    assert tally_digest(read) == tally_digest(counted)


@given(st.lists(ROW, max_size=40), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_disclosure_leaves_no_small_cell_and_keeps_the_totals(count, rows, minimum):
    counted = count(rows)
    shown = disclosed(counted, minimum)
    for table, within in (("cells", []), ("categories", ["column"]), ("histograms", ["column"]), ("nulls", ["column"])):
        before, after = getattr(counted, table), getattr(shown, table)
        assert after["n"].sum() == before["n"].sum()
        small = after.filter(pl.col("n") < minimum)
        # only where all of it together is small
        per = before.group_by(within or [pl.lit(1)]).agg(pl.col("n").sum())["n"].to_list()
        assert small.height <= sum(n < minimum for n in per), table
    assert tally_json(tally_from_json(tally_json(shown))) == tally_json(shown)


def test_counts_of_the_mortgage_decisions(loans):
    assert loans.rows == 1987
    assert loans.accounting == accounting(1987, quarantined=2)
    assert loans.newest == NOON
    decisions = loans.categories.filter(pl.col("column") == "decision").select("value", "n").rows()
    assert dict(decisions) == {"approved": 1743, "denied": 244}
    assert loans.cells.filter(pl.col("sex").is_null())["n"].sum() == 15
    assert dict(loans.nulls.filter(pl.col("column") == "sex").select("missing", "n").rows()) == {False: 1972, True: 15}
    assert loans.histograms.group_by("column").agg(pl.col("n").sum())["n"].to_list() == [1987, 1987]


def test_one_scan_reads_a_lazy_frame_as_well(loanapp, mortgages, loans):
    assert tally_json(tally(loanapp.lazy(), mortgages, accounting(1987, quarantined=2), DAY)) == tally_json(loans)


def test_rows_outside_ranges_are_counted_with_the_limits_inclusive(count):
    rows = [{"decided_at": NOON, "decision": "approved", "amount": value} for value in (0.9, 1, 2, 2.1, 3, None)]
    found = count([{"race": None, "sex": None, "product": None} | row for row in rows])
    assert dict(found.ranges.select("side", "n").rows()) == {"below": 1, "inside": 2, "above": 2}


def test_no_rows_make_an_empty_tally_that_adds(count):
    empty = count([])
    assert empty.rows == 0
    assert empty.newest is None
    assert empty.accounting["quarantined"] == 1
    assert (empty + empty).rows == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda log: log.drop("sex"), "lacks sex"),
        (
            lambda log: log.with_columns(decision=pl.lit("maybe")),
            "1987 rows have a decision that `outcomes` does not name",
        ),
        (lambda log: log.head(5), "holds 5 rows but its accounting says 1987"),
    ],
)
def test_a_log_that_does_not_fit_is_refused(loanapp, mortgages, change, words):
    with pytest.raises(WrongUse, match=words):
        tally(change(loanapp), mortgages, accounting(1987), DAY)


def test_tallies_of_other_attributes_do_not_add_up(loans, of_groups):
    with pytest.raises(WrongUse, match="race, sex and race, sex, gdlin do not add up"):
        loans + of_groups({"a": (1, 1)})
    with pytest.raises(WrongUse, match="no tally to add"):
        total([])


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.replace(b'"n', b'"N', 1),
        lambda data: data + b" ",
        lambda data: data[:-1],
        lambda data: json.dumps(json.loads(data)).encode(),
        lambda data: data.replace(b"2026-09-01", b"2026-9-1"),
        lambda _: b"[]",
    ],
)
def test_json_that_is_not_canonical_is_refused(loans, edit):
    with pytest.raises(EvidenceError, match="tally"):
        tally_from_json(edit(tally_json(loans)))


def test_a_merged_tally_says_so_and_merges_once(loans):
    shown = disclosed(loans, 5)
    assert shown.cells["n"].min() >= 5
    assert "(merged, fewer than 5)" in shown.cells["race"].to_list()
    with pytest.raises(WrongUse, match="full tally"):
        disclosed(shown)
    with pytest.raises(WrongUse, match="full tally"):
        disclosed(loans, 1)
    with pytest.raises(WrongUse, match="do not add up"):
        loans + shown


def test_partitions_come_in_order(count):
    later, earlier = count([], date(2026, 9, 3)), count([], date(2026, 9, 2))
    assert (later + earlier).days["partition"].to_list() == ["2026-09-02", "2026-09-03"]
