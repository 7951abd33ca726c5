"""Clause by system: what stands behind it, how that control acts, what it last said, and where there is a gap.

Pure: the caller gives the verdicts and the date. A failing control is red, not a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Clause, Level, Obligation, Policy
from gov_pipelines.policy.durations import Window
from gov_pipelines.policy.kinds import Acts, Control, DecisionScope, Drift, Fairness, Freshness, HumanReview, LogQuality
from gov_pipelines.policy.timeline import acts_of, control_key, in_force

STALE_AFTER_DAYS = 2
LONG_INSUFFICIENT = 30
_LONGEST_DAY = timedelta(hours=25)


class RecordedVerdict(Protocol):
    """What `last_verdict` needs of a stored verdict; the store's rows have it."""

    @property
    def partition(self) -> date:
        """The audited day."""

    @property
    def verdict(self) -> str:
        """One of the seven verdicts."""

    @property
    def breaches(self) -> int:
        """Decisions outside."""

    @property
    def window_start(self) -> datetime:
        """First instant of the window."""

    @property
    def window_end(self) -> datetime:
        """Last instant, exclusive."""


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """What a control last said of a system.

    Attributes:
        verdict: the verdict of its newest audited partition.
        partition: that partition.
        since: the first partition of the unbroken run of this verdict.
        partitions: how many audited partitions that run has.
        breaches: decisions outside on all audited days where the window is the day itself, for a clean day after it does
            not heal a breach; in the newest window where windows are longer.
        last_breach: the newest partition counted in `breaches` that has one.
        breach_days: how many partitions `breaches` come from.
    """

    verdict: str
    partition: date
    since: date
    partitions: int = 1
    breaches: int = 0
    last_breach: date | None = None
    breach_days: int = 0


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """One clause in one system.

    Attributes:
        system: the audited system.
        policy: the policy's name.
        clause: the clause's id.
        text: the clause.
        level: intake, runtime, output or people.
        acts: how its control acts, None without one.
        control_kind: the kind of its control, None without one.
        obligation: who owes something, None where nobody does.
        verdict: the control's last verdict, None where it never gave one.
        since: the first partition of the unbroken run of that verdict.
        last_partition: the newest partition it was given for.
        age_days: days from that partition to the newest one due.
        breaches: decisions outside, as of `LastVerdict`: of all audited days, or of the newest longer window.
        last_breach: the newest partition that has one of them.
        gap: why this is a gap, in a few words; None where it is none.
        sentence: the cell in one sentence.
    """

    system: str
    policy: str
    clause: str
    text: str
    level: Level
    acts: Acts | None
    control_kind: str | None
    obligation: str | None
    verdict: str | None
    since: date | None
    last_partition: date | None
    age_days: int | None
    breaches: int
    last_breach: date | None
    gap: str | None
    sentence: str


def last_verdict(history: Sequence[RecordedVerdict]) -> LastVerdict | None:
    """The last verdict of one control in one system, from its verdicts in any order; None where it has none."""
    newest_first = sorted(history, key=lambda row: row.partition, reverse=True)
    if not newest_first:
        return None
    newest = newest_first[0]
    changed = next(
        (place for place, row in enumerate(newest_first) if row.verdict != newest.verdict), len(newest_first)
    )
    counted = newest_first if newest.window_end - newest.window_start <= _LONGEST_DAY else newest_first[:1]
    breached = [row for row in counted if row.breaches]
    return LastVerdict(
        verdict=newest.verdict,
        partition=newest.partition,
        since=newest_first[changed - 1].partition,
        partitions=changed,
        breaches=sum(row.breaches for row in breached),
        last_breach=breached[0].partition if breached else None,
        breach_days=len(breached),
    )


def coverage_matrix(
    policies: Iterable[Policy],
    declarations: Iterable[SystemDeclaration],
    last: Mapping[tuple[str, str], LastVerdict],
    *,
    today: date,
) -> list[CoverageCell]:
    """Every clause of every policy a system names, one cell each.

    The version of a policy that counts is the one in force on the newest partition due; where none is, the newest
    version stands in and its clauses are gaps.

    Args:
        policies: all versions.
        declarations: the systems.
        last: the last verdict by system and control key.
        today: the current local date; yesterday is the newest partition due, or the last before `ends`.
    """
    known = list(policies)
    cells: list[CoverageCell] = []
    for declaration in declarations:
        due = newest_due(declaration, today)
        for name in declaration.policies:
            policy = in_force(known, name, due)
            versions = [each for each in known if each.policy == name]
            for shown in [policy] if policy else sorted(versions, key=lambda each: each.version)[-1:]:
                cells += _cells(declaration, shown, last, due=due, active=policy is not None)
    return cells


def newest_due(declaration: SystemDeclaration, today: date) -> date:
    """The newest partition that should have been audited: yesterday, or the last before `ends`."""
    yesterday = today - timedelta(days=1)
    return yesterday if declaration.ends is None else min(yesterday, declaration.ends - timedelta(days=1))


def can_fail(control: Control, declaration: SystemDeclaration) -> bool:
    """Whether a control has a limit that can be passed; one without can never say that its clause is broken.

    Whether a `must` or a native expectation can ever fail is not examined.
    """
    match control:
        case Fairness() | Drift() | LogQuality():
            return any(getattr(control, limit, None) is not None for limit in ("at_least", "at_most"))
        case HumanReview():
            return control.before is not None  # else a review may always still come
        case DecisionScope():
            scope = control.may_decide or declaration.intake.may_decide
            return scope is not None and (scope.products is not None or scope.amount is not None)
        case Freshness(window=Window(span="partition")):  # a decision of the day is at most a day old at its end
            return control.within.count < {"hours": _LONGEST_DAY // timedelta(hours=1), "days": 2}[control.within.unit]
    return True


def _cells(
    declaration: SystemDeclaration,
    policy: Policy,
    last: Mapping[tuple[str, str], LastVerdict],
    *,
    due: date,
    active: bool,
) -> Iterator[CoverageCell]:
    system = declaration.system
    for clause in policy.clauses:
        verdict = last.get((system, control_key(policy, clause))) if clause.control else None
        age = (due - verdict.partition).days if verdict else None
        gap, why = (
            _standing(clause, declaration, verdict, age)
            if active
            else ("not in force", f"no version is in force on {due}")
        )
        sentence = f"{clause.id} in {system}: {why}{_breaches(clause, verdict)}."
        yield CoverageCell(
            system=system,
            policy=policy.policy,
            clause=clause.id,
            text=clause.text,
            level=clause.level,
            acts=acts_of(clause.control) if clause.control else None,
            control_kind=clause.control.kind if clause.control else None,
            obligation=clause.obligation.who if clause.obligation else None,
            verdict=verdict.verdict if verdict else None,
            since=verdict.since if verdict else None,
            last_partition=verdict.partition if verdict else None,
            age_days=age,
            breaches=verdict.breaches if verdict else 0,
            last_breach=verdict.last_breach if verdict else None,
            gap=gap,
            sentence=sentence,
        )


_Gap = tuple[str | None, str | None]


def _standing(
    clause: Clause, declaration: SystemDeclaration, verdict: LastVerdict | None, age: int | None
) -> tuple[str | None, str]:
    """The first gap that applies, None where none does; and how the clause stands, as a clause of a sentence."""
    control, gap = clause.control, None
    if control is None:
        if clause.obligation is None:
            return "no control", "nothing stands behind it but the policy itself"
        return "human only", f"rests on people alone ({_owed(clause.obligation)}); nothing in the system enforces it"
    if not can_fail(control, declaration):
        why = f"its control ({control.kind}) has no limit that could be passed, so it reports but can never fail"
        gap = "unable to fail"
    elif verdict is None or age is None:
        gap, why = "stale", f"its control ({control.kind}) has never given a verdict"
    elif age > STALE_AFTER_DAYS:
        gap, why = "stale", f"last judged for {verdict.partition}, {age} days before the newest partition due"
    elif verdict.verdict == "insufficient" and verdict.partitions >= LONG_INSUFFICIENT:
        gap = "long insufficient"
        why = f"the data could not tell for {verdict.partitions} partitions in a row, since {verdict.since}"
    elif clause.level == "intake" and acts_of(control) == "detects":
        gap = "only detects"
        why = f"asks for a bar at intake, but its control ({control.kind}) only detects, after the fact"
    else:
        why = f"{control.kind} {acts_of(control)}; {verdict.verdict} since {verdict.since}"
    return gap, why


def _owed(obligation: Obligation) -> str:
    owed = {"attestation": "an attestation", "record": "a record"}[obligation.evidence]
    return f"{obligation.who} owe {owed}{f' every {obligation.every}' if obligation.every else ''}"


def _breaches(clause: Clause, verdict: LastVerdict | None) -> str:
    if clause.control is None or verdict is None or not verdict.breaches:
        return ""
    outside = f"; {verdict.breaches} decision{'s' * (verdict.breaches != 1)} outside"
    if clause.control.window.span != "partition":
        return f"{outside} in the window ({clause.control.window}) that ends with {verdict.partition}"
    if verdict.breach_days == 1:
        return f"{outside}, on {verdict.last_breach}"
    return f"{outside} on {verdict.breach_days} days, the last on {verdict.last_breach}"
