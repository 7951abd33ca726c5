"""Protected attributes of another database: joined by key when groups are counted, and in no file row by row."""

import json
import sqlite3
from datetime import date

import polars as pl
import pytest
from projects import declared, house, night_of, signed, write_project

from gov_pipelines.measure import tally_from_json
from gov_pipelines.policy import lint, log_schema

DEFS = declared(
    """\
  ends: 2026-09-10
  source: {url_env: LOANS_URL, table: decisions}
  columns: {decision_id: id, decided_at: decided_on, decision: action}
  outcomes: {favorable: [approved], unfavorable: [denied]}
  protected_attributes:
    sex: {}
    creed: {url_env: PEOPLE_URL, table: people, key: applicant, column: faith}
""",
    starts="2026-09-08",
)
POLICY = house(
    """\
  - id: F
    text: Creeds are treated alike.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [creed], at_least: 0.8, min_group_size: 30}
  - id: S
    text: Sexes are treated alike.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, min_group_size: 30}
"""
)
PLANTED = ("zoroastrian-planted", "quaker-planted")
MOMENT = "2026-09-08 10:00:00"


@pytest.fixture
def project(tmp_path):
    write_project(tmp_path, DEFS, POLICY)
    decisions = [
        (f"decision-{n:04}", MOMENT, "denied" if n % 2 and n % 3 else "approved", "fm"[n % 4 > 1]) for n in range(400)
    ]
    people = [(row[0], PLANTED[n % 2]) for n, row in enumerate(decisions[:390])]
    contradicted = [(decisions[0][0], PLANTED[1]), ("someone else", PLANTED[1])]
    for name, columns, rows in (
        ("loans", "decisions (id TEXT, decided_on DATETIME, action TEXT, sex TEXT)", decisions),
        ("people", "people (applicant TEXT, faith TEXT)", people + contradicted),
    ):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.execute(f"CREATE TABLE {columns}")
            table, marks = columns.split()[0], ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.close()
    return tmp_path


def audited(project):
    one = night_of(
        project, date(2026, 9, 8), environ={"LOANS_URL": "sqlite:///loans.db", "PEOPLE_URL": "sqlite:///people.db"}
    )
    return one, signed(one)


def test_groups_of_another_database_are_counted_and_never_stored_with_a_decision(project):
    one, told = audited(project)
    assert "creed" not in pl.read_parquet(one.folder / "decision_log.parquet").columns
    cells = tally_from_json((one.folder / "tally.json").read_bytes()).cells
    counted = dict(cells.group_by("creed").agg(pl.col("n").sum()).rows())
    assert counted == {PLANTED[0]: 194, PLANTED[1]: 195, None: 11}
    assert (
        told["tally"].metadata["notes"] == "people contradicts itself on creed for 1 decisions; they count as unknown"
    )
    measured = json.loads((one.folder / "fairness_metrics.json").read_text())
    ratio = next(
        row["value"] for row in measured["house/F"] if row["metric"] == "impact_ratio" and row["group"] is None
    )
    assert ratio == pytest.approx(cells.filter(pl.col("creed") == PLANTED[1], outcome="favorable")["n"].sum() / 195)
    opinion = json.loads((one.folder / "second_opinion.json").read_text())
    assert (opinion["rows"], opinion["agrees"]) == ("tally cells", True)
    with_groups = 0
    for file in filter(lambda path: path.is_file(), (project / ".gov").rglob("*")):
        text = (
            str(pl.read_parquet(file).to_dicts())
            if file.suffix == ".parquet"
            else file.read_bytes().decode(errors="replace")
        )
        holds = any(value in text for value in PLANTED)
        with_groups += holds
        assert not (holds and "decision-0" in text), file
    assert with_groups  # counts by group are kept


def test_in_log_says_otherwise(project):
    file = project / "assets" / "loans" / "defs.yaml"
    file.write_text(DEFS.replace("column: faith}", "column: faith, in_log: true}"))
    one, _ = audited(project)
    assert pl.read_parquet(one.folder / "decision_log.parquet")["creed"].n_unique() == 3
    assert json.loads((one.folder / "second_opinion.json").read_text())["rows"] == "accepted rows"


@pytest.mark.parametrize(
    ("clause", "problem"),
    [
        ("control: {kind: decision_rule, must: \"creed != 'quaker'\"}", "`creed` comes from another source and is not in the log"),
        (
            "control: {kind: fairness, metric: scoring_impact_ratio, by: [creed], at_least: 0.8}",
            "scores are ranked over the rows of a window, which do not have creed",
        ),
    ],
)  # fmt: skip
def test_a_control_that_needs_rows_with_the_attribute_is_refused(project, clause, problem):
    text = POLICY + f"  - id: X\n    text: Words.\n    level: runtime\n    {clause}\n"
    (project / "expectations" / "house.yaml").write_text(text)
    mistakes = lint(project / "assets", project / "expectations")
    assert any(problem in str(mistake) for mistake in mistakes), [str(mistake) for mistake in mistakes]


def test_what_is_kept_by_default(declare):
    beside = {"sex": {"table": "people", "key": "id"}}
    assert "sex" in log_schema(declare(protected_attributes=beside))
    for other in (
        {"url_env": "PEOPLE_URL", "table": "people"},
        {"path": "people.csv"},
        {"table": "p", "in_log": False},
    ):
        declaration = declare(protected_attributes={"sex": other})
        assert "sex" not in log_schema(declaration)
        assert declaration.attributes_apart == ["sex"]
    files = declare(source={"path": "a.csv"}, protected_attributes={"sex": {"path": "people.csv"}})
    assert files.attributes_in_log == ["sex"]
    with pytest.raises(ValueError, match="beside the decisions"):
        declare(protected_attributes={"sex": {"in_log": False}})
