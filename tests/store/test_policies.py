from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from gov_pipelines.store import edited_in_place, record_policy

NOW = datetime(2026, 11, 5, tzinfo=UTC)
FROM = date(2026, 10, 1)


def test_a_text_keeps_the_time_it_was_first_recorded(engine):
    for later in range(3):
        with engine.begin() as connection:
            recorded = record_policy(
                connection, "house", 3, "d" * 64, '{"§":"ü"}'.encode(), FROM, None, NOW + timedelta(days=later)
            )
        assert recorded == NOW


def test_an_edited_text_is_recorded_anew(engine):
    with engine.begin() as connection:
        record_policy(connection, "house", 3, "d" * 64, b"{}", FROM, None, NOW)
        edited = NOW + timedelta(days=9)
        assert record_policy(connection, "house", 3, "e" * 64, b"[]", FROM, date(2027, 1, 1), edited) == edited
        assert record_policy(connection, "house", 3, "d" * 64, b"{}", FROM, None, edited) == NOW


def test_a_text_edited_in_place_shows_and_one_that_was_closed_does_not(engine):
    texts = {
        "a": b'{"in_force":{"from":"2026-10-01"},"owner":"x"}',
        "b": b'{"in_force":{"from":"2026-10-01","until":"2027-01-01"},"owner":"x"}',
        "c": b'{"in_force":{"from":"2026-10-01"},"owner":"y"}',
    }
    edited = []
    for day, (digest, text) in enumerate(texts.items()):
        with engine.begin() as connection:
            edited.append(edited_in_place(connection, "house", 3, text))
            record_policy(connection, "house", 3, digest, text, FROM, None, NOW + timedelta(days=day))
            record_policy(connection, "house", 4, "z", text, FROM, None, NOW)
    assert edited == [False, False, True]
