"""The worst slice of any table: the group of any attribute or intersection that fares worst, of those large enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gov_pipelines.measure.adhoc.tables import Table, proportion
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.rates.catalogue import worst_group
from gov_pipelines.measure.statistics.intervals import wilson


def worst_rows(tables: Sequence[Table], names: Iterable[str], least: int, confidence: float) -> Iterator[Measurement]:
    """For each rate its worst slice of at least so many rows; the interval pays for every slice that could have been it."""
    places = [(table, at) for table in tables for at in range(len(table.keys))]
    known = np.concatenate([table.known for table in tables])
    for name in names:
        found = [proportion(table, name) for table in tables]
        value, rows, x, n = (
            np.concatenate([getattr(each, of) for each in found]) for of in ("value", "rows", "x", "n")
        )
        value = np.where(known, value, np.nan)
        at, slices = worst_group(value, rows, name, least), int((~np.isnan(value) & (rows >= least)).sum())
        if at is None or slices < 2:
            continue
        low, high = wilson(x[at], n[at], 1 - (1 - confidence) / slices)
        table, place = places[at]
        yield Measurement(
            f"worst_{name}", table.attributes, table.group(place), value=float(value[at]), lower=float(low), upper=float(high),
            confidence=confidence, n=int(rows[at]), note=f"the worst of {slices:,} slices of {least:,} rows or more",
            method=f"Wilson interval, Bonferroni over {slices:,} slices",
        )  # fmt: skip
