from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gov_pipelines.store import (
    Ack,
    acks,
    claim,
    enqueue,
    finish,
    note_delivery,
    pending,
    pending_count,
    put_ack,
    reading,
    revive,
    stopped_receivers,
    told,
)

NOW = datetime(2026, 11, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_alert_comes_back_as_it_went_in_and_once(engine, alert):
    first, second = alert("a", notify=()), alert("b", control=None, transition="missed_window")
    with engine.begin() as connection:
        assert enqueue(connection, [first, second, first]) == 2
        assert enqueue(connection, [first]) == 0
    with reading(engine) as connection:
        assert [row.alert for row in pending(connection)] == [first, second]
        assert pending_count(connection) == 2


def test_an_alert_is_not_known_where_its_verdicts_were_rolled_back(engine, alert):
    connection = engine.connect()
    enqueue(connection, [alert("a")])
    connection.close()  # without a commit, as a killed process leaves it
    with reading(engine) as connection:
        assert pending(connection) == []


def test_a_claimed_alert_is_nobody_elses_until_its_time(engine, alert):
    with engine.begin() as connection:
        enqueue(connection, [alert("a"), alert("b")])
        one, two = (row.id for row in pending(connection))
        assert claim(connection, {one: NOW + MINUTE}, "01234567", "m", NOW)
        assert claim(connection, {one: NOW + MINUTE}, "76543210", "m", NOW), "each receiver has its own patience"
    with engine.connect() as connection:
        assert not claim(connection, {one: NOW + MINUTE, two: NOW + MINUTE}, "01234567", "m", NOW), "all or none"
    with engine.begin() as connection:
        assert claim(connection, {one: NOW + 3 * MINUTE, two: NOW + MINUTE}, "01234567", "n", NOW + MINUTE)
        first, second = (row.deliveries["01234567"] for row in pending(connection))
    assert (first.attempts, first.next_attempt_at, first.message) == (2, NOW + 3 * MINUTE, "n")
    assert (second.attempts, second.next_attempt_at) == (1, NOW + MINUTE)


def test_what_was_taken_is_claimed_no_more(engine, alert):
    with engine.begin() as connection:
        enqueue(connection, [alert("a")])
        (row,) = pending(connection)
        claim(connection, {row.id: NOW}, "01234567", "m", NOW)
        note_delivery(connection, [row.id], "01234567", taken_at=NOW, last_error=None)
    with engine.connect() as connection:
        assert not claim(connection, {row.id: NOW}, "01234567", "m", NOW + MINUTE)


def test_failure_and_delivery_are_kept(engine, alert):
    with engine.begin() as connection:
        enqueue(connection, [alert("a"), alert("b", transition="recovered")])
        one, two = pending(connection)
        claim(connection, {one.id: NOW + MINUTE}, "01234567", "m", NOW)
        note_delivery(connection, [one.id], "01234567", last_error="route oncall did not answer", stopped_at=NOW)
        finish(connection, [two.id], NOW)
        (left,) = pending(connection)
        assert stopped_receivers(connection) == {"01234567"}
        revive(connection, "01234567")
        assert stopped_receivers(connection) == set()
        assert [each.key for each in told(connection)] == ["a", "b"]
        assert [each.key for each in told(connection, "recovered")] == ["b"]
    assert left.deliveries["01234567"].last_error == "route oncall did not answer"


def test_the_first_acknowledgement_of_a_page_stands(engine):
    with engine.begin() as connection:
        put_ack(connection, Ack(alert="a", at=NOW + MINUTE, person="omar", why="me too"))
        put_ack(connection, Ack(alert="a", at=NOW, person="jane", why="looking"))
        assert acks(connection)["a"].person == "jane"
