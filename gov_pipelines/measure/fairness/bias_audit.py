"""The tables of New York City's Local Law 144: rates and impact ratios by sex, by race/ethnicity, and by both.

Nothing is rounded here: counts and fractions, until somebody prints them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.rates.groups import groups_of

Base = Literal["known", "assessed"]
JOIN = "; "  # between the parts of an intersection, in names of tables and of categories


@dataclass(frozen=True, slots=True)
class Line:
    """One category of a table.

    Attributes:
        category: its values joined by `; `.
        n: people assessed with a known category (applicants, or people scored).
        x: of those selected, or scored above the median.
        share: of the table's base; None where that is empty.
        excluded: left out of the impact ratios as too small, also as the category compared with. Still published.
        ratio: impact ratio; None where excluded or undefined.
    """

    category: str
    n: int
    x: int
    share: Fraction | None = None
    excluded: bool = False
    ratio: Fraction | None = None

    @property
    def rate(self) -> Fraction | None:
        """Selection or scoring rate; None where nobody was assessed."""
        return Fraction(self.x, self.n) if self.n else None


@dataclass(frozen=True, slots=True)
class ImpactTable:
    """One table of an audit.

    Attributes:
        name: the attributes, joined by `; `.
        lines: the categories.
        unknown: people assessed and left out because their category is unknown.
        compared_with: the category of the highest rate among those not excluded; None where there is none.
        base: what the shares are of: people of known category in this table, or all assessed.
    """

    name: str
    lines: tuple[Line, ...]
    unknown: int
    compared_with: str | None
    base: Base


def impact_table(
    name: str, counts: Sequence[tuple[str, int, int]], *, unknown: int = 0, exclude_under: Fraction | None = None,
    base: Base = "known",
) -> ImpactTable:  # fmt: skip
    """Impact ratios of categories: each rate over the highest of those not excluded, from unrounded rates.

    Args:
        name: of the table.
        counts: category, people assessed, of those selected or scored above the median.
        unknown: people assessed whose category is unknown.
        exclude_under: categories with a smaller share are left out of the ratios, which the rule permits and does not
            ask for; None excludes none.
        base: of what the share is taken; the rule does not say.

    Source: 6 RCNY 5-300 and 5-301(b) to (d).
    """
    total = sum(n for _, n, _ in counts) + (unknown if base == "assessed" else 0)
    lines = []
    for category, n, x in counts:
        share = Fraction(n, total) if total else None
        left_out = exclude_under is not None and (share is None or share < exclude_under)
        lines.append(Line(category, n, x, share, excluded=left_out))
    rates = {line.category: line.rate for line in lines if line.rate is not None and not line.excluded}
    best = max(rates, key=lambda category: rates[category], default=None)
    highest = rates[best] if best is not None else Fraction(0)
    done = tuple(
        Line(line.category, line.n, line.x, line.share, line.excluded, rates[line.category] / highest)
        if line.category in rates and highest
        else line
        for line in lines
    )
    return ImpactTable(name, done, unknown, best if highest else None, base)


def impact_tables(
    tally: Tally, attributes: Sequence[str], *, exclude_under: Fraction | None = None, base: Base = "known"
) -> list[ImpactTable]:
    """A table for each attribute and one for all of them together, from a tally; undecided decisions are left out.

    For scores the tally is one of `scored_tally`.

    Raises:
        WrongUse: the tally does not count an attribute, or its small cells are merged.
    """
    tables = []
    for by in [*((name,) for name in attributes), *([tuple(attributes)] if len(attributes) > 1 else [])]:
        groups = groups_of(tally, by, {})
        known = [(JOIN.join(map(str, group.key)), group.decided, group.favorable) for group in groups if group.known]
        unknown = sum(group.decided for group in groups if not group.known)
        tables.append(impact_table(JOIN.join(by), known, unknown=unknown, exclude_under=exclude_under, base=base))
    return tables


def printed(value: Fraction | None, digits: int = 3) -> str:
    """A fraction as a decimal, rounded half to even, once and last; empty where undefined."""
    if value is None:
        return ""
    whole = round(value * 10**digits)
    return f"{whole // 10**digits}.{whole % 10**digits:0{digits}d}"
