"""Reads outside what intake declares."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from gov_pipelines.measure import Measurement
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import DataAccess

_READ = ("principal", "role", "field", "table", "purpose")


def access_outside(
    log: pl.DataFrame, declaration: SystemDeclaration, control: DataAccess | None = None
) -> pl.DataFrame:
    """The system's reads of fields that it may not read.

    The system's are the reads under `intake.database_role` (as principal or role); where none is declared, all are.
    Permitted are the fields of `may_read` (the control's, else the declaration's), and the ids and times that any read
    needs. `never` wins over both. A read that names no field is of the whole table, and outside. Names compare without
    case, under the canonical and the source's spelling.

    Returns:
        `principal`, `role`, `field`, `table`, `purpose`, `first`, `last` (UTC), `reads` (lines of the log), sorted.
    """
    outside = _reads_of_system(log, declaration).filter(~_permitted(declaration, control))
    return (
        outside.group_by(_READ)
        .agg(first=pl.col("read_at").min(), last=pl.col("read_at").max(), reads=pl.len().cast(pl.Int64))
        .sort(_READ)
    )


def access_measurements(
    log: pl.DataFrame, declaration: SystemDeclaration, control: DataAccess | None = None
) -> list[Measurement]:
    """`reads_outside` and `reads`: lines of the access log by the system; undefined where no log is declared."""
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


def _reads_of_system(log: pl.DataFrame, declaration: SystemDeclaration) -> pl.DataFrame:
    role = declaration.intake.database_role
    if role is None:
        return log
    # A read by nobody named may be the system's: it is not excused by its silence.
    unnamed = pl.col("principal").is_null() & pl.col("role").is_null()
    by_role = pl.any_horizontal(_folded(name).eq_missing(role.lower()) for name in ("principal", "role"))
    return log.filter(by_role | unnamed)


def _permitted(declaration: SystemDeclaration, control: DataAccess | None) -> pl.Expr:
    may_read = control.may_read if control is not None and control.may_read is not None else declaration.intake.may_read
    never = _spellings(declaration, control.never if control is not None else [])
    allowed = (_spellings(declaration, may_read) | _technical(declaration)) - never
    return _folded("field").is_in(sorted(allowed)).fill_null(value=False)


def _technical(declaration: SystemDeclaration) -> set[str]:
    """Ids and times: no read of a decision can do without them."""
    joined = [*declaration.protected_attributes.values(), *([declaration.reviews] if declaration.reviews else [])]
    keys = {one.key.lower() for one in joined if one.key}
    return keys | _spellings(declaration, ("decision_id", "decided_at"))


def _spellings(declaration: SystemDeclaration, names: Iterable[str]) -> set[str]:
    """Each name as the log calls it, as the source calls it, and as its own table does."""
    spelt = set()
    for name in names:
        attribute = declaration.protected_attributes.get(name)
        spelt |= {name, declaration.columns.get(name, name), (attribute.column if attribute else None) or name}
    return {name.lower() for name in spelt}


def _folded(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.to_lowercase()
