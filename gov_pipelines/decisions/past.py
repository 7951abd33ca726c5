"""Past decisions from one file in the source's own columns, so that rules can be tried on them before they are in force."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.beside import REVIEW, beside
from gov_pipelines.decisions.extract import RowAccounting
from gov_pipelines.decisions.log import canonical, columns_to_read, source_columns
from gov_pipelines.decisions.places import Columns, Place, Query, open_sources
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.declaration import Source


@dataclass(frozen=True, slots=True)
class Past:
    """The decisions of a file.

    Attributes:
        days: the canonical log of each local day, oldest first.
        rows: where the rows of the file went.
        absent: canonical columns that the system keeps in other tables and the file does not have; they are null.
    """

    days: dict[date, pl.DataFrame]
    rows: RowAccounting
    absent: tuple[str, ...]


def read_past(path: Path, declaration: SystemDeclaration) -> Past:
    """Read every decision of a CSV or Parquet file as the system's own source would be read.

    Protected attributes and reviews are taken from the file where it has their columns; nothing else is asked.

    Raises:
        WrongUse: the file is neither CSV nor Parquet, or lacks a declared column.
        SourceUnreachable: there is no such file.
    """
    joined = {name: column for each in beside(declaration) for name, column in each.columns.items()}
    needed = columns_to_read(source_columns(declaration))
    place = Place(path=glob.escape(path.name))
    with open_sources(Source(path=place.path), project=path.absolute().parent, environ={}) as sources:
        rows = sources.read(Query(place, Columns(needed.required, [*needed.optional, *joined.values()]))).frame
    there = {name: source for name, source in joined.items() if source in rows.columns}
    parts = canonical(rows, _within_file(declaration, there))
    dated = parts.log.drop_nulls("decided_at")
    local = dated.with_columns(day=pl.col("decided_at").dt.convert_time_zone(declaration.zone).dt.date())
    days = {frame["day"][0]: frame.drop("day") for frame in local.sort("day").partition_by("day", maintain_order=True)}
    undated = parts.log.height - dated.height
    accounts = RowAccounting(rows.height - undated, dated.height, parts.quarantine.height, parts.duplicate, undated)
    return Past(days, accounts, tuple(name for name in joined if name not in there))


def _within_file(declaration: SystemDeclaration, there: dict[str, str]) -> SystemDeclaration:
    """The declaration as if the columns that the file has had never stood elsewhere."""
    attributes = {
        name: each.model_copy(update={"table": None, "path": None, "url_env": None}) if name in there else each
        for name, each in declaration.protected_attributes.items()
    }
    changes: dict[str, object] = {"protected_attributes": attributes}
    if "label" in there and declaration.label:
        changes["label"] = declaration.label.model_copy(update={"url_env": None, "table": None, "path": None})
    if "reviewed_at" in there:
        reviews = {name: source for name, source in there.items() if name in REVIEW}
        changes |= {"reviews": None, "columns": {**declaration.columns, **reviews}}
    return declaration.model_copy(update=changes)
