"""Values of groups with their intervals and the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

from gov_pipelines.report import words
from gov_pipelines.report.charts.drawing import BEYOND, INK, INSIDE, MUTED, WIDTH, altair, framed, limit_marks, span

if TYPE_CHECKING:
    from altair import LayerChart

    from gov_pipelines.measure.measurement import Measurement

# State of a measurement: colour and shape.
_STATES = {"beyond": (BEYOND, "diamond"), "inside": (INSIDE, "circle"), "aside": (MUTED, "circle")}


def forest(
    measurements: Sequence[Measurement], limit: float | None, title: str, *, limit_is: str = "at_least"
) -> LayerChart:
    """Values of groups or columns with their intervals and the limit line, worst first, the numbers beside them.

    Groups that are listed but not judged are hollow and grey; undefined values keep their row and say so. An interval
    that leaves the plot ends in an arrow. `limit_is` (`at_least` or `at_most`) says which side of the limit is good.
    """
    alt = altair()
    strata = {words.group_words(m.stratum) for m in measurements if m.stratum}
    if len(strata) == 1 and all(m.stratum for m in measurements):  # said once, not in every label
        title = f"{title}, among {strata.pop()}"
        measurements = [replace(m, stratum=None) for m in measurements]
    sign = 1 if limit_is == "at_least" else -1
    ordered = sorted(measurements, key=lambda m: (not m.tested, m.value is None, sign * (m.value or 0)))
    domain = _domain(measurements, limit)
    rows = [_row(m, domain, limit, limit_is) for m in ordered]
    axis = alt.Axis(labelLimit=260, labelPadding=14, domain=False, ticks=False)
    base = alt.Chart().encode(y=alt.Y("label:N", sort=[row["label"] for row in rows], title=None, axis=axis))
    x = alt.X("value:Q", title=None, axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=domain, nice=False, zero=False))
    colours, shapes = zip(*_STATES.values(), strict=True)
    colour = alt.Color("state:N", legend=None, scale=alt.Scale(domain=list(_STATES), range=colours))
    shape = alt.Shape("state:N", legend=None, scale=alt.Scale(domain=list(_STATES), range=shapes))
    hollow = alt.condition("datum.judged", colour, alt.value("#ffffff"))
    defined = base.transform_filter("isValid(datum.value)")
    marks = [defined.mark_rule(strokeWidth=2).encode(x=alt.X("from:Q"), x2=alt.X2("to:Q"), color=colour)]
    for cut, arrow, end in (("cut_left", "triangle-left", "from:Q"), ("cut_right", "triangle-right", "to:Q")):
        cut_off = defined.transform_filter(f"datum.{cut}")
        marks.append(
            cut_off.mark_point(shape=arrow, size=45, filled=True, opacity=1).encode(x=alt.X(end), color=colour)
        )
    marks.append(
        defined.mark_point(size=85, strokeWidth=2, opacity=1).encode(x=x, color=colour, shape=shape, fill=hollow)
    )
    marks += limit_marks(alt, limit, limit_is, "x", alt.YValue(0), baseline="bottom", dy=-4)
    numbers = base.mark_text(align="left", color=INK, fontSize=12).encode(
        x=alt.XValue(WIDTH + 14), text=alt.Text("numbers:N")
    )
    described = " ".join(words.measurement_sentence(m) for m in ordered)
    return framed(alt, [*marks, numbers], title, described, rows, width=WIDTH, height=alt.Step(25))


def _domain(measurements: Sequence[Measurement], limit: float | None) -> tuple[float, float]:
    """The axis: every value, the limit, and the intervals of what is judged; those of small groups may be cut."""
    judged = [m for m in measurements if m.tested and m.value is not None] or measurements
    return span([limit, *(m.value for m in measurements), *(x for m in judged for x in (m.lower, m.upper))])


def _row(m: Measurement, domain: tuple[float, float], limit: float | None, limit_is: str) -> dict[str, Any]:
    lower, upper = m.lower, m.upper
    if lower is None and upper is None:
        lower = upper = m.value
    low, high = (-inf if lower is None else lower, inf if upper is None else upper)  # one-sided intervals have no end
    beyond = m.value is not None and limit is not None and (m.value - limit) * (-1 if limit_is == "at_least" else 1) > 0
    interval, value = words.interval_words(m), words.number(m.value)
    value = "the reference" if m.value is None and m.group and m.group == m.reference_group else value
    aside = "" if m.tested else ", not judged"
    return {
        "label": words.subject_words(m),
        "value": m.value,
        "from": max(low, domain[0]),
        "to": min(high, domain[1]),
        "cut_left": low < domain[0],
        "cut_right": high > domain[1],
        "judged": m.tested,
        "state": "aside" if not m.tested else "beyond" if beyond else "inside",
        "numbers": f"{value}{f' ({interval})' if interval else ''}, n {m.n:,}{aside}",
    }
