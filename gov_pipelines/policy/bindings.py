"""What a clause must find in the systems that name its policy: columns, values, parameters no laxer than its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.columns import MOMENT, NUMBER, counted_columns, log_schema
from gov_pipelines.policy.consistency import ROWS_PER_DAY, unknown_values, vocabulary
from gov_pipelines.policy.declaration import ApprovedModel as ModelApproval
from gov_pipelines.policy.declaration import Range, SystemDeclaration
from gov_pipelines.policy.document import Clause, Policy
from gov_pipelines.policy.kinds import (
    ApprovedModel,
    DataAccess,
    Deadline,
    DecisionScope,
    Drift,
    Fairness,
    HumanReview,
    LogQuality,
    OperatingRange,
)
from gov_pipelines.policy.laxity import overlooked
from gov_pipelines.policy.loading import Read
from gov_pipelines.policy.predicates import PredicateError, parse_predicate
from gov_pipelines.policy.suggest import did_you_mean
from gov_pipelines.policy.yaml_file import Place


def mistakes_in_binding(policy: Read[Policy], systems: Sequence[Read[SystemDeclaration]]) -> list[Mistake]:
    """Mistakes of one policy in each system that names it.

    A text in a rule is a mistake only where no system has it: systems may call the same decision differently.
    """
    mistakes: list[Mistake] = []
    for position, clause in enumerate(policy.model.clauses):
        for system in systems:
            binding = _Binding(policy, system, position, log_schema(system.model))
            mistakes += _rules(binding, clause, [each.model for each in systems])
            check = _CHECKS.get(type(clause.control))
            mistakes += check(binding, clause.control) if check else ()
    return mistakes


@dataclass(frozen=True, slots=True)
class _Binding:
    """One clause met with one system."""

    policy: Read[Policy]
    system: Read[SystemDeclaration]
    position: int
    schema: Mapping[str, pl.DataType]

    @property
    def declaration(self) -> SystemDeclaration:
        return self.system.model

    def in_clause(self, place: Place, problem: str, remedy: str) -> Mistake:
        said = f"for `{self.declaration.system}`, {problem}"
        return self.policy.file.mistake(("clauses", self.position, *place), said, remedy)

    def laxer(self, place: Place, problem: str, allowed: str) -> Mistake:
        clause = f"{self.policy.model.policy}/{self.policy.model.clauses[self.position].id}"
        remedy = f"The clause has {allowed}; declare nothing laxer."
        return self.system.file.mistake(("attributes", *place), f"{problem}, which is laxer than {clause}", remedy)

    def columns(self, field: str, names: Iterable[tuple[Place, str]], *allowed: pl.DataType) -> Iterator[Mistake]:
        """Names that are not columns of the log, or columns of a type the control cannot use."""
        fitting = [name for name, dtype in self.schema.items() if dtype in allowed]
        for place, name in names:
            if name not in self.schema:
                yield self.in_clause(
                    ("control", field, *place), f"`{name}` is not a column", did_you_mean(name, fitting)
                )
            elif name not in fitting:
                problem = f"`{name}` is a column of another type"
                yield self.in_clause(
                    ("control", field, *place), problem, did_you_mean("", fitting, otherwise="Fitting columns")
                )


def _rules(binding: _Binding, clause: Clause, systems: Sequence[SystemDeclaration]) -> Iterator[Mistake]:
    rules = {("applies", "when"): clause.applies.when if clause.applies else None}
    rules |= {("control", field): getattr(clause.control, field, None) for field in ("when", "must")}
    words = [vocabulary(system) for system in systems]
    shared = set.intersection(*(set(each) for each in words))
    known = {name: frozenset[str]().union(*(each[name] for each in words)) for name in shared}
    for place, text in rules.items():
        if text is None:
            continue
        try:
            rule = parse_predicate(text, binding.schema, zone=binding.declaration.zone)
        except PredicateError as error:
            yield binding.in_clause(place, error.problem, error.remedy)
            continue
        for problem, remedy in unknown_values(rule, known):
            yield binding.in_clause(place, problem, remedy)


def _human_review(binding: _Binding, control: HumanReview) -> Iterator[Mistake]:
    if control.before is not None:
        yield from binding.columns("before", [((), control.before)], MOMENT)
    if control.when is None and binding.declaration.intake.needs_review is None:
        yield binding.in_clause(
            ("control",), "nothing says which decisions need a review", "Add `when`, or declare `intake.needs_review`."
        )

    if control.when is not None and binding.declaration.intake.needs_review is not None:
        yield from _unreviewed(binding, control.when, binding.declaration.intake.needs_review)


def _unreviewed(binding: _Binding, asked: str, declared: str) -> Iterator[Mistake]:
    try:
        rules = [parse_predicate(text, binding.schema, zone=binding.declaration.zone) for text in (asked, declared)]
    except PredicateError:
        return  # told where the rule stands
    decision = overlooked(rules[0], rules[1], binding.schema, vocabulary(binding.declaration))
    if decision is not None:
        such = ", ".join(f"{name} {value}" for name, value in decision.items())
        yield binding.laxer(("intake", "needs_review"), f"needs no review of a decision with {such}", f"`{asked}`")


def _deadline(binding: _Binding, control: Deadline) -> Iterator[Mistake]:
    yield from binding.columns("from", [((), control.from_)], MOMENT)
    yield from binding.columns("to", [((), control.to)], MOMENT)


def _decision_scope(binding: _Binding, control: DecisionScope) -> Iterator[Mistake]:
    declared, allowed, place = (binding.declaration.intake.may_decide, control.may_decide, ("intake", "may_decide"))
    if declared is None and allowed is None:
        yield binding.in_clause(("control",), "nothing says what may be decided", "Declare `intake.may_decide`.")
    if declared is None or allowed is None:
        return
    extra = (
        []
        if allowed.products is None or declared.products is None
        else sorted({*declared.products} - {*allowed.products})
    )
    if extra or (allowed.products is not None and declared.products is None):
        named = ", ".join(allowed.products or ())
        yield binding.laxer((*place, "products"), f"declares {', '.join(extra) or 'every product'}", named)
    if allowed.amount is not None and (declared.amount is None or declared.amount.up_to > allowed.amount.up_to):
        amount = f"up to {declared.amount.up_to:,.0f}" if declared.amount else "any amount"
        yield binding.laxer((*place, "amount"), f"declares {amount}", f"up to {allowed.amount.up_to:,.0f}")
    if "role" in allowed.model_fields_set and allowed.role == "recommends" and declared.role == "decides":
        yield binding.laxer((*place, "role"), "declares `decides`", "`recommends`")


def _approved_model(binding: _Binding, control: ApprovedModel) -> Iterator[Mistake]:
    declared = binding.declaration.intake.models
    if not declared and not control.models:
        yield binding.in_clause(("control",), "no model version is approved", "Declare `intake.models`.")
    for place, model in enumerate(declared if control.models else ()):
        if not any(_includes(allowed, model) for allowed in control.models):
            allowed = ", ".join(f"{each.version} from {each.approved_from}{_until(each)}" for each in control.models)
            problem = f"approves {model.version} from {model.approved_from}{_until(model)}"
            yield binding.laxer(("intake", "models", place), problem, allowed)


def _includes(allowed: ModelApproval, model: ModelApproval) -> bool:
    starts_later = allowed.approved_from <= model.approved_from
    ends_sooner = (model.approved_until or date.max) <= (allowed.approved_until or date.max)
    return allowed.version == model.version and starts_later and ends_sooner


def _until(model: ModelApproval) -> str:
    return f" until {model.approved_until}" if model.approved_until else ""


def _data_access(binding: _Binding, control: DataAccess) -> Iterator[Mistake]:
    if binding.declaration.access_log is None:
        yield binding.in_clause(("control",), "there is no access log to hold against it", "Declare `access_log`.")
    for place, name in enumerate(binding.declaration.intake.may_read):
        if name in control.never or (control.may_read is not None and name not in control.may_read):
            allowed = ", ".join(name for name in control.may_read or () if name not in control.never)
            yield binding.laxer(
                ("intake", "may_read", place), f"declares `{name}`", allowed or "all but " + ", ".join(control.never)
            )


def _fairness(binding: _Binding, control: Fairness) -> Iterator[Mistake]:
    groups = {*binding.declaration.protected_attributes, *binding.declaration.strata}
    named: list[tuple[Place, str]] = [(("reference", name), name) for name in control.reference or {}]
    named += [(("among", name), name) for name in control.among]
    for place, entry in enumerate(control.by):
        names = [entry] if isinstance(entry, str) else entry
        named += [(("by", place), name) for name in names]
    for inner, name in named:
        if name not in groups:
            problem = f"`{name}` is neither a protected attribute nor a stratum"
            yield binding.in_clause(("control", *inner), problem, did_you_mean(name, groups))
    values = vocabulary(binding.declaration)
    for field, wanted in (("among", control.among), ("reference", control.reference or {})):
        for column, value in wanted.items():
            if value not in values.get(column, {value}):
                problem, remedy = f"`{column}` is never '{value}'", did_you_mean(value, values[column])
                yield binding.in_clause(("control", field, column), problem, remedy)


def _drift(binding: _Binding, control: Drift) -> Iterator[Mistake]:
    counted = counted_columns(binding.declaration)
    for place, name in enumerate(control.of):
        if name not in counted:
            remedy = f"{did_you_mean(name, counted)} A column of your own is counted once it stands under `fields`."
            yield binding.in_clause(("control", "of", place), f"`{name}` is not a counted column", remedy)


def _log_quality(binding: _Binding, control: LogQuality) -> Iterator[Mistake]:
    names = (((place,), name) for place, name in enumerate(control.of))
    yield from binding.columns("of", names, *set(binding.schema.values()))


def _operating_range(binding: _Binding, control: OperatingRange) -> Iterator[Mistake]:
    declared = binding.declaration.operating_range
    yield from binding.columns("ranges", (((), name) for name in control.ranges if name != ROWS_PER_DAY), NUMBER)
    if not declared and not control.ranges:
        yield binding.in_clause(("control",), "no range is declared", "Declare `operating_range`.")
    for name, allowed in control.ranges.items():
        if name in declared and _wider(declared[name], allowed):
            low, high = allowed
            yield binding.laxer(("operating_range", name), "is wider", f"[{low}, {high}]")


def _wider(declared: Range, allowed: Range) -> bool:
    below = allowed[0] is not None and (declared[0] is None or declared[0] < allowed[0])
    above = allowed[1] is not None and (declared[1] is None or declared[1] > allowed[1])
    return below or above


_CHECKS: dict[type, Callable[[_Binding, Any], Iterable[Mistake]]] = {
    HumanReview: _human_review,
    Deadline: _deadline,
    DecisionScope: _decision_scope,
    ApprovedModel: _approved_model,
    DataAccess: _data_access,
    Fairness: _fairness,
    Drift: _drift,
    LogQuality: _log_quality,
    OperatingRange: _operating_range,
}
