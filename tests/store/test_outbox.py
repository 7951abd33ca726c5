from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gov_pipelines.store import claim, enqueue, note, pending, pending_count, reading

NOW = datetime(2026, 11, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_alert_comes_back_as_it_went_in_and_once(engine, alert):
    first, second = alert("a", notify=()), alert("b", control=None, transition="missed_window")
    with engine.begin() as connection:
        assert enqueue(connection, [first, second, first]) == 2
        assert enqueue(connection, [first]) == 0
    with reading(engine) as connection:
        assert [row.alert for row in pending(connection)] == [first, second]
        assert (pending_count(connection), pending_count(connection, "lending"), pending_count(connection, "x")) == (
            2,
            2,
            0,
        )


def test_an_alert_is_not_known_where_its_verdicts_were_rolled_back(engine, alert):
    connection = engine.connect()
    enqueue(connection, [alert("a")])
    connection.close()  # without a commit, as a killed process leaves it
    with reading(engine) as connection:
        assert pending(connection) == []


def test_a_claimed_alert_is_nobody_elses_until_its_time(engine, alert):
    with engine.begin() as connection:
        enqueue(connection, [alert("a")])
        (row,) = pending(connection)
        assert claim(connection, row.id, NOW, NOW + MINUTE).attempts == 1
        assert claim(connection, row.id, NOW, NOW + MINUTE) is None
        assert claim(connection, row.id, NOW + MINUTE, NOW + 3 * MINUTE).attempts == 2


def test_failure_and_delivery_are_kept(engine, alert):
    with engine.begin() as connection:
        enqueue(connection, [alert("a"), alert("b")])
        one, two = pending(connection)
        note(connection, one.id, last_error="route oncall did not answer", next_attempt_at=NOW + MINUTE)
        note(connection, one.id, reached=["01234567"])
        note(connection, two.id, delivered_at=NOW)
        (left,) = pending(connection)
    assert (left.last_error, left.next_attempt_at, left.reached) == (
        "route oncall did not answer",
        NOW + MINUTE,
        frozenset({"01234567"}),
    )
