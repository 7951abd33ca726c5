"""Protected attributes and reviews, brought to their decisions from other tables or files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gov_pipelines.decisions.casts import as_category, as_moment, as_text
from gov_pipelines.decisions.log import REVIEW, known
from gov_pipelines.decisions.merging import KEY, keyed
from gov_pipelines.decisions.places import Place
from gov_pipelines.decisions.reading import Belonging, Reading, Wanted
from gov_pipelines.policy import SystemDeclaration, log_schema


@dataclass(frozen=True, slots=True)
class Joined:
    """A log with columns joined to it, and what a reader of results should know."""

    log: pl.DataFrame
    notes: tuple[str, ...] = ()


def wanted(declaration: SystemDeclaration) -> list[Wanted]:
    """Everything that is joined to decisions, in the order in which it is."""
    return [*attributes(declaration, declaration.attributes_in_log), *_reviews(declaration)]


def attributes(declaration: SystemDeclaration, names: Iterable[str]) -> list[Wanted]:
    """What to read where for some protected attributes; those of the decisions' own rows are none of it."""
    together: dict[tuple[Place, str | None], dict[str, str]] = {}
    for name in names:
        attribute = declaration.protected_attributes[name]
        if place := Place.of(attribute):
            together.setdefault((place, attribute.key), {})[name] = attribute.column or name
    return [Wanted(place, key, columns) for (place, key), columns in together.items()]


def _reviews(declaration: SystemDeclaration) -> list[Wanted]:
    reviews, place = declaration.reviews, Place.of(declaration.reviews)
    if reviews is None or place is None:
        return []
    optional = frozenset(REVIEW) - reviews.columns.keys() - {"reviewed_at"}
    return [Wanted(place, reviews.key, {name: reviews.columns.get(name, name) for name in REVIEW}, optional)]


def join_attributes(log: pl.DataFrame, reading: Reading) -> Joined:
    """Bring protected attributes that live elsewhere to their decisions.

    Unknown values are null. Where several rows of one key contradict each other the attribute is null, and counted in
    a note: nobody here can say which is true.
    """
    joined, declaration = Joined(log), reading.declaration
    for each in attributes(declaration, declaration.attributes_in_log):
        found = reading.belonging(joined.log, each, ordered=True)
        joined = _with(joined, reading, found, *values_of(each, found.rows, declaration))
    return joined


def values_of(wanted: Wanted, rows: pl.DataFrame, declaration: SystemDeclaration) -> tuple[pl.DataFrame, list[str]]:
    """The attributes of each `__key` of the rows, one row a key; and what contradicts itself."""
    declared, names = declaration.protected_attributes, list(wanted.columns)
    values = rows.select(
        KEY,
        **{
            name: known(as_category(pl.col(column), rows.schema[column]), declared[name].unknown)
            for name, column in wanted.columns.items()
        },
    )
    distinct = values.group_by(KEY).agg(pl.col(names).drop_nulls().unique())
    contradicted = distinct.select((pl.col(names).list.len() > 1).sum()).row(0, named=True)
    single = distinct.with_columns(pl.when(pl.col(names).list.len() == 1).then(pl.col(names).list.first()))
    notes = [
        f"{wanted.place.name} contradicts itself on {name} for {count} decisions; they count as unknown"
        for name, count in contradicted.items()
        if count
    ]
    return single, notes


def join_reviews(log: pl.DataFrame, reading: Reading, *, as_of: datetime | None = None) -> Joined:
    """Bring the last review (by `reviewed_at`) to each decision; reviews after `as_of` have not happened yet."""
    joined = Joined(log)
    for each in _reviews(reading.declaration):
        joined = _join_reviews(joined, each, reading, as_of)
    return joined


def _join_reviews(joined: Joined, wanted: Wanted, reading: Reading, as_of: datetime | None) -> Joined:
    found, source = reading.belonging(joined.log, wanted), wanted.columns
    rows, zone = found.rows, reading.during.zone
    readers = {"reviewed_at": lambda value, dtype: as_moment(value, dtype, zone), "review_outcome": as_category}
    typed = rows.select(
        KEY,
        **{
            name: readers.get(name, as_text)(pl.col(column), rows.schema[column])
            for name, column in source.items()
            if column in rows.columns
        },
    )
    unreadable = rows[source["reviewed_at"]].is_not_null() & typed["reviewed_at"].is_null()
    later = pl.lit(value=False) if as_of is None else pl.col("reviewed_at") > as_of
    # A later audit sees more of them, though nothing has changed at the source.
    reading.look_again(typed.filter(later.fill_null(value=False) | unreadable))
    typed = typed.filter(~later.fill_null(value=False))
    order = ["reviewed_at", *(name for name in typed.columns if name not in {KEY, "reviewed_at"})]
    last = typed.sort(order, nulls_last=False).unique(KEY, keep="last", maintain_order=True)
    count = unreadable.sum()
    notes = [f"{count} reviews in {wanted.place.name} have no readable time"] if count else []
    return _with(joined, reading, found, last, notes)


def _with(joined: Joined, reading: Reading, found: Belonging, values: pl.DataFrame, notes: Iterable[str]) -> Joined:
    """The values brought to the decisions that are to be joined anew; the others keep theirs."""
    schema = log_schema(reading.declaration)
    anew = keyed(joined.log, "decision_id")
    if reading.kept:
        anew = anew.join(found.keys, on=KEY, how="semi", maintain_order="left")
    kept = joined.log.join(anew, on="decision_id", how="anti", maintain_order="left")
    anew = (
        anew.drop(set(values.columns) - {KEY}).join(values, on=KEY, how="left", maintain_order="left").select(*schema)
    )
    return Joined(pl.concat([kept, anew]).sort("decision_id"), (*joined.notes, *notes))
