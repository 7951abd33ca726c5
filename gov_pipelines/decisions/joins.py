"""Protected attributes, reviews and labels, brought to their decisions from other tables or files."""

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

_CATEGORIES = ("review_outcome", "label")


@dataclass(frozen=True, slots=True)
class Joined:
    """A log with columns joined to it, and what a reader of results should know."""

    log: pl.DataFrame
    notes: tuple[str, ...] = ()


def wanted(declaration: SystemDeclaration) -> list[Wanted]:
    """Everything that is joined to decisions, in the order in which it is."""
    kept = attributes(declaration, declaration.attributes_in_log)
    return [*kept, *_reviews(declaration), *_labels(declaration)]


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


def _labels(declaration: SystemDeclaration) -> list[Wanted]:
    label, place = declaration.label, Place.of(declaration.label)
    if label is None or place is None:
        return []
    columns = {"label": label.column, "label_at": label.at or "label_at"}
    return [Wanted(place, label.key, columns, frozenset() if label.at else frozenset({"label_at"}))]


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


def join_later(log: pl.DataFrame, reading: Reading, *, as_of: datetime | None = None) -> Joined:
    """Bring to each decision its last review (by `reviewed_at`) and label (by `label_at`), if they lie elsewhere.

    What is dated after `as_of` has not happened yet.
    """
    joined = Joined(log)
    for moment, places in (("reviewed_at", _reviews(reading.declaration)), ("label_at", _labels(reading.declaration))):
        for each in places:
            joined = _join_last(joined, each, reading, as_of, moment)
    return joined


def _join_last(joined: Joined, wanted: Wanted, reading: Reading, as_of: datetime | None, moment: str) -> Joined:
    found, zone = reading.belonging(joined.log, wanted), reading.during.zone
    there = {name: source for name, source in wanted.columns.items() if source in found.rows.columns}
    readers = {moment: lambda value, dtype: as_moment(value, dtype, zone), **dict.fromkeys(_CATEGORIES, as_category)}
    typed = found.rows.select(
        KEY,
        **{
            name: readers.get(name, as_text)(pl.col(source), found.rows.schema[source])
            for name, source in there.items()
        },
    )
    notes = []
    if moment in there:
        unreadable = found.rows[there[moment]].is_not_null() & typed[moment].is_null()
        later = pl.lit(value=False) if as_of is None else (pl.col(moment) > as_of).fill_null(value=False)
        # A later audit sees more of them, though nothing has changed at the source.
        reading.look_again(typed.filter(later | unreadable))
        reading.wait_for(typed.filter(later)[moment])
        typed = typed.filter(~later)
        if count := unreadable.sum():
            notes = [f"{count} rows of {wanted.place.name} have no readable `{there[moment]}`"]
    order = sorted(typed.columns, key=lambda name: (name == KEY, name != moment))
    last = typed.sort(order, nulls_last=False).unique(KEY, keep="last", maintain_order=True)
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
