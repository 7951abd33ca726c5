from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from gov_pipelines.store import audits_of, finish_audit, miss_audit, start_audit

NOW = datetime(2026, 11, 5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
MON, TUE = date(2026, 11, 2), date(2026, 11, 3)


@pytest.mark.parametrize(("state", "message"), [("done", None), ("failed", "in words"), ("missed", "in words")])
def test_an_audit_ends_as_it_ended(engine, state, message):
    with engine.begin() as connection:
        number = start_audit(connection, "lending", MON, now=NOW, as_of=NOW, run_id="run")
        assert [(row.state, row.finished_at) for row in audits_of(connection, "lending")] == [("running", None)]
        finish_audit(connection, number, now=LATER, state=state, message=message)
        (row,) = audits_of(connection, "lending", MON)
    assert (row.id, row.state, row.message, row.finished_at, row.run_id) == (number, state, message, LATER, "run")


def test_a_killed_audit_is_noted_when_the_partition_is_audited_again(engine):
    with engine.begin() as connection:
        start_audit(connection, "lending", MON, now=NOW, as_of=NOW)
        start_audit(connection, "lending", TUE, now=NOW, as_of=NOW)
        start_audit(connection, "lending", MON, now=LATER, as_of=NOW)
        rows = audits_of(connection, "lending")
    assert [(row.partition, row.state) for row in rows] == [(MON, "failed"), (TUE, "running"), (MON, "running")]
    assert rows[0].message == "the process ended before the audit did"


def test_a_missed_window_is_a_row(engine):
    with engine.begin() as connection:
        miss_audit(connection, "lending", MON, now=NOW, as_of=NOW, message="the source did not answer")
        (row,) = audits_of(connection, "lending", MON)
        assert audits_of(connection, "lending", TUE) == []
    assert (row.state, row.message, row.finished_at) == ("missed", "the source did not answer", NOW)
