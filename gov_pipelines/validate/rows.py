"""Measurements as the rows of the small table that Great Expectations sees."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gov_pipelines.measure import Measurement

TEXTS = ("metric", "method", "note", "system")
OBJECTS = ("attribute", "group", "reference_group", "stratum")  # JSON text: a condition can name it
INSTANTS = ("window_start", "window_end")  # ISO 8601
NUMBERS = (
    "value", "lower", "upper", "confidence", "p_value", "p_adjusted", "e_value", "minimum_detectable", "n_needed",
)  # fmt: skip


def row_of(measurement: Measurement, control: str) -> dict[str, Any]:
    """One measurement as a row.

    Args:
        measurement: the measurement.
        control: key of the control it was measured for.

    Returns:
        Column to text, number, bool or None; `attribute` and the groups are JSON text such as `["race"]`; and under
        `measurement` the measurement itself, where NaN is None: to a limit, NaN would be neither inside nor beyond.
    """
    undefined: dict[str, Any] = {
        name: None for name in NUMBERS if (number := getattr(measurement, name)) is not None and math.isnan(number)
    }
    known = replace(measurement, **undefined) if undefined else measurement
    row = {name: getattr(known, name) for name in (*TEXTS, *NUMBERS, *OBJECTS, *INSTANTS, "n", "tested")}
    return {name: _plain(value) for name, value in row.items()} | {"control": control, "measurement": known}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping | tuple):
        return json.dumps(value, ensure_ascii=False, default=dict)
    return value.isoformat() if isinstance(value, datetime) else value
