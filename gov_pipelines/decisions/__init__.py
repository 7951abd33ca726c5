"""What was decided: sources, the canonical log, quarantine, and a verdict per decision and rule."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gov_pipelines.decisions.casts import as_category, as_integer, as_moment, as_text
    from gov_pipelines.decisions.digest import frame_digest
    from gov_pipelines.decisions.extract import Extract, RowAccounting, read_partition
    from gov_pipelines.decisions.joins import InputDigest
    from gov_pipelines.decisions.judge import DECISION_VERDICTS, decision_measurements, judge_decisions
    from gov_pipelines.decisions.places import Columns, During, Place, open_sources
    from gov_pipelines.decisions.window import partition_window

_HOMES = {
    "Columns": "places",
    "DECISION_VERDICTS": "judge",
    "During": "places",
    "Extract": "extract",
    "InputDigest": "joins",
    "Place": "places",
    "RowAccounting": "extract",
    "as_category": "casts",
    "as_integer": "casts",
    "as_moment": "casts",
    "as_text": "casts",
    "decision_measurements": "judge",
    "frame_digest": "digest",
    "judge_decisions": "judge",
    "open_sources": "places",
    "partition_window": "window",
    "read_partition": "extract",
}

__all__ = [
    "DECISION_VERDICTS",
    "Columns",
    "During",
    "Extract",
    "InputDigest",
    "Place",
    "RowAccounting",
    "as_category",
    "as_integer",
    "as_moment",
    "as_text",
    "decision_measurements",
    "frame_digest",
    "judge_decisions",
    "open_sources",
    "partition_window",
    "read_partition",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
