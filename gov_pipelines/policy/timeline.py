"""Which version of a policy holds on a date, and which controls that puts on a system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gov_pipelines.policy.calendar import Partition
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Clause, Policy
from gov_pipelines.policy.kinds import Acts, Control, OnFail
from gov_pipelines.policy.kinds.bound import over_year


@dataclass(frozen=True, slots=True)
class BoundClause:
    """A clause whose control is in force for a system.

    Attributes:
        key: `<policy>/<clause id>`, the name of the control everywhere.
        policy: the version in force.
        clause: the clause, which has a control.
        acts: how the control acts, derived from its kind and `on_fail`.
        on_fail: what a failure does, declared or the kind's default.
    """

    key: str
    policy: Policy
    clause: Clause
    acts: Acts
    on_fail: OnFail

    @property
    def control(self) -> Control:
        """The clause's control."""
        assert self.clause.control is not None  # only clauses with one are bound
        return self.clause.control


def in_force(policies: Iterable[Policy], name: str, on: date) -> Policy | None:
    """The version of a policy in force on a local date, None where there is none.

    `from` is inclusive, `until` exclusive. Where intervals overlap, which lint refuses, the highest version counts.
    """
    return max(
        (policy for policy in policies if policy.policy == name and policy.in_force.covers(on)),
        key=lambda policy: policy.version,
        default=None,
    )


def controls_in_force(policies: Iterable[Policy], declaration: SystemDeclaration, on: Partition) -> list[BoundClause]:
    """The controls on a system for a local date, or that of an hour's start, in the order of its declaration and of the policies."""
    known = list(policies)
    versions = (in_force(known, name, declaration.calendar.day(on)) for name in declaration.policies)
    return [bound for policy in versions if policy is not None for bound in bound_clauses(policy, declaration)]


def control_keys(policies: Iterable[Policy], declaration: SystemDeclaration) -> list[str]:
    """The keys of every control any version ever put on a system, sorted: its asset checks."""
    named: Sequence[Policy] = [policy for policy in policies if policy.policy in declaration.policies]
    return sorted({bound.key for policy in named for bound in bound_clauses(policy)})


def alarms_of_year(policies: Iterable[Policy], declarations: Iterable[SystemDeclaration], until: date) -> int:
    """How many controls of all systems share the error of a calendar year: those in force on any of its days up to one.

    It never falls within a year, for what a control has spent is spent. Where it grows, half of the error was kept for those
    that join (`measure.Year.divisor`).
    """
    first, keys = date(until.year, 1, 1), dict[str, set[str]]()
    for policy in policies:
        if policy.in_force.from_ <= until and (policy.in_force.until is None or policy.in_force.until > first):
            own = {bound.key for bound in bound_clauses(policy) if over_year(bound.control)}
            keys.setdefault(policy.policy, set()).update(own)
    return sum(len(keys.get(name, ())) for one in declarations for name in one.policies)


def bound_clauses(policy: Policy, declaration: SystemDeclaration | None = None) -> Iterator[BoundClause]:
    """The clauses of a policy that have a control, bound to it; for a system where one is given, since `acts` depends on it."""
    for clause in policy.clauses:
        if clause.control is not None:
            key = control_key(policy, clause)
            yield BoundClause(key, policy, clause, acts_of(clause.control, declaration), on_fail_of(clause.control))


def control_key(policy: Policy, clause: Clause) -> str:
    """`<policy>/<clause id>`, the same in every version."""
    return f"{policy.policy}/{clause.id}"


def on_fail_of(control: Control) -> OnFail:
    """What a failure does: as declared, else the kind's default."""
    return control.on_fail or control.default_on_fail


def acts_of(control: Control, declaration: SystemDeclaration | None = None) -> Acts:
    """How a control acts: it holds what a failure holds back or suspends, and detects otherwise.

    A `data_access` control that only alerts `prevents` in a system that names its role and the database: there the
    database itself refuses what is not granted, and each night the grants are compared with what is declared.
    """
    if on_fail_of(control) != "alert":
        return "holds"
    enforced = declaration is not None and declaration.intake.enforced
    return "prevents" if control.kind == "data_access" and enforced else "detects"
