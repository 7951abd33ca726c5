"""Two clauses that ask the same twice, or contradict each other on one system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from gov_pipelines.errors import Mistake
from gov_pipelines.policy import kinds
from gov_pipelines.policy.declaration import Range, SystemDeclaration
from gov_pipelines.policy.demands import days_between, demand_of, spoken_of
from gov_pipelines.policy.difference import clause_differences
from gov_pipelines.policy.document import Clause, Policy
from gov_pipelines.policy.loading import Read
from gov_pipelines.policy.timeline import control_key


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
        case kinds.DataAccess() as this, kinds.DataAccess() as that:
            for permits, refuses, key in ((this, that, one.key), (that, this, other.key)):
                if both := sorted({*(permits.may_read or ())} & {*refuses.never}):
                    against = other.key if key == one.key else one.key
                    return f"{key} permits reading `{both[0]}`, which {against} never does"
        case kinds.OperatingRange() as this, kinds.OperatingRange() as that:
            ranges = [each.ranges_of(declaration.operating_range) for each in (this, that)]
            for name in sorted(ranges[0].keys() & ranges[1].keys()):
                if _apart(ranges[0][name], ranges[1][name]):
                    return f"no `{name}` is in both ranges, this one's and that of {one.key}"
        case kinds.Fairness() as this, kinds.Fairness() as that:
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
    demands = [asked for each in (one, other) if (asked := demand_of(each.clause, declaration)) and asked.musts]
    if len(demands) < 2:
        return None
    dated = any("decided_at" in rule for each in demands for rule in (*each.when.values(), *each.musts))
    days = _shared_days(one, other) if dated else None
    held = spoken_of(demands, declaration, [days_between(*days)] if days else [])
    # Where one of them holds for no decision at all, that one is told of alone.
    if held is None or not all(each.any() for each in held) or (held[0] & held[1]).any():
        return None
    return f"no decision that both speak of can satisfy this and {one.key}"
