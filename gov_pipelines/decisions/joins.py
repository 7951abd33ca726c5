"""Protected attributes, reviews and labels, brought to their decisions from other tables or files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.beside import Wanted, attributes, labels, reviews
from gov_pipelines.decisions.casts import as_category, as_moment, as_text
from gov_pipelines.decisions.log import known
from gov_pipelines.decisions.merging import KEY, keyed
from gov_pipelines.decisions.places import Keys, Query, open_sources
from gov_pipelines.decisions.reading import Belonging, Reading
from gov_pipelines.policy import SystemDeclaration, log_schema

_CATEGORIES = ("review_outcome", "label")


@dataclass(frozen=True, slots=True)
class Joined:
    """A log with columns joined to it, and what a reader of results should know."""

    log: pl.DataFrame
    notes: tuple[str, ...] = ()


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
    for moment, places in (("reviewed_at", reviews(reading.declaration)), ("label_at", labels(reading.declaration))):
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


def with_attributes_apart(
    log: pl.DataFrame, declaration: SystemDeclaration, *, project: Path, environ: Mapping[str, str]
) -> tuple[pl.DataFrame, list[str]]:
    """A log with every protected attribute, for counting; and what a reader of the counts should know.

    Sources are asked for the decisions of the log by their ids, some thousands at a time.

    Raises:
        WrongUse, SourceUnreachable: as `read_partition`.
    """
    whole, notes = keyed(log, "decision_id"), list[str]()
    with open_sources(declaration.source, project=project, environ=environ) as sources:
        for each in attributes(declaration, declaration.attributes_apart):
            key = each.key or declaration.columns.get("decision_id", "decision_id")
            rows = sources.read(Query(each.place, each.reading(key), ids=Keys(key, log["decision_id"]))).frame
            values, said = values_of(each, keyed(rows, key), declaration)
            whole, notes = whole.join(values, on=KEY, how="left", maintain_order="left"), [*notes, *said]
    return whole.drop(KEY), notes
