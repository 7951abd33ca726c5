"""Protected attributes that the log does not keep: joined when groups are counted, and stored nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.beside import attributes
from gov_pipelines.decisions.joins import values_of
from gov_pipelines.decisions.merging import KEY, keyed
from gov_pipelines.decisions.places import Keys, Query, open_sources
from gov_pipelines.policy import SystemDeclaration


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
