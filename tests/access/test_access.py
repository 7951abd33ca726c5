import sqlite3
from datetime import UTC, date, datetime

import polars as pl
import pytest

from gov_pipelines.access import READ_SCHEMA, access_measurements, access_outside, declared_outside, read_access_log
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import DataAccess

DAY = date(2026, 9, 8)
NOON = datetime(2026, 9, 8, 16, tzinfo=UTC)
COLUMNS = {"read_at": "at", "table": "tab"}


def declare(role="model_role", may_read=("amount", "guidelines"), **attributes) -> SystemDeclaration:
    intake = {"may_read": list(may_read)} | ({"database_role": role} if role else {})
    return SystemDeclaration.model_validate(
        {
            "system": "loans",
            "owner": "team:credit",
            "purpose": "Decide.",
            "risk": "high",
            "zone": "America/New_York",
            "starts": date(2026, 9, 1),
            "source": {"url_env": "LOANS_URL", "table": "decisions"},
            "columns": {"decision_id": "id", "decided_at": "decided_on", "guidelines": "gdlin"},
            "fields": {"guidelines": {"type": "category"}},
            "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
            "protected_attributes": {"sex": {"table": "people", "key": "person", "column": "gender"}},
            "access_log": {"table": "reads", "columns": COLUMNS},
            "intake": intake,
            "policies": ["house"],
        }
        | attributes
    )


def reads(*rows) -> pl.DataFrame:
    """Rows of (principal, role, field)."""
    return pl.DataFrame(
        [(NOON, principal, role, field, "decisions", "deciding", 1) for principal, role, field in rows],
        schema=READ_SCHEMA,
        orient="row",
    )


MODEL = ("svc-model", "model_role")


@pytest.mark.parametrize(
    ("field", "permitted"),
    [
        ("amount", True),
        ("AMOUNT ", True),
        ("gdlin", True),
        ("guidelines", True),
        ("id", True),
        ("decided_on", True),
        ("person", True),
        ("gender", False),
        ("sex", False),
        ("income", False),
        (None, False),
        ("", False),
    ],
)
def test_the_system_reads_what_is_declared(field, permitted):
    outside = access_outside(reads((*MODEL, field)), declare(), None)
    assert outside.is_empty() == permitted
    if not permitted:
        assert outside.row(0, named=True) == {
            "principal": "svc-model",
            "role": "model_role",
            "field": field,
            "table": "decisions",
            "purpose": "deciding",
            "first": NOON,
            "last": NOON,
            "reads": 1,
        }


def test_never_wins_over_a_declaration():
    control = DataAccess(kind="data_access", never=["guidelines", "sex"])
    log = reads((*MODEL, "gdlin"), (*MODEL, "gender"), (*MODEL, "amount"))
    may = declare(may_read=("amount", "guidelines", "sex"))
    assert access_outside(log, may, control)["field"].to_list() == ["gdlin", "gender"]


def test_read_is_held_within_what_is_both_declared_and_permitted():
    control = DataAccess(kind="data_access", may_read=["income", "gdlin"])
    log = reads((*MODEL, "income"), (*MODEL, "amount"), (*MODEL, "guidelines"))
    assert access_outside(log, declare(), control)["field"].to_list() == ["amount", "income"]
    assert declared_outside(declare(), control) == ["amount"]
    nothing = declare(may_read=())
    assert access_outside(log, nothing, control)["field"].to_list() == ["amount"]
    assert declared_outside(nothing, control) == []


def test_declared_stays_within_permitted_in_every_spelling():
    control = DataAccess(kind="data_access", never=["gdlin", "sex"])
    assert declared_outside(declare(may_read=("guidelines", "amount", "sex")), control) == ["guidelines", "sex"]
    assert declared_outside(declare(), None) == []
    measured = {one.metric: one for one in access_measurements(reads((*MODEL, "amount")), declare(), control)}
    declared = measured["fields_declared_outside"]
    assert (declared.value, declared.n, declared.note) == (1.0, 2, "guidelines")
    assert "fields_granted_outside" not in measured


def test_only_the_reads_of_the_system_are_held_against_it():
    log = reads(
        ("analyst", "analyst", "gender"),
        ("model_role", None, "gender"),
        ("other", "MODEL_ROLE", "income"),
        (None, None, "race"),
        ("analyst", None, "race"),
    )
    outside = access_outside(log, declare())
    assert set(outside["field"]) == {"gender", "income", "race"}
    assert outside["reads"].sum() == 3
    assert access_outside(log, declare(role=None))["reads"].sum() == 5


def test_measurements_count_lines():
    log = reads((*MODEL, "gender"), (*MODEL, "gender"), (*MODEL, "amount"), ("analyst", "analyst", "gender"))
    outside, total, _ = access_measurements(log, declare(), None)
    assert (outside.metric, outside.value, outside.n) == ("reads_outside", 2.0, 3)
    assert (total.metric, total.value, total.n) == ("reads", 3.0, 3)
    assert access_outside(log, declare())["reads"].to_list() == [2]


def test_without_a_log_nothing_is_measured_and_it_says_so(tmp_path):
    declaration = declare(access_log=None)
    log = read_access_log(declaration, DAY, project=tmp_path, environ={})
    assert log.schema == pl.Schema(READ_SCHEMA)
    measured = access_measurements(log, declaration, None)[:2]
    assert [(one.value, one.n) for one in measured] == [(None, 0), (None, 0)]
    assert all("no access log is declared" in one.note for one in measured)


ROWS = [
    ("2026-09-08 09:00:00", "svc", "model_role", "applications", "amount", "deciding", 5),
    ("2026-09-08 10:00:00", "svc", "model_role", "applications", None, "deciding", 5),
    ("2026-09-09 00:00:00", "svc", "model_role", "applications", "amount", "deciding", 5),
]


def build(tmp_path, rows) -> dict[str, str]:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(
            "CREATE TABLE reads (at DATETIME, principal TEXT, role TEXT, tab TEXT, field TEXT, purpose TEXT, rows INTEGER)"
        )
        connection.executemany("INSERT INTO reads VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return {"LOANS_URL": "sqlite:///a.db"}


def test_a_day_is_read_from_a_database(tmp_path):
    log = read_access_log(declare(), DAY, project=tmp_path, environ=build(tmp_path, ROWS))
    assert log.schema == pl.Schema(READ_SCHEMA)
    assert log["read_at"].to_list() == [datetime(2026, 9, 8, hour, tzinfo=UTC) for hour in (13, 14)]
    assert log["field"].to_list() == ["amount", None]
    assert log["rows"].to_list() == [5, 5]


def test_a_day_is_read_from_files_with_fewer_columns(tmp_path):
    (tmp_path / "reads.csv").write_text("at,principal,tab,field\n2026-09-08 09:00:00,model_role,people,gender\n")
    declaration = declare(access_log={"path": "reads.csv", "columns": COLUMNS})
    log = read_access_log(declaration, DAY, project=tmp_path, environ={})
    assert log.select("principal", "role", "field", "table", "rows").rows() == [
        ("model_role", None, "gender", "people", None)
    ]
    assert access_outside(log, declaration).height == 1


def test_reads_without_a_time_are_outside_on_every_day(tmp_path):
    environ = build(tmp_path, [*ROWS, (None, "svc", "model_role", "applications", "race", "x", 1)])
    for day in (DAY, date(2026, 9, 20)):
        log = read_access_log(declare(), day, project=tmp_path, environ=environ)
        assert log["read_at"].null_count() == 1
        assert log.schema == pl.Schema(READ_SCHEMA)
        assert "no readable time" in access_outside(log, declare()).filter(pl.col("first").is_null())["purpose"][0]


def test_a_log_that_names_no_reader_is_refused(tmp_path):
    (tmp_path / "reads.csv").write_text("at,tab,field\n")
    declaration = declare(access_log={"path": "reads.csv", "columns": COLUMNS})
    with pytest.raises(WrongUse, match="neither `principal` nor `role`"):
        read_access_log(declaration, DAY, project=tmp_path, environ={})


def test_a_missing_log_was_not_reached(tmp_path):
    with pytest.raises(SourceUnreachable, match=r"reads\.csv"):
        read_access_log(declare(access_log={"path": "reads.csv"}), DAY, project=tmp_path, environ={})
    with pytest.raises(WrongUse, match="LOANS_URL"):
        read_access_log(declare(), DAY, project=tmp_path, environ={})


@pytest.mark.parametrize("content", ["", "at,principal\n"])
def test_an_empty_log_holds_no_read(tmp_path, content):
    (tmp_path / "reads.csv").write_text(content)
    declared = declare(source={"path": "decisions.csv"}, access_log={"path": "reads.csv", "columns": {"read_at": "at"}})
    log = read_access_log(declared, DAY, project=tmp_path, environ={})
    assert log.is_empty()
    assert log.schema == READ_SCHEMA
