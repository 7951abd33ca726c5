"""PostgreSQL and DuckDB as they are: types, permissions, settings, time-outs, and what is said when they refuse."""

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa

from gov_pipelines.decisions import read_partition
from gov_pipelines.decisions.places import Columns, During, Keys, Place, Query, open_sources
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy.declaration import Source

DAY = date(2026, 9, 8)
START = datetime(2026, 9, 8, 4, tzinfo=UTC)
DURING = During("decided_on", START, START + timedelta(days=1), "America/New_York")
LOG = Place(table="log")
CLEAN = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO PUBLIC")


@pytest.fixture(scope="module")
def server(postgres):
    """A database; statements to run in it, and the environment that names it."""
    url = postgres()

    def run(*statements, user=None):
        engine = sa.create_engine(sa.make_url(url).set(username=user) if user else url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()
        return {
            "LOG_URL": (sa.make_url(url).set(username=user) if user else sa.make_url(url)).render_as_string(
                hide_password=False
            )
        }

    return run


@pytest.fixture
def duck(tmp_path):
    def run(*statements):
        with duckdb.connect(tmp_path / "log.duckdb") as connection:
            for statement in statements:
                connection.execute(statement)
        return {"LOG_URL": "duckdb:///log.duckdb"}

    return run


def asked(environ, folder, **source):
    return open_sources(Source(url_env="LOG_URL", table="log", **source), project=folder, environ=environ)


VALUES = {
    "id": ("text", "'a'"), "empty": ("text", "''"), "odd": ("text", "'\"q\",\n\\N é'"), "nothing": ("text", "NULL"),
    "whole": ("bigint", "9007199254740993"), "small": ("smallint", "-7"), "float": ("float8", "0.1::float8 + 0.2::float8"),
    "nan": ("float8", "'NaN'"), "money": ("numeric(12,2)", "'10.50'"), "flag": ("boolean", "TRUE"),
    "decided_on": ("timestamptz", "'2026-09-08 12:00:00.123456+02'"), "naive": ("timestamp", "'2026-09-08 12:00:00'"),
    "day": ("date", "'2026-09-08'"), "far": ("timestamp", "'12026-01-01'"), "codes": ("text[]", "ARRAY['R1','R2']"),
    "uuid": ("uuid", "'7bcc2f2a-0000-4000-8000-000000000000'"),
}  # fmt: skip
READ = {
    "id": "a", "empty": "", "odd": '"q",\n\\N é', "nothing": None, "whole": 9007199254740993, "small": -7,
    "float": 0.1 + 0.2, "flag": True, "decided_on": datetime(2026, 9, 8, 10, 0, 0, 123456, tzinfo=UTC),
    "naive": datetime(2026, 9, 8, 12), "day": date(2026, 9, 8), "codes": '["R1","R2"]',
    "uuid": "7bcc2f2a-0000-4000-8000-000000000000",
}  # fmt: skip


def script(columns=VALUES):
    kinds = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    return f"CREATE TABLE log ({kinds})", f"INSERT INTO log SELECT {', '.join(value for _, value in columns.values())}"


def test_every_type_comes_as_it_is(server, duck, tmp_path):
    server(*CLEAN)
    without_far = {name: each for name, each in VALUES.items() if name != "far"}
    for environ, columns in ((server(*script()), VALUES), (duck(*script(without_far)), without_far)):
        with asked(environ, tmp_path) as sources:
            (row,) = sources.read(Query(LOG, Columns(list(columns)), DURING)).frame.rows(named=True)
        assert {name: row[name] for name in READ} == READ
        assert str(row["money"]).rstrip("0") == "10.5"
        assert row["nan"] != row["nan"]
        assert "far" not in columns or str(row["far"]).startswith("12026")


def test_a_row_of_one_null_is_a_row(server, duck, tmp_path):
    for environ in (server(*CLEAN, *script()), duck(*script({"nothing": VALUES["nothing"]}))):
        with asked(environ, tmp_path) as sources:
            assert sources.read(Query(LOG, Columns(["nothing"]))).frame.rows() == [(None,)]


def test_fingerprints_are_the_same_whatever_the_server_has_set(server, tmp_path):
    environ = server(*CLEAN, *script())
    settings = {
        "TimeZone": "Asia/Kolkata", "DateStyle": "German", "extra_float_digits": "-3", "bytea_output": "escape",
        "IntervalStyle": "sql_standard",
    }  # fmt: skip
    found = []
    for change in ("SET {} = '{}'", "RESET {}"):
        database = sa.make_url(environ["LOG_URL"]).database
        server(*(f"ALTER DATABASE {database} " + change.format(*each) for each in settings.items()))
        with asked(environ, tmp_path) as sources:
            found.append(sources.fingerprints(Query(LOG, Columns(list(VALUES)), DURING, id_column="id")).rows())
    assert found[0] == found[1] != []


def test_only_declared_columns_are_asked_for(declare, server, tmp_path):
    server(
        *CLEAN, "DROP ROLE IF EXISTS auditor",
        "CREATE TABLE log (id int, decided_on timestamptz, action text, sex text, secret text, score float)",
        "INSERT INTO log SELECT n, '2026-09-08 12:00+00', 'approved', 'f', 'hidden', 1 FROM generate_series(1, 5) n",
        "CREATE ROLE auditor LOGIN", "GRANT SELECT (id, decided_on, action) ON log TO auditor",
    )  # fmt: skip
    environ = server("SELECT count(id) FROM log", user="auditor")
    declaration = declare(source={"url_env": "LOANS_URL", "table": "log"})
    with pytest.raises(WrongUse, match="LOANS_URL names does not let this login read a declared table or column"):
        read_partition(declaration, DAY, project=tmp_path, environ={"LOANS_URL": environ["LOG_URL"]})
    server("GRANT SELECT (sex) ON log TO auditor")
    assert (
        read_partition(declaration, DAY, project=tmp_path, environ={"LOANS_URL": environ["LOG_URL"]}).rows.accepted == 5
    )
    with asked(environ, tmp_path) as sources:
        ids = Keys("id", pl.Series(["2", "3", "no number"]))
        assert sources.read(Query(LOG, Columns(["id", "sex"]), DURING, ids=ids)).frame["id"].to_list() == [2, 3]
        assert sources.digests(Query(LOG, Columns(["id", "sex"]), id_column="id"), [DURING])[0].rows == 5


def test_a_statement_that_takes_too_long_is_cut_off(server, duck, database, tmp_path):
    slow = "CREATE VIEW log AS SELECT n AS id FROM generate_series(1, 1000000000) AS s(n) WHERE n % 7 = -1"
    server(*CLEAN, slow.replace("%", "%%"))
    environs = [
        server("SELECT 1"),
        duck(slow.replace("1000000000) AS s(n) WHERE", "30000000000) AS s(n) WHERE")),
        {"LOG_URL": database(
            "CREATE TABLE t (n); CREATE VIEW log AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
            "SELECT n AS id FROM c WHERE n < 0;"
        )["LOANS_URL"]},
    ]  # fmt: skip
    for environ in environs:
        with (
            pytest.raises(SourceUnreachable, match=r"took longer than `source.timeout` \(1 s\)"),
            asked(environ, tmp_path, timeout=1) as sources,
        ):
            sources.read(Query(LOG, Columns(["id"])))


def test_what_goes_wrong_is_told_without_a_secret(server, tmp_path):
    url = sa.make_url(server("SELECT 1")["LOG_URL"])
    (tmp_path / "no.duckdb").write_text("hunter2")
    wrong = {
        "postgresql+psycopg://who:hunter2@127.0.0.1:1/db": (SourceUnreachable, "did not answer"),
        url.set(database="hunter2").render_as_string(hide_password=False): (SourceUnreachable, "no such database or user"),
        url.set(username="hunter2").render_as_string(hide_password=False): (SourceUnreachable, "no such database or user"),
        "duckdb:///absent_hunter2.duckdb": (SourceUnreachable, "did not answer"),
        "duckdb:///no.duckdb": (SourceUnreachable, "did not answer"),
        "duckdb://": (WrongUse, "names no file"),
        "mysql://who:hunter2@host/db": (WrongUse, "none of postgresql, sqlite, duckdb"),
    }  # fmt: skip
    for text, (kind, words) in wrong.items():
        with pytest.raises(kind, match=words) as told, asked({"LOG_URL": text}, tmp_path) as sources:
            sources.read(Query(LOG, Columns(["id"])))
        assert "LOG_URL" in str(told.value)
        assert "hunter2" not in str(told.value)


def test_what_was_written_since_is_found_wherever_it_is_dated(server, duck, database, tmp_path):
    rows = [("a", "2026-09-01 10:00:00", "2026-09-01 11:00:00"), ("b", "2026-09-02 23:30:00", "2026-09-08 09:00:00"),
            ("c", "2026-09-08 10:15:00", "2026-09-08 10:20:00")]  # fmt: skip
    values = ", ".join(str(row) for row in rows)
    make = (
        "CREATE TABLE log (id text, decided_on timestamp, updated_at timestamp, day date)",
        f"INSERT INTO log (id, decided_on, updated_at) VALUES {values}",
    )
    pl.DataFrame(rows, schema=["id", "decided_on", "updated_at"], orient="row").with_columns(day=None).write_csv(
        tmp_path / "log.csv"
    )
    wide = During("decided_on", datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "America/New_York")
    environs = [
        server(*CLEAN, *make),
        duck(*make),
        {"LOG_URL": database(f"{make[0].replace('timestamp', 'DATETIME')}; {make[1]};")["LOANS_URL"]},
        {},
    ]
    for environ in environs:
        source = Source(url_env="LOG_URL", table="log") if environ else Source(path="log.csv")
        with open_sources(source, project=tmp_path, environ=environ) as sources:
            log = sources.at(Place.of(source))
            everything = log.touched("updated_at", None, wide)
            assert {moment.day for moment in everything.moments} == {1, 3, 8}
            later = log.touched("updated_at", everything.newest, wide)
            assert {(moment.day, moment.hour) for moment in later.moments} == {(8, 14)}
            back = log.touched("updated_at", everything.newest, wide, timedelta(hours=2))
            assert {moment.day for moment in back.moments} == {3, 8}
            assert back.newest == later.newest == everything.newest
            assert log.touched("updated_at", "7 of another column", wide) == everything
            with pytest.raises(WrongUse, match=r"is DATE; a `cursor` is") if environ else nullcontext():
                log.touched("day", None, wide)


def test_a_cursor_ahead_of_the_clock_hides_nothing_that_is_written_until_then(server, duck, database, tmp_path):
    make = (
        "CREATE TABLE log (id text, decided_on timestamp, written timestamp)",
        "INSERT INTO log VALUES ('a', '2026-09-01 10:00:00', '9999-12-31 10:00:00')",
    )
    pl.DataFrame({"decided_on": ["2026-09-01"], "written": ["9999-12-31T10:00Z"]}).write_csv(tmp_path / "log.csv")
    wide = During("decided_on", datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "Asia/Tokyo")
    sqlite = database(f"{make[0].replace('timestamp', 'DATETIME')}; {make[1]};")["LOANS_URL"]
    for environ in (server(*CLEAN, *make), duck(*make), {"LOG_URL": sqlite}, {}):
        source = Source(url_env="LOG_URL", table="log") if environ else Source(path="log.csv")
        with open_sources(source, project=tmp_path, environ=environ) as sources:
            newest = datetime.fromisoformat(sources.at(Place.of(source)).touched("written", None, wide).newest)
            aware = newest if newest.tzinfo else newest.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
            assert abs(aware - datetime.now(UTC)) < timedelta(minutes=1)


def test_ids_beyond_any_whole_number_are_joined_as_text(declare, server, duck, tmp_path):
    big = "12345678901234567890"
    label = {"table": "labels", "key": "k", "column": "ok", "positive": 1, "matures_after": "7 days"}
    declaration = declare(source={"url_env": "LOG_URL", "table": "log"}, label=label)
    make = (
        "CREATE TABLE log (id decimal(30), decided_on timestamp, action text, sex text)",
        f"INSERT INTO log VALUES ({big}, '2026-09-08 12:00:00', 'denied', 'f'), (7.0, '2026-09-08 12:00:00', 'denied', 'f')",
        "CREATE TABLE labels (k text, ok int)",
        f"INSERT INTO labels VALUES ('{big}', 1), ('7', 0)",
    )
    for environ in (server(*CLEAN, *make), duck(*make)):
        log = read_partition(declaration, DAY, project=tmp_path, environ=environ).log
        assert dict(log.select("decision_id", "label").rows()) == {big: "1", "7": "0"}


def test_missing_numbers_of_a_sequence_are_counted(declare, server, duck, tmp_path):
    # 1-4 the day before, 5 and 6 gone, 7-9 and 12 on the day, 10 gone, 11 decided the day after; 40 later
    days = {1: 7, 2: 7, 3: 7, 4: 7, 7: 8, 8: 8, 9: 8, 12: 8, 11: 9, 40: 9}
    rows = [(f"D{n}", f"2026-09-0{day} 12:00:00", "approved", "f", n) for n, day in days.items()]
    make = "CREATE TABLE log (id text, decided_on timestamp, action text, sex text, seq bigint)"
    values = f"INSERT INTO log VALUES {', '.join(map(str, rows))}"
    pl.DataFrame(rows, schema=["id", "decided_on", "action", "sex", "seq"], orient="row").write_csv(
        tmp_path / "log.csv"
    )
    columns = {"decision_id": "id", "decided_at": "decided_on", "decision": "action", "source_seq": "seq"}
    environs = (server(*CLEAN, make, values), duck(make, values), {})
    for environ in environs:
        source = {"url_env": "LOG_URL", "table": "log"} if environ else {"path": "log.csv"}
        declaration = declare(source=source, columns=columns)
        found = read_partition(declaration, DAY, project=tmp_path, environ=environ)
        assert found.gaps == ("seq misses 1 numbers within the partition and 2 numbers just before it",)
        assert set(found.gaps) <= set(found.notes)
        assert found.rows.adds_up
        later = read_partition(declaration, date(2026, 9, 9), project=tmp_path, environ=environ)
        assert later.gaps == ("seq misses 27 numbers within the partition",)
        assert not read_partition(declaration, date(2026, 9, 7), project=tmp_path, environ=environ).gaps
    assert not read_partition(declare(source=source), DAY, project=tmp_path, environ={}).gaps


def test_a_cursor_that_is_not_there_is_told_by_the_first_night(declare, server, tmp_path):
    make = "CREATE TABLE log (id text, decided_on timestamp, action text, sex text, updated_at timestamp)"
    environ = server(*CLEAN, make)
    source = {"url_env": "LOG_URL", "table": "log", "cursor": "updated"}
    with pytest.raises(WrongUse, match=r"`updated`: Did you mean `updated_at`\?"):
        read_partition(declare(source=source), DAY, project=tmp_path, environ=environ)
    assert read_partition(declare(source=source | {"cursor": "updated_at"}), DAY, project=tmp_path, environ=environ)
