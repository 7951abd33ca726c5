"""What is told of a control, from its signed verdicts alone."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.notify.turns import NOTED, PAGED, episodes, news

START = date(2026, 11, 1)
VERDICTS = ["pass", "warn", "fail", "insufficient", "missing", "report_only", "not_applicable", None]
WELL = ["pass", "report_only", "not_applicable"]


def day(number):
    return START + timedelta(days=number)


def history(*verdicts):
    return [(day(number), verdict) for number, verdict in enumerate(verdicts)]


def told(verdicts, clean=3):
    """The pages and recoveries of nights that were signed one after another."""
    found = []
    for number, verdict in enumerate(verdicts):
        if verdict is not None:
            found += [(number, each) for each in news(history(*verdicts[:number]), day(number), verdict, clean)]
    return found


def paged(verdicts, clean=3):
    return [each for each in told(verdicts, clean) if each[1] in {"failing", "missing", "recovered"}]


@pytest.mark.parametrize("before", [None, "insufficient", "warn", *WELL])
@pytest.mark.parametrize(("verdict", "transition"), [("fail", "failing"), ("missing", "missing")])
def test_entering_a_failure_pages(before, verdict, transition):
    assert paged([before, verdict, verdict]) == [(1, transition)]


def test_warnings_and_what_cannot_be_decided_never_page():
    assert told(["warn", "warn", "insufficient", "insufficient", "warn"]) == [(0, "warning"), (2, "undecided")]


def test_insufficient_in_between_says_nothing_new():
    assert paged(["fail", "insufficient", "fail", "insufficient", "insufficient", "insufficient", "fail"]) == [
        (0, "failing")
    ]


def test_a_recovery_takes_as_many_clean_windows_as_declared():
    nights = ["fail", "pass", "insufficient", "warn", None, "pass", "pass", "fail"]
    assert paged(nights, clean=3) == [(0, "failing"), (5, "recovered"), (7, "failing")]
    assert paged(nights, clean=1) == [(0, "failing"), (1, "recovered"), (7, "failing")]
    assert paged(nights, clean=5) == [(0, "failing")]


def test_what_recovered_is_said_in_the_digest_too():
    assert told(["fail", "pass", "pass", "pass"]) == [(0, "failing"), (3, "recovered"), (3, "settled")]


def test_a_control_that_flips_each_day_sends_one_page_and_one_recovery():
    nights = ["pass", *["fail", "pass"] * 30, "pass", "pass", "pass", "pass"]
    assert paged(nights) == [(1, "failing"), (62, "recovered")]


def test_a_failure_of_another_kind_is_told_once_in_a_time_of_failure():
    assert paged(["missing", "fail", "missing", "fail", "pass", "pass", "pass"]) == [
        (0, "missing"),
        (1, "failing"),
        (6, "recovered"),
    ]


def test_a_missed_window_says_nothing_of_a_control():
    assert paged([None, "pass", None, "pass", None, "pass"]) == []
    assert paged(["fail", None, "pass", None, "pass", None, "pass"]) == [(0, "failing"), (6, "recovered")]


def test_a_revision_to_fail_pages_though_later_days_are_known():
    assert news(history("pass", "pass", "pass"), day(1), "fail", 3) == ["failing"]
    assert news(history(*["pass"] * 9), day(1), "fail", 3) == ["failing", "recovered", "settled"]


def test_a_revision_that_takes_a_failure_back_is_a_recovery_at_once():
    assert news(history("pass", "fail"), day(1), "pass", 3) == ["recovered", "settled"]
    assert news(history("pass", "fail", "pass"), day(1), "pass", 3) == ["recovered", "settled"]


def test_a_revision_within_a_failure_says_nothing():
    assert news(history("fail", "fail", "fail"), day(0), "pass", 3) == []
    assert news(history("pass", "fail", "fail"), day(0), "fail", 3) == []
    assert news(history("fail", "pass", "pass", "pass", "pass"), day(0), "pass", 3) == []


def test_a_failure_revised_to_what_cannot_be_decided_stands():
    assert news(history("pass", "fail"), day(1), "insufficient", 3) == []


def test_a_failure_that_comes_back_after_its_recovery_was_told_pages_again():
    assert news(history("fail", "pass", "pass", "pass"), day(3), "fail", 3) == ["failing"]


def test_a_backfill_tells_of_its_own_time():
    assert news(history("pass")[:1], day(-5), "fail", 3) == ["failing"]


@given(st.lists(st.sampled_from(VERDICTS), max_size=40), st.integers(1, 4))
def test_pages_and_recoveries_are_those_of_the_episodes(verdicts, clean):
    found = paged(verdicts, clean)
    times = episodes(history(*verdicts), PAGED, clean)
    assert [number for number, each in found if each == "recovered"] == [
        (each.until - START).days for each in times if each.until
    ]
    assert sum(each != "recovered" for _, each in found) == sum(len(each.kinds) for each in times)
    for one, following in pairwise(times):
        assert one.until <= following.since


@given(st.lists(st.sampled_from([v for v in VERDICTS if v]), min_size=1, max_size=12), st.data(), st.integers(1, 3))
def test_what_was_told_last_is_how_it_stands_after_any_revision(verdicts, data, clean):
    """Whatever is revised to whatever: the last word heard and the last state known agree."""
    number = data.draw(st.integers(0, len(verdicts) - 1))
    verdict = data.draw(st.sampled_from(["pass", "warn", "fail", "missing"]))
    before = history(*verdicts)
    after = [*before[:number], (day(number), verdict), *before[number + 1 :]]
    said = news(before, day(number), verdict, clean)
    was, now = (bool(x) and x[-1].until is None for x in (episodes(h, PAGED, clean) for h in (before, after)))
    if was and not now:
        assert "recovered" in said
    if now and not was and verdict in PAGED:
        assert PAGED[verdict] in said
    if verdict not in PAGED:
        assert not {"failing", "missing"} & set(said)
    if before == after:
        assert said == []


def test_warnings_settle_as_failures_recover():
    assert told(["warn", "pass", "pass", "warn", "pass", "pass", "pass"]) == [(0, "warning"), (6, "settled")]
    assert [each.kinds for each in episodes(history("insufficient", "warn", "fail"), NOTED, 3)] == [
        {"undecided", "warning"}
    ]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["pass", "pass", "fail", "warn", "missing"])), max_size=14)
)
def test_a_page_is_open_as_long_as_the_newest_failure_goes_on_whatever_old_days_are_revised_to(nights):
    signed, is_open = {}, False
    for number, verdict in nights:
        for happened in news(sorted(signed.items()), day(number), verdict, 3):
            is_open = happened in {"failing", "missing"} or (is_open and happened != "recovered")
        signed[day(number)] = verdict
        assert is_open is any(each.until is None for each in episodes(sorted(signed.items()), PAGED, 3))


def test_a_revised_old_day_is_told_and_takes_no_newer_page_back():
    before = history(*["pass"] * 9, "fail")
    assert news(before, day(1), "fail", 3) == ["failing"]
    assert news(before[:-1], day(1), "fail", 3) == ["failing", "recovered", "settled"]
