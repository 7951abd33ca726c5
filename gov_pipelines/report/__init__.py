"""Show it: self-contained pages, gaps first, then every control in plain words, with its numbers and charts.

`gather` builds a `Report` (plain data) from the store and the artifacts; `render` writes its pages; `forest`,
`verdict_strip`, `psi_bars` and `svg` draw static charts, here and in the Dagster UI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gov_pipelines.report.charts import charts_installed, forest, psi_bars, svg, verdict_strip
    from gov_pipelines.report.gathering import gather
    from gov_pipelines.report.model import ControlView, PastVerdict, Report, RowTotals, SnapshotView, SystemPage
    from gov_pipelines.report.pages import render
    from gov_pipelines.report.words import LIMITS, VERDICT_WORDS

__all__ = [
    "LIMITS",
    "VERDICT_WORDS",
    "ControlView",
    "PastVerdict",
    "Report",
    "RowTotals",
    "SnapshotView",
    "SystemPage",
    "charts_installed",
    "forest",
    "gather",
    "psi_bars",
    "render",
    "svg",
    "verdict_strip",
]

_HOME = {
    **dict.fromkeys(("LIMITS", "VERDICT_WORDS"), "words"),
    **dict.fromkeys(("ControlView", "PastVerdict", "Report", "RowTotals", "SnapshotView", "SystemPage"), "model"),
    **dict.fromkeys(("charts_installed", "forest", "psi_bars", "svg", "verdict_strip"), "charts"),
    "gather": "gathering",
    "render": "pages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
