from __future__ import annotations

from datetime import date

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.measure.measurement import WORST_FIRST
from gov_pipelines.store import (
    NOT_AUDITED,
    drop_verdicts,
    judged,
    put_verdicts,
    reading,
    record_snapshot,
    verdict_history,
    verdicts_of,
)

MON, TUE, WED = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 4)


def sign(engine, rows, snapshot):
    with engine.begin() as connection:
        put_verdicts(connection, rows)
        record_snapshot(connection, snapshot(rows[0].partition, rows[0].revision))


def test_a_row_comes_back_as_it_went_in(engine, verdict):
    row = verdict(
        MON,
        "fail",
        metric="impact_ratio",
        attribute=("race", "sex"),
        group={"race": "Black", "sex": None},
        reference_group={"race": "White", "sex": "F"},
        value=0.1 + 0.2,
        lower=0.67,
        upper=0.82,
        confidence=0.95,
        n=3_000_000_000,
        p_adjusted=4e-17,
        threshold="at least 0.8",
        breaches=7,
    )
    with engine.begin() as connection:
        put_verdicts(connection, [row])
    with reading(engine) as connection:
        assert verdicts_of(connection, "lending", MON, 1) == [row]


def test_what_could_not_be_measured_stays_none(engine, verdict):
    with engine.begin() as connection:
        put_verdicts(connection, [verdict(MON, "missing")])
        (row,) = verdicts_of(connection, "lending", MON, 1)
    assert (row.metric, row.value, row.n, row.group, row.attribute) == (None, None, None, None, ())


def test_every_verdict_has_its_place_and_no_other_word(engine, verdict):
    with engine.begin() as connection:
        put_verdicts(connection, [verdict(MON, word, control=f"house/{word}") for word in WORST_FIRST])
        assert len(verdicts_of(connection, "lending", MON, 1)) == 7
    with pytest.raises(Exception, match="verdict_known"), engine.begin() as connection:
        put_verdicts(connection, [verdict(TUE, "compliant")])


def test_putting_again_replaces_the_revision_and_nothing_else(engine, verdict):
    with engine.begin() as connection:
        put_verdicts(connection, [verdict(MON, control="house/A"), verdict(MON, control="house/B"), verdict(TUE)])
        put_verdicts(connection, [verdict(MON, "fail", control="house/A")])
        assert [(row.control, row.verdict) for row in verdicts_of(connection, "lending", MON, 1)] == [
            ("house/A", "fail")
        ]
        assert len(verdicts_of(connection, "lending", TUE, 1)) == 1


def test_a_signed_revision_cannot_change(engine, verdict, snapshot):
    sign(engine, [verdict(MON, "fail")], snapshot)
    for change in (
        lambda connection: put_verdicts(connection, [verdict(MON, "pass")]),
        lambda connection: drop_verdicts(connection, "lending", MON, 1),
    ):
        with (
            pytest.raises(EvidenceError, match="is signed and cannot change; write revision 2"),
            engine.begin() as connection,
        ):
            change(connection)
    with reading(engine) as connection:
        assert [row.verdict for row in verdicts_of(connection, "lending", MON)] == ["fail"]


def test_only_signed_revisions_are_read_unless_one_is_named(engine, verdict, snapshot):
    sign(engine, [verdict(MON, "pass")], snapshot)
    with engine.begin() as connection:
        put_verdicts(connection, [verdict(MON, "fail", revision=2), verdict(TUE, "fail")])
    with reading(engine) as connection:
        assert [row.verdict for row in verdicts_of(connection, "lending", MON)] == ["pass"]
        assert [row.verdict for row in verdicts_of(connection, "lending", MON, 2)] == ["fail"]
        assert verdicts_of(connection, "lending", TUE) == []
        assert [row.partition for row in verdict_history(connection, "lending")] == [MON]
        assert judged(connection, "lending", WED) == {"house/FL-1": [(MON, "pass")]}


def test_the_latest_revision_speaks_for_its_partition(engine, verdict, snapshot):
    sign(engine, [verdict(TUE, "pass")], snapshot)
    sign(engine, [verdict(MON, "pass")], snapshot)
    sign(engine, [verdict(MON, "warn", revision=2)], snapshot)
    with reading(engine) as connection:
        history = [(row.partition, row.revision, row.verdict) for row in verdict_history(connection, "lending")]
        assert history == [(MON, 2, "warn"), (TUE, 1, "pass")]


def test_what_was_judged_is_read_by_control_and_day(engine, verdict, snapshot):
    sign(engine, [verdict(WED, control="house/A")], snapshot)
    sign(engine, [verdict(MON, control="house/A"), verdict(MON, "fail", control="house/B")], snapshot)
    sign(
        engine,
        [verdict(MON, "warn", control="house/A", revision=2), verdict(MON, control="house/B", revision=2)],
        snapshot,
    )
    with reading(engine) as connection:
        assert judged(connection, "lending", TUE) == {
            "house/A": [(MON, "warn"), (WED, "pass")],
            "house/B": [(MON, "pass")],
        }
        assert judged(connection, "another", WED) == {}


def test_a_missed_window_is_judged_as_nothing(engine, verdict, snapshot):
    sign(engine, [verdict(MON, "missing", reason=f"{NOT_AUDITED}the source did not answer")], snapshot)
    sign(engine, [verdict(TUE, "missing", reason="It left no result.")], snapshot)
    with reading(engine) as connection:
        assert judged(connection, "lending", TUE) == {"house/FL-1": [(MON, None), (TUE, "missing")]}


def test_a_failure_revised_to_insufficient_still_stands(engine, verdict, snapshot):
    sign(engine, [verdict(TUE, "fail")], snapshot)
    sign(engine, [verdict(TUE, "insufficient", revision=2)], snapshot)
    with reading(engine) as connection:
        assert judged(connection, "lending", WED) == {"house/FL-1": [(TUE, "fail")]}


def test_far_off_history_is_not_read(engine, verdict, snapshot, monkeypatch):
    monkeypatch.setattr("gov_pipelines.store.verdicts._LOOK_BACK", 1)
    for day in (MON, TUE, WED):
        sign(engine, [verdict(day)], snapshot)
    with reading(engine) as connection:
        assert [day for day, _ in judged(connection, "lending", WED)["house/FL-1"]] == [WED]
        assert [day for day, _ in judged(connection, "lending", TUE)["house/FL-1"]] == [TUE, WED]
