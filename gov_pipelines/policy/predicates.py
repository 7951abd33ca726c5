"""Rules as people write them: SQL predicates, parsed by sqlglot against an allow-list, run by Polars.

Logic is SQL's own (Kleene's three values): a comparison with null is null, `false AND null` is false, `true OR null`
is true. A null result is `undecidable`, never `within`. No functions and no clock: what a rule says of a decision
cannot depend on when it is asked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from itertools import permutations
from math import isfinite
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from sqlglot import ErrorLevel, parse_one
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from gov_pipelines.errors import GovError
from gov_pipelines.policy.suggest import did_you_mean

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of statements, which are refused in words below
_Kind = Literal["text", "number", "boolean", "moment"]


class PredicateError(GovError):
    """A predicate that cannot be used.

    Attributes:
        problem: what was found.
        remedy: what to write instead.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}. {remedy}")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A parsed rule.

    Attributes:
        text: the rule as written.
        columns: the columns it reads; never empty, since a rule without one could not fail.
        compared: the text values it compares each column with, for checking their spelling.
        points: by column, the values between which its answer cannot change (moments in microseconds since 1970, UTC).
        separable: whether there are such values; where it does arithmetic, uses LIKE or compares columns, there are none,
            and `points` are examples worth trying.
    """

    text: str
    columns: frozenset[str]
    compared: Mapping[str, frozenset[str]]
    points: Mapping[str, frozenset[str | float]]
    separable: bool
    _expression: pl.Expr = field(repr=False, compare=False)

    def expression(self) -> pl.Expr:
        """A Boolean Polars expression over the log: true, false, or null where undecidable."""
        return self._expression


@dataclass(frozen=True, slots=True)
class _Term:
    """A compiled node: its expression, its kind, and what it was, where comparisons need to know.

    `point` is a literal's value; a moment's in microseconds since 1970, UTC.
    """

    expression: pl.Expr
    kind: _Kind
    column: str | None = None
    literal: str | None = None
    point: str | float | None = None


_COMPARISONS: dict[type[sql.Expr], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    sql.EQ: pl.Expr.__eq__,
    sql.NEQ: pl.Expr.__ne__,
    sql.GT: pl.Expr.__gt__,
    sql.GTE: pl.Expr.__ge__,
    sql.LT: pl.Expr.__lt__,
    sql.LTE: pl.Expr.__le__,
}
_ARITHMETIC: dict[type[sql.Expr], tuple[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    sql.Add: ("+", pl.Expr.__add__),
    sql.Sub: ("-", pl.Expr.__sub__),
    sql.Mul: ("*", pl.Expr.__mul__),
    sql.Div: ("/", pl.Expr.__truediv__),
}
# What the rules below look at. A node that carries more, of this or a later sqlglot, is refused rather than half read.
_READ = frozenset({"this", "expression", "expressions", "low", "high", "is_string", "negate"})
_MOST_PARTS = 500  # Polars takes ever longer over deeper expressions
_MOST_OPERATIONS = 8  # each doubles the expression, which checks its result
_MOST_JOINED = 4
_LISTED = 8  # from so many on a list is looked up
_ALLOWED = "Use columns, numbers, 'texts', = <> < <= > >=, AND, OR, NOT, IN (...), BETWEEN, LIKE, IS NULL, + - * / and parentheses."

_INSTEAD = (
    (r"&&|\|\|", "Write AND and OR as words."),
    (r"=[<>]", "Write <= and >=."),
    (r"\d,\d{3}\b", "Write numbers without commas, such as 500000."),
    (r"(?i)\b(today|now|current_\w+)\b", "A rule says the same whenever it is asked; limits in time are `kind: deadline` or `freshness`."),
    (r"(?i)\bcontains\b", "Write it as LIKE '%word%'."),
    (r"\w\(", "Rules call no functions: compute it where the decisions come from, and declare the column."),
)  # fmt: skip


def parse_predicate(text: str, columns: Mapping[str, pl.DataType], *, zone: str = "UTC") -> Predicate:
    """Parse a rule against the columns it may read.

    Args:
        text: the SQL predicate, such as `decision = 'denied' AND amount > 500000`.
        columns: the columns with their types (`log_schema`).
        zone: the system's time zone: a quoted date is when that local day begins, a quoted time without offset is local.

    Raises:
        PredicateError: it does not parse, reads an unknown column, goes beyond the allow-list, or compares
            values of different kinds.
    """
    compiler = _Compiler(columns, ZoneInfo(zone))
    try:
        term = compiler.compile(parse_one(text, error_level=ErrorLevel.IMMEDIATE))
    except SqlglotError as error:
        details = getattr(error, "errors", None)
        where = f" (at character {details[0]['col']})" if details else ""
        raise PredicateError(f"`{text}` is not a predicate{where}", _remedy(text)) from error
    except RecursionError as error:
        raise PredicateError("the predicate is nested too deeply", "Split it into several clauses.") from error
    if term.kind != "boolean":
        raise PredicateError(f"`{text}` is a {term.kind}, not a condition", "Compare it with something.")
    if not compiler.read:
        problem = f"`{text}` reads no column, so no decision could change it"
        raise PredicateError(problem, "Name the column the rule is about.")
    compared = {name: frozenset(values) for name, values in compiler.compared.items()}
    points = {name: frozenset(compiler.points_of(name)) for name in compiler.read}
    return Predicate(text, frozenset(compiler.read), compared, points, compiler.separable, term.expression)


class _Compiler:
    """Walks a parsed predicate once; remembers which columns it read and with what it compared them."""

    def __init__(self, types: Mapping[str, pl.DataType], zone: ZoneInfo) -> None:
        self.types = types
        self.zone = zone
        self.parts = self.operations = 0
        self.read: set[str] = set()
        self.compared: dict[str, set[str]] = {}
        self.points: dict[str, set[str | float]] = {}
        self.numbers: set[float] = set()
        self.separable = True  # each comparison is of one column with literals

    def points_of(self, name: str) -> set[str | float]:
        """What a column is compared with; in a rule that is not separable, also what may make a difference to it."""
        named, more = self.points.get(name, set()), set[str | float]()
        if not self.separable and _kind_of(self.types[name]) == "number":
            far = max(1e6, 2 * max(self.numbers, default=0.0))
            more = {*self.numbers, 0.5, far, -far}
        if not self.separable and _kind_of(self.types[name]) == "text":  # what two patterns match, one text has
            more = {"0", *(f"{one}{other}" for one, other in permutations(sorted(map(str, named))[:_MOST_JOINED], 2))}
        return named | more

    def compile(self, node: sql.Expr) -> _Term:
        """One node and all below it; the other public methods are one rule each. Exact types are asked for: a subclass of an allowed node is not allowed."""
        self.parts += 1
        if self.parts > _MOST_PARTS:
            remedy = "Split it into several clauses, or list the values: IN (...)."
            raise PredicateError(f"the rule has more than {_MOST_PARTS} parts", remedy)
        rule = _RULES.get(type(node))
        unread = {name for name, value in node.args.items() if value} - _READ
        if rule is None or unread:
            raise _not_allowed(node)
        term = rule(self, node)
        # `NOT LIKE` is one node with a mark in some versions of sqlglot, two nodes in others.
        return _Term(~term.expression, term.kind) if node.args.get("negate") else term

    def parenthesis(self, node: sql.Expr) -> _Term:
        return self.compile(node.this)

    def boolean(self, node: sql.Expr) -> _Term:
        return _Term(pl.lit(node.this), "boolean")

    def null(self, node: sql.Expr) -> _Term:
        raise PredicateError(f"{node.sql()} equals nothing, not even itself", "Write `IS NULL` or `IS NOT NULL`.")

    def literal(self, node: sql.Expr) -> _Term:
        value = str(node.this)
        if node.args["is_string"]:
            return _Term(pl.lit(value), "text", literal=value, point=value)
        number = float(value)
        if not isfinite(number):
            raise PredicateError(f"{value} is too large a number", "Write a finite number.")
        exact = int(value) if value.isdigit() and number < 2**63 else number
        self.numbers |= {exact, -exact}
        return _Term(pl.lit(exact), "number", point=exact)

    def negated(self, node: sql.Expr) -> _Term:
        operand = self._operand(node.this, "number", "-")
        if isinstance(operand.point, int | float):
            return _Term(-operand.expression, "number", point=-operand.point)
        self.separable = False
        return _Term(-operand.expression, "number")

    def negation(self, node: sql.Expr) -> _Term:
        return _Term(~self._operand(node.this, "boolean", "NOT").expression, "boolean")

    def comparison(self, node: sql.Expr) -> _Term:
        return self._compared(self.compile(node.this), self.compile(node.expression), type(node), node)

    def is_null(self, node: sql.Expr) -> _Term:
        if type(node.expression) is not sql.Null:
            raise _not_allowed(node)
        term = self.compile(node.this)
        self.separable &= term.column is not None or term.kind == "boolean"
        return _Term(term.expression.is_null(), "boolean")

    def column(self, node: sql.Expr) -> _Term:
        name = str(node.name)
        if name not in self.types:
            near = did_you_mean(name, self.types)
            if node.this.args.get("quoted") and not near.startswith("Did"):
                near = f"If it is a text, write it in single quotes: {sql.Literal.string(name).sql()}."
            raise PredicateError(f"unknown column `{node.sql()}`", near)
        self.read.add(name)
        return _Term(pl.col(name), _kind_of(self.types[name]), column=name)

    def _operand(self, node: sql.Expr, kind: _Kind, operator: str) -> _Term:
        term = self.compile(node)
        if term.kind != kind:
            problem = f"`{node.sql()}` is a {term.kind}; {operator} takes a {kind}"
            raise PredicateError(problem, "Compare it with something first.")
        return term

    def connected(self, node: sql.Expr) -> _Term:
        word = "AND" if type(node) is sql.And else "OR"
        left, right = (self._operand(side, "boolean", word).expression for side in (node.this, node.expression))
        return _Term(left & right if word == "AND" else left | right, "boolean")

    def arithmetic(self, node: sql.Expr) -> _Term:
        symbol, operate = _ARITHMETIC[type(node)]
        self.operations += 1
        if self.operations > _MOST_OPERATIONS:
            remedy = "Compute it where the decisions come from, and declare the column."
            raise PredicateError(f"the rule has more than {_MOST_OPERATIONS} operations of arithmetic", remedy)
        left, right = (self._operand(side, "number", symbol) for side in (node.this, node.expression))
        self.separable = False
        result = operate(left.expression.cast(pl.Float64), right.expression.cast(pl.Float64))
        # A division by zero or an overflow says nothing about the decision: null, hence undecidable.
        return _Term(pl.when(result.is_finite()).then(result), "number")

    def _compared(self, left: _Term, right: _Term, operator: type[sql.Expr], node: sql.Expr) -> _Term:
        left, right = self._as_moment(left, right), self._as_moment(right, left)
        if left.kind != right.kind:
            remedy = "Texts stand in single quotes, numbers do not; see the column's type in docs/decision-log.md."
            raise PredicateError(f"`{node.sql()}` compares a {left.kind} with a {right.kind}", remedy)
        for one, other in ((left, right), (right, left)):
            if one.column is not None and other.literal is not None:
                self.compared.setdefault(one.column, set()).add(other.literal)
            if one.column is not None and other.point is not None:
                self.points.setdefault(one.column, set()).add(other.point)
        # A comparison with neither a column nor a value at one side has no points of its own; nor has one of two columns.
        sides = (left, right)
        self.separable &= all(side.column is not None or side.point is not None for side in sides)
        self.separable &= left.column is None or right.column is None
        return _Term(_COMPARISONS[operator](left.expression, right.expression), "boolean")

    def between(self, node: sql.Expr) -> _Term:
        term = self.compile(node.this)
        low = self._compared(term, self.compile(node.args["low"]), sql.GTE, node)
        high = self._compared(term, self.compile(node.args["high"]), sql.LTE, node)
        return _Term(low.expression & high.expression, "boolean")

    def member(self, node: sql.Expr) -> _Term:
        if not node.expressions:
            raise _not_allowed(node)
        term = self.compile(node.this)
        listed = [item for item in node.expressions if type(item) is sql.Literal]
        found = [self._listed(term, listed, node)] if listed else []
        others = (self.compile(item) for item in node.expressions if type(item) is not sql.Literal)
        found += [self._compared(term, item, sql.EQ, node).expression for item in others]
        return _Term(reduce(pl.Expr.__or__, found), "boolean")

    def _listed(self, term: _Term, items: Sequence[sql.Expr], node: sql.Expr) -> pl.Expr:
        """Whether a value is one of many: looked up rather than compared with each, of which there may be thousands."""
        values = [self._as_moment(self.literal(item), term) for item in items]
        equal = [self._compared(term, value, sql.EQ, node).expression for value in values]
        if len(values) < _LISTED:
            return reduce(pl.Expr.__or__, equal)
        dtype = self.types[term.column] if term.column else None
        if dtype not in {pl.String(), pl.Float64()}:  # Polars looks up values of exactly the column's type
            return pl.any_horizontal(equal)
        points = (value.point for value in values)
        return term.expression.is_in([float(point) if isinstance(point, int) else point for point in points])

    def like(self, node: sql.Expr) -> _Term:
        subject = self._operand(node.this, "text", "LIKE").expression
        self.separable = False
        if type(node.expression) is not sql.Literal or not node.expression.is_string:
            remedy = "Write it as LIKE 'R1%': % is any text, _ one character."
            raise PredicateError(f"`{node.sql()}` needs a quoted pattern", remedy)
        if isinstance(node.this, sql.Column):
            example = node.expression.name.replace("%", "").replace("_", "x")
            self.points.setdefault(node.this.name, set()).add(example)
        wild = {"%": ".*", "_": "."}
        pattern = "".join(wild.get(letter, re.escape(letter)) for letter in node.expression.name)
        return _Term(subject.str.contains(f"(?s)^{pattern}$"), "boolean")

    def _as_moment(self, term: _Term, other: _Term) -> _Term:
        if term.literal is None or other.kind != "moment":
            return term
        try:
            moment = datetime.fromisoformat(term.literal)
            local = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
            instant = local.astimezone(UTC)
        except (ValueError, OverflowError) as error:  # the last hours of the year 9999 have no UTC
            remedy = "Write it as '2026-10-01' or '2026-10-01T09:30:00'."
            raise PredicateError(f"'{term.literal}' is not a moment", remedy) from error
        # Of a time that clocks skip nobody can say whether a decision came before it; a date begins at the skip.
        shown = instant.astimezone(local.tzinfo)
        if not _is_date(term.literal) and shown.replace(tzinfo=None) != local.replace(tzinfo=None):
            remedy = "Write the date alone, a time that they show, or one with its offset."
            raise PredicateError(f"'{term.literal}' is skipped by the clocks of {self.zone}", remedy)
        since = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return _Term(pl.lit(instant).cast(pl.Datetime("us", "UTC")), "moment", point=since)


_RULES: dict[type[sql.Expr], Callable[[_Compiler, sql.Expr], _Term]] = {
    sql.Paren: _Compiler.parenthesis,
    sql.Column: _Compiler.column,
    sql.Literal: _Compiler.literal,
    sql.Boolean: _Compiler.boolean,
    sql.Null: _Compiler.null,
    sql.Neg: _Compiler.negated,
    sql.Not: _Compiler.negation,
    sql.And: _Compiler.connected,
    sql.Or: _Compiler.connected,
    sql.Between: _Compiler.between,
    sql.In: _Compiler.member,
    sql.Like: _Compiler.like,
    sql.Is: _Compiler.is_null,
    **dict.fromkeys(_COMPARISONS, _Compiler.comparison),
    **dict.fromkeys(_ARITHMETIC, _Compiler.arithmetic),
}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _not_allowed(node: sql.Expr) -> PredicateError:
    return PredicateError(f"`{node.sql()}` is not allowed in a rule", _remedy(node.sql()))


def _remedy(text: str) -> str:
    """What to write instead, for what people commonly write; else all that may be written."""
    return next((remedy for pattern, remedy in _INSTEAD if re.search(pattern, text)), _ALLOWED)


def _kind_of(dtype: pl.DataType) -> _Kind:
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    return "moment" if dtype.is_temporal() else "text"
