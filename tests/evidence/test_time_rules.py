from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.evidence.time_rules import (
    AHEAD,
    AUTHORITY_TRUSTED,
    LIMIT,
    NO_AUTHORITY,
    NOT_THE_FIRST,
    time_findings,
)

NIGHT = datetime(2026, 11, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BIT = timedelta(seconds=1)


def failed(findings):
    return [(finding.rule, finding.place) for finding in findings if not finding.ok]


def test_a_stamp_each_night_bounds_each_snapshot():
    snapshots = [(2 * night, NIGHT + night * DAY) for night in range(5)]
    tokens = [(2 * night + 2, NIGHT + night * DAY + HOUR) for night in range(5)]
    findings, not_proven = time_findings(snapshots, tokens, demanded_from=0)
    assert failed(findings) == []
    assert [finding.place for finding in findings if finding.rule == "time-limit"] == [0, 2, 4, 6, 8]
    assert [finding.place for finding in findings if finding.rule == "time-order"] == [4, 6, 8, 10]
    assert not_proven == [AUTHORITY_TRUSTED]


@pytest.mark.parametrize(
    ("before_the_stamp", "sound"),
    [
        (LIMIT, True),
        (LIMIT + BIT, False),
        (timedelta(0), True),
        (-AHEAD, True),
        (-AHEAD - BIT, False),
        (365 * DAY, False),
    ],
)
def test_made_shortly_before_its_first_stamp(before_the_stamp, sound):
    findings, _ = time_findings([(3, NIGHT - before_the_stamp)], [(4, NIGHT), (9, NIGHT + DAY)], demanded_from=0)
    assert failed(findings) == ([] if sound else [("time-limit", 3)])
    assert "2026-11-01T02:00:00Z" in findings[-1].expected
    assert "36 h" in findings[-1].expected


def test_the_first_token_that_covers_it_counts():
    """A checkpoint of 3 entries covers the entries 0, 1 and 2."""
    tokens = [(3, NIGHT), (4, NIGHT + 10 * DAY)]
    assert failed(time_findings([(2, NIGHT)], tokens, demanded_from=0)[0]) == []
    assert failed(time_findings([(3, NIGHT)], tokens, demanded_from=0)[0]) == [("time-limit", 3)]
    assert failed(time_findings([(3, NIGHT)], tokens, demanded_from=0, limit=10 * DAY)[0]) == []


def test_stamps_do_not_run_backwards():
    small_steps = [(size, NIGHT - size * AHEAD) for size in (1, 2, 3)]
    assert failed(time_findings([], small_steps, demanded_from=0)[0]) == [("time-order", 3)]
    assert failed(time_findings([], [(2, NIGHT), (1, NIGHT + AHEAD)], demanded_from=0)[0]) == []
    assert failed(time_findings([], [(2, NIGHT), (1, NIGHT + AHEAD + BIT)], demanded_from=0)[0]) == [("time-order", 2)]


def test_the_newest_may_wait_but_not_for_ever():
    tokens = [(1, NIGHT)]
    findings, not_proven = time_findings(
        [(0, NIGHT), (1, NIGHT + DAY), (2, NIGHT + DAY + LIMIT)], tokens, demanded_from=0
    )
    assert failed(findings) == []
    assert any("2 snapshots, the newest, wait for a time stamp" in sentence for sentence in not_proven)
    findings, _ = time_findings([(0, NIGHT), (1, NIGHT + DAY), (2, NIGHT + DAY + LIMIT + BIT)], tokens, demanded_from=0)
    assert failed(findings) == [("time-limit", 1)]
    assert findings[-2].got == "made 2026-11-02T02:00:00Z, not stamped"


def test_what_was_made_before_an_authority_was_named_owes_no_stamp():
    snapshots, tokens = [(0, NIGHT - 300 * DAY), (5, NIGHT)], [(6, NIGHT)]
    findings, not_proven = time_findings(snapshots, tokens, demanded_from=5)
    assert failed(findings) == []
    assert any("1 snapshots are older" in sentence for sentence in not_proven)
    assert failed(time_findings(snapshots, tokens, demanded_from=0)[0]) == [("time-limit", 0)]
    assert failed(time_findings([(0, NIGHT + DAY)], tokens, demanded_from=5)[0]) == [("time-limit", 0)]  # never later
    assert time_findings([(0, NIGHT - 300 * DAY)], [], demanded_from=5)[0] == []


def test_no_authority_is_said():
    assert time_findings([(0, NIGHT)], [], demanded_from=None) == ([], [NO_AUTHORITY])


def test_a_snapshot_without_its_ledger_may_bring_a_later_token():
    late = [(40, NIGHT + 90 * DAY)]
    findings, not_proven = time_findings([(3, NIGHT)], late, demanded_from=0, limit=None)
    assert (failed(findings), len(findings)) == ([], 1)
    assert not_proven == [AUTHORITY_TRUSTED, NOT_THE_FIRST]
    assert failed(time_findings([(3, NIGHT + 91 * DAY)], late, demanded_from=0, limit=None)[0]) == [("time-limit", 3)]
    findings, not_proven = time_findings([(3, NIGHT)], [], demanded_from=0, limit=None)
    assert findings == []
    assert any("wait for a time stamp" in sentence for sentence in not_proven)


GAPS = st.lists(st.integers(0, 12 * 60), min_size=1, max_size=40)


@given(gaps=GAPS, stamped=st.sets(st.integers(1, 40)), data=st.data())
def test_an_honest_year_passes_and_a_back_dated_snapshot_does_not(gaps, stamped, data):
    """Entries minutes apart, half of them snapshots, each stamped before three gaps have passed."""
    times = [NIGHT + sum(gaps[: place + 1]) * timedelta(minutes=1) for place in range(len(gaps))]
    snapshots = [(index, at) for index, at in enumerate(times) if index % 2 == 0]
    sizes = sorted({*(size for size in stamped if size <= len(times)), *range(2, len(times), 2), len(times)})
    tokens = [(size, times[size - 1]) for size in sizes]
    findings, _ = time_findings(snapshots, tokens, demanded_from=0)
    assert failed(findings) == []
    index, _ = data.draw(st.sampled_from(snapshots))
    back = data.draw(st.timedeltas(min_value=LIMIT + BIT, max_value=1000 * DAY))
    changed = [(each, when - back if each == index else when) for each, when in snapshots]
    assert failed(time_findings(changed, tokens, demanded_from=0)[0]) == [("time-limit", index)]
    ahead = [(each, when + back if each == index else when) for each, when in snapshots]
    assert failed(time_findings(ahead, tokens, demanded_from=0)[0]) == [("time-limit", index)]
