from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from stored import NOW, snapshot_row

from gov_pipelines.notify import alerts_for, missed_window
from gov_pipelines.notify.wording import number
from gov_pipelines.store import NOT_AUDITED, enqueue, judged, put_verdicts, record_snapshot

TEXTS = {"house/FL-1": "No group's approval rate is below four fifths of the best group's."}
NOTIFY = {"house/FL-1": ["credit-risk-oncall"]}


def tell(history, rows, texts=TEXTS, notify=None, **more):
    return alerts_for(history, rows, texts=texts, notify=notify or {}, clean=lambda _: 1, **more)


def paged(alerts):
    return [each for each in alerts if each.transition not in {"warning", "undecided", "settled"}]


def test_the_words_of_a_failure(verdict):
    row = verdict(
        "fail",
        metric="impact_ratio",
        attribute=("race", "sex"),
        group={"race": "Black", "sex": None},
        reference_group={"race": "White", "sex": "F"},
        value=0.7431,
        lower=0.66,
        upper=0.842,
        confidence=0.95,
        n=1989,
        p_adjusted=4.2e-17,
        threshold="at least 0.8",
    )
    before = {"house/FL-1": [(date(2026, 11, 3), "pass")]}
    (alert,) = tell(
        before, [row], notify=NOTIFY, links={"house/FL-1": "report/FL-1.html"}, note="reviews are synthetic"
    )
    assert alert.title == "lending 2026-11-04: house/FL-1 fails (critical)"
    assert alert.body.splitlines() == [
        "Clause: No group's approval rate is below four fifths of the best group's.",
        "Verdict: fail. The ratio is below the limit and the test rejects equality.",
        "Measured: impact_ratio by race, sex = 0.743 for race = Black, sex = unknown, compared with race = White, sex = F",
        "Limit: at least 0.8",
        "Interval: 0.66 to 0.842 at 95 % confidence, adjusted p = 4.2e-17",
        "Rows: n = 1,989",
        "Window: 2026-08-07 04:00 to 2026-11-05 05:00 UTC",
        "Since: 2026-11-04; before, it was pass on 2026-11-03",
        "The control: detects (fairness, runtime)",
        "What to do: open the control's page, see which group or column moved and in which decisions; `gov gaps` lists all that is red",
        "Page: report/FL-1.html",
        "About the data: reviews are synthetic",
        "Alert key: lending|house/FL-1|2026-11-04|1|failing",
    ]
    assert (alert.notify, alert.severity, alert.raised_at) == (("credit-risk-oncall",), "critical", NOW)


def test_what_is_not_known_has_no_line(verdict):
    (alert,) = tell({}, [verdict("missing", reason="The control left no result.")])
    assert [line.split(":")[0] for line in alert.body.splitlines()] == [
        "Clause",
        "Verdict",
        "Window",
        "Since",
        "The control",
        "What to do",
        "Alert key",
    ]
    assert "the first time this control was judged" in alert.body
    assert "`gov audit lending --date 2026-11-04`" in alert.body
    assert alert.notify == ()


def test_breaches_are_counted_and_no_decision_is_named(verdict):
    (alert,) = tell({}, [verdict("fail", breaches=1, kind="deadline")])
    assert "Breaches: 1 decision outside" in alert.body
    assert "`gov explain`" in alert.body


def test_the_words_of_a_recovery(verdict):
    before = {"house/FL-1": [(date(2026, 11, 2), "fail"), (date(2026, 11, 3), None)]}
    (alert,) = paged(tell(before, [verdict("warn")]))
    assert alert.title == "lending 2026-11-04: house/FL-1 recovered (critical)"
    assert "Since: 2026-11-04; before, it was fail, last on 2026-11-02" in alert.body
    assert alert.key.endswith("|recovered")


@pytest.mark.parametrize("now", ["not_applicable", "fail"])
def test_a_control_that_is_no_longer_in_force_did_not_recover(verdict, now):
    before = {"house/FL-1": [(date(2026, 11, 3), "missing")]}
    assert tell(before, [verdict(now)], texts={}) == []


def test_a_revision_says_so(verdict):
    before = {"house/FL-1": [(date(2026, 11, 4), "fail")]}
    (alert,) = paged(tell(before, [verdict("pass", revision=2)]))
    assert "Since: 2026-11-04, by revision 2; before, it was fail" in alert.body


def test_a_missed_window_that_is_audited_is_told_once_and_not_for_each_control(verdict):
    day = date(2026, 11, 4)
    history = {key: [(date(2026, 11, 3), "pass"), (day, None)] for key in ("house/FL-1", "house/FL-2")}
    rows = [verdict("pass", revision=2, control=key) for key in history]
    texts = dict.fromkeys(history, "in words")
    (alert,) = tell(history, rows, texts=texts, notify={"house/FL-1": ["b", "a"], "house/FL-2": ["b"]})
    assert (alert.transition, alert.control, alert.notify) == ("audited", None, ("a", "b"))
    assert alert.title == "lending: 2026-11-04 was audited after all"
    assert "Verdict: 2 pass" in alert.body
    failing = tell(history, [rows[0], verdict("fail", revision=2, control="house/FL-2")], texts=texts)
    assert [each.transition for each in failing] == ["audited", "failing"]


def test_the_words_of_a_missed_window():
    day = date(2026, 11, 4)
    alert = missed_window("lending", day, reason="the source did not answer", notify=["oncall"], raised_at=NOW)
    assert alert.title == "lending: 2026-11-04 was not audited"
    assert "Reason: the source did not answer" in alert.body
    assert alert.key == missed_window("lending", day, reason="again", notify=[], raised_at=NOW).key


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (0.8, "0.8"), (-0.05, "-0.05"), (100.0, "100"), (1234567.891, "1,234,567.891"), (4e-17, "4.0e-17")],
)
def test_numbers_are_for_reading(value, words):
    assert number(value) == words


def test_a_month_of_nights_told_as_a_person_would(engine, verdict):
    """Through the store: signed night by night, with revisions, and the last night run twice."""
    nights = [
        (1, 1, "pass", None),
        (2, 1, "fail", "failing"),
        (3, 1, "fail", None),
        (4, 1, "insufficient", None),
        (5, 1, "fail", None),
        (6, 1, "insufficient", None),
        (7, 1, "warn", "recovered"),
        (8, 1, "missing", "missing"),
        (8, 2, "pass", "recovered"),
        (9, 1, "fail", "failing"),
        (9, 2, "insufficient", None),
        (10, 1, "pass", "recovered"),
        (11, 1, None, None),
        (11, 2, "fail", "failing"),
        (12, 1, "pass", "recovered"),
    ]
    told = []
    for sequence, (day, revision, word, _) in enumerate(nights, start=1):
        partition = date(2026, 11, day)
        row = verdict(word or "missing", partition=partition, revision=revision)
        row = row if word else replace(row, reason=f"{NOT_AUDITED}no source")
        for _ in range(2):  # killed before signing, then run again: the key keeps it from being told twice
            with engine.begin() as connection:
                put_verdicts(connection, [row])
                alerts = paged(tell(judged(connection, "lending", partition), [row])) if word else []
                new = enqueue(connection, alerts)
            if new:
                told += [(day, revision, each.transition) for each in alerts if each.control]
        with engine.begin() as connection:
            record_snapshot(connection, snapshot_row(sequence, partition=partition, revision=revision))
    assert told == [(day, revision, what) for day, revision, _, what in nights if what]
