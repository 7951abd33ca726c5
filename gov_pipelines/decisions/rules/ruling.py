"""What a rule is told, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from gov_pipelines.policy import Predicate, parse_predicate

if TYPE_CHECKING:
    from gov_pipelines.policy import SystemDeclaration


@dataclass(frozen=True, slots=True)
class Hearing:
    """The circumstances in which decisions are judged.

    Attributes:
        declaration: the system's; a control without parameters of its own takes the declaration's.
        as_of: what happened later has not happened yet.
        columns: the columns of the log, with their types.
        carried: the columns that hold any value at all.
    """

    declaration: SystemDeclaration
    as_of: datetime
    columns: Mapping[str, pl.DataType]
    carried: frozenset[str] = field(default=frozenset())

    def predicate(self, text: str) -> Predicate:
        """A predicate over the log."""
        return parse_predicate(text, self.columns, zone=self.declaration.zone)

    def happened(self, column: str) -> pl.Expr:
        """A moment of a decision, null where it lies after `as_of`."""
        return pl.when(pl.col(column) <= self.now).then(pl.col(column))

    @property
    def now(self) -> pl.Expr:
        """`as_of` as a literal of the log's own type."""
        return pl.lit(self.as_of.astimezone(UTC)).cast(pl.Datetime("us", "UTC"))

    def local_date(self, moment: pl.Expr) -> pl.Expr:
        """The calendar date of a moment in the system's zone."""
        return moment.dt.convert_time_zone(self.declaration.zone).dt.date()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule says of each decision.

    Attributes:
        verdict: `within`, `outside`, `pending` or `undecidable`.
        reason: short words without anybody's protected values.
        when: the predicate of the decisions the rule is about; None where it is about all.
    """

    verdict: pl.Expr
    reason: pl.Expr
    when: str | None = None


Rule = Callable[[Any, Hearing], Ruling]


def first_of(
    *cases: tuple[pl.Expr, str, str | pl.Expr], otherwise: tuple[str, str | pl.Expr]
) -> tuple[pl.Expr, pl.Expr]:
    """Verdict and reason of the first case whose condition is true; a null condition is not."""

    def said(value: str | pl.Expr) -> pl.Expr:
        return pl.lit(value) if isinstance(value, str) else value

    verdict, reason = pl.lit(otherwise[0]), said(otherwise[1])
    for condition, case_verdict, case_reason in reversed(cases):
        verdict = pl.when(condition).then(pl.lit(case_verdict)).otherwise(verdict)
        reason = pl.when(condition).then(said(case_reason)).otherwise(reason)
    return verdict, reason
