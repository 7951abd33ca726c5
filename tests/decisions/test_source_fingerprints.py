"""Fingerprints and digests: the same content is the same whichever way it is asked for, in every kind of source."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions.casts import as_moment
from gov_pipelines.decisions.clocks import days, naive
from gov_pipelines.decisions.fingerprints import Digest
from gov_pipelines.decisions.places import Columns, During, Keys, Place, Query, Related, open_sources
from gov_pipelines.decisions.sqlite import moment
from gov_pipelines.policy.calendar import Calendar
from gov_pipelines.policy.declaration import Source

ZONE = "America/New_York"
COLUMNS = Columns(["id", "decided_on", "action", "amount"])
START = datetime(2026, 10, 30, 4, tzinfo=UTC)
DAYS = [datetime(2026, 10, 30 + n, tzinfo=ZoneInfo(ZONE)) for n in range(2)]
EDGES = [*DAYS, *(datetime(2026, 11, n, tzinfo=ZoneInfo(ZONE)) for n in range(1, 5))]
SPANS = [During("decided_on", *(edge.astimezone(UTC) for edge in pair), ZONE) for pair in pairwise(EDGES)]
# Every half hour, over the night in which an hour comes twice; naive times of the source.
TIMES = [datetime(2026, 10, 30) + timedelta(minutes=30 * n) for n in range(5 * 48)]


def rows():
    return pl.DataFrame(
        {
            "id": [f"D{n:03}" for n in range(len(TIMES))],
            "decided_on": TIMES,
            "action": ["approved" if n % 3 else None for n in range(len(TIMES))],
            "amount": [n / 7 for n in range(len(TIMES))],
        }
    )


@pytest.fixture(scope="module")
def write(postgres):
    """Makes a frame a source of a kind; gives its place and the environment that names it."""
    urls = [postgres()]

    def build(kind, folder, frame):
        return written(kind, folder, frame, urls[0])

    return build


def written(kind, folder, frame, url):
    if kind == "postgresql":
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS log, people")
            connection.exec_driver_sql("CREATE TABLE log (id text, decided_on timestamp, action text, amount float)")
            connection.execute(sa.text("INSERT INTO log VALUES (:id, :decided_on, :action, :amount)"), frame.to_dicts())
        return Place(table="log"), {"LOG_URL": url}
    if kind == "parquet":
        frame.write_parquet(folder / "log.parquet")
        return Place(path="log.parquet"), {}
    if kind == "csv":
        frame.with_columns(pl.col("decided_on").cast(pl.String)).write_csv(folder / "log.csv")
        return Place(path="log.csv"), {}
    if kind == "duckdb":
        with duckdb.connect(folder / "log.duckdb") as connection:
            connection.execute("DROP TABLE IF EXISTS log")
            connection.execute("CREATE TABLE log (id VARCHAR, decided_on TIMESTAMP, action VARCHAR, amount DOUBLE)")
            connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", frame.rows())
        return Place(table="log"), {"LOG_URL": "duckdb:///log.duckdb"}
    (folder / "log.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "log.db") as connection:
        connection.execute("CREATE TABLE log (id TEXT, decided_on DATETIME, action TEXT, amount REAL)")
        values = frame.with_columns(pl.col("decided_on").dt.to_string("iso")).rows()
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", values)
    connection.close()
    return Place(table="log"), {"LOG_URL": "sqlite:///log.db"}


def asked(place, environ, folder):
    declared = Source(path=place.path) if place.path else Source(url_env="LOG_URL", table=place.table)
    return open_sources(declared, project=folder, environ=environ)


KINDS = ["sqlite", "postgresql", "duckdb", "parquet", "csv"]


@pytest.mark.parametrize("kind", KINDS)
def test_digests_of_spans_are_those_of_the_rows_read(tmp_path, kind, write):
    place, environ = write(kind, tmp_path, rows())
    with asked(place, environ, tmp_path) as sources:
        digests = sources.digests(Query(place, COLUMNS, id_column="id"), SPANS)
        for span, digest in zip(SPANS, digests, strict=True):
            found = sources.fingerprints(Query(place, COLUMNS, span, id_column="id"))
            read = sources.read(Query(place, COLUMNS, span)).frame
            assert digest == Digest.of(found)
            assert digest.rows == read.height == sources.at(place).count(span) == 48
            assert sorted(found["id"]) == sorted(read["id"])
            assert found["fingerprint"].str.contains("^[0-9a-f]{32}$").all()
    assert len({digest.value for digest in digests}) == len(SPANS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_row_changes_its_day_alone_and_order_none(tmp_path, kind, write):
    frame = rows()
    other = frame.with_columns(amount=pl.when(pl.col("id") == "D100").then(99.5).otherwise("amount")).sample(
        fraction=1, shuffle=True, seed=1
    )
    found = []
    for each in (frame, other):
        place, environ = write(kind, tmp_path, each)
        with asked(place, environ, tmp_path) as sources:
            query = Query(place, COLUMNS, id_column="id")
            found.append((sources.digests(query, SPANS), sources.fingerprints(query)))
    assert [one == two for one, two in zip(found[0][0], found[1][0], strict=True)] == [True, True, False, True, True]
    before, after = (dict(each.rows()) for _, each in found)
    assert {key for key in before if before[key] != after[key]} == {"D100"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_rows_of_some_ids_are_read(tmp_path, kind, write):
    place, environ = write(kind, tmp_path, rows())
    with asked(place, environ, tmp_path) as sources:
        ids = Keys("id", pl.Series(["D001", "D002", "D200", "nobody"]))
        query = Query(place, COLUMNS, ids=ids, id_column="id")
        assert sources.read(replace(query, during=SPANS[0])).frame["id"].to_list() == ["D001", "D002"]
        assert sources.fingerprints(query).height == 3


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "duckdb"])
def test_rows_of_another_table_belong_to_the_decisions_of_a_span(tmp_path, kind, write):
    place, environ = write(kind, tmp_path, rows())
    table = "CREATE TABLE people (id TEXT, sex TEXT)"
    people = "INSERT INTO people VALUES ('D001', 'f'), ('D001', 'm'), ('D050', 'f'), ('D999', 'f')"
    if kind == "duckdb":
        with duckdb.connect(tmp_path / "log.duckdb") as connection:
            connection.execute(f"{table}; {people}")
    else:
        engine = sa.create_engine(environ["LOG_URL"].replace("///log", f"///{tmp_path}/log"), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(table)
            connection.exec_driver_sql(people)
    (tmp_path / "people.csv").write_text("id,sex\nD001,f\nD001,m\nD050,f\nD999,f\n")
    columns = Columns(["id", "sex"])
    for people in (Place(table="people"), Place(path="people.csv")):
        with asked(place, environ, tmp_path) as sources:
            related = Related("id", place, "id", SPANS[0])
            query = Query(people, columns, related=related, id_column="id")
            digests = sources.digests(query, SPANS)
            assert [digest.rows for digest in digests] == [2, 1, 0, 0, 0]
            assert digests[0] == Digest.of(sources.fingerprints(query))


ZONES = [
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/Havana",
    "Europe/Dublin",
]
CHANGES = [datetime(2026, 11, 1, 6), datetime(2026, 3, 8, 7), datetime(2011, 12, 30, 10), datetime(2017, 10, 15, 3),
           datetime(2026, 10, 3, 15, 30), datetime(2026, 4, 4, 15), datetime(2026, 3, 29, 1),
           datetime(2026, 3, 8, 5), datetime(2026, 11, 1, 5)]  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "duckdb", "sqlite"])
def test_dates_stand_in_their_own_day_also_where_clocks_skip_its_midnight(kind, tmp_path):
    dates = [date(2026, 3, 7) + timedelta(days=n) for n in range(3)]
    rows = pl.DataFrame({"id": ["a", "b", "c"], "decided_on": dates})
    environ = {"LOG_URL": f"{kind}:///log.{kind}"}
    source = Source(url_env="LOG_URL", table="log")
    if kind == "parquet":
        rows.write_parquet(tmp_path / "log.parquet")
        source = Source(path="log.parquet")
    else:
        connect = duckdb.connect if kind == "duckdb" else sqlite3.connect
        with closing(connect(tmp_path / f"log.{kind}")) as connection:
            connection.execute("CREATE TABLE log (id VARCHAR, decided_on DATE)")
            connection.executemany("INSERT INTO log VALUES (?, ?)", [(one, str(day)) for one, day in rows.rows()])
            connection.commit()
    calendar = Calendar(dates[0], "America/Havana")
    with open_sources(source, project=tmp_path, environ=environ) as sources:
        place = Place(source.table, source.path)
        for name, day in rows.rows():
            found = sources.read(
                Query(place, Columns(["id", "decided_on"]), During("decided_on", *calendar.span(day), calendar.zone))
            )
            assert found.frame["id"].to_list() == [name]
            assert found.undated == 0


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
    before=st.integers(0, 40),
    quarters=st.integers(1, 120),
)
def test_naive_bounds_hold_the_times_that_are_read_into_the_window(zone, change, before, quarters):
    start = change.replace(tzinfo=UTC) - timedelta(minutes=15 * before)
    end = start + timedelta(minutes=15 * quarters)
    times = [start.replace(tzinfo=None) + timedelta(minutes=5 * n) for n in range(-24 * 12, quarters * 3 + 24 * 12)]
    read = pl.DataFrame({"t": times}).select(as_moment(pl.col("t"), pl.Datetime("us"), zone))["t"]
    bounds = naive(During("t", start, end, zone))
    assert [at for at, moment in zip(times, read, strict=True) if moment is not None and start <= moment < end] == [
        at for at in times if bounds.start <= at < bounds.end and not any(a <= at < b for a, b in bounds.skipped)
    ]
    dates = [start.date() + timedelta(days=n) for n in range(-2, quarters // 96 + 4)]
    begun = pl.DataFrame({"t": dates}).select(as_moment(pl.col("t"), pl.Date(), zone))["t"]
    first, last = days(During("t", start, end, zone))
    assert [day for day, moment in zip(dates, begun, strict=True) if start <= moment < end] == [
        day for day in dates if first <= day < last
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.from_regex(
            r"20[0-2]\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(:[0-6]\d(\.\d{1,9})?)? ?(Z|[+-]\d\d(:?\d\d)?)?",
            fullmatch=True,
        ),
        st.from_regex(r"2026-(03-08|11-01)[T ]0[0-3]:[0-5]\d:[0-5]\d", fullmatch=True),
        st.text(max_size=12),
    )
)
def test_sqlite_reads_a_moment_as_the_log_does(text):
    wanted = pl.DataFrame({"t": [text]}).select(as_moment(pl.col("t"), pl.String(), ZONE).dt.epoch("us")).item()
    assert moment(text, ZONE) == wanted
