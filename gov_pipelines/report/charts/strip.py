"""One row a control, one square a partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from gov_pipelines.policy import partition_key
from gov_pipelines.report import words
from gov_pipelines.report.charts.drawing import RULE, altair, date_axis, framed, verdict_scales

if TYPE_CHECKING:
    from altair import LayerChart

    from gov_pipelines.report.model import PastVerdict

STRIP_PARTITIONS = 62


def verdict_strip(
    history: Mapping[str, Sequence[PastVerdict]], title: str = "Verdicts by partition", missed: Sequence[date] = ()
) -> LayerChart:
    """One row a control, one square a partition, the newest first: the verdict by colour and by glyph.

    A partition without a verdict for a control leaves its square blank; in `missed` partitions every control is
    `missing`. Shows the newest 62 partitions and says so where there are more.
    """
    alt = altair()
    every = sorted({past.partition for line in history.values() for past in line} | set(missed), reverse=True)
    shown = every[:STRIP_PARTITIONS]
    cells = []
    for name, line in history.items():
        said = {past.partition: past.verdict for past in line} | dict.fromkeys(missed, "missing")
        cells += [{"control": name, "day": partition_key(day), "verdict": said.get(day)} for day in shown]
    names = alt.Axis(title=None, domain=False, ticks=False, labelPadding=8)
    gaps, order = alt.Scale(paddingInner=0.12), [partition_key(day) for day in shown]
    base = alt.Chart().encode(
        x=alt.X("day:O", sort=order, scale=gaps, axis=date_axis(alt, shown, "top")),
        y=alt.Y("control:N", sort=list(history), scale=gaps, axis=names),
    )
    ground, ink, glyph = verdict_scales(alt)
    judged = base.transform_filter("isValid(datum.verdict)")
    point = judged.mark_point(size=95, strokeWidth=1.7, filled=False, opacity=1)
    layers = [
        base.mark_rect(stroke=RULE, fill="#ffffff", strokeWidth=1),
        judged.mark_rect().encode(color=alt.Color(**ground)),
        point.encode(stroke=alt.Stroke(**ink), shape=alt.Shape(**glyph)),
    ]
    sized = {"width": alt.Step(20), "height": alt.Step(21)}
    apart = {"scale": {"color": "independent", "stroke": "independent"}}
    tail = f" The newest {len(shown)} of {len(every)} partitions." if len(every) > len(shown) else ""
    described = " ".join(_strip_words(name, line) for name, line in history.items()) + tail
    return framed(alt, layers, f"{title}{tail and '.'}{tail}", described, cells, resolve=apart, **sized)


def _strip_words(name: str, line: Sequence[PastVerdict]) -> str:
    """The strip in words: runs of equal verdicts with their first day."""
    runs = [next(run) for _, run in groupby(line, key=lambda past: past.verdict)]
    told = ", ".join(f"{words.VERDICT_WORDS[run.verdict][0]} from {run.partition}" for run in runs)
    return f"{name}: {told or 'never judged'}."
