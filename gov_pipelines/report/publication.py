"""The table that New York City's Local Law 144 has employers publish, as CSV and as one page complete in itself.

It prepares what an independent auditor must do and an employer must post; it is neither, and says so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal

from gov_pipelines.measure import PUBLISHED_COLUMNS, ImpactTable, Line, printed
from gov_pipelines.report.pages import environment

Kind = Literal["selection", "scoring"]


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published of one tool and one span of days.

    Attributes:
        system: the audited system.
        tool: the tool's name and version, as people know it.
        tables: of selections, of scores, or of both; three each where two attributes are declared.
        audit_date: of the audit that this prepares.
        data_from: first day of the data.
        data_until: the day after the last.
        days_present: how many of those days were audited.
        distribution_date: when the employer began to use the tool.
        data: `historical` or `test`.
        source: source and explanation of the data, in the publisher's words.
        auditor: whom the publisher names as the auditor; None where nobody is.
        undecided: decisions left out because they are neither favorable nor unfavorable.
        exclude_under: the share below which categories were left out of the ratios; None where none were.
        justification: why, in the auditor's words; empty where none were.
        synthetic: what in the data is made up; None where nothing is.
    """

    system: str
    tool: str
    tables: Mapping[Kind, Sequence[ImpactTable]]
    audit_date: date
    data_from: date
    data_until: date
    days_present: int
    distribution_date: date
    data: Literal["historical", "test"]
    source: str
    auditor: str | None = None
    undecided: Mapping[Kind, int] = field(default_factory=dict)
    exclude_under: Fraction | None = None
    justification: str = ""
    synthetic: str | None = None

    @property
    def days(self) -> int:
        """Days in the span, audited or not."""
        return (self.data_until - self.data_from).days


def publication_csv(publication: Publication) -> str:
    """One row a category, in the columns that `gov bias-audit --check` reads."""
    out = io.StringIO()
    writer = csv.DictWriter(out, PUBLISHED_COLUMNS, lineterminator="\n")
    writer.writeheader()
    same = {
        name: getattr(publication, name)
        for name in ("audit_date", "data_from", "data_until", "distribution_date", "source")
    }
    tables = [(kind, table) for kind, own in publication.tables.items() for table in own]
    for kind, table, line in ((*named, line) for named in tables for line in named[1].lines):
        row = {
            "kind": kind,
            "table": table.name,
            "category": line.category,
            "applicants": line.n,
            "selected": line.x,
            "rate": printed(line.rate),
            "impact_ratio": printed(line.ratio),
            "excluded": "yes" if line.excluded else "no",
            "justification": why_no_ratio(publication, line),
            "unknown": table.unknown,
        }
        writer.writerow(row | same)
    return out.getvalue()


def why_no_ratio(publication: Publication, line: Line) -> str:
    """Why a category has no impact ratio; empty where it has one."""
    if line.ratio is not None:
        return ""
    if line.excluded:
        return publication.justification
    return "nobody was assessed" if line.rate is None else "no category has anybody selected"


def publication_page(publication: Publication) -> str:
    """The page, complete in itself: no script, nothing loaded."""
    template = environment().get_template("publication.html.j2")
    return template.render(publication=publication, printed=printed, why_no_ratio=why_no_ratio)
