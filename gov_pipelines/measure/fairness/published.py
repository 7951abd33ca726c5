"""Defects of a published bias-audit table, found from the table alone.

Seen in real audits: impact ratios above 1, rates that are not their counts, categories with each other's numbers,
denominators that change inside a table, and counts and dates that the rule asks for and nobody gave.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.fairness.bias_audit import JOIN

PUBLISHED_COLUMNS = (
    "kind", "table", "category", "applicants", "selected", "rate", "impact_ratio", "excluded", "justification", "unknown",
    "audit_date", "data_from", "data_until", "distribution_date", "source",
)  # fmt: skip
_NEEDED = ("table", "category", "impact_ratio")
_TOO_ALIKE = 100  # fewer people than this may well have the same numbers by chance
_COUNT = re.compile(r"[0-9]{1,15}")
_NUMBER = re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15}) *%?")

Span = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a published table; None where it says nothing. A printed number is a span: as rounded or as cut off."""

    line: int
    kind: str
    table: str
    category: str
    applicants: int | None
    selected: int | None
    rate: Span | None
    ratio: Span | None
    excluded: bool
    justified: bool
    unknown: bool
    audit_date: date | None
    distribution_date: date | None

    @property
    def counted(self) -> Fraction | None:
        """The rate that the counts give."""
        return None if self.selected is None or not self.applicants else Fraction(self.selected, self.applicants)

    @property
    def span(self) -> Span | None:
        """The rate as exactly as the row tells it."""
        return self.rate if self.counted is None else (self.counted, self.counted)


@dataclass(frozen=True, slots=True, order=True)
class Defect:
    """What is wrong with a published table.

    Attributes:
        line: of the file; 0 where it is about a whole table or the file.
        rule: which check found it.
        problem: in words, with the numbers.
    """

    line: int
    rule: str
    problem: str


def published_rows(text: str) -> list[Row]:
    """Read a table published as CSV, in the columns of `PUBLISHED_COLUMNS`; others are passed over, absent ones say nothing.

    Raises:
        WrongUse: a column that every check needs is not there, a cell cannot be read, or there is no row.
    """
    reader = csv.DictReader(io.StringIO(text))
    absent = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if absent:
        raise WrongUse(f"The table has no column {', '.join(absent)}; expected are {', '.join(PUBLISHED_COLUMNS)}.")
    try:
        rows = [
            _row(reader.line_num, {name: (cell or "").strip() for name, cell in row.items() if name}) for row in reader
        ]
    except csv.Error as error:
        raise WrongUse(f"The table is no CSV ({error}). Save it as comma-separated UTF-8 text.") from error
    if not rows:
        raise WrongUse("The table has no row below its header. Name a file with one row a category.")
    return rows


def defects(rows: Sequence[Row], today: date) -> list[Defect]:
    """Every defect of a published table, in the order of its lines.

    Args:
        rows: as read by `published_rows`.
        today: the date on which the audit is relied upon.
    """
    names = dict.fromkeys((row.kind, row.table) for row in rows)
    tables = {name: [row for row in rows if (row.kind, row.table) == name] for name in names}
    found = [*_of_rows(rows), *_dates(rows, today), *_intersections(tables)]
    for (_, name), own in tables.items():
        found += [*_alike(own), *_denominators(own)]
        if not any(row.unknown for row in own):
            found.append(Defect(0, "unknown_missing", f"{name}: the number of people of unknown category is not given"))
    return sorted(found)


def _of_rows(rows: Iterable[Row]) -> Iterator[Defect]:
    for row in rows:
        where = f"{row.table}, {row.category}"
        if row.ratio and sum(row.ratio) / 2 > 1:
            yield Defect(row.line, "ratio_above_one", f"{where}: an impact ratio cannot be above 1")
        if row.rate and row.counted is not None and not _holds(row.rate, row.counted):
            told = f"{row.selected:,} of {row.applicants:,} is {float(row.counted):.4f}, which is not the rate printed"
            yield Defect(row.line, "rate_is_not_its_counts", f"{where}: {told}")
        if row.selected is not None and row.applicants is not None and row.selected > row.applicants:
            yield Defect(row.line, "more_selected_than_applied", f"{where}: {row.selected:,} of {row.applicants:,}")
        if not row.justified and (row.excluded or (row.ratio is None and row.applicants)):
            yield Defect(row.line, "exclusion_unjustified", f"{where}: no impact ratio, and no word why")


def _alike(rows: Sequence[Row]) -> Iterator[Defect]:
    for one, other in combinations(rows, 2):
        same = one.applicants == other.applicants and one.selected == other.selected
        if same and one.selected is not None and (one.applicants or 0) >= _TOO_ALIKE:
            told = (
                f"{one.table}: {one.category} and {other.category} have the same {one.selected:,} of {one.applicants:,}"
            )
            yield Defect(other.line, "identical_rows", told)


def _denominators(rows: Sequence[Row]) -> Iterator[Defect]:
    """Each row's rate over its ratio is the rate compared with: one and the same, and the highest of those included."""
    spans = [
        (row.span[0] / row.ratio[1], row.span[1] / row.ratio[0] if row.ratio[0] > 0 else Fraction(10**9))
        for row in rows
        if row.span and row.ratio and row.ratio[1] > 0 and row.span[1] > 0
    ]
    if not spans:
        return
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    name, told = rows[0].table, f"{float(low):.4f} and {float(high):.4f}"
    if low > high:
        yield Defect(0, "denominator_differs", f"{name}: ratios are taken of different rates, such as {told}")
        return
    included = [row.span for row in rows if row.span and row.ratio and not row.excluded]
    highest = (max(span[0] for span in included), max(span[1] for span in included)) if included else None
    if highest and (highest[1] < low or highest[0] > high):
        problem = f"{name}: ratios are taken of a rate of {float(low):.4f}, and the highest is {float(highest[0]):.4f}"
        yield Defect(0, "denominator_is_not_the_highest", problem)


def _dates(rows: Sequence[Row], today: date) -> Iterator[Defect]:
    if not any(row.distribution_date for row in rows):
        yield Defect(0, "distribution_date_missing", "the date on which the tool was first used is not given")
    audited = max((row.audit_date for row in rows if row.audit_date), default=None)
    if audited is None:
        yield Defect(0, "audit_date_missing", "the date of the audit is not given")
    elif today > _a_year_after(audited):
        yield Defect(0, "audit_too_old", f"the audit of {audited} is more than a year old on {today}")
    elif audited > today:
        yield Defect(0, "audit_date_ahead", f"the audit is dated {audited}, after {today}")


def _a_year_after(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day if day.year == MAXYEAR else day.replace(year=day.year + 1, day=28 if leap_day else day.day)


def _intersections(tables: dict[tuple[str, str], list[Row]]) -> Iterator[Defect]:
    """People known by two attributes are known by each: no sum of intersections may pass the category's own count."""
    for (kind, name), rows in tables.items():
        parts = name.split(JOIN)
        for place, part in enumerate(parts if len(parts) > 1 else ()):
            for whole in tables.get((kind, part), ()):
                inside = [row for row in rows if row.category.split(JOIN)[place : place + 1] == [whole.category]]
                for field in ("applicants", "selected"):
                    summed = sum(getattr(row, field) or 0 for row in inside)
                    count = getattr(whole, field)
                    if count is not None and summed > count:
                        told = f"{name}: {whole.category} sums to {summed:,} {field}, above the {count:,} of {part}"
                        yield Defect(whole.line, "intersections_exceed_total", told)


def _holds(span: Span, value: Fraction) -> bool:
    return span[0] <= value <= span[1]


def _row(line: int, cells: dict[str, str]) -> Row:
    def cell(name: str) -> str:
        return cells.get(name, "")

    def count(name: str) -> int | None:
        text = cell(name).replace(",", "")
        if text and not _COUNT.fullmatch(text):
            raise WrongUse(f"Line {line}, {name}: {cell(name)!r} is not a whole number. Write it in digits.")
        return int(text) if text else None

    def day(name: str) -> date | None:
        try:
            return date.fromisoformat(cell(name)) if cell(name) else None
        except ValueError as error:
            raise WrongUse(f"Line {line}, {name}: {cell(name)!r} is not a date. Write it as 2026-10-01.") from error

    return Row(
        line=line,
        kind=cell("kind"),
        table=cell("table"),
        category=cell("category"),
        applicants=count("applicants"),
        selected=count("selected"),
        rate=_span(line, "rate", cell("rate")),
        ratio=_span(line, "impact_ratio", cell("impact_ratio")),
        excluded=cell("excluded").lower() in {"yes", "true", "1", "excluded"},
        justified=bool(cell("justification")),
        unknown=count("unknown") is not None,
        audit_date=day("audit_date"),
        distribution_date=day("distribution_date"),
    )


def _span(line: int, name: str, text: str) -> Span | None:
    """What a printed number may stand for: one unit of its last digit to each side, so that rounding and cutting pass."""
    if not text or text.upper() in {"N/A", "NA", "-"}:
        return None
    if not _NUMBER.fullmatch(text):
        raise WrongUse(f"Line {line}, {name}: {text!r} is not a number. Write 0.48 or 48.0%.")
    percent, digits = text.endswith("%"), text.rstrip("% ")
    exponent = Decimal(digits).as_tuple().exponent
    unit = Fraction(10) ** (exponent if isinstance(exponent, int) else 0)
    scale = 100 if percent else 1
    value = Fraction(digits) / scale
    return value - unit / scale, value + unit / scale
