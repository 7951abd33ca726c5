"""What the decisions amount to: tally, fairness, drift, quality, intervals, tests, and the verdict rule."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gov_pipelines.measure.bins import bin_floor
    from gov_pipelines.measure.drift import drift_measurements, stability_index
    from gov_pipelines.measure.fairness import fairness_measurements
    from gov_pipelines.measure.measurement import WORST_FIRST, Judgement, Measurement, Verdict
    from gov_pipelines.measure.quality import freshness_measurement, quality_measurements, range_measurements
    from gov_pipelines.measure.tallies import Tally, tally, total
    from gov_pipelines.measure.tally_text import disclosed, tally_digest, tally_from_json, tally_json
    from gov_pipelines.measure.verdict import judge
    from gov_pipelines.measure.window import local_midnight, window_bounds, window_partitions

# Loaded on first use: naming this room costs neither Polars nor NumPy.
_HOMES = {
    "bins": ("bin_floor",),
    "drift": ("drift_measurements", "stability_index"),
    "fairness": ("fairness_measurements",),
    "measurement": ("Judgement", "Measurement", "Verdict", "WORST_FIRST"),
    "quality": ("freshness_measurement", "quality_measurements", "range_measurements"),
    "tallies": ("Tally", "tally", "total"),
    "tally_text": ("disclosed", "tally_digest", "tally_from_json", "tally_json"),
    "verdict": ("judge",),
    "window": ("local_midnight", "window_bounds", "window_partitions"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "WORST_FIRST",
    "Judgement",
    "Measurement",
    "Tally",
    "Verdict",
    "bin_floor",
    "disclosed",
    "drift_measurements",
    "fairness_measurements",
    "freshness_measurement",
    "judge",
    "local_midnight",
    "quality_measurements",
    "range_measurements",
    "stability_index",
    "tally",
    "tally_digest",
    "tally_from_json",
    "tally_json",
    "total",
    "window_bounds",
    "window_partitions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
