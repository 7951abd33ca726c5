"""Clauses that ask nothing, ask what cannot be, ask it twice, or contradict each other on one system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

import polars as pl
from sqlglot import expressions as sql

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.declaration import Range, SystemDeclaration
from gov_pipelines.policy.difference import clause_differences
from gov_pipelines.policy.document import Clause, Policy
from gov_pipelines.policy.kinds import (
    ApprovedModel,
    DataAccess,
    Deadline,
    DecisionRule,
    DecisionScope,
    Fairness,
    HumanReview,
    OperatingRange,
)
from gov_pipelines.policy.loading import Read
from gov_pipelines.policy.reasoning import space_of, survey
from gov_pipelines.policy.timeline import control_key
from gov_pipelines.policy.yaml_file import Place


@dataclass(frozen=True, slots=True)
class Demand:
    """What a control asks of each decision, as rules.

    Attributes:
        when: the conditions under which it speaks of a decision, and where in the clause each stands.
        must: what every decision meets that is `within`; None where there is no such rule.
        exact: whether each decision that meets `must` is `within`.
    """

    when: Mapping[Place, str]
    must: str | None
    exact: bool = True


def demand_of(clause: Clause, declaration: SystemDeclaration) -> Demand | None:
    """What a clause asks of each decision of a system; None where its control judges no decisions."""
    control, intake = clause.control, declaration.intake
    when: dict[Place, str] = {("applies", "when"): clause.applies.when} if clause.applies else {}
    own = getattr(control, "when", None)
    when |= {("control", "when"): own} if own else {}
    match control:
        case DecisionRule():
            return Demand(when, control.must)
        case DecisionScope():
            scope = control.may_decide or intake.may_decide
            listed = _any_of("product", scope.products) if scope and scope.products is not None else None
            amount = f"amount <= {scope.amount.up_to!r}" if scope and scope.amount else None
            return Demand(when, " AND ".join(filter(None, (listed, amount))) or None)
        case ApprovedModel():
            models = control.models or intake.models
            dated = (f"model_version = {_text(each.version)} AND {_days(each.approved_from, each.approved_until)}" for each in models)  # fmt: skip
            return Demand(when, " OR ".join(f"({each})" for each in dated) or None)
        case HumanReview():
            when |= {("control",): intake.needs_review} if own is None and intake.needs_review else {}
            return Demand(when, "reviewed_at IS NOT NULL", exact=False)
        case Deadline():
            return Demand(when, f"{sql.to_identifier(control.to, quoted=True).sql()} IS NOT NULL", exact=False)
    return None


def _text(value: str) -> str:
    return sql.Literal.string(value).sql()


def _any_of(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(map(_text, values))})" if values else f"{column} IS NULL AND {column} IS NOT NULL"


def _days(start: date, until: date | None) -> str:
    ends = f" AND decided_at < '{until}'" if until else ""
    return f"decided_at >= '{start}'{ends}"


def idle(clause: Clause, systems: Sequence[SystemDeclaration]) -> tuple[Place, str, str] | None:
    """Why, in each of the systems, no decision can meet a clause, none can fail it, or none can satisfy it.

    Returns:
        Where in the clause, the problem and the remedy; None where a decision of some system can do each of the three.
    """
    said = {_idle(clause, system) for system in systems}
    if len(said) != 1 or (only := said.pop()) is None:
        return None
    place, problem, remedy = only
    return place, f"for {', '.join(f'`{system.system}`' for system in systems)}, {problem}", remedy


def _idle(clause: Clause, declaration: SystemDeclaration) -> tuple[Place, str, str] | None:
    asked = demand_of(clause, declaration)
    if isinstance(clause.control, DecisionScope) and asked and asked.must is None:
        remedy = "Write `products`, `amount` or both, here or under `intake.may_decide`."
        return ("control",), "the scope names neither products nor an amount, so nothing lies outside it", remedy
    if asked is None or asked.must is None:
        return None
    found = survey([*asked.when.values(), asked.must], space_of(declaration))
    if found is None:
        return None
    met = found.filter(pl.lit(value=True), *(pl.col(f"#{place}") for place in range(len(asked.when))))
    if met.is_empty():
        place, condition = list(asked.when.items())[-1]
        together = "" if len(asked.when) == 1 else " together with the clause's other condition"
        remedy = "Correct it, or the `outcomes` and `fields` the system declares; as it stands the clause never speaks."
        return place, f"no decision can meet `{condition}`{together}", remedy
    return _one_sided(met[f"#{len(asked.when)}"]) if isinstance(clause.control, DecisionRule) else None


def _one_sided(holds: pl.Series) -> tuple[Place, str, str] | None:
    """What is wrong with a rule that says the same of every decision it speaks of."""
    if not holds.any():
        remedy = "Correct it; to forbid what `when` picks, write the opposite of `when` as `must`, and no `when`."
        return ("control", "must"), "no decision the clause speaks of can meet it", remedy
    if not (~holds).any():
        remedy = "Correct it: a rule that nothing can break controls nothing."
        return ("control", "must"), "it cannot fail: every decision the clause speaks of meets it", remedy
    return None


@dataclass(frozen=True, slots=True)
class _Stood:
    """A clause with a control, and where it stands."""

    policy: Read[Policy]
    position: int
    clause: Clause

    @property
    def key(self) -> str:
        return control_key(self.policy.model, self.clause)

    def mistake(self, problem: str, remedy: str) -> Mistake:
        return self.policy.file.mistake(("clauses", self.position, "control"), problem, remedy)


def _together(policies: Sequence[Read[Policy]], declaration: SystemDeclaration) -> Iterator[tuple[_Stood, _Stood]]:
    """Every two clauses with controls that are in force on a system on some day."""
    stood = [
        _Stood(policy, position, clause)
        for policy in policies
        if policy.model.policy in declaration.policies
        for position, clause in enumerate(policy.model.clauses)
        if clause.control is not None
    ]
    for one, other in combinations(stood, 2):
        same = one.policy.file.name == other.policy.file.name
        if same or (one.policy.model.policy != other.policy.model.policy and _shared_days(one, other) is not None):
            yield one, other


def _shared_days(one: _Stood, other: _Stood) -> tuple[date, date | None] | None:
    spans = [each.policy.model.in_force for each in (one, other)]
    start, end = max(span.from_ for span in spans), min(span.until or date.max for span in spans)
    return (start, None if end == date.max else end) if start < end else None


def contradictions(policies: Sequence[Read[Policy]], declaration: SystemDeclaration) -> Iterator[Mistake]:
    """Controls in force together on a system that no decision, or no system, can satisfy both; and controls that stand twice."""
    for one, other in _together(policies, declaration):
        if problem := _conflict(one, other, declaration):
            remedy = "Change one of the two, or part them by `when`."
            yield other.mistake(f"for `{declaration.system}`, {problem}", remedy)
        elif _twice(one, other) and one.policy.file.name == other.policy.file.name:
            yield other.mistake(
                f"is the same control as that of {one.clause.id}", "Keep one, or change one of the two."
            )


def redundancies(policies: Sequence[Read[Policy]], declaration: SystemDeclaration) -> Iterator[Mistake]:
    """Controls over decisions that another control in force on the same system makes redundant; harmless."""
    for one, other in _together(policies, declaration):
        if _twice(one, other) and one.policy.file.name == other.policy.file.name:
            continue
        for weak, strong in ((one, other), (other, one)):
            if _implies(strong.clause, weak.clause):
                problem = f"asks nothing on `{declaration.system}` that {strong.key} does not"
                yield weak.mistake(problem, "Leave it if both documents ask for it.")
                break


def _twice(one: _Stood, other: _Stood) -> bool:
    return one.clause.control == other.clause.control and one.clause.applies == other.clause.applies


def _implies(strong: Clause, weak: Clause) -> bool:
    """Whether a clause is the other one, or the other one made stricter in some of its fields."""
    if strong.control is None or weak.control is None or strong.control.kind != weak.control.kind:
        return False
    if strong.control.judges != "decision":
        return strong.control == weak.control and strong.applies == weak.applies
    changes = [each for each in clause_differences(weak, strong) if each.field.startswith(("applies", "control"))]
    return all(change.direction in {"stricter", "reworded"} for change in changes)


def _conflict(one: _Stood, other: _Stood, declaration: SystemDeclaration) -> str | None:
    """What cannot be satisfied together, in words."""
    match one.clause.control, other.clause.control:
        case DataAccess() as this, DataAccess() as that:
            for permits, refuses, key in ((this, that, one.key), (that, this, other.key)):
                if both := sorted({*(permits.may_read or ())} & {*refuses.never}):
                    against = other.key if key == one.key else one.key
                    return f"{key} permits reading `{both[0]}`, which {against} never does"
        case OperatingRange() as this, OperatingRange() as that:
            ranges = [each.ranges or declaration.operating_range for each in (this, that)]
            for name in sorted(ranges[0].keys() & ranges[1].keys()):
                if _apart(ranges[0][name], ranges[1][name]):
                    return f"no `{name}` is in both ranges, this one's and that of {one.key}"
        case Fairness() as this, Fairness() as that:
            asked = [each.model_dump(include={"metric", "by", "among", "reference", "window"}) for each in (this, that)]
            if asked[0] == asked[1] and _apart((this.at_least, this.at_most), (that.at_least, that.at_most)):
                return f"no {this.metric} is within both limits, this one's and that of {one.key}"
        case _:
            return _unsatisfiable(one, other, declaration)
    return None


def _apart(one: Range, other: Range) -> bool:
    (low, high), (least, most) = one, other
    return (high is not None and least is not None and high < least) or (
        most is not None and low is not None and most < low
    )


def _unsatisfiable(one: _Stood, other: _Stood, declaration: SystemDeclaration) -> str | None:
    demands = [demand_of(each.clause, declaration) for each in (one, other)]
    rules: list[str] = []
    for asked in demands:
        if asked is None or asked.must is None:
            return None
        rules += asked.when.values()
    musts = [asked.must for asked in demands if asked and asked.must]
    if any("decided_at" in rule for rule in (*rules, *musts)) and (days := _shared_days(one, other)):
        rules.append(_days(*days))
    found = survey([*rules, *musts], space_of(declaration))
    if found is None:
        return None
    met = found.filter(pl.lit(value=True), *(pl.col(f"#{place}") for place in range(len(rules))))
    first, second = met[f"#{len(rules)}"], met[f"#{len(rules) + 1}"]
    # Where one of them holds for no decision at all, that one is told of alone.
    if not first.any() or not second.any() or (first & second).any():
        return None
    return f"no decision that both speak of can satisfy this and {one.key}"
