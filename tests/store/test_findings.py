from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from gov_pipelines.store import FindingEvent, findings_recorded, reading, record_findings

OPENED = FindingEvent(
    key="F-1|2026-11-04|1|red",
    finding="F-1",
    event="opened",
    system="lending",
    control="house/FL-1",
    partition=date(2026, 11, 4),
    snapshot="c" * 64,
    at=datetime(2026, 11, 5, 7, 30, 15, 123456, tzinfo=UTC),
    said={"severity": "critical", "breaches": 2, "due": "2026-11-12"},
)
CONCERN = replace(
    OPENED, key="F-2|opened", finding="F-2", system="hiring", control=None, partition=None, snapshot=None,
    said={"text": "It looks wrong: \N{SNOWMAN}"},
)  # fmt: skip


def test_events_come_back_as_they_went_in_and_in_order(engine):
    later = [replace(OPENED, key=f"F-1|{n}", event="joined") for n in range(9, 0, -1)]
    with engine.begin() as connection:
        assert record_findings(connection, [OPENED, CONCERN, *later]) == 11
    with reading(engine) as connection:
        assert findings_recorded(connection) == [OPENED, CONCERN, *later]
        assert findings_recorded(connection, "hiring") == [CONCERN]


def test_the_same_event_again_is_no_new_one(engine):
    with engine.begin() as connection:
        assert record_findings(connection, [OPENED]) == 1
        assert record_findings(connection, [replace(OPENED, event="joined", said={}), CONCERN]) == 1
    with reading(engine) as connection:
        assert findings_recorded(connection) == [OPENED, CONCERN]


def test_events_are_not_known_where_their_snapshot_was_rolled_back(engine):
    connection = engine.connect()
    record_findings(connection, [OPENED])
    connection.close()
    with reading(engine) as connection:
        assert findings_recorded(connection) == []
