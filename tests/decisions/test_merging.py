"""What changed is merged into what was kept: the same as reading everything, frame for frame and count for count."""

from hashlib import md5

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions.log import canonical
from gov_pipelines.decisions.merging import (
    CHANGE_SCHEMA,
    KEY,
    SEEN_SCHEMA,
    among,
    changed,
    changes,
    hangs_together,
    inputs_digest,
    keyed,
    merged,
)

COLUMNS = ("id", "decided_on", "action", "sex", "score")
DAYS = ("2026-09-08", "2026-09-09")
# Ids that the log writes alike, and ids that it has no name for.
IDS = st.sampled_from(["D1", " D1", "7", "7.0", "D2", "D3", "D4", "D5", "", None])
ROW = st.tuples(
    IDS,
    st.sampled_from([*(f"{day} {hour}:00" for day in DAYS for hour in ("09", "15")), "once", None]),
    st.sampled_from(["approved", "denied", "perhaps", None]),
    st.sampled_from(["f", "m", None]),
    st.sampled_from(["0.5", "0.9", "many", None]),
)

TWICE = [("D1", f"{DAYS[0]} 09:00", action, "f", None) for action in ("approved", "denied")]


def table(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def day(rows) -> pl.DataFrame:
    return table(rows).filter(pl.col("decided_on").str.starts_with(DAYS[0]))


def fingerprints(frame: pl.DataFrame) -> pl.DataFrame:
    marks = [md5(repr(row).encode(), usedforsecurity=False).hexdigest() for row in frame.iter_rows()]
    return frame.select(pl.col("id"), fingerprint=pl.Series(marks, dtype=pl.String), again=pl.lit(value=False))


@st.composite
def edits(draw):
    """A source, and the same some time later: rows added, doubled, corrected, dated anew, deleted, put in another place."""
    before = draw(st.lists(ROW, max_size=12))
    after = list(before)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(after)))
        match draw(st.sampled_from(["insert", "append", "double", "correct", "delete", "move"])):
            case "insert":
                after.insert(at, draw(ROW))
            case "append":
                after.append(draw(ROW))
            case "double" if after:
                after.append(after[at % len(after)])
            case "correct" if after:
                column, other = draw(st.integers(0, len(COLUMNS) - 1)), draw(ROW)
                row = after[at % len(after)]
                after[at % len(after)] = (*row[:column], other[column], *row[column + 1 :])
            case "delete" if after:
                after.pop(at % len(after))
            case "move" if after:
                after.append(after.pop(at % len(after)))
    return before, after


# `declare` keeps nothing
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(edits())
@example((TWICE, TWICE[::-1]))
def test_a_merge_equals_a_full_reading(declare, states):
    before, after = map(day, states)
    declaration = declare()
    kept, seen, now = canonical(before, declaration), fingerprints(before), fingerprints(after)
    touched = changed(seen, now, ordered=True)
    got = merged(kept, seen, touched, canonical(among(after, touched), declaration), joined=[])
    full = canonical(after, declaration)
    assert got.log.equals(full.log)
    assert got.quarantine.equals(full.quarantine)
    assert got.duplicate == full.duplicate
    assert hangs_together(got, now)
    assert got.log.height + got.quarantine.height + got.duplicate == after.height


def seen(**rows) -> pl.DataFrame:
    """Fingerprints by id, several in one word; `?` is one of a row to be read again."""
    pairs = [(name, mark, mark == "?") for name, marks in rows.items() for mark in marks]
    return pl.DataFrame(pairs, schema=SEEN_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("before", "now", "ordered", "keys"),
    [
        ({"A": "x", "B": "y"}, {"A": "x", "B": "y"}, True, []),
        ({"A": "x"}, {"A": "y", "B": "z"}, False, ["A", "B"]),
        ({"A": "x", "B": "y"}, {"A": "x"}, False, ["B"]),
        ({"A": "x"}, {"A": "xx"}, False, ["A"]),
        ({"A": "xy"}, {"A": "yx"}, False, []),
        ({"A": "xy"}, {"A": "yx"}, True, ["A"]),  # which of the two stands is a matter of order
        ({"A": "xx"}, {"A": "xx"}, True, []),
        ({"A": "?"}, {"A": "?"}, False, ["A"]),
    ],
)
def test_what_counts_as_changed(before, now, ordered, keys):
    assert sorted(changed(seen(**before), seen(**now), ordered=ordered)[KEY]) == keys


def test_ids_are_one_however_they_are_written():
    frame = pl.DataFrame({"id": ["7", "7.0", " 7", "07", "", None]})
    assert keyed(frame)[KEY].to_list() == ["7", "7", "7", "07", None, None]


def test_a_state_that_does_not_hang_together_is_told(declare):
    rows = day([("D1", f"{DAYS[0]} 09:00", "denied", "f", None), ("D2", f"{DAYS[0]} 09:00", "approved", "f", "many")])
    parts, marks = canonical(rows, declare()), fingerprints(rows)
    assert hangs_together(parts, marks)
    assert not hangs_together(parts, marks.head(1))
    assert not hangs_together(parts, marks.with_columns(id=pl.Series(["D1", "D9"])))
    assert not hangs_together(parts, pl.concat([marks, marks.head(1)]))


def test_the_digest_of_an_input_knows_no_order_and_counts_rows():
    assert inputs_digest(seen(A="xy")) == inputs_digest(seen(A="y", B="x"))
    assert inputs_digest(seen(A="xy")) != inputs_digest(seen(A="xxy"))


def test_what_became_of_each_decision(declare, log_of):
    names = ["same", "score", "label", "relabel", "review", "bad", "moved", "gone"]
    before = log_of(declare(), decision_id=names, label=[None, None, None, "0", None, None, None, None])
    after = log_of(
        declare(),
        decision_id=["same", "score", "label", "relabel", "review", "new", "good"],
        score=[None, 0.5, None, None, None, None, None],
        label=[None, "1", "1", "1", None, None, None],
        reviewer=[None, None, None, None, "jane", None, None],
    )
    known, there = ({KEY: [*frame["decision_id"], "bad", "good"]} for frame in (before, after))
    got = changes(before, after, pl.DataFrame(known), pl.DataFrame(there), pl.DataFrame({KEY: ["moved"]}))
    assert got.schema == CHANGE_SCHEMA
    assert dict(got.iter_rows()) == {
        "score": "corrected", "label": "labelled", "relabel": "corrected", "review": "reviewed", "new": "late",
        "good": "corrected", "bad": "corrected", "moved": "moved", "gone": "vanished",
    }  # fmt: skip
