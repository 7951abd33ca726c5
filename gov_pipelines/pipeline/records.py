"""Measurements as JSON: what a night's files hold between its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gov_pipelines.measure import Measurement

_MOMENTS = ("window_start", "window_end")


def measurement_record(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain JSON data."""
    record = asdict(measurement)
    moments = {name: record[name].isoformat() for name in _MOMENTS if record[name] is not None}
    return record | {"attribute": list(measurement.attribute)} | moments


def measurement_from(record: Mapping[str, Any]) -> Measurement:
    """The measurement a record was made from."""
    moments = {name: datetime.fromisoformat(record[name]) for name in _MOMENTS if record[name] is not None}
    return Measurement(**{**record, "attribute": tuple(record["attribute"]), **moments})
