from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from gov_pipelines.decisions import read_partition
from gov_pipelines.decisions.places import Columns, Keys, Place, Query, open_sources
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy import log_schema
from gov_pipelines.policy.declaration import Source

DAY = date(2026, 9, 8)
TABLE = "CREATE TABLE decisions (id TEXT, decided_on DATETIME, action TEXT, sex TEXT, unneeded TEXT);"


def row(identifier, moment, action="approved", sex="F"):
    return (identifier, moment, action, sex, "x")


def test_a_partition_is_the_local_day(declare, database, tmp_path):
    environ = database(
        TABLE,
        decisions=[
            row("before", "2026-09-07 23:59:59.999999"),
            row("first", "2026-09-08 00:00:00"),
            row("with T", "2026-09-08T12:00:00"),
            row("with offset", "2026-09-09T03:59:59Z"),
            row("minutes", "2026-09-08 12:00"),
            row("last", "2026-09-08 23:59:59.999999"),
            row("after", "2026-09-09 00:00:00"),
            row("after, by offset", "2026-09-08 23:30:00-05:00"),
        ],
    )
    declaration = declare()
    extract = read_partition(declaration, DAY, project=tmp_path, environ=environ)
    assert extract.log["decision_id"].to_list() == ["first", "last", "minutes", "with T", "with offset"]
    assert extract.log.schema == pl.Schema(log_schema(declaration))
    assert extract.log["decided_at"][0] == datetime(2026, 9, 8, 4, tzinfo=UTC)
    assert extract.rows.to_dict() == {
        "source_count": 5, "accepted": 5, "quarantined": 0, "duplicate": 0, "undated": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 9, 8), 24)])
def test_days_of_changing_clocks_hold_every_instant_once(declare, database, tmp_path, day, hours):
    start = datetime(day.year, day.month, day.day, 4 if day.month != 3 else 5, tzinfo=UTC).timestamp()
    moments = [datetime.fromtimestamp(start + 3600 * n, UTC) for n in range(-2, 28)]
    environ = database(TABLE, decisions=[row(f"{n:02}", m.isoformat(" ")) for n, m in enumerate(moments)])
    extract = read_partition(declare(), day, project=tmp_path, environ=environ)
    assert extract.log["decision_id"].to_list() == [f"{n:02}" for n in range(2, 2 + hours)]


def test_naive_times_are_read_in_the_zone_of_the_source(declare, database, tmp_path):
    environ = database(TABLE, decisions=[row("a", "2026-09-09 03:00:00"), row("b", "2026-09-09 04:00:00")])
    source = {"url_env": "LOANS_URL", "table": "decisions", "zone": "UTC"}
    extract = read_partition(declare(source=source), DAY, project=tmp_path, environ=environ)
    assert extract.log["decision_id"].to_list() == ["a"]


def test_undated_rows_are_counted_and_belong_to_no_partition(declare, database, tmp_path):
    undated = [None, "", "yesterday", 17, "2026-02-30 25:00:00", "2026-09-08 11:00:00 PM"]
    environ = database(
        TABLE, decisions=[row(f"u{n}", m) for n, m in enumerate(undated)] + [row("ok", "2026-09-08 10:00:00")]
    )
    for day, accepted in ((DAY, 1), (date(2026, 9, 9), 0)):
        rows = read_partition(declare(), day, project=tmp_path, environ=environ).rows
        assert (rows.undated, rows.accepted, rows.source_count) == (len(undated), accepted, accepted)


def test_a_time_that_clocks_skip_is_undated(declare, database, tmp_path):
    environ = database(TABLE, decisions=[row("gap", "2026-03-08 02:30:00"), row("ok", "2026-03-08 03:30:00")])
    rows = read_partition(declare(), date(2026, 3, 8), project=tmp_path, environ=environ).rows
    assert (rows.accepted, rows.undated) == (1, 1)


def test_mixed_types_in_one_column_lose_nothing(declare, database, tmp_path):
    script = "CREATE TABLE decisions (id, decided_on DATETIME, action, sex, amount);"
    environ = database(
        script,
        decisions=[
            (1, "2026-09-08 10:00:00", "approved", 1, 10),
            ("two", "2026-09-08 10:00:00", b"denied", "1.0", "10.5"),
            (3.0, "2026-09-08 10:00:00", "denied", 1.0, 1e3),
            (2**62 + 1, "2026-09-08 10:00:00", "denied", None, "many"),
        ],
    )
    extract = read_partition(declare(), DAY, project=tmp_path, environ=environ)
    assert extract.log["decision_id"].to_list() == ["1", "3.0", "two"]
    assert extract.log["sex"].to_list() == ["1", "1", "1"]
    assert extract.log["amount"].to_list() == [10.0, 1000.0, 10.5]
    assert extract.quarantine.rows(named=True) == [
        {
            "source_row": '{"action":"denied","amount":"many","decided_on":"2026-09-08 10:00:00","id":"4611686018427387905","sex":null}',
            "reason": "amount is not a number",
            "decision_id": "4611686018427387905",
        }
    ]


def test_the_source_is_opened_for_reading_only(declare, database, tmp_path):
    environ = database(TABLE, decisions=[row("a", "2026-09-08 10:00:00")])
    (tmp_path / "source.db").chmod(0o400)
    assert read_partition(declare(), DAY, project=tmp_path, environ=environ).rows.accepted == 1
    with pytest.raises(SourceUnreachable, match="LOANS_URL"):
        read_partition(declare(), DAY, project=tmp_path, environ={"LOANS_URL": "sqlite:///absent.db"})
    assert not (tmp_path / "absent.db").exists()


def test_an_unreachable_database_is_named_without_its_password(declare, tmp_path):
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(SourceUnreachable) as caught:
        read_partition(declare(), DAY, project=tmp_path, environ={"LOANS_URL": "sqlite:///text.db?password=hunter2"})
    assert "LOANS_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("url", ["", "not a url:hunter2", "klingon://user:hunter2@host/db"])
def test_a_wrong_url_is_wrong_use(declare, tmp_path, url):
    with pytest.raises(WrongUse, match="LOANS_URL") as caught:
        read_partition(declare(), DAY, project=tmp_path, environ={"LOANS_URL": url})
    assert "hunter2" not in str(caught.value)


def test_missing_tables_and_columns_name_the_nearest(declare, database, tmp_path):
    environ = database("CREATE TABLE decision (id TEXT, decided_at DATETIME, acton TEXT, sex TEXT);")
    with pytest.raises(WrongUse, match=r"no table `decisions`\. Did you mean `decision`"):
        read_partition(declare(), DAY, project=tmp_path, environ=environ)
    source = {"url_env": "LOANS_URL", "table": "decision"}
    with pytest.raises(WrongUse, match=r"`action`: Did you mean `acton`\?"):
        read_partition(declare(source=source), DAY, project=tmp_path, environ=environ)


def test_a_text_cursor_is_refused_with_a_remedy(declare, database, tmp_path):
    environ = database("CREATE TABLE decisions (id TEXT, decided_on TEXT, action TEXT, sex TEXT);")
    with pytest.raises(WrongUse, match=r"decided_on` is TEXT.*source\.path"):
        read_partition(declare(), DAY, project=tmp_path, environ=environ)


def test_a_view_is_a_table(declare, database, tmp_path):
    environ = database(
        TABLE + "CREATE VIEW recent AS SELECT * FROM decisions;", decisions=[row("a", "2026-09-08 10:00:00")]
    )
    declaration = declare(source={"url_env": "LOANS_URL", "table": "recent"})
    assert read_partition(declaration, DAY, project=tmp_path, environ=environ).rows.accepted == 1


def test_all_tables_show_one_state(declare, database, tmp_path):
    environ = database(
        "PRAGMA journal_mode=WAL;" + TABLE, decisions=[row(f"{n}", "2026-09-08 10:00:00") for n in range(3)]
    )
    first = read_partition(declare(), DAY, project=tmp_path, environ=environ)
    again = read_partition(declare(), DAY, project=tmp_path, environ=environ)
    assert first.inputs == again.inputs
    assert [(one.name, one.rows) for one in first.inputs] == [("decisions", 3)]


def test_ids_of_any_kind_in_one_column_are_found_again(database, tmp_path):
    environ = database("CREATE TABLE log (id INTEGER, n);", log=[(1, 1), ("two", 2), (3, 3), (None, 4)])
    with open_sources(Source(url_env="LOANS_URL", table="log"), project=tmp_path, environ=environ) as sources:
        query = Query(Place(table="log"), Columns(["n"]), id_column="id")
        found = sources.fingerprints(query)["id"]
        for wanted in ([0, 1], [1, 3], [2]):
            rows = sources.read(replace(query, ids=Keys("id", found[wanted]))).frame
            assert sorted(rows["n"]) == [n + 1 for n in wanted]
