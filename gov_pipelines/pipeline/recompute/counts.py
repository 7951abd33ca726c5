"""Whether the counts of one package agree with each other: tally, row accounting, leaves, and what was signed of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from gov_pipelines.measure import Tally, disclosed, tally_digest
from gov_pipelines.measure.counting.tallies import ACCOUNTS, OUTCOMES
from gov_pipelines.policy import Partition, SystemDeclaration, partition_key

_WHOLE = {
    "categories": ["column"],
    "histograms": ["column"],
    "nulls": ["column"],
    "scores": ["attribute"],
    "pairs": ["column", "attribute"],
}
"""Tables that count every accepted row once for each of these keys."""


def accounts_amiss(rows: bytes, predicate: Mapping[str, Any]) -> Iterator[str]:
    """Where the row accounting of the package is not the signed one."""
    said, ingest = json.loads(rows), predicate["ingest"]
    names = {"source_count": "sourceCount"}
    for name in (*ACCOUNTS, "inputs"):
        if said[name] != (signed := ingest[names.get(name, name)]):
            yield f"{name} is {said[name]} in rows.json and {signed} in what was signed"
    if said["adds_up"] != (said["accepted"] + said["quarantined"] + said["duplicate"] == said["source_count"]):
        yield "rows.json is wrong about whether its rows add up"


def tally_amiss(
    tally: Tally, predicate: Mapping[str, Any], declaration: SystemDeclaration, partition: Partition
) -> Iterator[str]:
    """Where a full tally is not of the day, the rows and the leaves that were signed, or not of one and the same rows."""
    signed, ingest = predicate["tally"], predicate["ingest"]
    day = [partition_key(partition), *(ingest[name] for name in ("sourceCount", *ACCOUNTS[1:]))]
    if tally.days.rows() != [tuple(day)]:
        yield f"the days are {tally.days.rows()}; expected {day}"
    if tally.rows != predicate["decisions"]["treeSize"]:
        yield f"the cells count {tally.rows} decisions and the leaves {predicate['decisions']['treeSize']}"
    for name, keys in _WHOLE.items():
        for *key, n in getattr(tally, name).group_by(keys).agg(pl.col("n").sum()).sort(keys).iter_rows():
            if n != tally.rows:
                yield f"{name} of {' and '.join(map(str, key))} count {n} rows, the cells {tally.rows}"
    yield from _cells_amiss(tally, declaration)
    start, end = declaration.calendar.span(partition)
    if tally.newest is not None and not start <= tally.newest < end:
        yield f"the newest decision, of {tally.newest.isoformat()}, is not of this partition"
    if tally_digest(disclosed(tally, signed["discloseMin"])) != signed["disclosedSha256"]:
        yield "merging its small cells does not give the tally that may be published"


def _cells_amiss(tally: Tally, declaration: SystemDeclaration) -> Iterator[str]:
    """Where the cells are not those of the other tables, or call a decision what it is not."""
    for name in sorted({"decision", *tally.dimensions} & {*tally.categories["column"]}):
        cells = tally.cells.group_by(value=name).agg(pl.col("n").sum()).sort("value").rows()
        alone = tally.categories.filter(pl.col("column") == name).select("value", "n").sort("value").rows()
        if cells != alone:
            yield f"the cells count of {name} {cells}, the categories {alone}"
    meaning = {value: name for name in OUTCOMES for value in getattr(declaration.outcomes, name)} | {None: "undecided"}
    for decision, outcome in sorted(tally.cells.select("decision", "outcome").unique().iter_rows(), key=str):
        if meaning.get(decision) != outcome:
            yield f"the cells call the decision {decision} {outcome}; it is declared {meaning.get(decision)}"
