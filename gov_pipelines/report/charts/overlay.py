"""Two distributions on one axis: the window's and the one it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gov_pipelines.report.charts.drawing import INK, MUTED, WIDTH, altair, framed

if TYPE_CHECKING:
    from altair import LayerChart

CATEGORIES = 20
_LETTER = 7  # pixels, about


@dataclass(frozen=True, slots=True)
class Share:
    """One bin or category: its words, and the rows it has now and had in the reference."""

    label: str
    now: int
    then: int


def overlay(shares: Sequence[Share], title: str) -> LayerChart:
    """Shares of the window as bars, of the reference as an outlined step over them, in the order given.

    Beyond 20 categories the rest is one bar, named as such. An empty side has no shares.
    """
    alt = altair()
    head, rest = shares[:CATEGORIES], shares[CATEGORIES:]
    if rest:
        head = [*head, Share(f"{len(rest)} others", sum(s.now for s in rest), sum(s.then for s in rest))]
    now, then = (sum(getattr(each, side) for each in shares) for side in ("now", "then"))
    rows = [
        {"label": each.label, "now": each.now / now if now else None, "then": each.then / then if then else None}
        for each in head
    ]
    order = [each.label for each in head]
    fit = len(order) * max(map(len, order), default=0) * _LETTER < WIDTH
    axis = alt.Axis(title=None, labelAngle=0 if fit else -40, labelLimit=120, ticks=False)
    base = alt.Chart().encode(x=alt.X("label:N", sort=order, axis=axis))
    percent = alt.Axis(format="%", tickCount=5)
    bars = base.mark_bar(color="#8fb4cf").encode(y=alt.Y("now:Q", title=None, axis=percent))
    marks = base.mark_tick(color=INK, thickness=3, size=max(6, WIDTH / max(len(head), 1) * 0.8))
    sizes = alt.Chart(alt.Data(values=[{"t": f"bars: window, n {now:,}; lines: reference, n {then:,}"}]))
    key = sizes.mark_text(align="left", baseline="bottom", color=MUTED, fontSize=11, dy=-4)
    key = key.encode(x=alt.XValue(0), y=alt.YValue(0), text=alt.Text("t:N"))
    moved = [(each.label, each.then / then, each.now / now) for each in head] if now and then else []
    moved.sort(key=lambda one: -abs(one[2] - one[1]))
    told = "; ".join(f"{label}: {before:.1%} before, {after:.1%} now" for label, before, after in moved[:3])
    described = f"{now:,} rows against {then:,}. Farthest apart: {told or 'nothing to compare'}."
    layers = [bars, marks.encode(y=alt.Y("then:Q")), key]
    return framed(alt, layers, title, described, rows, width=WIDTH, height=150)
