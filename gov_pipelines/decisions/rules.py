"""The rules that judge each decision, by the kind of their control; each is a function of the control and its circumstances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from gov_pipelines.decisions.clocks import Clock
from gov_pipelines.policy import Predicate, SystemDeclaration, parse_predicate
from gov_pipelines.policy.kinds import ApprovedModel, Deadline, DecisionRule, DecisionScope, HumanReview

Case = tuple[pl.Expr, str, str | pl.Expr]
VERDICT = pl.Enum(["within", "outside", "pending", "undecidable"])
"""What a rule says of a decision; null where the decision is none of its business."""

_CALENDAR = {"days": "d", "months": "mo", "years": "y"}


@dataclass(frozen=True, slots=True)
class Hearing:
    """The circumstances in which decisions are judged.

    Attributes:
        declaration: the system's; a control without parameters of its own takes the declaration's.
        partition: the local date of every decision heard.
        as_of: what happened later has not happened yet.
        columns: the columns of the log, with their types.
        requesters: whether the log says who asked for decisions.
        clock: of the system's zone, over the moments of the log and `as_of`.
        holidays: days that clocks of working days leave out, besides Saturdays and Sundays.
    """

    declaration: SystemDeclaration
    partition: date
    as_of: datetime
    columns: Mapping[str, pl.DataType]
    requesters: bool
    clock: Clock
    holidays: Sequence[date] = ()

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


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule says of each decision.

    Attributes:
        verdict: of type `VERDICT`.
        reason: short words without anybody's protected values.
        when: the predicate of the decisions the rule is about; None where it is about all.
    """

    verdict: pl.Expr
    reason: pl.Expr
    when: str | None = None


def first_of(*cases: Case, otherwise: tuple[str, str | pl.Expr], when: str | None = None) -> Ruling:
    """Verdict and reason of the first case whose condition is true; a null condition is not."""
    said, why = otherwise
    verdict, reason = pl.lit(said, VERDICT), _words(why)
    for condition, said, why in reversed(cases):
        verdict = pl.when(condition).then(pl.lit(said, VERDICT)).otherwise(verdict)
        reason = pl.when(condition).then(_words(why)).otherwise(reason)
    return Ruling(verdict, reason, when)


def _words(reason: str | pl.Expr) -> pl.Expr:
    return pl.lit(reason) if isinstance(reason, str) else reason


def approved_model(control: ApprovedModel, hearing: Hearing) -> Ruling:
    """The version was approved on the local date of the decision: within; it was not: outside; none is known: undecidable.

    Where neither the control nor the declaration lists models, nothing can be held against it: undecidable.
    """
    models = control.models or hearing.declaration.intake.models
    if not models:
        return first_of(otherwise=("undecidable", "no approved models are declared"))
    version, day = pl.col("model_version"), hearing.declaration.calendar.day(hearing.partition)
    approved = [
        model.version
        for model in models
        if model.approved_from <= day and (model.approved_until is None or day < model.approved_until)
    ]
    return first_of(
        (version.is_null(), "undecidable", "model_version is missing"),
        (version.is_in(approved), "within", pl.format("model {} is approved", version)),
        otherwise=("outside", pl.format("model {} is not approved on that date", version)),
    )


def deadline(control: Deadline, hearing: Hearing) -> Ruling:
    """Done in time: within; done late, or not done and the time is over at `as_of`: outside; the clock runs: pending.

    Days, months and years count local dates (of the last day the whole day is in time); working days are Monday to
    Friday without the policy's holidays; hours are elapsed time. Without `from` no clock can be read: undecidable.
    """
    start, end = pl.col(control.from_), hearing.happened(control.to)
    late, over = (_later(control, hearing, start, moment) for moment in (end, hearing.now))
    taken, waited = (_elapsed(control, hearing, start, moment) for moment in (end, hearing.now))
    limit = f"limit {control.within}"
    return first_of(
        (start.is_null(), "undecidable", f"{control.from_} is missing"),
        (late, "outside", pl.format("after {}, " + limit, taken)),
        (end.is_not_null(), "within", pl.format("after {}, " + limit, taken)),
        (over, "outside", pl.format("{} is missing after {}, " + limit, pl.lit(control.to), waited)),
        otherwise=("pending", pl.format("{} is open, " + limit, pl.lit(control.to))),
        when=control.when,
    )


def _later(control: Deadline, hearing: Hearing, start: pl.Expr, moment: pl.Expr) -> pl.Expr:
    """Whether a moment lies beyond the limit."""
    within = control.within
    if within.unit == "hours":
        return moment - start > pl.lit(timedelta(hours=within.count))
    first = hearing.clock.date(start)
    if within.unit == "working days":
        # From a Saturday the first working day is Monday, or the next that is no holiday: step back to Friday, then count.
        last = first.dt.add_business_days(within.count, holidays=hearing.holidays, roll="backward")
    else:
        last = first.dt.offset_by(f"{within.count}{_CALENDAR[within.unit]}")
    return hearing.clock.date(moment) > last


def _elapsed(control: Deadline, hearing: Hearing, start: pl.Expr, moment: pl.Expr) -> pl.Expr:
    if control.within.unit == "hours":
        # Rounded up, so that what is late never reads as the limit itself.
        return pl.format("{} hours", ((moment - start).dt.total_seconds() / 360).ceil() / 10)
    return pl.format("{} days", (hearing.clock.date(moment) - hearing.clock.date(start)).dt.total_days())


def decision_rule(control: DecisionRule, hearing: Hearing) -> Ruling:
    """`must` holds: within; it does not: outside; a value it needs is null: undecidable."""
    must = hearing.predicate(control.must)
    holds = must.expression()
    return first_of(
        (holds, "within", "the rule holds"),
        (~holds, "outside", "the rule does not hold"),
        otherwise=("undecidable", f"a needed value is missing: {', '.join(sorted(must.columns))}"),
        when=control.when,
    )


def decision_scope(control: DecisionScope, hearing: Hearing) -> Ruling:
    """Another product, or more than `up_to`: outside; a product or amount needed and null: undecidable; else within.

    Where neither the control nor the declaration names a scope, nothing can be held against it: undecidable.
    """
    scope = control.may_decide or hearing.declaration.intake.may_decide
    if scope is None or scope.boundless:
        return first_of(otherwise=("undecidable", "no scope is declared"))
    product, amount = pl.col("product"), pl.col("amount")
    foreign = ~product.is_in(scope.products) if scope.products is not None else pl.lit(value=False)
    above = amount > scope.amount.up_to if scope.amount is not None else pl.lit(value=False)
    return first_of(
        (foreign, "outside", pl.format("product {} is not in scope", product)),
        (above, "outside", f"amount above {scope.amount.up_to:.12g}" if scope.amount else ""),
        (foreign.is_null(), "undecidable", "product is missing"),
        (above.is_null(), "undecidable", "amount is missing"),
        otherwise=("within", "in scope"),
    )


def human_review(control: HumanReview, hearing: Hearing) -> Ruling:
    """Properly reviewed no later than `before`: within; `before` has come without that: outside; not come yet: pending.

    Proper is a review by the declared role and by somebody else than the requester. Where the log carries requesters,
    a null one leaves it open who asked; where it carries none, no person asked.
    """
    reviewed = hearing.happened("reviewed_at")
    right_role = pl.col("reviewer_role") == control.role
    someone_else = (
        _name("reviewer") != _name("requester")
        if hearing.requesters
        else pl.col("reviewer").is_not_null() | pl.lit(None, dtype=pl.Boolean)
    )
    proper = reviewed.is_not_null() & right_role & someone_else
    told = hearing.happened(control.before) if control.before else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    missing = "reviewer, role or requester is missing"
    by_role = pl.format("reviewed by {}", pl.col("reviewer_role"))
    return first_of(
        (told.is_null() & proper, "within", by_role),
        (told.is_null() & reviewed.is_not_null() & proper.is_null(), "undecidable", missing),
        (told.is_null(), "pending", "no proper review yet"),
        (reviewed.is_null(), "outside", f"not reviewed before {control.before}"),
        (reviewed > told, "outside", f"reviewed after {control.before}"),
        (proper, "within", by_role),
        (~right_role, "outside", pl.format("reviewed by {}, not by {}", pl.col("reviewer_role"), pl.lit(control.role))),
        (~someone_else, "outside", "reviewed by the requester"),
        otherwise=("undecidable", missing),
        when=control.when or hearing.declaration.intake.needs_review,
    )


def _name(column: str) -> pl.Expr:
    """Names in one spelling: case and blanks around them tell nobody apart."""
    return pl.col(column).str.strip_chars().str.to_lowercase()


Rule = Callable[[Any, Hearing], Ruling]
RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (approved_model, deadline, decision_rule, decision_scope, human_review)
}
