from datetime import UTC, date, datetime

import polars as pl
import pytest

from gov_pipelines.decisions import read_partition
from gov_pipelines.errors import SourceUnreachable, WrongUse

DAY = date(2026, 9, 8)
CSV = """id,decided_on,action,sex,amount
1,2026-09-08 09:00:00,approved,F,10
02,2026-09-08T09:00:00Z,denied,,
3,2026-09-08,denied,"",NaN
4,,denied,F,1
5,08/09/2026,denied,F,1
"""


def test_every_csv_value_is_text_until_the_schema_casts_it(declare, tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    extract = read_partition(declare(source={"path": "*.csv"}), DAY, project=tmp_path, environ={})
    assert extract.log.select("decision_id", "sex", "amount").rows() == [
        ("02", None, None),
        ("1", "F", 10.0),
        ("3", None, None),
    ]
    assert extract.rows.undated == 2
    assert extract.inputs[0].name == "*.csv"


def test_csv_parquet_and_sql_give_one_log(declare, database, tmp_path):
    moment = datetime(2026, 9, 8, 16, 0, 0, 250_000, tzinfo=UTC)
    rows = [("1", moment, "approved", "F", 10.0), ("2", moment, "denied", None, None)]
    frame = pl.DataFrame(rows, schema=["id", "decided_on", "action", "sex", "amount"], orient="row")
    frame.write_parquet(tmp_path / "x.parquet")
    frame.with_columns(pl.col("decided_on").dt.to_string("iso:strict")).write_csv(tmp_path / "x.csv")
    environ = database(
        "CREATE TABLE decisions (id INTEGER, decided_on DATETIME, action TEXT, sex TEXT, amount REAL);",
        decisions=[(int(one), at.isoformat(" "), *rest) for one, at, *rest in rows],
    )
    sources = ({"path": "x.parquet"}, {"path": "x.csv"}, {"url_env": "LOANS_URL", "table": "decisions"})
    logs = [read_partition(declare(source=source), DAY, project=tmp_path, environ=environ).log for source in sources]
    assert logs[0].height == 2
    assert logs[0].equals(logs[1])
    assert logs[0].equals(logs[2])


def test_files_of_a_glob_may_differ_in_types(declare, tmp_path):
    at = [datetime(2026, 9, 8, 12)]
    pl.DataFrame({"id": [1], "decided_on": at, "action": ["denied"], "sex": ["F"], "amount": [1]}).write_parquet(
        tmp_path / "a.parquet"
    )
    pl.DataFrame(
        {
            "id": ["x"],
            "decided_on": at,
            "action": pl.Series(["denied"], dtype=pl.Categorical),
            "sex": [None],
            "amount": [1.5],
        }
    ).write_parquet(tmp_path / "b.parquet")
    log = read_partition(declare(source={"path": "*.parquet"}), DAY, project=tmp_path, environ={}).log
    assert log.select("decision_id", "amount", "sex").rows() == [("1", 1.0, "F"), ("x", 1.5, None)]


def test_nested_values_are_kept_as_json(declare, tmp_path):
    pl.DataFrame(
        {
            "id": ["a", "b"], "decided_on": [datetime(2026, 9, 8, 12)] * 2, "action": ["denied"] * 2, "sex": ["F"] * 2,
            "reason_codes": [["R1", "R2"], None],
        }
    ).write_parquet(tmp_path / "a.parquet")  # fmt: skip
    log = read_partition(declare(source={"path": "a.parquet"}), DAY, project=tmp_path, environ={}).log
    assert log["reason_codes"].to_list() == ['["R1","R2"]', None]


def test_a_path_that_matches_nothing_was_not_reached(declare, tmp_path):
    with pytest.raises(SourceUnreachable, match=r"No file matches `\*.csv`"):
        read_partition(declare(source={"path": "*.csv"}), DAY, project=tmp_path, environ={})


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.xlsx", b"PK"), ("a.parquet", b"no parquet"), ("a.parquet", b""), ("a.csv", b"id,decided_on\n1,2,3,4\n")],
)
def test_an_unreadable_file_is_named(declare, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUse, match=name):
        read_partition(declare(source={"path": name}), DAY, project=tmp_path, environ={})


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", CSV.splitlines()[0], CSV.splitlines()[0] + "\n"])
def test_an_empty_file_or_only_a_header_is_no_rows(declare, tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    extract = read_partition(declare(source={"path": "a.csv"}), DAY, project=tmp_path, environ={})
    assert not any(extract.rows.to_dict().values())
    assert extract.log.is_empty()


def test_json_lines_without_a_line_are_no_rows_and_bottomless_ones_are_told(declare, tmp_path):
    declaration = declare(source={"path": "*.jsonl"})
    (tmp_path / "1.jsonl").write_text("\n")
    (tmp_path / "2.jsonl").write_text('{"id": 1, "decided_on": "2026-09-08T16:00", "action": "denied", "sex": "f"}\n')
    assert read_partition(declaration, DAY, project=tmp_path, environ={}).rows.accepted == 1
    (tmp_path / "3.jsonl").write_text('{"id": ' + "[" * 5000 + "]" * 5000 + "}\n")
    with pytest.raises(WrongUse, match=r"3\.jsonl .* cannot be read"):
        read_partition(declaration, DAY, project=tmp_path, environ={})


def test_moments_of_a_parquet_file_may_have_any_zone(declare, tmp_path):
    moments = [datetime(2026, 9, 8, 16, tzinfo=UTC), datetime(2026, 9, 9, 5, tzinfo=UTC)]
    frame = pl.DataFrame({"id": [1, 2], "decided_on": moments, "action": "denied", "sex": "f"})
    frame.with_columns(pl.col("decided_on").dt.convert_time_zone("Asia/Tokyo")).write_parquet(tmp_path / "log.parquet")
    extract = read_partition(declare(source={"path": "log.parquet"}), DAY, project=tmp_path, environ={})
    assert extract.log["decided_at"].to_list() == moments[:1]


@pytest.mark.parametrize("target", ["folder", "nowhere", "/dev/null"])
def test_what_is_no_file_is_told_in_words(declare, tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.csv").symlink_to(target)
    for path in ("a.csv", "*.csv", "folder", "/dev/null"):
        with pytest.raises(SourceUnreachable, match="is a folder, a device or a link to nothing"):
            read_partition(declare(source={"path": path}), DAY, project=tmp_path, environ={})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
@pytest.mark.parametrize("text", [CSV.replace("sex", "séx"), CSV.replace("F", "é")])
def test_a_csv_that_is_not_utf_8_is_told_so(declare, tmp_path, encoding, text):
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    with pytest.raises(WrongUse) as told:
        read_partition(declare(source={"path": "a.csv"}), DAY, project=tmp_path, environ={})
    assert str(told.value) == "a.csv (of `a.csv`) is not UTF-8; save it as UTF-8."


def test_a_column_that_stands_twice_is_refused_where_it_is_read(declare, tmp_path):
    lines = CSV.splitlines()
    for name, told in (("decided_on", True), ("amount", True), ("nobody_reads_this", False)):
        (tmp_path / "a.csv").write_text("\n".join([f"{lines[0]},{name},{name}", f"{lines[1]},2026-09-09,2026-09-09"]))
        declaration = declare(source={"path": "a.csv"})
        if told:
            with pytest.raises(WrongUse, match=f"more than one column `{name}`"):
                read_partition(declaration, DAY, project=tmp_path, environ={})
        else:
            assert read_partition(declaration, DAY, project=tmp_path, environ={}).rows.accepted == 1


def test_a_missing_column_names_the_nearest(declare, tmp_path):
    (tmp_path / "a.csv").write_text("id,decided_at,action,sex\n")
    with pytest.raises(WrongUse, match=r"`decided_on`: Did you mean `decided_at`\?"):
        read_partition(declare(source={"path": "a.csv"}), DAY, project=tmp_path, environ={})


def test_an_empty_partition_has_the_schema_of_a_full_one(declare, tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    declaration = declare(source={"path": "a.csv"})
    full, empty = (read_partition(declaration, day, project=tmp_path, environ={}) for day in (DAY, date(2026, 9, 20)))
    assert empty.log.schema == full.log.schema
    assert empty.quarantine.schema == full.quarantine.schema
    assert empty.rows.adds_up


def test_a_table_beside_files_is_refused(declare, tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    declaration = declare(source={"path": "a.csv"}, protected_attributes={"sex": {"table": "people"}})
    with pytest.raises(WrongUse, match="Declare `path` instead, or the `url_env`"):
        read_partition(declaration, DAY, project=tmp_path, environ={})
