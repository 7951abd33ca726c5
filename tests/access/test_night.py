"""Whole nights on PostgreSQL: grants beyond what is declared fail the control, and `gov grants` mends it."""

import json
from datetime import date, timedelta

import pytest
from command import gov, told
from projects import declared, house, night_of, signed, write_project

from gov_pipelines.errors import SourceUnreachable
from gov_pipelines.evidence import verify
from gov_pipelines.store import reading, verdicts_of

DEFS = declared(
    """\
  ends: 2026-09-04
  source: {{url_env: LOANS_URL, table: applications}}
  columns: {{decision_id: id, decided_at: decided_on, decision: action, guidelines: gdlin}}
  fields: {{guidelines: {{type: category}}}}
  outcomes: {{favorable: [approved], unfavorable: [denied]}}
  protected_attributes: {{sex: {{table: applicants, key: person, column: gender}}}}
  access_log: {{table: reads, columns: {{read_at: at, table: tab}}}}
  intake: {{may_read: [amount, guidelines], database_role: {role}, database_url_env: LOANS_URL}}
  operating_range: {{rows_per_day: [0, 1000]}}
"""
)
POLICY = house(
    """\
  - id: H-1
    text: The system reads what is declared for it, and never sex.
    level: intake
    control: {kind: data_access, acts: prevents, never: [sex]}
  - id: H-2
    text: Nothing new reads the data.
    level: runtime
    control: {kind: access_pattern, watch: [principal, hour], reads: [0.5, 2], reference: {from: 2026-09-01, until: 2026-09-02}}
"""
)
DAYS = [date(2026, 9, 1) + timedelta(days=n) for n in range(3)]


@pytest.fixture
def project(loans, tmp_path):
    write_project(tmp_path, DEFS.format(role=loans.reader), POLICY)
    for day in DAYS[1:]:
        loans.run(
            f"INSERT INTO applications SELECT id + {day.day} * 1000, decided_on + {day.day - 1} * interval '1 day', action,"
            "amount, gdlin, income FROM applications WHERE id <= 30;"
            f"INSERT INTO reads SELECT at + {day.day - 1} * interval '1 day', principal, role, field, tab, purpose, rows"
            " FROM reads WHERE at < '2026-09-02'"
        )
    return tmp_path


def audit(project, day, environ):
    one = night_of(project, day, environ=environ)
    signed(one)
    with reading(one.store) as connection:
        found = {each.clause: each for each in verdicts_of(connection, "loans", day)}
    return found, json.loads((one.folder / "access_patterns.json").read_text())


def test_an_excess_grant_fails_the_night_and_the_printed_sql_mends_the_next(project, loans):
    loans.run("GRANT SELECT ON applicants TO PUBLIC; GRANT SELECT (income) ON applications TO {role}")
    found, patterns = audit(project, DAYS[0], loans.environ)
    verdict = found["H-1"]
    assert (verdict.verdict, verdict.acts, verdict.metric) == ("fail", "prevents", "fields_granted_outside")
    assert "3 of 8 columns granted in the database are outside" in verdict.reason
    assert "public.applicants.gender (granted to PUBLIC on the table)" in verdict.reason
    assert {(one["relation"], one["column"], one["routes"]) for one in patterns["granted"]} == {
        ("public.applicants", "gender", "granted to PUBLIC on the table"),
        ("public.applicants", "race", "granted to PUBLIC on the table"),
        ("public.applications", "income", f"granted to {loans.reader} on the column"),
    }
    asked = {"home": project / ".gov", "cwd": project, "env": loans.environ}
    said = told("grants", "loans", "--compare", "--date", "2026-09-01", **asked, check=1).stdout
    assert "granted outside: public.applicants.race: granted to PUBLIC on the table" in said
    assert "read       applications.amount" in said
    loans.run(gov("grants", "loans", **asked, check=0).stdout)
    compared = json.loads(
        told("grants", "loans", "--compare", "--date", "2026-09-01", "--json", **asked, check=0).stdout
    )
    assert compared["outside"] == []
    assert compared["declared"] == ["amount", "guidelines"]
    found, patterns = audit(project, DAYS[1], loans.environ)
    assert found["H-1"].verdict == "pass"
    assert "nor any of 4 granted columns" in found["H-1"].reason
    assert patterns["granted"] == []
    assert verify.verify(project / ".gov" / "evidence").ok


def test_a_silent_database_stops_the_night_and_a_role_it_lacks_is_no_pass(project, loans):
    file = project / "assets" / "loans" / "defs.yaml"
    defs = file.read_text()
    file.write_text(defs.replace(f"role: {loans.reader}", "role: nobody_here"))
    loans.run("UPDATE reads SET role = 'nobody_here'")
    found, _ = audit(project, DAYS[0], loans.environ)
    assert found["H-1"].verdict == "insufficient"
    assert "the database has no role nobody_here" in found["H-1"].reason
    file.write_text(defs.replace("url_env: LOANS_URL}", "url_env: GRANTS_URL}"))
    gone = {"GRANTS_URL": "postgresql+psycopg://x:secret@127.0.0.1:9/loans"}
    with pytest.raises(SourceUnreachable, match="GRANTS_URL"):
        audit(project, DAYS[1], loans.environ | gone)


def test_reads_unlike_those_of_the_reference_are_told(project, loans):
    loans.run(
        "INSERT INTO reads VALUES ('2026-09-02 03:00+00', 'svc-report', '{role}', 'amount', 'applications', 'reporting', 1),"
        "('2026-09-02 03:30+00', 'svc-report', '{role}', 'amount', 'applications', 'reporting', 1)"
    )
    before, _ = audit(project, DAYS[0], loans.environ)
    assert before["H-2"].verdict == "insufficient"  # compared with itself, nothing is ever new
    found, patterns = audit(project, DAYS[1], loans.environ)
    assert (found["H-2"].verdict, found["H-2"].threshold) == (
        "fail", "at most 0 new principals, hours; reads at least 0.5 and at most 2 times the reference's",
    )  # fmt: skip
    assert [(one["column"], one["value"], one["reads"]) for one in patterns["new"]] == [
        ("hour", "03", 2),
        ("principal", "svc-report", 2),
    ]
    assert "principal svc-report" in patterns["new"][0]["example"]
    assert "svc-report" not in found["H-2"].reason
    asked = {"home": project / ".gov", "cwd": project, "env": loans.environ}
    assert "value svc-report" in told("access", "loans", "--date", DAYS[1], **asked, check=0).stdout
    assert (
        json.loads(told("access", "loans", "--date", DAYS[1], "--json", **asked, check=0).stdout)["new"]
        == patterns["new"]
    )
    told("access", "loans", "--date", DAYS[2], **asked, check=2)
    found, _ = audit(project, DAYS[2], loans.environ)
    assert found["H-2"].verdict == "pass", found["H-2"].reason


def test_a_reference_that_was_not_audited_is_no_reference(project, loans):
    found, _ = audit(project, DAYS[1], loans.environ)
    assert found["H-2"].verdict == "insufficient"
    assert "the reference has 0 of its 1 days" in found["H-2"].reason
