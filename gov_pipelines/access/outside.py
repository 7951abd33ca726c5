"""What is declared, granted and read outside what it may be: declared within permitted, granted and read within declared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from gov_pipelines.access.fields import (
    allowed_fields,
    columns_of,
    declared_fields,
    declared_outside,
    keys_of,
    spellings,
    technical,
)
from gov_pipelines.access.privileges import Grant, Privileges
from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Measurement
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import DataAccess

_READ = ("principal", "role", "field", "table", "purpose")


def access_outside(
    log: pl.DataFrame, declaration: SystemDeclaration, control: DataAccess | None = None
) -> pl.DataFrame:
    """The system's reads of fields that it may not read.

    The system's are the reads under `intake.database_role` (as principal or role); where none is declared, all are.
    It may read the fields that are both declared (`intake.may_read`, or the control's `may_read` where the intake names
    none) and permitted by the control, and the ids and times that any read needs. A read that names no field is of the
    whole table, and outside. Names compare without case, under the canonical and the source's spelling.

    Returns:
        `principal`, `role`, `field`, `table`, `purpose`, `first`, `last` (UTC), `reads` (lines of the log), sorted.
    """
    outside = _reads_of_system(log, declaration).filter(~_permitted(declaration, control))
    return (
        outside.group_by(_READ)
        .agg(first=pl.col("read_at").min(), last=pl.col("read_at").max(), reads=pl.len().cast(pl.Int64))
        .sort(_READ)
    )


def granted(declaration: SystemDeclaration, *, project: Path, environ: Mapping[str, str]) -> Privileges | None:
    """What the database lets the system's role read; None where no PostgreSQL database or no role is declared.

    The database is that of `intake.database_url_env`, else the source's.

    Raises:
        WrongUse: `intake.database_url_env` names another kind of database, or nothing usable.
        SourceUnreachable: the database did not answer.
    """
    role, url_env = declaration.intake.database_role, declaration.intake.database_url_env or declaration.source.url_env
    if role is None or url_env is None:
        return None
    from gov_pipelines.access.grants import read_privileges  # noqa: PLC0415  (SQLAlchemy only where a database is named)

    columns = columns_of(declaration, declared_fields(declaration, None))
    named = sorted({table for table, _ in columns if table})
    found = read_privileges(url_env, role, project=project, environ=environ, named=named)
    if found is None and declaration.intake.database_url_env:
        raise WrongUse(f"{url_env} names no PostgreSQL database, and only its grants can be compared. Correct its URL.")
    return found


def granted_outside(
    privileges: Privileges, declaration: SystemDeclaration, control: DataAccess | None = None
) -> list[Grant]:
    """The granted columns that the system may not read, in any table, and what tables to come would grant.

    A column is the declared one in its declared table only, or in a partition of it. A view that is not declared itself
    is judged by the columns below it. `never` wins over everything.
    """
    fields = allowed_fields(declaration, control)
    never = spellings(declaration, control.never if control is not None else ())
    allowed = {
        (_full(table, privileges.schema), column.lower())
        for table, column in (*columns_of(declaration, fields), *keys_of(declaration))
    }

    def within(grant: Grant) -> bool:
        column = grant.column.lower()
        own = (grant.schema, grant.relation)
        tables = [None, *(f"{schema}.{name}".lower() for schema, name in (own, *grant.under))]
        return grant.through or (column not in never and any((table, column) in allowed for table in tables))

    return [*(grant for grant in privileges.columns if not within(grant)), *privileges.later]


def _full(table: str | None, schema: str) -> str | None:
    return table and (table if "." in table else f"{schema}.{table}").lower()


def access_measurements(
    log: pl.DataFrame,
    declaration: SystemDeclaration,
    control: DataAccess | None = None,
    privileges: Privileges | None = None,
) -> list[Measurement]:
    """`reads_outside`, `reads`, `fields_declared_outside`, and `fields_granted_outside` where grants were read.

    Reads are lines of the access log by the system, undefined where no log is declared; fields are counted once each, a
    granted one in every table. Grants are undefined where the database has no such role.
    """
    measured = [*_reads(log, declaration, control), _declared(declaration, control)]
    if privileges is not None:
        measured.append(_granted(privileges, declaration, control))
    return measured


def _reads(log: pl.DataFrame, declaration: SystemDeclaration, control: DataAccess | None) -> list[Measurement]:
    if declaration.access_log is None:
        note = "no access log is declared; nobody can tell what was read"
        return [Measurement(metric=metric, note=note) for metric in ("reads_outside", "reads")]
    reads = _reads_of_system(log, declaration).height
    outside = int(access_outside(log, declaration, control)["reads"].sum())
    role = declaration.intake.database_role
    method = f"count of reads by {role}" if role else "count of reads by anyone"
    return [
        Measurement(metric="reads_outside", value=float(outside), n=reads, method=method),
        Measurement(metric="reads", value=float(reads), n=reads, method=method),
    ]


def _declared(declaration: SystemDeclaration, control: DataAccess | None) -> Measurement:
    outside = declared_outside(declaration, control)
    return Measurement(
        metric="fields_declared_outside",
        value=float(len(outside)),
        n=len(declared_fields(declaration, control)),
        method="count of declared fields that the policy does not permit",
        note=", ".join(outside) or None,
    )


def _granted(privileges: Privileges, declaration: SystemDeclaration, control: DataAccess | None) -> Measurement:
    metric, method = "fields_granted_outside", "count of columns in PostgreSQL's catalogs when audited"
    if not privileges.exists:
        note = f"the database has no role {privileges.role}"
        return Measurement(metric=metric, method=method, note=note)
    outside = granted_outside(privileges, declaration, control)
    unknown = len(privileges.notes)
    told = [f"{one.name} ({one.routes[0]})" for one in outside[:_TOLD]]
    more = [f"{len(outside) - _TOLD} more"] if len(outside) > _TOLD else []
    notes = [f"{unknown} thing{'s' * (unknown != 1)} that grants do not tell"] if unknown else []
    return Measurement(
        metric=metric,
        value=float(len(outside)),
        n=len(privileges.columns),
        method=method,
        note="; ".join([*told, *more, *notes]) or None,
    )


_TOLD = 3


def _reads_of_system(log: pl.DataFrame, declaration: SystemDeclaration) -> pl.DataFrame:
    role = declaration.intake.database_role
    if role is None:
        return log
    # A read by nobody named may be the system's: it is not excused by its silence.
    unnamed = pl.col("principal").is_null() & pl.col("role").is_null()
    by_role = pl.any_horizontal(_folded(name).eq_missing(role.lower()) for name in ("principal", "role"))
    return log.filter(by_role | unnamed)


def _permitted(declaration: SystemDeclaration, control: DataAccess | None) -> pl.Expr:
    never = spellings(declaration, control.never if control is not None else ())
    allowed = (spellings(declaration, allowed_fields(declaration, control)) | technical(declaration)) - never
    return _folded("field").is_in(sorted(allowed)).fill_null(value=False)


def _folded(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.to_lowercase()
