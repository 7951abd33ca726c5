"""What all charts share: the look, how they are drawn as SVG, and whether the extra that draws them is there."""

from __future__ import annotations

import hashlib
import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

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
    return re.sub(
        r"<svg\b([^>]*)>",
        lambda found: f'<svg role="img" aria-labelledby="{name}-t {name}-d"{found[1]}>{head}',
        drawn,
        count=1,
    )


def framed(alt: Any, layers: Any, title: str, described: str) -> LayerChart:
    """The common look: left title, light ground, no element-wise labels (the description carries the content)."""
    heading = alt.TitleParams(text=title, anchor="start", frame="group", fontSize=13, color=INK, offset=16)
    padding = {"left": 10, "top": 10, "right": 22, "bottom": 10}
    whole: LayerChart = (
        layers.properties(title=heading, description=described, background="#ffffff", padding=padding)
        .configure(font=_FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, labelFontSize=12, gridColor="#e8ecef", tickColor=RULE, domainColor=RULE)
    )
    return whole


def altair() -> Any:
    """Altair, on first use: it takes a second to import, and only the extra `charts` brings it."""
    return import_module("altair")
