from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.store import all_snapshots, last_snapshot, reading, record_snapshot, snapshot_of

MON, TUE = date(2026, 11, 2), date(2026, 11, 3)


def test_the_ledger_is_read_in_signing_order(engine, snapshot):
    rows = [snapshot(TUE), snapshot(MON, retroactive=True), snapshot(MON, 2)]
    with engine.begin() as connection:
        for row in rows:
            record_snapshot(connection, row)
    with reading(engine) as connection:
        assert all_snapshots(connection, "lending") == rows
        assert last_snapshot(connection, "lending") == rows[2]
        assert snapshot_of(connection, "lending", MON) == rows[2]
        assert snapshot_of(connection, "lending", TUE) == rows[0]


def test_nothing_is_found_where_nothing_was_signed(engine):
    with reading(engine) as connection:
        assert last_snapshot(connection, "lending") is None
        assert snapshot_of(connection, "lending", MON) is None
        assert all_snapshots(connection, "lending") == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"partition": MON, "revision": 1}, "the revision is signed already"),
        ({"sequence": 1}, "the sequence is taken"),
        ({"previous_sha256": "f" * 64}, "the previous snapshot is unknown"),
        ({"payload_sha256": f"{1:064x}"}, "the payload is that of another"),
        ({"revision": 0}, "revisions count from one"),
    ],
)
def test_what_does_not_continue_the_chain_is_refused(engine, snapshot, change, what):
    first, second = snapshot(MON), snapshot(TUE)
    with engine.begin() as connection:
        record_snapshot(connection, first)
    with pytest.raises(EvidenceError, match="does not continue the ledger"), engine.begin() as connection:
        record_snapshot(connection, replace(second, **change))
    with reading(engine) as connection:
        assert all_snapshots(connection, "lending") == [first], what


def test_a_chain_cannot_fork(engine, snapshot):
    first, second, third = snapshot(MON), snapshot(TUE), snapshot(date(2026, 11, 4))
    with engine.begin() as connection:
        record_snapshot(connection, first)
        record_snapshot(connection, second)
    with pytest.raises(EvidenceError, match="already followed"), engine.begin() as connection:
        record_snapshot(connection, replace(third, previous_sha256=first.payload_sha256))


def test_systems_have_ledgers_of_their_own(engine, snapshot):
    first = snapshot(MON)
    with engine.begin() as connection:
        record_snapshot(connection, first)
        record_snapshot(connection, replace(first, system="hiring"))
    with pytest.raises(EvidenceError), engine.begin() as connection:
        # The previous payload exists, but in another system's ledger.
        record_snapshot(connection, replace(snapshot(TUE), system="advertising"))
