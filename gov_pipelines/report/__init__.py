"""Show it: self-contained pages, gaps first, then every control in plain words, with its numbers and charts.

`gather` builds a `Report` (plain data) from the store and the artifacts; `render` writes its pages; `forest` and `svg`
draw a static chart, here, in notebooks and in the Dagster UI; `explain` tells one decision in words.
"""

from __future__ import annotations

from gov_pipelines.report.charts import charts_installed, forest, svg
from gov_pipelines.report.explanation import explain
from gov_pipelines.report.gathering import gather, limit_of, measurements_in
from gov_pipelines.report.pages import render

__all__ = ["charts_installed", "explain", "forest", "gather", "limit_of", "measurements_in", "render", "svg"]
