"""Each test has a database and roles of its own on a real PostgreSQL server."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gov_pipelines.access import Privileges, granted
from gov_pipelines.policy import SystemDeclaration

TABLES = """
CREATE TABLE applications (id int PRIMARY KEY, decided_on timestamptz, action text, amount float, gdlin text, income float);
CREATE TABLE applicants (person int, gender text, race text);
CREATE TABLE reads (at timestamptz, principal text, role text, field text, tab text, purpose text, rows int);
INSERT INTO applications SELECT n, '2026-09-01 12:00+00'::timestamptz + n * interval '1 minute',
    CASE n % 3 WHEN 0 THEN 'denied' ELSE 'approved' END, n, n % 2, n FROM generate_series(1, 30) n;
INSERT INTO applicants SELECT n, CASE n % 2 WHEN 0 THEN 'f' ELSE 'm' END, 'a' FROM generate_series(1, 30) n;
INSERT INTO reads SELECT '2026-09-01 13:00+00', 'svc-model', '{role}', 'amount', 'applications', 'deciding', 1
"""
COLUMNS = """
SELECT n.nspname, c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg%%' AND n.nspname <> 'information_schema'
"""
LEAST = """
REVOKE ALL ON applications, applicants, reads FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT (id, decided_on, amount, gdlin) ON applications TO {role}
"""


class Database:
    """A fresh database, the role `reader` that a system reads with, and other roles by name."""

    def __init__(self, base: sa.URL, number: int) -> None:
        self._base, self._number = base.set(database=f"loans_{number}"), number
        self._run(base, f"CREATE DATABASE {self._base.database}")
        self.reader = self.role("model")
        self.environ = {"LOANS_URL": self.url()}

    def url(self, user: str | None = None) -> str:
        return (self._base.set(username=user) if user else self._base).render_as_string(hide_password=False)

    def role(self, name: str, options: str = "LOGIN") -> str:
        """A new role of this test; roles belong to the whole server."""
        made = f"{name}_{self._number}"
        self._run(self._base, f"CREATE ROLE {made} {options}")
        return made

    def run(self, script: str, user: str | None = None, **names: str) -> None:
        """Run statements; `{role}` is the system's role."""
        self._run(sa.make_url(self.url(user)), *script.format(role=self.reader, **names).split(";"))

    def rows(self, query: str, user: str | None = None) -> list[Any]:
        engine = sa.create_engine(self.url(user), poolclass=sa.NullPool)
        with engine.connect() as connection:
            return [*connection.exec_driver_sql(query).all()]

    def readable(self) -> set[str]:
        """The columns that the system's role can really read: each of every table is tried, as the role."""
        found = set()
        engine = sa.create_engine(self.url(self.reader), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for schema, relation, column in self.rows(COLUMNS):
                try:
                    connection.exec_driver_sql(f'SELECT "{column}" FROM "{schema}"."{relation}" LIMIT 1')
                except sa.exc.ProgrammingError as error:
                    assert "permission denied" in str(error)  # noqa: PT017  (any other error would hide a column)
                    continue
                found.add(f"{schema}.{relation}.{column}")
        return found

    def _run(self, url: sa.URL, *statements: str) -> None:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in filter(str.strip, statements):
                connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.fixture(scope="session")
def fresh_database(postgres_server: sa.URL) -> Callable[[], Database]:
    numbers = itertools.count()
    return lambda: Database(postgres_server, next(numbers))


@pytest.fixture
def loans(fresh_database: Callable[[], Database]) -> Database:
    """Decisions, protected attributes and an access log; the role may read what is declared, and nothing else."""
    database = fresh_database()
    database.run(TABLES)
    database.run(LEAST)
    return database


@pytest.fixture
def declare_loans() -> Callable[..., SystemDeclaration]:
    """The declaration of that database; keywords replace or add attributes."""

    def build(role: str, **attributes: Any) -> SystemDeclaration:
        return SystemDeclaration.model_validate(
            {
                "system": "loans",
                "owner": "team:credit",
                "purpose": "Decide.",
                "risk": "high",
                "zone": "UTC",
                "starts": date(2026, 9, 1),
                "source": {"url_env": "LOANS_URL", "table": "applications"},
                "columns": {
                    "decision_id": "id",
                    "decided_at": "decided_on",
                    "decision": "action",
                    "guidelines": "gdlin",
                },
                "fields": {"guidelines": {"type": "category"}},
                "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
                "protected_attributes": {
                    "sex": {"table": "applicants", "key": "person", "column": "gender"},
                    "race": {"table": "applicants", "key": "person"},
                },
                "access_log": {"table": "reads", "columns": {"read_at": "at", "table": "tab"}},
                "intake": {"may_read": ["amount", "guidelines"], "database_role": role},
                "policies": ["house"],
            }
            | attributes
        )

    return build


@pytest.fixture
def privileges(declare_loans: Callable[..., SystemDeclaration], tmp_path: Path) -> Callable[..., Privileges]:
    """What the database lets its reader read, as the engine finds it; `user` is the account that asks."""

    def read(database: Database, declaration: SystemDeclaration | None = None, user: str | None = None) -> Privileges:
        declared = declaration or declare_loans(database.reader)
        found = granted(declared, project=tmp_path, environ={"LOANS_URL": database.url(user)})
        assert found is not None
        return found

    return read
