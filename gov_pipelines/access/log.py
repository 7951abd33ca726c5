"""The access log of a system: who read which field, when, and what for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from gov_pipelines.decisions import Columns, During, Place, Query, as_integer, as_moment, as_text, open_sources
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import SystemDeclaration

UNDATED = "unknown: the read has no readable time"
READ_SCHEMA = {
    "read_at": pl.Datetime("us", "UTC"),
    "principal": pl.String(),
    "role": pl.String(),
    "field": pl.String(),
    "table": pl.String(),
    "purpose": pl.String(),
    "rows": pl.Int64(),
}


def read_access_log(
    declaration: SystemDeclaration, partition: date, *, project: Path, environ: Mapping[str, str]
) -> pl.DataFrame:
    """The reads of one local day, by `read_at`, under their canonical names.

    A declared log is read from the table or files it names; where none is declared the frame is empty, and
    `access_measurements` says so. Columns that the log lacks are null throughout.

    A read without a readable time belongs to no day, and no audit may pass over it: each stands at the end of every
    day as a read of nobody and nothing in particular, `UNDATED` its purpose, which is outside whatever is declared.

    Returns:
        `read_at` (UTC), `principal`, `role`, `field`, `table`, `purpose`, `rows`, sorted by all of them.

    Raises:
        WrongUse: the log or a declared column does not exist, or it names nobody who reads.
        SourceUnreachable: the database or file did not answer.
    """
    access = declaration.access_log
    if access is None:
        return pl.DataFrame(schema=READ_SCHEMA)
    source = {name: access.columns.get(name, name) for name in READ_SCHEMA}
    required = [source[name] for name in READ_SCHEMA if name == "read_at" or name in access.columns]
    zone = access.zone or declaration.source.zone or declaration.zone
    during = During(source["read_at"], *declaration.calendar.span(partition), zone)
    place = Place(access.table, access.path, access.url_env)
    with open_sources(declaration.source, project=project, environ=environ) as sources:
        read = sources.read(Query(place, Columns(required, list(source.values())), during))
    rows = read.frame
    if source["principal"] not in rows.columns and source["role"] not in rows.columns:
        raise WrongUse(
            f"{place.name} has neither `{source['principal']}` nor `{source['role']}`, so nobody can be held to what they "
            "read. Name the column of the reader in `access_log.columns`."
        )
    reads = rows.select(
        _value(name, source[name], rows, zone).alias(name) for name in READ_SCHEMA if source[name] in rows.columns
    )
    undated = pl.DataFrame({"purpose": [UNDATED] * read.undated}, schema={"purpose": pl.String})
    empty = pl.DataFrame(schema=READ_SCHEMA)
    return pl.concat(
        [empty, reads.sort([name for name in READ_SCHEMA if name in reads.columns]), undated], how="diagonal"
    )


def _value(name: str, source: str, rows: pl.DataFrame, zone: str) -> pl.Expr:
    value, dtype = pl.col(source), rows.schema[source]
    if name == "read_at":
        return as_moment(value, dtype, zone)
    return as_integer(value, dtype) if name == "rows" else as_text(value, dtype)
