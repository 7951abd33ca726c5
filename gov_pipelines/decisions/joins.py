"""Protected attributes and reviews, brought to their decisions from other tables or files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gov_pipelines.decisions.casts import as_category, as_moment, as_text
from gov_pipelines.decisions.digest import frame_digest
from gov_pipelines.decisions.log import REVIEW, known
from gov_pipelines.decisions.places import Columns, During, Place, Related, Sources
from gov_pipelines.policy import SystemDeclaration, log_schema

_KEY = "__key"


@dataclass(frozen=True, slots=True)
class InputDigest:
    """What was read from one table or path for a partition.

    Attributes:
        name: the table or path, as declared.
        rows: how many rows.
        digest: SHA-256 (hex) of their logical content.
    """

    name: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A log with columns joined to it, what was read for that, and what a reader of results should know."""

    log: pl.DataFrame
    inputs: tuple[InputDigest, ...] = ()
    notes: tuple[str, ...] = ()


def digest_of(place: Place, rows: pl.DataFrame) -> InputDigest:
    """The digest of what was read from a place."""
    return InputDigest(place.name, rows.height, frame_digest(rows))


def join_attributes(log: pl.DataFrame, declaration: SystemDeclaration, sources: Sources, during: During) -> Joined:
    """Bring protected attributes that live elsewhere to their decisions.

    Unknown values are null. Where several rows of one key contradict each other the attribute is null, and counted in
    a note: nobody here can say which is true.
    """
    declared = declaration.protected_attributes
    together: dict[tuple[Place, str | None], list[str]] = {}
    for name, attribute in declared.items():
        if place := Place.of(attribute):
            together.setdefault((place, attribute.key), []).append(name)
    joined = Joined(log)
    for (place, key), names in together.items():
        source = {name: declared[name].column or name for name in names}
        rows = _rows_of(joined.log, declaration, sources, during, place, key, Columns(list(source.values())))
        values = rows.select(
            _KEY,
            **{
                name: known(as_category(pl.col(column), rows.schema[column]), declared[name].unknown)
                for name, column in source.items()
            },
        )
        distinct = values.group_by(_KEY).agg(pl.col(names).drop_nulls().unique())
        contradicted = distinct.select((pl.col(names).list.len() > 1).sum()).row(0, named=True)
        single = distinct.with_columns(pl.when(pl.col(names).list.len() == 1).then(pl.col(names).list.first()))
        notes = [
            f"{place.name} contradicts itself on {name} for {count} decisions; they count as unknown"
            for name, count in contradicted.items()
            if count
        ]
        joined = _with(joined, declaration, single, digest_of(place, rows.drop(_KEY)), notes)
    return joined


def join_reviews(
    log: pl.DataFrame,
    declaration: SystemDeclaration,
    sources: Sources,
    during: During,
    *,
    as_of: datetime | None = None,
) -> Joined:
    """Bring the last review (by `reviewed_at`) to each decision; reviews after `as_of` have not happened yet."""
    reviews, place = declaration.reviews, Place.of(declaration.reviews)
    if reviews is None or place is None:
        return Joined(log)
    source = {name: reviews.columns.get(name, name) for name in REVIEW}
    required = [source[name] for name in REVIEW if name in reviews.columns or name == "reviewed_at"]
    columns = Columns(required, list(source.values()))
    rows = _rows_of(log, declaration, sources, during, place, reviews.key, columns)
    readers = {"reviewed_at": lambda value, dtype: as_moment(value, dtype, during.zone), "review_outcome": as_category}
    typed = rows.select(
        _KEY,
        **{
            name: readers.get(name, as_text)(pl.col(column), rows.schema[column])
            for name, column in source.items()
            if column in rows.columns
        },
    )
    unreadable = int((rows[source["reviewed_at"]].is_not_null() & typed["reviewed_at"].is_null()).sum())
    if as_of is not None:
        typed = typed.filter(pl.col("reviewed_at").is_null() | (pl.col("reviewed_at") <= as_of))
    order = ["reviewed_at", *(name for name in typed.columns if name not in {_KEY, "reviewed_at"})]
    last = typed.sort(order, nulls_last=False).unique(_KEY, keep="last", maintain_order=True)
    notes = [f"{unreadable} reviews in {place.name} have no readable time"] if unreadable else []
    return _with(Joined(log), declaration, last, digest_of(place, rows.drop(_KEY)), notes)


def _rows_of(
    log: pl.DataFrame,
    declaration: SystemDeclaration,
    sources: Sources,
    during: During,
    place: Place,
    key: str | None,
    columns: Columns,
) -> pl.DataFrame:
    """The rows of a place that belong to decisions of the log, with their key as text in `__key`."""
    id_column = declaration.columns.get("decision_id", "decision_id")
    key, table = key or id_column, declaration.source.table
    related = Related(key, Place(table=table), id_column, during) if table else None
    rows = sources.read(place, Columns([key, *columns.required], columns.optional), related=related).frame
    keyed = rows.with_columns(as_category(pl.col(key), rows.schema[key]).alias(_KEY))
    return keyed.join(_keys(log), on=_KEY, how="semi")


def _keys(log: pl.DataFrame) -> pl.DataFrame:
    return log.select(as_category(pl.col("decision_id"), pl.String()).alias(_KEY))


def _with(
    joined: Joined, declaration: SystemDeclaration, values: pl.DataFrame, read: InputDigest, notes: Iterable[str]
) -> Joined:
    log = joined.log.drop(values.columns, strict=False).hstack(_keys(joined.log))
    log = log.join(values, on=_KEY, how="left", maintain_order="left").select(*log_schema(declaration))
    return Joined(log, (*joined.inputs, read), (*joined.notes, *notes))
