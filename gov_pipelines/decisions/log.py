"""The canonical log: source rows cast and renamed; what cannot stand in it set aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gov_pipelines.decisions.beside import beside
from gov_pipelines.decisions.casts import as_category, as_integer, as_moment, as_number, as_text
from gov_pipelines.decisions.places import Columns
from gov_pipelines.policy import CANONICAL, SystemDeclaration, log_schema

QUARANTINE_SCHEMA = {"source_row": pl.String(), "reason": pl.String(), "decision_id": pl.String()}
_REQUIRED = ("decision_id", "decided_at", "decision")
# Canonical texts with a small set of values, where 1, 1.0 and "1" mean the same.
_CATEGORIES = frozenset({"decision", "proposed_decision", "review_outcome", "label"})


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """Where a column of the log comes from.

    Attributes:
        name: its canonical or declared name.
        source: its name in the source.
        required: whether the source must have it.
    """

    name: str
    source: str
    required: bool


def source_columns(declaration: SystemDeclaration) -> list[SourceColumn]:
    """The columns to read from the decisions themselves; attributes and reviews kept elsewhere are not among them."""
    elsewhere = {name for each in beside(declaration) for name in each.columns}
    return [
        SourceColumn(name, *_source_of(declaration, name)) for name in log_schema(declaration) if name not in elsewhere
    ]


def _source_of(declaration: SystemDeclaration, name: str) -> tuple[str, bool]:
    attribute = declaration.protected_attributes.get(name)
    if attribute is not None:
        return attribute.column or declaration.columns.get(name, name), True
    if name == "label" and declaration.label is not None:
        return declaration.columns.get(name, declaration.label.column), True
    if name == "label_at" and declaration.label is not None and declaration.label.at:
        return declaration.label.at, True
    required = name in declaration.columns or name not in CANONICAL or name in _REQUIRED
    return declaration.columns.get(name, name), required


def columns_to_read(columns: Sequence[SourceColumn]) -> Columns:
    """What to ask the source for."""
    return Columns(
        required=[column.source for column in columns if column.required],
        optional=[column.source for column in columns if not column.required],
    )


@dataclass(frozen=True, slots=True)
class Canonical:
    """The rows of one partition, told apart; heights of `log` and `quarantine` and `duplicate` add up to the source's."""

    log: pl.DataFrame
    quarantine: pl.DataFrame
    duplicate: int


def canonical(rows: pl.DataFrame, declaration: SystemDeclaration) -> Canonical:
    """Cast source rows to the schema of the log and tell accepted, quarantined and duplicate ones apart.

    Of several readable rows with one decision_id the last stands (by `source_seq` where kept, else in source order);
    the earlier ones are duplicates of it or superseded by it.

    Args:
        rows: the source rows of the partition, in source order, under source names.
        declaration: the system's.
    """
    columns = [column for column in source_columns(declaration) if column.source in rows.columns]
    schema = log_schema(declaration)
    read = {column.name: _read(column, rows.schema[column.source], declaration) for column in columns}
    typed = (
        rows.select(
            *(
                read[name].alias(name) if name in read else pl.lit(None, dtype=dtype).alias(name)
                for name, dtype in schema.items()
            ),
            pl.concat_str(*_faults(columns, read, declaration), separator="; ", ignore_nulls=True).alias("__reason"),
        )
        if rows.height
        else pl.DataFrame(schema=schema | {"__reason": pl.String()})
    )
    sound = pl.col("__reason") == ""
    accepted = typed.filter(sound).drop("__reason")
    if "source_seq" in read:
        accepted = accepted.sort("source_seq", nulls_last=False, maintain_order=True)
    log = accepted.unique("decision_id", keep="last", maintain_order=True).sort("decision_id")
    return Canonical(log, _set_aside(rows, typed), accepted.height - log.height)


def _read(column: SourceColumn, source_type: pl.DataType, declaration: SystemDeclaration) -> pl.Expr:
    value = pl.col(column.source)
    wanted = log_schema(declaration)[column.name]
    if isinstance(wanted, pl.Datetime):
        return as_moment(value, source_type, declaration.source.zone or declaration.zone)
    if wanted.is_float():
        return as_number(value, source_type)
    if wanted.is_integer():
        return as_integer(value, source_type)
    if column.name in CANONICAL and column.name not in _CATEGORIES:
        return as_text(value, source_type)
    category = as_category(value, source_type)
    attribute = declaration.protected_attributes.get(column.name)
    return known(category, attribute.unknown) if attribute else category


def known(category: pl.Expr, unknown: Sequence[str]) -> pl.Expr:
    """A category, null where its value says that nobody knows."""
    return pl.when(~category.is_in(list(unknown))).then(category) if unknown else category


def _faults(
    columns: Sequence[SourceColumn], read: dict[str, pl.Expr], declaration: SystemDeclaration
) -> Iterator[pl.Expr]:
    """One text per possible fault, null where the row does not have it. Reasons name columns, never values."""

    def fault(condition: pl.Expr, reason: str) -> pl.Expr:
        return pl.when(condition).then(pl.lit(reason))

    outcomes = declaration.outcomes
    declared = [*outcomes.favorable, *outcomes.unfavorable, *outcomes.undecided]
    yield fault(read["decision_id"].is_null(), "no decision_id")
    yield fault(read["decision"].is_null(), "no decision")
    yield fault(~read["decision"].is_in(declared), "decision is none of the declared outcomes")
    schema = log_schema(declaration)
    for column in columns:
        if schema[column.name] != pl.String:
            kind = "moment" if schema[column.name].is_temporal() else "number"
            yield fault(_written(column.source) & read[column.name].is_null(), f"{column.name} is not a {kind}")
        field = declaration.fields.get(column.name)
        if field is not None and field.values is not None:
            outside = ~read[column.name].is_in(field.values)
            yield fault(outside, f"{column.name} is none of its declared values")
        low, high = field.range if field is not None and field.range is not None else (None, None)
        if low is not None:
            yield fault(read[column.name] < low, f"{column.name} is below its declared range")
        if high is not None:
            yield fault(read[column.name] > high, f"{column.name} is above its declared range")


def _written(source: str) -> pl.Expr:
    """Whether the source holds anything there: a blank text and a NaN are nothing."""
    text = pl.col(source).cast(pl.String).str.strip_chars().str.to_lowercase()
    return ~text.is_in(["", "nan"])


def _set_aside(rows: pl.DataFrame, typed: pl.DataFrame) -> pl.DataFrame:
    bad = typed["__reason"] != ""
    originals = [_original(row) for row in rows.filter(bad).iter_rows(named=True)]
    reasons = typed.filter(bad).select(pl.col("__reason").alias("reason"), "decision_id")
    kept = pl.DataFrame({"source_row": originals}, schema={"source_row": pl.String}).hstack(reasons)
    return kept.select(*QUARANTINE_SCHEMA).sort("decision_id", "source_row", "reason")


def _original(row: dict[str, Any]) -> str:
    """The values as JSON with sorted names, each as text: what a value's type is read as depends on the other rows."""
    texts = {
        name: value if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in row.items()
    }
    return json.dumps(texts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
