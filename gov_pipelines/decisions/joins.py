"""Protected attributes and reviews, brought to their decisions from other tables or files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.decisions.casts import as_category, as_moment, as_text
from gov_pipelines.decisions.digest import frame_digest
from gov_pipelines.decisions.log import known
from gov_pipelines.decisions.places import Columns, During, Place, Related, Sources
from gov_pipelines.policy import log_schema

if TYPE_CHECKING:
    from gov_pipelines.policy import SystemDeclaration

_REVIEW = ("reviewer", "reviewer_role", "reviewed_at", "review_outcome")
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
    id_column = declaration.columns.get("decision_id", "decision_id")

    def home(name: str) -> tuple[str, str, str]:
        attribute = declaration.protected_attributes[name]
        return attribute.table or "", attribute.path or "", attribute.key or id_column

    elsewhere = [
        name for name, attribute in declaration.protected_attributes.items() if attribute.table or attribute.path
    ]
    joined = Joined(log)
    for (table, path, key), group in groupby(sorted(elsewhere, key=home), key=home):
        names = list(group)
        source = {name: declaration.protected_attributes[name].column or name for name in names}
        place = Place(table or None, path or None)
        rows = _rows_of(
            joined.log, sources, place, Columns([key, *source.values()]), _related(key, declaration, during)
        )
        values = rows.select(
            _KEY,
            *(
                known(
                    as_category(pl.col(source[name]), rows.schema[source[name]]),
                    declaration.protected_attributes[name].unknown,
                ).alias(name)
                for name in names
            ),
        )
        distinct = values.group_by(_KEY).agg(pl.col(names).drop_nulls().unique())
        contradicted = distinct.select((pl.col(names).list.len() > 1).sum()).row(0, named=True)
        single = distinct.with_columns(
            pl.when(pl.col(name).list.len() == 1).then(pl.col(name).list.first()).alias(name) for name in names
        )
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
    reviews = declaration.reviews
    if reviews is None or not (reviews.table or reviews.path):
        return Joined(log)
    place = Place(reviews.table, reviews.path)
    key = reviews.key or declaration.columns.get("decision_id", "decision_id")
    source = {name: reviews.columns.get(name, name) for name in _REVIEW}
    columns = Columns(
        [key, *(source[name] for name in _REVIEW if name in reviews.columns or name == "reviewed_at")],
        list(source.values()),
    )
    rows = _rows_of(log, sources, place, columns, _related(key, declaration, during))
    typed = rows.select(
        _KEY,
        *(
            _review_value(name, source[name], rows, during.zone).alias(name)
            for name in _REVIEW
            if source[name] in rows.columns
        ),
    )
    unreadable = int((rows[source["reviewed_at"]].is_not_null() & typed["reviewed_at"].is_null()).sum())
    if as_of is not None:
        typed = typed.filter(pl.col("reviewed_at").is_null() | (pl.col("reviewed_at") <= as_of))
    order = ["reviewed_at", *(name for name in typed.columns if name not in {_KEY, "reviewed_at"})]
    last = typed.sort(order, nulls_last=False).unique(_KEY, keep="last", maintain_order=True)
    notes = [f"{unreadable} reviews in {place.name} have no readable time"] if unreadable else []
    return _with(Joined(log), declaration, last, digest_of(place, rows.drop(_KEY)), notes)


def _review_value(name: str, source: str, rows: pl.DataFrame, zone: str) -> pl.Expr:
    value, dtype = pl.col(source), rows.schema[source]
    if name == "reviewed_at":
        return as_moment(value, dtype, zone)
    return as_category(value, dtype) if name == "review_outcome" else as_text(value, dtype)


def _related(key: str, declaration: SystemDeclaration, during: During) -> Related | None:
    if declaration.source.table is None:
        return None
    id_column = declaration.columns.get("decision_id", "decision_id")
    return Related(key, Place(table=declaration.source.table), id_column, during)


def _rows_of(
    log: pl.DataFrame, sources: Sources, place: Place, columns: Columns, related: Related | None
) -> pl.DataFrame:
    """The rows of a place that belong to decisions of the log, with their key as text in `__key`."""
    rows = sources.read(place, columns, related=related).frame
    key = columns.required[0]
    keyed = rows.with_columns(as_category(pl.col(key), rows.schema[key]).alias(_KEY))
    return keyed.join(_keys(log), on=_KEY, how="semi")


def _keys(log: pl.DataFrame) -> pl.DataFrame:
    return log.select(as_category(pl.col("decision_id"), pl.String()).alias(_KEY))


def _with(
    joined: Joined, declaration: SystemDeclaration, values: pl.DataFrame, read: InputDigest, notes: Iterable[str]
) -> Joined:
    names: Sequence[str] = [name for name in values.columns if name != _KEY]
    log = (
        joined.log.drop(names)
        .with_columns(_keys(joined.log)[_KEY])
        .join(values, on=_KEY, how="left", maintain_order="left")
        .select(*log_schema(declaration))
    )
    return Joined(log, (*joined.inputs, read), (*joined.notes, *notes))
