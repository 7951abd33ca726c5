"""Static charts: Altair builds them, vl-convert draws them as SVG, no browser and no network.

Both come with the extra `charts` and are imported when a chart is drawn. Every chart carries a title and a
description, tells states apart by shape as well as by colour, and stands on a light ground for dark pages and paper.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from gov_pipelines.policy import partition_key
from gov_pipelines.report import words

if TYPE_CHECKING:
    from altair import LayerChart, TopLevelMixin

    from gov_pipelines.measure.measurement import Measurement
    from gov_pipelines.report.model import PastVerdict

INSTALL = "pip install 'gov-pipelines[charts]'"
STRIP_PARTITIONS = 62

_WIDTH = 340  # of the plot, in pixels; labels and numbers stand beside it
_INK, _MUTED, _RULE = "#1d2733", "#5b6773", "#d5dbe1"
_INSIDE, _BEYOND = "#22628f", "#b3311a"
# Arial, Helvetica and Liberation Sans have the same widths, so text fits where it was measured on another machine.
_FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
# Ground and glyph of each verdict: blue against vermilion, apart for every common colour vision, and in grey.
_VERDICT_COLOURS = {
    "fail": ("#b3311a", "#ffffff"),
    "missing": ("#5c2d80", "#ffffff"),
    "insufficient": ("#8b95a0", "#ffffff"),
    "warn": ("#f0b429", "#2b2100"),
    "pass": ("#3f83b5", "#ffffff"),
    "report_only": ("#cfe0ec", "#22506f"),
    "not_applicable": ("#eef1f4", "#7a8590"),
}
# State of a measurement: colour and shape.
_STATES = {
    "beyond the limit": (_BEYOND, "diamond"),
    "inside the limit": (_INSIDE, "circle"),
    "listed, not judged": (_MUTED, "circle"),
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


def forest(
    measurements: Sequence[Measurement], limit: float | None, title: str, *, limit_is: str = "at_least"
) -> LayerChart:
    """Values of groups or columns with their intervals and the limit line, worst first, the numbers beside them.

    Groups that are listed but not judged are hollow and grey; undefined values keep their row and say so. An interval
    that leaves the plot ends in an arrow. `limit_is` (`at_least` or `at_most`) says which side of the limit is good.
    """
    alt = _altair()
    strata = {words.group_words(m.stratum) for m in measurements if m.stratum}
    if len(strata) == 1 and all(m.stratum for m in measurements):  # said once, not in every label
        title = f"{title}, among {strata.pop()}"
        measurements = [replace(m, stratum=None) for m in measurements]
    ordered = sorted(measurements, key=lambda m: (not m.tested, _badness(m, limit_is)))
    domain = _domain(measurements, limit)
    rows = [_row(m, domain, limit, limit_is) for m in ordered]
    axis = alt.Axis(labelLimit=260, labelPadding=14, domain=False, ticks=False)
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("label:N", sort=[row["label"] for row in rows], title=None, axis=axis)
    )
    x = alt.X("value:Q", title=None, axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=domain, nice=False, zero=False))
    colours, shapes = zip(*_STATES.values(), strict=True)
    colour = alt.Color("state:N", legend=None, scale=alt.Scale(domain=list(_STATES), range=colours))
    shape = alt.Shape("state:N", legend=None, scale=alt.Scale(domain=list(_STATES), range=shapes))
    hollow = alt.condition("datum.judged", colour, alt.value("#ffffff"))
    defined = base.transform_filter("isValid(datum.value)")
    marks = [defined.mark_rule(strokeWidth=2).encode(x="from:Q", x2="to:Q", color=colour)]
    for cut, arrow, end in (("cut_left", "triangle-left", "from:Q"), ("cut_right", "triangle-right", "to:Q")):
        cut_off = defined.transform_filter(f"datum.{cut}")
        marks.append(cut_off.mark_point(shape=arrow, size=45, filled=True, opacity=1).encode(x=end, color=colour))
    marks.append(
        defined.mark_point(size=85, strokeWidth=2, opacity=1).encode(x=x, color=colour, shape=shape, fill=hollow)
    )
    if limit is not None:
        at = alt.Chart(alt.Data(values=[{"limit": limit, "label": f"{limit_is.replace('_', ' ')} {limit:g}"}]))
        label = at.mark_text(baseline="bottom", fontSize=11, fontWeight="bold", color=_INK, dy=-4)
        marks.append(at.mark_rule(color=_INK, strokeDash=[5, 3], strokeWidth=1.5).encode(x="limit:Q"))
        marks.append(label.encode(x="limit:Q", y=alt.value(0), text="label:N"))
    numbers = base.mark_text(align="left", color=_INK, fontSize=12).encode(x=alt.value(_WIDTH + 14), text="numbers:N")
    layers = alt.layer(*marks, numbers)
    described = " ".join(words.measurement_sentence(m) for m in ordered)
    return _framed(alt, layers.properties(width=_WIDTH, height=alt.Step(25)), title, described)


def _domain(measurements: Sequence[Measurement], limit: float | None) -> tuple[float, float]:
    """The axis: every value, the limit, and the intervals of what is judged; those of small groups may be cut."""
    judged = [m for m in measurements if m.tested and m.value is not None] or measurements
    bounds = [limit, *(m.value for m in measurements), *(x for m in judged for x in (m.lower, m.upper))]
    ends = [x for x in bounds if x is not None] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    margin = (high - low or 0.1) * 0.12
    return (low - margin if low < 0 else max(0.0, low - margin), high + margin)


def verdict_strip(
    history: Mapping[str, Sequence[PastVerdict]], title: str = "Verdicts by partition", missed: Sequence[date] = ()
) -> LayerChart:
    """One row a control, one square a partition: the verdict by colour and by glyph.

    A partition without a verdict for a control leaves its square blank; in `missed` partitions every control is
    `missing`. Shows the newest 62 partitions and says so where there are more.
    """
    alt = _altair()
    every = sorted({past.partition for line in history.values() for past in line} | set(missed))
    shown = every[-STRIP_PARTITIONS:]
    said = {(name, past.partition): past.verdict for name, line in history.items() for past in line}
    said |= {(name, day): "missing" for name in history for day in missed}
    cells = [
        {"control": name, "day": partition_key(day), "verdict": said.get((name, day))}
        for name in history
        for day in shown
    ]
    verdicts, (grounds, inks) = list(_VERDICT_COLOURS), zip(*_VERDICT_COLOURS.values(), strict=True)

    def scale(of: Sequence[str]) -> dict[str, Any]:
        return {"field": "verdict", "type": "nominal", "legend": None, "scale": alt.Scale(domain=verdicts, range=of)}

    axis = {"title": None, "domain": False, "ticks": False}
    step = 12 if shown and isinstance(shown[-1], datetime) else 7
    weekly = [partition_key(each) for each in shown[::-step]]
    top = alt.Axis(
        **axis, values=weekly, labelExpr="slice(datum.label, 5)", orient="top", labelAngle=0, labelOverlap=False
    )
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("day:O", scale=alt.Scale(paddingInner=0.12), axis=top),
        y=alt.Y(
            "control:N", sort=list(history), scale=alt.Scale(paddingInner=0.12), axis=alt.Axis(**axis, labelPadding=8)
        ),
    )
    judged = base.transform_filter("isValid(datum.verdict)")
    layers = alt.layer(
        base.mark_rect(stroke=_RULE, fill="#ffffff", strokeWidth=1),
        judged.mark_rect().encode(color=alt.Color(**scale(grounds))),
        judged.mark_point(size=95, strokeWidth=1.7, filled=False, opacity=1).encode(
            stroke=alt.Stroke(**scale(inks)), shape=alt.Shape(**scale([words.GLYPHS[verdict] for verdict in verdicts]))
        ),
    ).resolve_scale(color="independent", stroke="independent")
    tail = f" The newest {len(shown)} of {len(every)} partitions." if len(every) > len(shown) else ""
    described = " ".join(_strip_words(name, line) for name, line in history.items()) + tail
    return _framed(
        alt, layers.properties(width=alt.Step(20), height=alt.Step(21)), f"{title}{tail and '.'}{tail}", described
    )


def _row(m: Measurement, domain: tuple[float, float], limit: float | None, limit_is: str) -> dict[str, Any]:
    lower, upper = m.lower, m.upper
    if lower is None and upper is None:
        lower = upper = m.value
    low, high = (-inf if lower is None else lower, inf if upper is None else upper)  # one-sided intervals have no end
    beyond = m.value is not None and limit is not None and (m.value - limit) * (-1 if limit_is == "at_least" else 1) > 0
    judged = "beyond the limit" if beyond else "inside the limit"
    interval = words.interval_words(m)
    aside = "" if m.tested else ", not judged"
    return {
        "label": words.subject_words(m),
        "value": m.value,
        "from": max(low, domain[0]),
        "to": min(high, domain[1]),
        "cut_left": low < domain[0],
        "cut_right": high > domain[1],
        "judged": m.tested,
        "state": judged if m.tested else "listed, not judged",
        "numbers": f"{words.number(m.value)}{f' ({interval})' if interval else ''}, n {m.n:,}{aside}",
    }


def _badness(m: Measurement, limit_is: str) -> float:
    if m.value is None:
        return inf
    return m.value if limit_is == "at_least" else -m.value


def _strip_words(name: str, line: Sequence[PastVerdict]) -> str:
    """The strip in words: runs of equal verdicts with their first day."""
    runs = [next(run) for _, run in groupby(line, key=lambda past: past.verdict)]
    told = ", ".join(f"{words.VERDICT_WORDS[run.verdict][0]} from {run.partition}" for run in runs)
    return f"{name}: {told or 'never judged'}."


def _framed(alt: Any, layers: Any, title: str, described: str) -> LayerChart:
    """The common look: left title, light ground, no element-wise labels (the description carries the content)."""
    heading = alt.TitleParams(text=title, anchor="start", frame="group", fontSize=13, color=_INK, offset=16)
    padding = {"left": 10, "top": 10, "right": 22, "bottom": 10}
    framed: LayerChart = (
        layers.properties(title=heading, description=described, background="#ffffff", padding=padding)
        .configure(font=_FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(labelColor=_INK, labelFontSize=12, gridColor="#e8ecef", tickColor=_RULE, domainColor=_RULE)
    )
    return framed


def _altair() -> Any:
    """Altair, on first use: it takes a second to import, and only the extra `charts` brings it."""
    return import_module("altair")
