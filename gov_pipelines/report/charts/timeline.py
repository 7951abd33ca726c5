"""How the number that decides moved from night to night, with its interval, the limit and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from gov_pipelines.policy import partition_key
from gov_pipelines.report import words
from gov_pipelines.report.charts import drawing
from gov_pipelines.report.charts.drawing import BEYOND, INK, INSIDE

if TYPE_CHECKING:
    from altair import LayerChart

    from gov_pipelines.report.model import PastVerdict

TIMELINE_PARTITIONS = 92
_WIDTH, _HEIGHT = 560, 150


def timeline(
    history: Sequence[PastVerdict],
    limit: float | None,
    title: str,
    *,
    limit_is: str = "at_least",
    changed: date | None = None,
) -> LayerChart:
    """The deciding value of each partition as a line in its interval; red and grey verdicts stand out by colour and shape.

    Thin rules say since when an unbroken row of failures goes on, and from when on an alarm found a change. A partition
    without a value breaks the line. Shows the newest 92 partitions and says so where there are more.
    """
    alt = drawing.altair()
    shown = history[-TIMELINE_PARTITIONS:]
    rows, days = [_row(past) for past in shown], [past.partition for past in shown]
    domain = drawing.span([limit, *(row[name] for row in rows for name in ("value", "lower", "upper"))])
    x = alt.X("day:O", sort=[row["day"] for row in rows], axis=drawing.date_axis(alt, days, "bottom"))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(domain=domain, nice=False, zero=False))
    ground, _, glyph = drawing.verdict_scales(alt)
    base = alt.Chart().encode(x=x)
    points = base.transform_filter("isValid(datum.value)").mark_point(size=70, strokeWidth=2, filled=False, opacity=1)
    layers = [
        base.mark_area(color=INSIDE, opacity=0.15, clip=True).encode(y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q")),
        base.mark_line(color=INSIDE, strokeWidth=1.5).encode(y=y),
        points.encode(y=y, stroke=alt.Color(**ground), shape=alt.Shape(**glyph)),
        *drawing.limit_marks(alt, limit, limit_is, "y", alt.XValue(_WIDTH), align="left", dx=6),
    ]
    since = list(takewhile(lambda past: past.verdict == "fail", reversed(shown)))[-1:]
    events = [(past.partition, f"failing since {past.partition}", BEYOND, -6) for past in since]
    events += [(day, f"changed about {day}", INK, _HEIGHT - 6) for day in days if day == changed]
    for day, label, colour, height in events:
        late = days.index(day) > len(days) / 2
        mark = alt.Chart(alt.Data(values=[{"day": partition_key(day), "label": label}])).encode(x=x)
        text = mark.mark_text(color=colour, fontSize=11, align="right" if late else "left", dx=-5 if late else 5)
        layers += [mark.mark_rule(color=colour), text.encode(y=alt.YValue(height), text=alt.Text("label:N"))]
    tail = f" The newest {len(shown)} of {len(history)} partitions." if len(history) > len(shown) else ""
    told = "".join(f" {label[0].upper()}{label[1:]}." for _, label, *_ in events)
    described = f"From {_told(shown[0])} to {_told(shown[-1])}." if shown else "Never judged."
    apart = {"scale": {"color": "independent", "shape": "independent"}}
    title, described = f"{title}{tail and '.'}{tail}", f"{described}{told}{tail}"
    return drawing.framed(alt, layers, title, described, rows, width=_WIDTH, height=_HEIGHT, resolve=apart)


def _row(past: PastVerdict) -> dict[str, Any]:
    value, *ends = (getattr(past.number, name, None) for name in ("value", "lower", "upper"))
    lower, upper = (value if end is None or value is None else end for end in ends)
    day = partition_key(past.partition)
    return {"day": day, "verdict": past.verdict, "value": value, "lower": lower, "upper": upper}


def _told(past: PastVerdict) -> str:
    value = past.number.value if past.number else None
    return f"{past.partition}: {words.number(value)}, {words.VERDICT_WORDS[past.verdict][0]}"
