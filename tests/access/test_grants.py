"""Excess privileges on real PostgreSQL: each is found, with the route by which the role has it."""

import json
import re

import polars as pl
import pytest
import sqlalchemy as sa

from gov_pipelines.access import Privileges, access_measurements, granted, granted_outside
from gov_pipelines.access.log import READ_SCHEMA
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy.kinds import DataAccess

RACE = "public.applicants.race"
READS = pl.DataFrame(schema=READ_SCHEMA)
INCOME = "public.applications.income"

# What is done, as roles and statements; the column it opens, and the route that must be told.
OPENED = {
    "granted directly": ({}, "GRANT SELECT ON applicants TO {role}", RACE, "granted to {role} on the table"),
    "a column": ({}, "GRANT SELECT (race) ON applicants TO {role}", RACE, "granted to {role} on the column"),
    "one more column": ({}, "GRANT SELECT (income) ON applications TO {role}", INCOME, "granted to {role} on the column"),
    "PUBLIC": ({}, "GRANT SELECT ON applicants TO PUBLIC", RACE, "granted to PUBLIC on the table"),
    "a column to PUBLIC": ({}, "GRANT SELECT (race) ON applicants TO PUBLIC", RACE, "granted to PUBLIC on the column"),
    "a parent role": (
        {"staff": ""}, "GRANT SELECT ON applicants TO {staff}; GRANT {staff} TO {role}",
        RACE, "granted to {staff} on the table, {role} is a member of {staff}",
    ),
    "a role two steps up": (
        {"staff": "", "team": ""},
        "GRANT SELECT ON applicants TO {staff}; GRANT {staff} TO {team}; GRANT {team} TO {role}",
        RACE, "granted to {staff} on the table, {role} is a member of {team}, {team} is a member of {staff}",
    ),
    "SET ROLE without inheritance": (
        {"staff": ""},
        ("GRANT SELECT ON applicants TO {staff}; GRANT USAGE ON SCHEMA public TO {staff};"
        "GRANT {staff} TO {role} WITH INHERIT FALSE, SET TRUE"),
        RACE, "granted to {staff} on the table, {role} may SET ROLE to {staff}",
    ),
    "ADMIN alone": (
        {"staff": ""},
        "GRANT SELECT ON applicants TO {staff}; GRANT {staff} TO {role} WITH INHERIT FALSE, SET FALSE, ADMIN TRUE",
        RACE, "granted to {staff} on the table, {role} may grant itself {staff}",
    ),
    "ownership": ({}, "ALTER TABLE applicants OWNER TO {role}", RACE, "owned by {role}"),
    "ownership, SELECT revoked": (
        {}, "ALTER TABLE applicants OWNER TO {role}; REVOKE ALL ON applicants FROM {role}", RACE, "owned by {role}",
    ),
    "ownership by a parent role": (
        {"staff": ""}, "ALTER TABLE applicants OWNER TO {staff}; GRANT {staff} TO {role}",
        RACE, "owned by {staff}, {role} is a member of {staff}",
    ),
    "superuser": ({}, "ALTER ROLE {role} SUPERUSER", RACE, "{role} is a superuser"),
    "a superuser to become": (
        {"staff": "SUPERUSER"}, "GRANT {staff} TO {role}", RACE, "{staff} is a superuser, {role} may SET ROLE to {staff}",
    ),
    "pg_read_all_data": (
        {}, "GRANT pg_read_all_data TO {role}", RACE, "pg_read_all_data, {role} is a member of pg_read_all_data",
    ),
    "a view": (
        {}, "CREATE VIEW v AS SELECT race AS amount FROM applicants; GRANT SELECT ON v TO {role}",
        RACE, "through view public.v with the rights of postgres",
    ),
    "a view of a view": (
        {}, ("CREATE VIEW w AS SELECT race AS r FROM applicants; CREATE VIEW v AS SELECT r AS amount FROM w;"
        "GRANT SELECT ON v TO {role}"),
        RACE, "through view public.v over view public.w with the rights of postgres",
    ),
    "a view of whole rows": (
        {}, "CREATE VIEW v AS SELECT to_jsonb(a) AS amount FROM applicants a; GRANT SELECT ON v TO {role}",
        RACE, "through view public.v with the rights of postgres",
    ),
    "a materialized view": (
        {}, "CREATE MATERIALIZED VIEW m AS SELECT race AS amount FROM applicants; GRANT SELECT ON m TO {role}",
        RACE, "through materialized view public.m",
    ),
    "a view over a materialized view": (
        {}, ("CREATE MATERIALIZED VIEW m AS SELECT race AS r FROM applicants; CREATE VIEW v AS SELECT r AS amount FROM m;"
        "GRANT SELECT ON v TO {role}"),
        RACE, "through view public.v over materialized view public.m",
    ),
    "a view of constants": (
        {}, "CREATE VIEW v AS SELECT 1 AS amount; GRANT SELECT ON v TO {role}",
        "public.v.amount", "granted to {role} on the view",
    ),
    "a partition": (
        {}, ("CREATE TABLE p (amount int, race text) PARTITION BY LIST (race);"
        "CREATE TABLE p1 PARTITION OF p DEFAULT; GRANT SELECT ON p1 TO {role}"),
        "public.p1.race", "granted to {role} on the table",
    ),
    "another schema": (
        {}, ("CREATE SCHEMA hidden; CREATE TABLE hidden.people (race text); GRANT SELECT ON hidden.people TO {role};"
        "GRANT USAGE ON SCHEMA hidden TO {role}"),
        "hidden.people.race", "granted to {role} on the table",
    ),
    "ownership of the schema": (
        {}, ("CREATE SCHEMA hidden; CREATE TABLE hidden.people (race text); GRANT SELECT ON hidden.people TO {role};"
        "ALTER SCHEMA hidden OWNER TO {role}; REVOKE ALL ON SCHEMA hidden FROM {role}"),
        "hidden.people.race", "granted to {role} on the table",
    ),
    "a default privilege": (
        {}, "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
        "any table to come in public", "default privilege: what postgres makes is granted to {role}",
    ),
    "a default privilege of PUBLIC": (
        {}, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "any table to come in any schema", "default privilege: what postgres makes is granted to PUBLIC",
    ),
    "a default privilege of a parent": (
        {"staff": ""},
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {staff}; GRANT {staff} TO {role}",
        "any table to come in public",
        "default privilege: what postgres makes is granted to {staff}, {role} is a member of {staff}",
    ),
}  # fmt: skip


def opened(loans, roles, script):
    names = {name: loans.role(name, options) for name, options in roles.items()}
    loans.run(script, **names)
    return names


@pytest.mark.parametrize("case", OPENED)
def test_an_excess_is_found_with_its_route(loans, privileges, declare_loans, case):
    roles, script, column, route = OPENED[case]
    names = opened(loans, roles, script)
    declaration = declare_loans(loans.reader)
    outside = {one.name: one.routes for one in granted_outside(privileges(loans), declaration)}
    assert route.format(role=loans.reader, **names) in outside[column]


_NOT_AT_ONCE = {
    "SET ROLE without inheritance",
    "ADMIN alone",
    "a superuser to become",
    "ownership, SELECT revoked",
    "ownership of the schema",
}


@pytest.mark.parametrize("case", [case for case in OPENED if case not in _NOT_AT_ONCE])
def test_what_is_found_is_what_can_be_read(loans, privileges, case):
    roles, script, *_ = OPENED[case]
    opened(loans, roles, script)
    direct = {
        one.name for one in privileges(loans).columns if not all(route.startswith("through") for route in one.routes)
    }
    assert direct == loans.readable()


def outside(loans, privileges, declaration):
    return [one.name for one in granted_outside(privileges(loans, declaration), declaration)]


def test_least_privilege_has_no_finding(loans, privileges, declare_loans):
    found = privileges(loans)
    assert [one.name for one in found.columns] == [
        f"public.applications.{column}" for column in ("amount", "decided_on", "gdlin", "id")
    ]
    assert granted_outside(found, declare_loans(loans.reader)) == []
    assert found.notes == ()
    (measured,) = access_measurements(READS, declare_loans(loans.reader), None, found)[3:]
    assert (measured.metric, measured.value, measured.n, measured.note) == ("fields_granted_outside", 0.0, 4, None)


# What gives the role nothing beyond what is declared.
HARMLESS = {
    "no USAGE": "CREATE SCHEMA hidden; CREATE TABLE hidden.people (race text); GRANT SELECT ON hidden.people TO {role}",
    "other privileges": "GRANT INSERT, UPDATE, DELETE ON applicants TO {role}",
    "another role": "GRANT SELECT ON applicants TO {staff}",
    "membership without use": "GRANT SELECT ON applicants TO {staff}; GRANT {staff} TO {role} WITH INHERIT FALSE, SET FALSE",
    "SET after INHERIT alone": "GRANT SELECT ON applicants TO {staff}; GRANT {staff} TO {team} WITH INHERIT FALSE, SET TRUE;"
    "GRANT {team} TO {role} WITH INHERIT TRUE, SET FALSE",
    "a view of permitted columns": "CREATE VIEW v AS SELECT amount AS sum FROM applications; GRANT SELECT ON v TO {role}",
    "a view whose owner may not read": "CREATE VIEW v AS SELECT race FROM applicants; ALTER VIEW v OWNER TO {staff};"
    "GRANT SELECT ON v TO {role}",
    "a view with the reader's rights": "CREATE VIEW v WITH (security_invoker) AS SELECT race FROM applicants;"
    "GRANT SELECT ON v TO {role}",
    "a key": "GRANT SELECT (person) ON applicants TO {role}",
    "its own tables to come": "ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO PUBLIC",
    "a default without USAGE": "CREATE SCHEMA hidden;"
    "ALTER DEFAULT PRIVILEGES IN SCHEMA hidden GRANT SELECT ON TABLES TO {role}",
}  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS)
def test_what_opens_nothing_is_no_finding(loans, privileges, declare_loans, case):
    opened(loans, {"staff": "", "team": ""}, HARMLESS[case])
    assert outside(loans, privileges, declare_loans(loans.reader)) == []


def test_a_view_with_the_readers_rights_opens_what_the_reader_may_read(loans, privileges, declare_loans):
    loans.run(
        "CREATE VIEW i WITH (security_invoker) AS SELECT race FROM applicants;"
        "CREATE VIEW above AS SELECT race AS amount FROM i; GRANT SELECT ON i, above TO {role}"
    )
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table applicants"):
        loans.rows("SELECT amount FROM above", user=loans.reader)
    assert RACE not in outside(loans, privileges, declare_loans(loans.reader))
    loans.run("GRANT SELECT ON applicants TO {role}")
    found = {one.name: one.routes for one in granted_outside(privileges(loans), declare_loans(loans.reader))}
    assert f"through view public.above over view public.i with the rights of {loans.reader}" in found[RACE]
    assert f"through view public.i with the rights of {loans.reader}" in found[RACE]


def test_partitions_of_the_declared_table_are_the_declared_table(loans, privileges, declare_loans):
    loans.run(
        "CREATE TABLE parted (id int, decided_on timestamptz, amount float, income float) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9); GRANT SELECT (amount, income) ON part TO {role}"
    )
    declaration = declare_loans(loans.reader, source={"url_env": "LOANS_URL", "table": "parted"})
    found = outside(loans, privileges, declaration)
    assert "public.part.income" in found
    assert "public.part.amount" not in found
    assert "public.applications.amount" in found  # no longer the declared table


def test_a_declared_view_is_taken_at_its_word(loans, privileges, declare_loans):
    loans.run("CREATE VIEW shown AS SELECT * FROM applications; GRANT SELECT (id, amount, income) ON shown TO {role}")
    declaration = declare_loans(loans.reader, source={"url_env": "LOANS_URL", "table": "public.shown"})
    assert [name for name in outside(loans, privileges, declaration) if "applications" not in name] == [
        "public.shown.income"
    ]


def test_never_is_refused_even_where_declared_or_a_key(loans, privileges, declare_loans):
    loans.run("GRANT SELECT (person) ON applicants TO {role}")
    control = DataAccess(kind="data_access", never=["gdlin", "person"])
    found = granted_outside(privileges(loans), declare_loans(loans.reader), control)
    assert [one.name for one in found] == ["public.applicants.person", "public.applications.gdlin"]


def test_what_grants_cannot_tell_is_noted(loans, privileges, declare_loans):
    loans.run(
        "CREATE FUNCTION races() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT race FROM applicants';"
        "ALTER TABLE applications ENABLE ROW LEVEL SECURITY; CREATE POLICY larger ON applications USING (amount > 5);"
        "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far;"
        "CREATE FOREIGN TABLE outer_world (line text) SERVER away;"
        "GRANT SELECT ON outer_world TO {role}; GRANT pg_read_server_files TO {role}; ALTER ROLE {role} REPLICATION"
    )
    found = privileges(loans)
    for words in (
        r"public\.races\(\) may be executed and runs with the rights of postgres: what it reads cannot be told",
        r"public\.applications has row-level security: it may limit the rows, never the columns",
        r"public\.outer_world is a foreign table",
        r"pg_read_server_files reads the server's files past every grant",
        r"may replicate",
    ):
        assert any(re.search(words, note) for note in found.notes), words
    assert outside(loans, privileges, declare_loans(loans.reader)) == ["public.outer_world.line"]
    (measured,) = access_measurements(READS, declare_loans(loans.reader), None, found)[3:]
    assert "5 things that grants do not tell" in measured.note


def test_a_function_in_a_view_leaves_the_view_to_be_judged_by_itself(loans, privileges, declare_loans):
    loans.run(
        "CREATE FUNCTION race_of(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT race FROM applicants LIMIT 1';"
        "CREATE VIEW v AS SELECT amount, race_of(id) AS race FROM applications; GRANT SELECT ON v TO {role}"
    )
    assert "public.v.race" in outside(loans, privileges, declare_loans(loans.reader))


def test_any_account_may_ask(loans, privileges):
    nobody = loans.role("nobody")
    loans.run("CREATE VIEW v AS SELECT race FROM applicants; GRANT SELECT ON v TO {role}")
    assert privileges(loans, user=nobody) == privileges(loans)


def test_what_was_found_survives_json(loans, privileges):
    loans.run("GRANT SELECT ON applicants TO {role}")
    found = privileges(loans)
    assert Privileges.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_role_that_the_database_lacks_is_not_taken_for_one_without_rights(loans, privileges, declare_loans):
    declaration = declare_loans("nobody_at_all")
    found = privileges(loans, declaration)
    assert not found.exists
    (measured,) = access_measurements(READS, declaration, None, found)[3:]
    assert (measured.value, measured.note) == (None, "the database has no role nobody_at_all")


def test_a_database_that_is_silent_or_another_is_told(loans, declare_loans, tmp_path):
    asked = {"declaration": declare_loans(loans.reader), "project": tmp_path}
    gone = "postgresql+psycopg://model:secret@127.0.0.1:9/loans"
    with pytest.raises(SourceUnreachable, match="LOANS_URL") as caught:
        granted(**asked, environ={"LOANS_URL": gone})
    assert "secret" not in str(caught.value)
    lite = {"LOANS_URL": "sqlite://", "GRANTS_URL": "sqlite://"}
    assert granted(**asked, environ=lite) is None
    intake = {"may_read": ["amount"], "database_role": loans.reader, "database_url_env": "GRANTS_URL"}
    with pytest.raises(WrongUse, match="GRANTS_URL names no PostgreSQL database"):
        granted(declare_loans(loans.reader, intake=intake), project=tmp_path, environ=lite)
    assert granted(declare_loans(loans.reader, intake={}), project=tmp_path, environ=loans.environ) is None
