"""Writes the pages. What they say is in `templates/`; what they know is a `Report`."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gov_pipelines.report import charts, words
from gov_pipelines.report.model import ControlView, Report, SystemPage
from gov_pipelines.store import write_atomic

if TYPE_CHECKING:
    from altair import LayerChart
    from jinja2 import Environment
    from markupsafe import Markup


LEAST_NIGHTS = 3
"""Measured partitions from which a line over them says more than the table."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn chart and how to read it; `drawing` is None where the extra `charts` is absent."""

    caption: str
    drawing: str | None


def render(report: Report, out: Path) -> list[Path]:
    """Write `index.html`, `verify.html` and one page a system, each complete in itself.

    No page loads anything: a Content-Security-Policy in each allows inline styles alone, so there is no script and no
    network. The same report gives the same bytes. Pages of systems that are gone are left where they are.

    Args:
        report: what to show.
        out: the folder; made where it does not exist.

    Returns:
        The files written, `index.html` first.
    """
    out.mkdir(parents=True, exist_ok=True)
    states = {name: (word, "") for name, (word, _) in words.STATE_WORDS.items()}
    pages = {
        "index.html": _page(
            "index",
            report,
            enforcement=_shares((view.enforcement for _, view in report.cells), words.ENFORCEMENT_WORDS, "e"),
            states=_shares((view.state for _, view in report.cells), states, "s"),
        ),
        **{system.page: _page("system", report, system=system, **_figures(system)) for system in report.systems},
        "verify.html": _page("verify", report),
    }
    for name, text in pages.items():
        write_atomic(out / name, text.encode())
    return [out / name for name in pages]


def _page(template: str, report: Report, **shown: Any) -> str:
    return environment().get_template(f"{template}.html.j2").render(report=report, template=template, **shown)


@cache
def environment() -> Environment:
    """Jinja2 with every value escaped and every unknown name an error. Imported when the first page is written."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (rooms import nothing heavy)

    environment = Environment(
        loader=PackageLoader("gov_pipelines.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "p": words.p_words, "days": words.days, "shell": shlex.quote, "coded": _coded,
        "sentence": lambda text: _coded(words.sentence(text)), "moment": lambda at: f"{at:%Y-%m-%d %H:%M} {at.tzname()}",
    }  # fmt: skip
    environment.globals |= {"words": words, "install_charts": charts.INSTALL}
    return environment


def _coded(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415  (comes with Jinja2, loaded with it)

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  (escaped just before)


def _shares(found: Iterable[str], known: Mapping[str, tuple[str, str]], style: str) -> list[dict[str, Any]]:
    """How many clauses there are of each kind, in the order in which the words stand."""
    counted = Counter(found)
    return [
        {"count": counted[name], "word": word, "meaning": meaning, "style": f"{style}-{name}", "name": name}
        for name, (word, meaning) in known.items()
        if counted[name]
    ]


def _figures(system: SystemPage) -> dict[str, Any]:
    shared = Counter(view.clause for view in system.controls)  # two policies may use one id
    lines = {one.clause if shared[one.clause] == 1 else one.key: one.history for one in system.controls if one.history}
    strip = lines and _figure(
        lambda: charts.verdict_strip(lines, missed=system.missed),
        "One square a partition, the newest first; a blank one was not judged.",
    )
    return {"strip": strip, "figures": {view.key: _control_figures(view) for view in system.controls}}


def _control_figures(view: ControlView) -> list[Figure]:
    """The charts of one control: for each metric its groups with intervals, or for drift one bar a column."""
    figures = []
    for metric in dict.fromkeys(each.metric for each in view.measurements):
        rows = [each for each in view.measurements if each.metric == metric]
        title = f"{view.clause}: {words.metric_words(metric)}"
        limit = view.limit if metric == view.metric else None
        caption = f"{words.METRIC_WORDS.get(metric, words.metric_words(metric)).capitalize()}."
        groups = [row for row in rows if row.group is not None] or rows
        if metric == "psi" or any(row.lower is not None for row in groups):
            reading = "The line through a mark is its interval; an arrow means it goes on. Hollow: listed, not judged."
            draw = partial(charts.forest, groups, limit, title, limit_is=view.limit_is)
            figures.append(_figure(draw, f"{caption} {reading}"))
    for subject, shares in view.shares.items():
        title = f"{view.clause}: {subject}, the window and its reference"
        caption = "Shares of rows. Numbers are cut at the reference's quantiles; what has fewer than five rows is among others."
        figures.append(_figure(partial(charts.overlay, shares, title), caption))
    numbers = [past.number for past in view.history if past.number and past.number.metric == view.metric]
    if view.limit is not None and sum(each.value is not None for each in numbers) >= LEAST_NIGHTS:
        title = f"{view.clause}: the deciding {words.metric_words(view.metric or '')} by partition"
        draw = partial(charts.timeline, view.history, view.limit, title, limit_is=view.limit_is, changed=view.changed)
        figures.append(_figure(draw, "The number that decided each partition's verdict, in its interval."))
    return figures


def _figure(draw: Callable[[], LayerChart], caption: str) -> Figure:
    return Figure(caption, charts.svg(draw()) if charts.charts_installed() else None)
