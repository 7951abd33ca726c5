"""Stores as earlier schema versions left them, with rows in all their tables."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import sqlalchemy as sa
from stored import DAY, NOW, alert, snapshot_row, verdict_row

import gov_pipelines.store.migrations as scripts
from gov_pipelines.store import (
    ActRow,
    DeliveryRow,
    FindingEvent,
    Opening,
    act_rows,
    all_snapshots,
    findings_recorded,
    opened_at,
    pending,
    reading,
    verdict_history,
)
from gov_pipelines.store.migrations.versions import v0001, v0002

VERDICTS = [
    verdict_row(attribute=("race",), group={"race": None}, value=0.71, lower=0.6, n=200),
    verdict_row(control="house/FL-2", verdict="missing", revision=2),
    verdict_row(control="house/FL-1", revision=2),
]
SNAPSHOTS = [snapshot_row(1), snapshot_row(2, revision=2), snapshot_row(3, partition=DAY.replace(day=5))]
ALERTS = [
    alert("one", notify=("on call",)),
    alert("two", control=None, transition="missed_window"),
    alert("lending|house/FL-1|2026-11-04|1|missing", transition="missing"),
    alert("owed", control="house/FL-1", transition="missing"),  # by the register: no page any more
]
FINDING = FindingEvent(
    key="k", finding="F-1", event="opened", system="lending", partition=DAY, snapshot="a" * 64, at=NOW, said={"due": 3}
)
ACT = ActRow(id="a" * 64, kind="review", system=None, envelope="{}", recorded_at=NOW)
OPENING = Opening(key_id="k", system="lending", decision_id="d", revision=1, opened_at=NOW)
POLICY = {"name": "house", "version": 3, "digest": "d", "text": "{}", "in_force_from": DAY, "recorded_at": NOW}


def make_old(url, version):
    """A store as the gov_pipelines of that schema version left it."""
    if url.startswith("sqlite"):
        Path(sa.make_url(url).database).parent.mkdir(exist_ok=True)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        scripts.upgrade(connection, 0, min(version, 2))  # later ones changed tables that are filled as they were before

        def fill(layout, name, rows):
            table = layout.tables[name]
            taken = [{key: value for key, value in row.items() if key in table.columns} for row in rows]
            connection.execute(sa.insert(table), taken)

        waiting = {"reached": ["0123abcd"], "attempts": 2, "last_error": "refused"}
        fill(v0001.layout, "store_schema", [{"version": version}])
        fill(v0001.layout, "control_verdicts", map(asdict, VERDICTS))
        fill(v0001.layout, "snapshots", map(asdict, SNAPSHOTS))
        fill(v0001.layout, "outbox", [asdict(each) | waiting for each in ALERTS])
        fill(v0001.layout, "policy_versions", [POLICY])
        if version > 1:
            fill(v0002.layout, "acts", [asdict(ACT)])
            fill(v0002.layout, "openings", [asdict(OPENING)])
            fill(v0002.layout, "finding_events", [asdict(FINDING)])
        if version > 2:
            scripts.upgrade(connection, 2, version)
    engine.dispose()


def assert_intact(engine, version):
    with reading(engine) as connection:
        assert verdict_history(connection, "lending") == [VERDICTS[2], VERDICTS[1]]
        assert connection.scalar(sa.text("SELECT count(*) FROM control_verdicts")) == len(VERDICTS)
        assert all_snapshots(connection, "lending") == SNAPSHOTS
        waiting = pending(connection)
        assert [each.alert for each in waiting] == [*ALERTS[:3], replace(ALERTS[3], transition="due")]
        taken = {"receiver": "0123abcd", "attempts": 1, "taken_at": NOW}
        assert [each.deliveries for each in waiting] == [
            {"0123abcd": DeliveryRow(outbox_id=each.id, **taken)} for each in waiting
        ]
        assert connection.scalar(sa.text("SELECT name FROM policy_versions")) == "house"
        if version > 1:
            assert act_rows(connection) == [ACT]
            assert opened_at(connection, "k", "lending", "d", 1) == NOW
            assert findings_recorded(connection) == [FINDING]
        if connection.dialect.name == "sqlite":
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
            assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1


def shape(engine):
    """What a database says of its tables; neither the order of columns nor how a type is spelled."""
    inspector = sa.inspect(engine)

    def plain(found):
        return sorted(str({key: value for key, value in each.items() if key != "comment"}) for each in found)

    return {
        name: (
            plain({**each, "type": str(each["type"])} for each in inspector.get_columns(name)),
            inspector.get_pk_constraint(name),
            plain(inspector.get_check_constraints(name)),
            plain(inspector.get_foreign_keys(name)),
            plain(inspector.get_unique_constraints(name)),
            plain(inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
    }
