"""Static charts: Altair builds them, vl-convert draws them as SVG, no browser and no network.

Both come with the extra `charts` and are imported when a chart is drawn. Every chart carries a title and a
description, tells states apart by shape as well as by colour, and stands on a light ground for dark pages and paper.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from gov_pipelines.report import words

if TYPE_CHECKING:
    import altair as alt

    from gov_pipelines.measure.measurement import Measurement
    from gov_pipelines.report.model import PastVerdict

INSTALL = "pip install 'gov-pipelines[charts]'"
STRIP_PARTITIONS = 62

_WIDTH = 370  # of the plot, in pixels; labels and numbers stand beside it
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


def charts_installed() -> bool:
    """Whether the extra `charts` is there. Without it pages name the install line in a chart's place."""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def svg(chart: alt.TopLevelMixin) -> str:
    """Draw a chart as one self-contained SVG element with a title and a description.

    Ids are prefixed by the drawing's digest, so that several charts share a page. The same chart gives the same text.
    """
    buffer = io.StringIO()
    chart.save(buffer, format="svg")
    drawn = buffer.getvalue()
    name = f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}"
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    spec = chart.to_dict()
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
) -> alt.LayerChart:
    """Values of groups with their intervals and the limit line, worst first, the numbers beside them.

    Groups that are listed but not judged are hollow and grey; undefined values keep their row and say so. An interval
    that leaves the plot ends in an arrow. `limit_is` (`at_least` or `at_most`) says which side of the limit is beyond.
    """
    alt = _altair()
    judged = [m for m in measurements if m.tested and m.value is not None] or list(measurements)
    ends = [x for m in judged for x in (m.value, m.lower, m.upper) if x is not None] + (
        [] if limit is None else [limit]
    )
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = (high - low or 0.1) * 0.12
    domain = (low - margin if low < 0 else max(0.0, low - margin), high + margin)
    worst_first = sorted(measurements, key=lambda m: (not m.tested, _badness(m, limit_is)))
    rows = [_forest_row(m, domain, limit, limit_is) for m in worst_first]
    labels = list(dict.fromkeys(row["label"] for row in rows))
    base = alt.Chart(alt.Data(values=rows))
    y = alt.Y(
        "label:N",
        sort=labels,
        title=None,
        axis=alt.Axis(labelLimit=260, labelPadding=8, domain=False, ticks=False),
    )
    x = alt.X("shown:Q", title=None, axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=domain, nice=False, zero=False))
    state = ["beyond the limit", "inside the limit", "measured", "listed, not judged"]
    colours, shapes = [_BEYOND, _INSIDE, _INSIDE, _MUTED], ["diamond", "circle", "circle", "circle"]
    colour = alt.Color("state:N", scale=alt.Scale(domain=state, range=colours), legend=None)
    here = alt.datum.value != None  # noqa: E711  (a Vega expression, not a Python comparison)
    bars = (
        base.transform_filter(here)
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("from:Q"), x2="to:Q", y=y, color=colour)
    )
    marks = base.transform_filter(here & (alt.datum.outside == "")).mark_point(
        size=85, strokeWidth=2, opacity=1
    )
    marks = marks.encode(
        x=x, y=y, color=colour, shape=alt.Shape("state:N", scale=alt.Scale(domain=state, range=shapes), legend=None),
        fill=alt.condition(alt.datum.judged, colour, alt.value("#ffffff")),
    )  # fmt: skip
    arrows = [
        base.transform_filter(alt.datum[side]).mark_point(shape=shape, size=45, filled=True, opacity=1)
        .encode(x=end, y=y, color=colour)
        for side, shape, end in (("cut_left", "triangle-left", "from:Q"), ("cut_right", "triangle-right", "to:Q"))
    ]  # fmt: skip
    text = base.mark_text(align="left", color=_INK, fontSize=12, baseline="middle").encode(
        x=alt.value(_WIDTH + 14), y=y, text="numbers:N"
    )
    line = [] if limit is None else [_limit_line(alt, limit, f"{limit_is.replace('_', ' ')} {limit:g}")]
    described = " ".join(words.measurement_sentence(m) for m in worst_first)
    layers = alt.layer(*line, bars, *arrows, marks, text)
    return _framed(alt, layers.properties(width=_WIDTH, height=alt.Step(25)), title, described)


def psi_bars(measurements: Sequence[Measurement], limit: float | None, title: str) -> alt.LayerChart:
    """How far each column has moved from its reference: one bar a column, its interval, and the limit line."""
    alt = _altair()
    ordered = sorted(measurements, key=lambda m: -(m.value or 0.0))
    rows = [
        {
            "label": words.subject_words(m),
            "value": m.value,
            "lower": m.lower,
            "upper": m.upper,
            "state": "beyond" if limit is not None and m.value is not None and m.value > limit else "inside",
            "numbers": _numbers(m),
        }
        for m in ordered
    ]
    top = max([x for m in ordered for x in (m.value, m.upper) if x is not None] + [limit or 0.0, 0.05]) * 1.12
    base = alt.Chart(alt.Data(values=rows))
    y = alt.Y(
        "label:N", sort=[row["label"] for row in rows], title=None,
        axis=alt.Axis(labelLimit=260, labelPadding=8, domain=False, ticks=False),
    )  # fmt: skip
    colour = alt.Color(
        "state:N", scale=alt.Scale(domain=["beyond", "inside"], range=[_BEYOND, _INSIDE]), legend=None
    )
    bars = base.mark_bar(height=11).encode(
        x=alt.X("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(domain=[0, top], nice=False)), y=y, color=colour
    )
    intervals = base.transform_filter("isValid(datum.lower) && isValid(datum.upper)")
    whiskers = intervals.mark_rule(color=_INK, strokeWidth=1.5).encode(x="lower:Q", x2="upper:Q", y=y)
    text = base.mark_text(align="left", color=_INK, fontSize=12, baseline="middle").encode(
        x=alt.value(_WIDTH + 14), y=y, text="numbers:N"
    )
    line = [] if limit is None else [_limit_line(alt, limit, f"at most {limit:g}")]
    described = " ".join(words.measurement_sentence(m) for m in ordered)
    layers = alt.layer(bars, whiskers, *line, text).properties(width=_WIDTH, height=alt.Step(25))
    return _framed(alt, layers, title, described)


def verdict_strip(
    history: Mapping[str, Sequence[PastVerdict]],
    title: str = "Verdicts by partition",
    missed: Sequence[date] = (),
) -> alt.LayerChart:
    """One row a control, one square a partition: the verdict by colour and by glyph.

    A partition without a verdict for a control leaves its square blank; `missed` partitions are hatched by a cross of
    the colour of `missing`. Shows the newest 62 partitions and says so where there are more.
    """
    alt = _altair()
    every = sorted({past.partition for line in history.values() for past in line} | set(missed))
    shown = every[-STRIP_PARTITIONS:]
    seen = {(name, past.partition): past.verdict for name, line in history.items() for past in line}
    cells = [
        {
            "control": name,
            "day": day.isoformat(),
            "verdict": seen.get((name, day), "missing" if day in missed else None),
        }
        for name in history
        for day in shown
    ]
    verdicts = list(_VERDICT_COLOURS)
    base = alt.Chart(alt.Data(values=cells))
    ticks = [day.isoformat() for day in shown if (shown[-1] - day).days % 7 == 0]
    x = alt.X(
        "day:O", title=None, scale=alt.Scale(domain=[day.isoformat() for day in shown], paddingInner=0.12),
        axis=alt.Axis(labelAngle=0, values=ticks, labelExpr="slice(datum.label, 5)", domain=False, orient="top",
                      labelOverlap=False, ticks=False, labelPadding=4),
    )  # fmt: skip
    y = alt.Y(
        "control:N", sort=list(history), title=None, scale=alt.Scale(paddingInner=0.12),
        axis=alt.Axis(labelLimit=200, domain=False, ticks=False, labelPadding=8),
    )  # fmt: skip
    ground = alt.Color(
        "verdict:N",
        legend=None,
        scale=alt.Scale(domain=verdicts, range=[c[0] for c in _VERDICT_COLOURS.values()]),
    )
    ink = alt.Stroke(
        "verdict:N",
        legend=None,
        scale=alt.Scale(domain=verdicts, range=[c[1] for c in _VERDICT_COLOURS.values()]),
    )
    shape = alt.Shape(
        "verdict:N", legend=None, scale=alt.Scale(domain=verdicts, range=[words.GLYPHS[v] for v in verdicts])
    )
    empty = base.mark_rect(stroke=_RULE, fill="#ffffff", strokeWidth=1).encode(x=x, y=y)
    judged = base.transform_filter("isValid(datum.verdict)")
    squares = judged.mark_rect().encode(x=x, y=y, color=ground)
    glyphs = judged.mark_point(size=95, strokeWidth=1.7, filled=False, opacity=1).encode(
        x=x, y=y, stroke=ink, shape=shape
    )
    tail = f" The newest {len(shown)} of {len(every)} partitions." if len(every) > len(shown) else ""
    described = " ".join(_strip_words(name, line) for name, line in history.items()) + tail
    layers = alt.layer(empty, squares, glyphs).resolve_scale(color="independent", stroke="independent")
    return _framed(
        alt,
        layers.properties(width=alt.Step(20), height=alt.Step(21)),
        title + ("." + tail if tail else ""),
        described,
    )


def _forest_row(
    m: Measurement, domain: tuple[float, float], limit: float | None, limit_is: str
) -> dict[str, Any]:
    lower = m.value if m.lower is None else m.lower
    upper = m.value if m.upper is None else m.upper
    beyond = (
        limit is not None
        and m.value is not None
        and (m.value < limit if limit_is == "at_least" else m.value > limit)
    )
    state = "measured" if limit is None else ("beyond the limit" if beyond else "inside the limit")
    return {
        "label": words.subject_words(m),
        "value": m.value,
        "shown": m.value,
        "outside": "" if m.value is not None and domain[0] <= m.value <= domain[1] else "yes",
        "from": None if lower is None else min(max(lower, domain[0]), domain[1]),
        "to": None if upper is None else max(min(upper, domain[1]), domain[0]),
        "cut_left": lower is not None and lower < domain[0],
        "cut_right": upper is not None and upper > domain[1],
        "judged": m.tested,
        "state": state if m.tested else "listed, not judged",
        "numbers": _numbers(m),
    }


def _numbers(m: Measurement) -> str:
    interval = words.interval_words(m)
    aside = "" if m.tested else ", not judged"
    return f"{words.number(m.value)}{f' ({interval})' if interval else ''}, n {m.n:,}{aside}"


def _badness(m: Measurement, limit_is: str) -> float:
    if m.value is None:
        return float("inf")
    return m.value if limit_is == "at_least" else -m.value


def _strip_words(name: str, line: Sequence[PastVerdict]) -> str:
    """The strip in words: runs of equal verdicts with their first day."""
    runs: list[PastVerdict] = []
    for past in line:
        if not runs or runs[-1].verdict != past.verdict:
            runs.append(past)
    told = ", ".join(f"{words.VERDICT_WORDS[run.verdict][0]} from {run.partition}" for run in runs)
    return f"{name}: {told or 'never judged'}."


def _limit_line(alt: Any, limit: float, label: str) -> alt.LayerChart:
    at = alt.Chart(alt.Data(values=[{"limit": limit, "label": label}])).encode(x=alt.X("limit:Q"))
    rule = at.mark_rule(color=_INK, strokeDash=[5, 3], strokeWidth=1.5)
    text = at.mark_text(align="center", baseline="bottom", fontSize=11, fontWeight="bold", color=_INK, dy=-4)
    return rule + text.encode(y=alt.value(0), text="label:N")


def _framed(alt: Any, layers: Any, title: str, described: str) -> alt.LayerChart:
    """The common look: left title, light ground, no element-wise labels (the description carries the content)."""
    heading = alt.TitleParams(text=title, anchor="start", frame="group", fontSize=13, color=_INK, offset=16)
    framed: alt.LayerChart = (
        layers.properties(title=heading, description=described, background="#ffffff", padding={"left": 10, "top": 10, "right": 22, "bottom": 10})
        .configure(font=_FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK, labelFontSize=12, gridColor="#e8ecef", tickColor=_RULE, domainColor=_RULE
        )
    )
    return framed


def _altair() -> Any:
    """Altair, on first use: it takes a second to import, and only the extra `charts` brings it."""
    return import_module("altair")
