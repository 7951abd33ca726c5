"""Static charts: Altair builds them, vl-convert draws them as SVG, no browser and no network.

Both come with the extra `charts` and are imported when a chart is drawn. Every chart carries a title and a
description, tells states apart by shape as well as by colour, and stands on a light ground for dark pages and paper.
"""

from __future__ import annotations

from gov_pipelines.report.charts.drawing import INSTALL, charts_installed, svg
from gov_pipelines.report.charts.forest import forest
from gov_pipelines.report.charts.overlay import overlay
from gov_pipelines.report.charts.strip import STRIP_PARTITIONS, verdict_strip
from gov_pipelines.report.charts.timeline import timeline

__all__ = ["INSTALL", "STRIP_PARTITIONS", "charts_installed", "forest", "overlay", "svg", "timeline", "verdict_strip"]
