"""What rules say of all decisions at once: which cannot be met, cannot fail, contradict or imply each other.

A rule whose comparisons each set one column against literals cannot tell two numbers apart that lie between the same
neighbours it names, nor two texts. So all decisions fall into finitely many cells: the values named, one value between
and beyond them, and null. One decision of each cell is put to the rules, which answers every question exactly. Rules that
do arithmetic, use LIKE or compare columns, and rules with more than `MOST_CELLS` cells, get no answer, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from math import ceil, floor, inf, nextafter, prod
from types import MappingProxyType
from typing import Any

import polars as pl
from sqlglot import expressions as sql
from sqlglot import parse_one
from sqlglot.errors import SqlglotError

from gov_pipelines.policy.columns import CANONICAL, MOMENT, NUMBER, TEXT, log_schema
from gov_pipelines.policy.declaration import Range, SystemDeclaration
from gov_pipelines.policy.predicates import Predicate, PredicateError, parse_predicate

MOST_CELLS = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS = (-(2**63), 2**63 - 1)
_MOMENTS = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999, in microseconds since 1970
_FILLED = frozenset({"decision_id", "decided_at", "decision"})


@dataclass(frozen=True, slots=True)
class Space:
    """The decisions that a log can hold, as far as its columns say.

    Attributes:
        schema: the columns with their types.
        values: the texts a column may have, where all of them are declared.
        ranges: the inclusive range of a column, where one is declared.
        zone: of dates in rules.
    """

    schema: Mapping[str, pl.DataType]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    zone: str = "UTC"


def vocabulary(declaration: SystemDeclaration) -> dict[str, frozenset[str]]:
    """The values each column may have, where a system declares them all; a row with another is quarantined."""
    listed = {name: frozenset(each.values) for name, each in declaration.fields.items() if each.values is not None}
    outcomes = declaration.outcomes
    return listed | {"decision": frozenset([*outcomes.favorable, *outcomes.unfavorable, *outcomes.undecided])}


def space_of(declaration: SystemDeclaration) -> Space:
    """The decisions that can stand in a system's log; rows outside declared values or ranges are quarantined."""
    ranges = {name: each.range for name, each in declaration.fields.items() if each.range is not None}
    return Space(log_schema(declaration), vocabulary(declaration), ranges, declaration.zone)


def space_of_any(rules: Iterable[str]) -> Space:
    """The decisions of any system: canonical columns, and what else the rules read, its type told by its comparisons."""
    schema = {name: column.dtype for name, column in CANONICAL.items()}
    for rule in rules:
        try:
            tree = parse_one(rule)
        except (SqlglotError, RecursionError):
            continue  # told where the rule stands
        for column in tree.find_all(sql.Column):
            beside = column.parent.find_all(sql.Literal) if column.parent else ()
            text = any(literal.is_string for literal in beside)
            schema.setdefault(column.name, TEXT if text else NUMBER)
    return Space(schema)


def survey(rules: Sequence[str], space: Space) -> pl.DataFrame | None:
    """Put one decision of each cell to the rules.

    Returns:
        The decisions, and beside them each rule's answer (true, false, null where undecidable) as a column named by the
        rule's position, `#0` and so on; None where cells do not tell (see the module) or a rule is none.
    """
    try:
        parsed = [parse_predicate(rule, space.schema, zone=space.zone) for rule in rules]
    except PredicateError:
        return None  # told where the rule stands
    cells = cells_of(parsed, space)
    if prod(map(len, cells)) > MOST_CELLS or not all(rule.separable for rule in parsed):
        return None
    answers = (rule.expression().alias(f"#{place}") for place, rule in enumerate(parsed))
    return combined(cells).with_columns(*answers)


def cells_of(
    rules: Iterable[Predicate], space: Space, fixed: Mapping[str, object] = MappingProxyType({})
) -> list[pl.Series]:
    """For each column that the rules read one value of each of its cells, or the `fixed` one.

    Moments that a rule compares with each other lie around the fixed ones.
    """
    points: dict[str, set[str | float]] = {}
    moments = {(each - _EPOCH) // timedelta(microseconds=1) for each in fixed.values() if isinstance(each, datetime)}
    for rule in rules:
        for name, values in rule.points.items():
            beside = moments if space.schema[name] == MOMENT and not rule.separable else ()
            points.setdefault(name, set()).update(values, beside)
    return [
        pl.Series(name, [fixed[name]], space.schema[name]) if name in fixed else _cells(name, points[name], space)
        for name in sorted(points)
    ]


def combined(cells: Sequence[pl.Series]) -> pl.DataFrame:
    """Every combination of cells, or `MOST_CELLS` of them drawn by chance, the same each time."""
    if prod(map(len, cells)) > MOST_CELLS:
        draw = (each.sample(MOST_CELLS, with_replacement=True, seed=place) for place, each in enumerate(cells))
        return pl.DataFrame(list(draw))
    columns = [series.to_frame().lazy() for series in cells]
    return reduce(lambda left, right: left.join(right, how="cross", maintain_order="left_right"), columns).collect()


def counterexample(strict: str, lax: str, space: Space) -> dict[str, Any] | None:
    """A decision that meets the rule `strict` and not `lax`; None where there is none, or cells do not tell."""
    found = survey([strict, lax], space)
    if found is None:
        return None
    unmet = found.filter(pl.col("#0") & ~pl.col("#1").fill_null(value=False))
    return next(unmet.drop("#0", "#1").iter_rows(named=True), None)


def _cells(name: str, points: Collection[Any], space: Space) -> pl.Series:
    """One value of each cell of a column, in order, null last where the column may be null."""
    dtype = space.schema[name]
    values: Iterable[Any]
    if dtype == TEXT:
        values = space.values.get(name) or _texts(points)
    elif dtype == pl.Boolean:
        values = (False, True)
    else:
        low, high = space.ranges.get(name, (None, None))
        named = {*points, *(end for end in (low, high) if end is not None)}
        around = _numbers(named) if dtype == NUMBER else _whole(named, *(_MOMENTS if dtype == MOMENT else _INTEGERS))
        values = (each for each in around if (low is None or each >= low) and (high is None or each <= high))
    # What a person would name comes first: it makes the better example.
    told = sorted(set(values), key=lambda value: (isinstance(value, str) and _odd(value), value))
    series = pl.Series(name, told if name in _FILLED else [*told, None], pl.Int64() if dtype == MOMENT else dtype)
    return series.cast(MOMENT) if dtype == MOMENT else series


def _texts(points: Collection[str]) -> Iterable[str]:
    # Nothing lies between a text and itself with NUL behind, so this is a text of the gap after it, if there is one.
    return {"something else", "0", "", *points, *(f"{point}\0" for point in points)} if points else {"something else"}


def _odd(text: str) -> bool:
    return text in {"", "0"} or "\0" in text


def _numbers(points: Collection[float]) -> Iterable[float]:
    ordered = sorted(map(float, points)) or [0.0]
    between = (_between(low, high) for low, high in pairwise(ordered))
    ends = (_between(-inf, ordered[0]), _between(ordered[-1], inf))
    return [each for each in (*ordered, *between, *ends) if each is not None]


def _between(low: float, high: float) -> float | None:
    """A finite number strictly between two, one a person would name where there is one."""
    nice = (low + 1, high - 1, low / 2 + high / 2, nextafter(low, inf))
    return next((each for each in nice if low < each < high and abs(each) < inf), None)


def _whole(points: Collection[float], least: int, most: int) -> Iterable[int]:
    near = {whole + step for point in points for whole in (floor(point), ceil(point)) for step in (-1, 0, 1)}
    return {min(max(each, least), most) for each in near or {0}}
