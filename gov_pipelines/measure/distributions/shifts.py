"""Drift over the nights of a year: each column's shares, night by night, against its reference and all nights before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from gov_pipelines.measure.distributions.distances import quantile_bins
from gov_pipelines.measure.distributions.drift import LABEL, value_counts
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.alarms import Alarm, Year, shift_evidence
from gov_pipelines.measure.statistics.intervals import Floats
from gov_pipelines.policy.kinds import Drift

_NO_POWER = "what a year of nights would show is not said: days scatter by more than chance"


def over_the_year(rows: Sequence[Measurement], year: Year, control: Drift) -> list[Measurement]:
    """Rows of `drift_measurements` whose p values are those of the year's nights.

    Args:
        rows: one a column and group.
        year: the nights after the reference, and the reference's own.
        control: how sure one wants to be, and the bins that numbers are cut into.
    """
    confidence, _ = comparisons.demanded(control.test)
    tested = [row for row in rows if row.tested and row.value is not None]
    found = year.alarms(
        [
            shift_evidence(year.placed(now), then, len(year.nights))
            for now, then in (_by_day(row, year, control.bins) for row in tested)
        ],
        max(len(tested), 1),
        1 - confidence,
    )
    method = f"; instead of the test: {year.method}, closed means over {len(tested)}"
    alarms = dict(zip(map(id, tested), found, strict=True))
    return [replace(row, **_told(row, alarms[id(row)], method)) if id(row) in alarms else row for row in rows]


def _told(row: Measurement, alarm: Alarm, method: str) -> dict[str, Any]:
    p = {"e_value": alarm.e, "p_value": alarm.p, "p_adjusted": alarm.p_adjusted}
    return {
        **p,
        "minimum_detectable": None,
        "method": row.method + method,
        "note": joined(row.note, alarm.since, _NO_POWER),
    }


def _by_day(row: Measurement, year: Year, bins: int) -> tuple[Floats, Floats]:
    """A row a night and a column a category, or a bin of the reference's quantiles; then the same of the reference's days."""
    part = next(iter(row.group.items())) if row.group else None
    days = [*year.reference, *year.counted.values()]
    tables = [value_counts(day, row.attribute[0], part) for day in days]
    counts = pl.concat(
        [table.select("value", "n", day=pl.lit(at)) for at, table in enumerate(tables) if table is not None]
    )
    if row.attribute == (LABEL,):
        counts = counts.drop_nulls("value")
    then = pl.col("n").filter(pl.col("day") < len(year.reference)).sum().alias("then")
    values = counts.group_by("value").agg(then).sort("value", nulls_last=True)
    place = np.arange(values.height)
    if values.schema["value"] == pl.Int64:
        numbers = values.drop_nulls("value")
        place = np.append(quantile_bins(numbers["then"].to_numpy(), bins), [bins] * (values.height - numbers.height))
    known = counts.join(values.select("value", place=pl.Series(place)), on="value", nulls_equal=True)
    table = np.zeros((len(days), int(place.max(initial=0)) + 1))
    np.add.at(table, (known["day"].to_numpy(), known["place"].to_numpy()), known["n"].to_numpy())
    return table[len(year.reference) :], table[: len(year.reference)]
