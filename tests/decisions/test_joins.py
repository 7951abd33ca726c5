from datetime import UTC, date, datetime

import pytest

from gov_pipelines.decisions import read_partition

DAY = date(2026, 9, 8)
SCRIPT = """
CREATE TABLE decisions (id INTEGER, decided_on DATETIME, action TEXT);
CREATE TABLE people (id TEXT, race TEXT, gender INTEGER);
CREATE TABLE reviews (id TEXT, who TEXT, role TEXT, at DATETIME);
"""
DECISIONS = [(n, "2026-09-08 10:00:00", "denied") for n in range(1, 6)]
PROTECTED = {
    "race": {"table": "people", "key": "id", "unknown": ["?", "n/a"]},
    "sex": {"table": "people", "key": "id", "column": "gender"},
}
PEOPLE = [
    ("1", "white", 1),
    ("2", "?", 0),
    ("3", "white", 1),
    ("3", "Black", 1),
    ("4", "Black", None),
    ("4", None, 0),
    ("99", "white", 1),
]


def read(declaration, tmp_path, environ, **more):
    return read_partition(declaration, DAY, project=tmp_path, environ=environ, **more)


def test_attributes_come_by_key_from_another_table(declare, database, tmp_path):
    environ = database(SCRIPT, decisions=DECISIONS, people=PEOPLE)
    extract = read(declare(protected_attributes=PROTECTED), tmp_path, environ)
    assert extract.log.select("decision_id", "race", "sex").rows() == [
        ("1", "white", "1"),
        ("2", None, "0"),
        ("3", None, "1"),
        ("4", "Black", "0"),
        ("5", None, None),
    ]
    assert extract.notes == ("people contradicts itself on race for 1 decisions; they count as unknown",)
    assert [(one.name, one.rows) for one in extract.inputs] == [("decisions", 5), ("people", 6)]


def test_attributes_come_from_a_file_beside_a_database(declare, database, tmp_path):
    environ = database(SCRIPT, decisions=DECISIONS)
    (tmp_path / "people.csv").write_text("person,race\n1.0,white\n2,Black\n")
    protected = {"race": {"path": "people.csv", "key": "person", "in_log": True}}
    extract = read(declare(protected_attributes=protected), tmp_path, environ)
    assert extract.log["race"].to_list() == ["white", "Black", None, None, None]


@pytest.mark.parametrize("kind", ["INTEGER", "TEXT", "REAL", ""])
def test_ids_that_another_source_writes_otherwise_are_found_in_a_database(declare, database, tmp_path, kind):
    database(f"CREATE TABLE labels (k {kind}, ok INTEGER); INSERT INTO labels VALUES (7, 1), (8, 1), (9, 0)")
    (tmp_path / "log.csv").write_text(
        "id,decided_on,action,sex\n" + "".join(f"{n},2026-09-08T16:00:00,denied,f\n" for n in ("7.0", " 8 ", "9"))
    )
    label = {"url_env": "P", "table": "labels", "key": "k", "column": "ok", "positive": 1, "matures_after": "7 days"}
    declaration = declare(source={"path": "log.csv"}, label=label)
    extract = read(declaration, tmp_path, {"P": "sqlite:///source.db"})
    assert extract.log["label"].to_list() == ["1", "1", "0"]


REVIEWS = {"table": "reviews", "key": "id", "columns": {"reviewer": "who", "reviewer_role": "role", "reviewed_at": "at"}}  # fmt: skip


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (None, ("late", "senior")),
        (datetime(2026, 9, 8, 20, tzinfo=UTC), ("early", "junior")),
        (datetime(2026, 9, 8, 10, tzinfo=UTC), (None, None)),
    ],
)
def test_the_last_review_that_has_happened_counts(declare, database, tmp_path, as_of, expected):
    reviews = [
        ("1", "late", "senior", "2026-09-09 10:00:00"),
        ("1", "early", "junior", "2026-09-08 11:00:00"),
        ("2", "never", "senior", "some day"),
    ]
    environ = database(SCRIPT, decisions=DECISIONS, people=PEOPLE, reviews=reviews)
    extract = read(declare(protected_attributes=PROTECTED, reviews=REVIEWS), tmp_path, environ, as_of=as_of)
    assert extract.log.height == 5
    assert extract.log.select("reviewer", "reviewer_role").row(0) == expected
    assert extract.log["reviewed_at"][1] is None
    assert extract.notes[-1] == "1 rows of reviews have no readable `at`"


def test_ids_of_another_type_are_the_same_ids(declare, database, tmp_path):
    script = SCRIPT.replace("people (id TEXT", "people (id REAL")
    environ = database(script, decisions=DECISIONS, people=[(1.0, "white", 1), (2.0, "Black", 0)])
    extract = read(declare(protected_attributes=PROTECTED), tmp_path, environ)
    assert extract.log["race"].to_list() == ["white", "Black", None, None, None]


@pytest.mark.parametrize("headers", [("", ""), ("id,sex\n", "id,reviewed_at\n")])
def test_empty_files_beside_the_decisions_join_nothing(declare, tmp_path, headers):
    (tmp_path / "a.csv").write_text("id,decided_on,action\n1,2026-09-08,denied\n")
    for name, header in zip(("people", "reviews"), headers, strict=True):
        (tmp_path / f"{name}.csv").write_text(header)
    people, reviews = ({"path": f"{name}.csv", "key": "id"} for name in ("people", "reviews"))
    declaration = declare(source={"path": "a.csv"}, protected_attributes={"sex": people}, reviews=reviews)
    log = read_partition(declaration, date(2026, 9, 8), project=tmp_path, environ={}).log
    assert log.select("sex", "reviewer").rows() == [(None, None)]


LABELS = {
    "table": "outcomes",
    "key": "id",
    "column": "repaid",
    "at": "known",
    "positive": True,
    "matures_after": "7 days",
}


def test_the_last_label_known_by_then_comes_from_another_database(declare, database, tmp_path):
    environ = database(SCRIPT, decisions=DECISIONS) | {"OUTCOMES_URL": "sqlite:///outcomes.db"}
    outcomes = [(1, "no", "2026-09-20 10:00:00"), (1, "yes", "2026-09-22 10:00:00"), (2, "no", None), (9, "no", None)]
    database("CREATE TABLE outcomes (id TEXT, repaid TEXT, known DATETIME);", name="outcomes.db", outcomes=outcomes)
    declaration = declare(protected_attributes={"sex": {"table": "people", "key": "id", "column": "gender"}},
                          label=LABELS | {"url_env": "OUTCOMES_URL"})  # fmt: skip
    for as_of, first in (
        (datetime(2026, 9, 15, tzinfo=UTC), None),
        (datetime(2026, 9, 21, tzinfo=UTC), "no"),
        (None, "yes"),
    ):
        log = read(declaration, tmp_path, environ, as_of=as_of).log
        assert log["label"].to_list() == [first, "no", None, None, None]
        assert (log["label_at"][0] is None) == (first is None)


def test_a_label_without_a_moment_is_a_column_of_another_table(declare, database, tmp_path):
    script = SCRIPT + "CREATE TABLE outcomes (id INTEGER, repaid INTEGER);"
    environ = database(script, decisions=DECISIONS, outcomes=[(1, 1), (2, 0)])
    label = {name: value for name, value in LABELS.items() if name != "at"}
    declaration = declare(
        protected_attributes={"sex": {"table": "people", "key": "id", "column": "gender"}}, label=label
    )
    assert read(declaration, tmp_path, environ).log["label"].to_list() == ["1", "0", None, None, None]
