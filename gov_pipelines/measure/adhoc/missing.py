"""What missing labels and decisions leave open in any table: each rate of a group with the range it may have."""

from __future__ import annotations

from collections.abc import Iterator

from gov_pipelines.measure.adhoc.tables import Table
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.bounds import decision_bounds, label_bounds
from gov_pipelines.measure.rates.confusion import FAVORABLE, RATES, Counts, Values


def bounds_rows(table: Table, *, labelled: bool) -> Iterator[Measurement]:
    """The value of each rate among what is known; lower and upper are what it can be, whatever is missing."""
    counts = table.weighed
    yield from _rows(table, "selection_rate", decision_bounds(counts, table.pending), table.undecided, "decision")
    for name, rate in RATES.items() if labelled else ():
        if rate.labelled:
            yield from _rows(table, name, label_bounds(counts, rate), table.counts[:, FAVORABLE:].sum(-1), "label")


def _rows(table: Table, name: str, ends: tuple[Values, Values], missing: Counts, what: str) -> Iterator[Measurement]:
    values, n = RATES[name](table.weighed), RATES[name].of(table.counts)[1]
    method = f"lowest and highest value whatever the missing {what}s are; no sampling error is in them"
    for at in missing.nonzero()[0].tolist():
        yield Measurement(
            f"{name}_bounds", table.attributes, table.group(at), stratum=table.stratum, value=finite(values[at]),
            lower=finite(ends[0][at]), upper=finite(ends[1][at]), n=int(n[at]), method=method,
            note=f"{'undefined: none is known; ' if n[at] == 0 else ''}{missing[at]:,} without a {what}",
        )  # fmt: skip
