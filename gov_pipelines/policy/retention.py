"""How long single decisions are kept: the longest minimum and the shortest maximum of the policies, and where they clash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy, Retention, exceeds
from gov_pipelines.policy.durations import on_calendar
from gov_pipelines.policy.loading import Read
from gov_pipelines.policy.timeline import control_key, in_force


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long the decisions of a day are kept. Dates are local, and the first on which it is otherwise.

    Attributes:
        retain_until: they are kept before it; None where nothing says so, `date.max` where a clock has not begun.
        delete_by: from it on they are deleted; None where nothing says so, or no clock has begun.
        minimum: the clause behind the first.
        maximum: the clause behind the second.
    """

    retain_until: date | None = None
    delete_by: date | None = None
    minimum: str | None = None
    maximum: str | None = None

    @property
    def conflict(self) -> str | None:
        """Which clause deletes what another one keeps, in words; None where none does. Nothing is deleted then."""
        if self.retain_until is None or self.delete_by is None or self.retain_until <= self.delete_by:
            return None
        until = "its clock has begun and ended" if self.retain_until == date.max else str(self.retain_until)
        return f"{self.maximum} deletes by {self.delete_by} what {self.minimum} keeps until {until}"

    def ended(self, today: date) -> bool:
        """Whether the decisions are to be deleted."""
        return self.delete_by is not None and self.delete_by <= today and self.conflict is None


def retention_rules(
    policies: Iterable[Policy], declaration: SystemDeclaration, days: Iterable[date]
) -> dict[str, Retention]:
    """What the policies of a system that are in force on any of some days say of decisions, by clause.

    Of two versions of a clause that of the later day counts.
    """
    known = list(policies)
    versions = (in_force(known, name, day) for day in sorted(days) for name in declaration.policies)
    return {
        control_key(policy, clause): clause.retention
        for policy in versions
        if policy is not None
        for clause in policy.clauses
        if clause.retention is not None
    }


def keeping(
    minima: Mapping[str, Retention], maxima: Mapping[str, Retention], begun: Mapping[str, date | None]
) -> Keeping:
    """How long a day is kept.

    Args:
        minima: whose `keep` counts: of the versions in force on the day, or today.
        maxima: whose `delete_after` counts: of those in force today.
        begun: for each moment the local date on which the last clock of the day began; None where one has not.
    """
    until = [
        (date.max if (start := begun[rule.from_]) is None else on_calendar(start, rule.keep), key)
        for key, rule in minima.items()
        if rule.keep
    ]
    by = [
        (on_calendar(start, rule.delete_after), key)
        for key, rule in maxima.items()
        if rule.delete_after and (start := begun[rule.from_])
    ]
    longest, shortest = max(until, default=(None, None)), min(by, default=(None, None))
    return Keeping(longest[0], shortest[0], longest[1], shortest[1])


def retention_conflicts(policies: Sequence[Read[Policy]], declaration: SystemDeclaration) -> Iterator[Mistake]:
    """Clauses in force together on a system of which one keeps longer than another deletes, counted from the same moment.

    Clocks of two moments are compared night by night, when both are known.
    """
    said = [
        (policy, place, clause.retention, control_key(policy.model, clause))
        for policy in policies
        if policy.model.policy in declaration.policies
        for place, clause in enumerate(policy.model.clauses)
        if clause.retention
    ]
    for (keeps, _, minimum, keeper), (deletes, place, maximum, _) in product(said, said):
        spans = [each.model.in_force for each in (keeps, deletes)]
        together = all(one.until is None or other.from_ < one.until for one, other in (spans, spans[::-1]))
        if minimum.keep and maximum.delete_after and minimum.from_ == maximum.from_ and together:  # noqa: SIM102
            if minimum is not maximum and exceeds(minimum.keep, maximum.delete_after):
                problem = f"deletes after {maximum.delete_after} what {keeper} keeps for {minimum.keep}"
                remedy = f"Write at least `delete_after: {minimum.keep}`; until then nothing of {declaration.system} is deleted."
                yield deletes.file.mistake(("clauses", place, "retention", "delete_after"), problem, remedy)
