"""How the number that decides moved from night to night, with its interval, the limit and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gov_pipelines.policy import partition_key
from gov_pipelines.report import words
from gov_pipelines.report.charts.drawing import BEYOND, INK, INSIDE, VERDICT_COLOURS, altair, framed

if TYPE_CHECKING:
    from altair import LayerChart

    from gov_pipelines.report.model import PastVerdict

TIMELINE_PARTITIONS = 92
_WIDTH, _HEIGHT = 560, 150


def timeline(
    history: Sequence[PastVerdict], limit: float | None, title: str, *, limit_is: str = "at_least"
) -> LayerChart:
    """The deciding value of each partition as a line in its interval; red and grey verdicts stand out by colour and shape.

    From the first failure of an unbroken row of them a line says since when. A partition without a value breaks the line.
    Shows the newest 92 partitions and says so where there are more.
    """
    alt = altair()
    shown = history[-TIMELINE_PARTITIONS:]
    rows = [_row(past) for past in shown]
    numbers = [x for row in rows for x in (row["value"], row["lower"], row["upper"]) if x is not None]
    ends = [*numbers, *([] if limit is None else [limit])] or [0.0, 1.0]
    margin = (max(ends) - min(ends) or 0.1) * 0.1
    low, high = min(ends) - margin, max(ends) + margin
    domain = [max(low, 0.0) if min(ends) >= 0 else low, high]
    step = 12 if shown and isinstance(shown[-1].partition, datetime) else 7
    axis = {"title": None, "domain": False, "ticks": False}
    days = alt.Axis(
        **axis, values=[row["day"] for row in rows[::-step]], labelExpr="slice(datum.label, 5)", labelAngle=0,
        labelOverlap=False,
    )  # fmt: skip
    order = [row["day"] for row in rows]
    base = alt.Chart(alt.Data(values=rows)).encode(x=alt.X("day:O", sort=order, axis=days))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(domain=domain, nice=False, zero=False))
    grounds = [ground for ground, _ in VERDICT_COLOURS.values()]
    colour = alt.Color("verdict:N", legend=None, scale=alt.Scale(domain=list(VERDICT_COLOURS), range=grounds))
    glyphs = [words.GLYPHS[verdict] for verdict in VERDICT_COLOURS]
    shape = alt.Shape("verdict:N", legend=None, scale=alt.Scale(domain=list(VERDICT_COLOURS), range=glyphs))
    layers = [
        base.mark_area(color=INSIDE, opacity=0.15, clip=True).encode(y="lower:Q", y2="upper:Q"),
        base.mark_line(color=INSIDE, strokeWidth=1.5).encode(y=y),
        base.transform_filter("isValid(datum.value)")
        .mark_point(size=70, strokeWidth=2, filled=False, opacity=1)
        .encode(y=y, stroke=colour, shape=shape),
    ]
    if limit is not None:
        at = alt.Chart(alt.Data(values=[{"limit": limit, "label": f"{limit_is.replace('_', ' ')} {limit:g}"}]))
        layers.append(at.mark_rule(color=INK, strokeDash=[5, 3]).encode(y="limit:Q"))
        layers.append(
            at.mark_text(align="left", dx=6, color=INK, fontWeight="bold", fontSize=11).encode(
                x=alt.value(_WIDTH), y="limit:Q", text="label:N"
            )
        )
    since = _failing_since(shown)
    if since is not None:
        mark = alt.Chart(alt.Data(values=[{"day": partition_key(since), "label": f"failing since {since}"}]))
        layers.append(mark.mark_rule(color=BEYOND, strokeWidth=1.5).encode(x=alt.X("day:O", sort=order)))
        late = order.index(partition_key(since)) > len(order) / 2
        layers.append(
            mark.mark_text(
                color=BEYOND, fontSize=11, align="right" if late else "left", dx=-5 if late else 5, dy=-6
            ).encode(x=alt.X("day:O", sort=order), y=alt.value(0), text="label:N")
        )
    tail = f" The newest {len(shown)} of {len(history)} partitions." if len(history) > len(shown) else ""
    described = f"{_described(shown, since)}{tail}"
    whole = alt.layer(*layers).resolve_scale(color="independent", shape="independent")
    return framed(alt, whole.properties(width=_WIDTH, height=_HEIGHT), f"{title}{tail and '.'}{tail}", described)


def _row(past: PastVerdict) -> dict[str, Any]:
    number = past.number
    value = None if number is None else number.value
    lower, upper = (None, None) if number is None or value is None else (number.lower, number.upper)
    return {
        "day": partition_key(past.partition),
        "value": value,
        "lower": value if lower is None else lower,
        "upper": value if upper is None else upper,
        "verdict": past.verdict,
    }


def _failing_since(shown: Sequence[PastVerdict]) -> Any:
    """The first partition of the failures that go on to the last one; None where the last did not fail."""
    since = None
    for past in reversed(shown):
        if past.verdict != "fail":
            break
        since = past.partition
    return since


def _described(shown: Sequence[PastVerdict], since: Any) -> str:
    if not shown:
        return "Never judged."
    told = [
        f"{past.partition}: {words.number(past.number.value if past.number else None)}, "
        f"{words.VERDICT_WORDS[past.verdict][0]}"
        for past in (shown[0], shown[-1])
    ]
    return f"From {told[0]} to {told[1]}.{f' Failing since {since}.' if since else ''}"
