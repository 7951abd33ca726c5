"""Least privilege as SQL: what takes from a role all that it need not read, and leaves what it must."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gov_pipelines.access.fields import allowed_fields, columns_of, declared_fields, tables_of
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import DataAccess

_SCHEMA = "public"


def grant_statements(
    declaration: SystemDeclaration, controls: Sequence[DataAccess], *, view: str | None = None
) -> list[str]:
    """SQL for PostgreSQL that leaves the system's role exactly the reads that are declared and permitted.

    In every schema that the declaration names a table of, the role and PUBLIC lose every privilege on every table; the
    role then gets USAGE and SELECT on single columns, or a view of these alone. Memberships, ownership and default
    privileges are not touched: they belong to other roles too. A table without a schema is taken to be in `public`.

    Args:
        declaration: the system's; it must name `intake.database_role` and a source table.
        controls: the `data_access` controls in force; a field must be permitted by all of them.
        view: name of a view to make, `name` or `schema.name`; else columns are granted.

    Raises:
        WrongUse: no role or table is declared, or a view is asked for where fields stand in several tables.
    """
    role, table = declaration.intake.database_role, declaration.source.table
    if role is None or table is None:
        missing = "`intake.database_role`" if role is None else "`source.table`"
        raise WrongUse(
            f"{declaration.system} declares no {missing}, so there is nothing to grant. Declare it in defs.yaml."
        )
    allowed = [allowed_fields(declaration, control) for control in controls] or [declared_fields(declaration, None)]
    wanted = [name for name in allowed[0] if all(name in each for each in allowed)]
    columns: dict[str, list[str]] = defaultdict(list)
    for name, column in columns_of(declaration, wanted):
        columns[name or table].append(column)
    target = f"{_schema(table)}.{view}" if view is not None and "." not in view else view
    schemas = sorted({_schema(name) for name in (*tables_of(declaration), *([target] if target else []))})
    statements: list[str] = []
    if target is not None:
        if len(columns) > 1:
            others = ", ".join(sorted(columns.keys() - {table}))
            raise WrongUse(f"Some fields stand in {others}, and a view is of one table. Grant columns instead.")
        of = f"SELECT {_listed(columns[table])} FROM {_relation(table)}"  # noqa: S608  (identifiers are quoted)
        statements.append(f"CREATE OR REPLACE VIEW {_relation(target)} WITH (security_barrier = true) AS {of}")
        columns = {target: columns[table]}
    reader = quoted(role)
    for schema in map(quoted, schemas):
        statements += [f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {whom}" for whom in (reader, "PUBLIC")]
        statements.append(f"REVOKE ALL ON SCHEMA {schema} FROM {reader}")
    used = sorted({_schema(name) for name in columns})
    statements += [f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {reader}" for schema in used]
    selected = columns.items()
    statements += [f"GRANT SELECT ({_listed(names)}) ON {_relation(name)} TO {reader}" for name, names in selected]
    return statements


def quoted(name: str) -> str:
    """An identifier as PostgreSQL reads it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def _schema(table: str) -> str:
    return table.rpartition(".")[0] or _SCHEMA


def _relation(table: str) -> str:
    return f"{quoted(_schema(table))}.{quoted(table.rpartition('.')[2])}"
