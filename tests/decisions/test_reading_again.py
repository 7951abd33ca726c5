"""A partition read again from a real database, building on what was kept: the same as reading it whole."""

import sqlite3
from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions import Canonical, Kept, digests_now, read_partition

DAY = date(2026, 9, 8)
SCRIPT = """
CREATE TABLE decisions (id, decided_on DATETIME, action TEXT, score, repaid);
CREATE TABLE people (id, race TEXT);
CREATE TABLE reviews (id, who TEXT, at DATETIME);
CREATE TABLE labels (id, ok, known DATETIME);
"""
IDS = st.sampled_from([1, "1", "2", 3, "D4", " D4", "", None])
LATE = st.sampled_from([*(f"2026-09-{day} 09:00:00" for day in ("09", "12")), "late"])
MOMENTS = st.sampled_from(["2026-09-08 10:00:00", "2026-09-08T23:00:00", "2026-09-09 10:00:00", "soon", None])
ROWS = {
    "decisions": st.tuples(
        IDS, MOMENTS, st.sampled_from(["approved", "denied", "perhaps"]), st.sampled_from([0.5, 1.0, "many", None]),
        st.sampled_from([0, 1, None]),
    ),
    "people": st.tuples(IDS, st.sampled_from(["white", "Black", "?", None])),
    "reviews": st.tuples(IDS, st.sampled_from(["jane", "joe"]), LATE),
    "labels": st.tuples(IDS, st.sampled_from([0, 1, "1.0", None]), LATE),
}  # fmt: skip
TABLES = st.fixed_dictionaries({name: st.lists(row, max_size=8) for name, row in ROWS.items()})
EDITS = st.lists(
    st.tuples(
        st.sampled_from(list(ROWS)), st.sampled_from(["add", "double", "change", "delete"]), st.integers(0, 7)
    ).flatmap(lambda edit: st.tuples(st.just(edit), ROWS[edit[0]], st.integers(0, 4))),
    max_size=6,
)
FIRST, LATER = datetime(2026, 9, 10, tzinfo=UTC), datetime(2026, 9, 20, tzinfo=UTC)


@pytest.fixture
def loans(declare):
    return declare(
        label={"table": "labels", "key": "id", "column": "ok", "at": "known", "positive": 1, "matures_after": "7 days"},
        protected_attributes={"race": {"table": "people", "key": "id", "unknown": ["?"]}},
        reviews={"table": "reviews", "key": "id", "columns": {"reviewer": "who", "reviewed_at": "at"}},
    )


def fill(folder, tables):
    (folder / "source.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "source.db") as connection:
        connection.executescript(SCRIPT)
        for table, rows in tables.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(ROWS_OF[table]))})", rows)
    connection.close()


ROWS_OF = {"decisions": range(5), "people": range(2), "reviews": range(3), "labels": range(3)}


def edited(tables, edits):
    after = {name: list(rows) for name, rows in tables.items()}
    for (table, what, at), row, column in edits:
        rows = after[table]
        if what == "add" or not rows:
            rows.insert(at, row)
        elif what == "double":
            rows.append(rows[at % len(rows)])
        elif what == "delete":
            rows.pop(at % len(rows))
        else:
            old, place = rows[at % len(rows)], column % len(row)
            rows[at % len(rows)] = (*old[:place], row[place], *old[place + 1 :])
    return after


def read(declaration, folder, as_of, kept=None):
    environ = {"LOANS_URL": "sqlite:///source.db"}
    return read_partition(declaration, DAY, project=folder, environ=environ, as_of=as_of, kept=kept)


def kept_of(extract, vanished=()):
    parts = Canonical(extract.log, extract.quarantine, extract.rows.duplicate)
    return Kept(parts, extract.seen, pl.Series("decision_id", vanished, dtype=pl.String), fits=True)


def content(extract):
    rows = extract.log.to_dicts(), extract.quarantine.to_dicts()
    return *rows, extract.rows, extract.inputs, sorted(extract.notes), extract.ahead


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(TABLES, EDITS, st.sampled_from([FIRST, LATER]), st.sampled_from([FIRST, LATER]))
def test_reading_again_equals_reading_whole(loans, tmp_path, tables, edits, first, as_of):
    fill(tmp_path, tables)
    before = read(loans, tmp_path, first)
    fill(tmp_path, edited(tables, edits))
    whole = read(loans, tmp_path, as_of)
    again = read(loans, tmp_path, as_of, kept_of(before))
    assert content(again) == content(whole)
    assert again.seen.equals(whole.seen)
    assert again.rows.adds_up
    third = read(loans, tmp_path, as_of, kept_of(again))  # nothing has changed since
    assert content(third) == content(whole)
    assert third.changes.is_empty()
    at_source = digests_now(loans, [DAY], project=tmp_path, environ={"LOANS_URL": "sqlite:///source.db"})
    assert at_source == [[[each.sums.rows, each.sums.value] for each in whole.inputs]]


@pytest.mark.parametrize("kind", ["uuid", "bigint", "numeric", "varchar", "duckdb bigint", "csv"])
def test_only_new_and_changed_rows_are_fetched_whatever_ids_and_source_are(declare, tmp_path, postgres, kind):
    ids = [f"00000000-0000-0000-0000-0000000000{n:02}" if kind == "uuid" else str(n) for n in range(10, 40)]
    run, declaration, environ = source_of(kind, declare, tmp_path, postgres)
    run([(each, f"2026-09-08 10:{n:02}:00", "denied", n / 3) for n, each in enumerate(ids)])
    place = {"project": tmp_path, "environ": environ}
    before = read_partition(declaration, DAY, **place)
    assert (before.fetched, before.log.height) == (30, 30)
    changed = [(each, f"2026-09-08 10:{n:02}:00", "denied", -n) for n, each in enumerate(ids[2:], 2)]
    run([*changed[:2], *((each, at, what, n / 3) for n, (each, at, what, _) in enumerate(changed[2:], 4))])
    again = read_partition(declaration, DAY, **place, kept=kept_of(before))
    assert content(again) == content(read_partition(declaration, DAY, **place))
    assert again.fetched == 2
    assert sorted(again.changes["change"]) == ["corrected", "corrected", "vanished", "vanished"]
    now = digests_now(declaration, [DAY], **place)
    assert now == [[[each.sums.rows, each.sums.value] for each in again.inputs]]


def source_of(kind, declare, folder, postgres):
    """How to fill a source of a kind, its declaration, and the environment that names it."""
    if kind == "csv":
        fill_csv = lambda rows: pl.DataFrame(  # noqa: E731  (one of three ways)
            rows, schema=["id", "decided_on", "action", "score"], orient="row", strict=False
        ).write_csv(folder / "log.csv")
        return fill_csv, declare(source={"path": "log.csv"}, protected_attributes={"sex": {"column": "action"}}), {}
    url = "duckdb:///log.duckdb" if kind.startswith("duckdb") else postgres()
    create = (
        f"CREATE TABLE decisions (id {kind.split()[-1]}, decided_on TIMESTAMP, action VARCHAR, score DOUBLE PRECISION)"
    )

    def fill_table(rows):
        values = ", ".join(f"('{each}', TIMESTAMP '{at}', '{what}', {score})" for each, at, what, score in rows)
        script = f"DROP TABLE IF EXISTS decisions; {create}; INSERT INTO decisions VALUES {values}"
        if kind.startswith("duckdb"):
            with duckdb.connect(folder / "log.duckdb") as connection:
                connection.execute(script)
            return
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(script)
        engine.dispose()

    return fill_table, declare(protected_attributes={"sex": {"column": "action"}}), {"LOANS_URL": url}


def test_a_change_of_attributes_that_are_kept_out_of_the_log_is_seen_and_nothing_of_a_row_is_kept(
    declare, database, tmp_path
):
    table = "CREATE TABLE IF NOT EXISTS people (id TEXT, creed TEXT);"
    environ = database(SCRIPT, decisions=[("D1", "2026-09-08 10:00:00", "denied", 1.0, None)])
    environ |= {"PEOPLE_URL": "sqlite:///people.db"}
    creed = {"creed": {"url_env": "PEOPLE_URL", "table": "people", "key": "id"}}
    declaration, place = declare(protected_attributes=creed), {"project": tmp_path, "environ": environ}
    database(table, name="people.db", people=[("D1", "quaker"), ("D9", "shaker")])
    before = read_partition(declaration, DAY, **place)
    (was,) = digests_now(declaration, [DAY], **place)
    assert was == [[each.sums.rows, each.sums.value] for each in before.inputs]
    assert [(each.name, each.rows) for each in before.inputs] == [("decisions", 1), ("people", 1)]
    assert set(before.seen["place"]) == {"0 decisions"}
    database("UPDATE people SET creed = 'none' WHERE id = 'D9';", name="people.db")
    assert digests_now(declaration, [DAY], **place) == [was]  # of no decision of the day
    database("UPDATE people SET creed = 'none' WHERE id = 'D1';", name="people.db")
    assert digests_now(declaration, [DAY], **place) != [was]
