"""What all charts share: the look, how they are drawn as SVG, and whether the extra that draws them is there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from gov_pipelines.policy import partition_key
from gov_pipelines.report import words

if TYPE_CHECKING:
    from altair import LayerChart, TopLevelMixin

INSTALL = "pip install 'gov-pipelines[charts]'"

WIDTH = 340  # of the plot, in pixels; labels and numbers stand beside it
INK, MUTED, RULE = "#1d2733", "#5b6773", "#d5dbe1"
INSIDE, BEYOND = "#22628f", "#b3311a"
# Arial, Helvetica and Liberation Sans have the same widths, so text fits where it was measured on another machine.
_FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
# Ground and glyph of each verdict: blue against vermilion, apart for every common colour vision, and in grey.
VERDICT_COLOURS = {
    "fail": ("#b3311a", "#ffffff"),
    "missing": ("#5c2d80", "#ffffff"),
    "insufficient": ("#8b95a0", "#ffffff"),
    "warn": ("#f0b429", "#2b2100"),
    "pass": ("#3f83b5", "#ffffff"),
    "report_only": ("#cfe0ec", "#22506f"),
    "not_applicable": ("#eef1f4", "#7a8590"),
}


def charts_installed() -> bool:
    """Whether the extra `charts` is there. Without it pages name the install line in a chart's place."""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def svg(chart: TopLevelMixin) -> str:
    """Draw a chart as one self-contained SVG element with a title and a description.

    Ids are prefixed by the drawing's digest, so that several charts share a page. The same chart gives the same text.
    """
    import vl_convert  # noqa: PLC0415  (comes with the extra, loaded when a chart is drawn)

    # Our own specifications need no validation against the schema, which takes longer than drawing.
    spec = chart.to_dict(validate=False)
    drawn: str = vl_convert.vegalite_to_svg(spec)
    name = f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}"
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    title = spec.get("title", "")
    title = escape(title if isinstance(title, str) else title.get("text", ""))
    described = escape(spec.get("description", ""))
    head = f'<title id="{name}-t">{title}</title><desc id="{name}-d">{described}</desc>'
    opening, rest = drawn.split(">", 1)
    return f'{opening} role="img" aria-labelledby="{name}-t {name}-d">{head}{rest}'


_LOOK = {
    "font": _FONT, "aria": False, "view": {"stroke": None},  # no element-wise labels: the description carries the content
    "axis": {"labelColor": INK, "labelFontSize": 12, "gridColor": "#e8ecef", "tickColor": RULE, "domainColor": RULE},
}  # fmt: skip


def framed(alt: Any, layers: Sequence[Any], title: str, described: str, rows: list[Any], **more: Any) -> LayerChart:
    """Layers of rows in the common look: title to the left, light ground. Made at once, for every change copies it all."""
    heading = {"text": title, "anchor": "start", "frame": "group", "fontSize": 13, "color": INK, "offset": 16}
    frame = {"background": "#ffffff", "padding": {"left": 10, "top": 10, "right": 22, "bottom": 10}, "config": _LOOK}
    data = alt.Data(values=rows)
    whole: LayerChart = alt.layer(*layers, data=data, title=heading, description=described, **frame, **more)
    return whole


def altair() -> Any:
    """Altair, on first use: it takes a second to import, and only the extra `charts` brings it."""
    return import_module("altair")


def span(numbers: Iterable[float | None]) -> tuple[float, float]:
    """An axis on which all numbers lie, with a margin; from zero at least where none is negative."""
    ends = [x for x in numbers if x is not None] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    margin = (high - low or 0.1) * 0.12
    return (low - margin if low < 0 else max(0.0, low - margin), high + margin)


def date_axis(alt: Any, shown: Sequence[date], orient: str) -> Any:
    """Partitions as they are shown: from the newest on every seventh day or twelfth hour is named, the first of a year with it."""
    named = sorted(shown, reverse=True)[:: 12 if shown and isinstance(shown[0], datetime) else 7]
    ordered, labels = [day for day in shown if day in named], dict[str, list[str]]()
    for before, day in zip([None, *ordered], ordered, strict=False):
        year, rest = partition_key(day).split("-", 1)
        lines = [rest, "" if before and before.year == day.year else year]
        labels[partition_key(day)] = lines if orient == "bottom" else lines[::-1]
    return alt.Axis(
        title=None, domain=False, ticks=False, orient=orient, labelAngle=0, labelOverlap=False, values=list(labels),
        labelPadding=4 if orient == "bottom" else 18,  # lines grow downwards, on a top axis, too
        labelExpr=f"{json.dumps(labels)}[datum.label]",
    )  # fmt: skip


def verdict_scales(alt: Any) -> tuple[dict[str, Any], ...]:
    """How a verdict is shown: the colour of its ground, that of its glyph on it, and the glyph."""
    grounds, inks = zip(*VERDICT_COLOURS.values(), strict=True)
    ranges = (grounds, inks, [words.GLYPHS[verdict] for verdict in VERDICT_COLOURS])
    scales = (alt.Scale(domain=list(VERDICT_COLOURS), range=each) for each in ranges)
    return tuple({"field": "verdict", "type": "nominal", "legend": None, "scale": each} for each in scales)


def limit_marks(alt: Any, limit: float | None, limit_is: str, along: str, end: Any, **place: Any) -> list[Any]:
    """The limit across a plot with its words at one end of it; nothing where there is none."""
    if limit is None:
        return []
    at = alt.Chart(alt.Data(values=[{"limit": limit, "label": f"{limit_is.replace('_', ' ')} {limit:g}"}]))
    at = at.encode(**{along: getattr(alt, along.upper())("limit:Q")})
    text = at.mark_text(color=INK, fontSize=11, fontWeight="bold", **place)
    across = "y" if along == "x" else "x"
    return [
        at.mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.5),
        text.encode(**{across: end}, text=alt.Text("label:N")),
    ]
