"""Clause by system: what stands behind it, how that control acts, what it last said, and in which state that leaves it.

Pure: the caller gives the verdicts, the waivers and the date. A failing control is red, not a gap. What people owe is
shown and never counts as a control of the system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from types import MappingProxyType
from typing import Literal, Protocol

from gov_pipelines.policy.calendar import Partition, unit_of
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Clause, Level, Obligation, Policy
from gov_pipelines.policy.kinds import Acts
from gov_pipelines.policy.timeline import acts_of, control_key, in_force
from gov_pipelines.policy.vacuous import can_fail

State = Literal[
    "failing", "none", "unable_to_fail", "stale", "human_only", "insufficient_long", "detect_only", "waived",
    "not_applicable", "working",
]  # fmt: skip
_STATES: Mapping[State, tuple[int, str | None]] = {
    "failing": (8, None),
    "none": (7, "no control"),
    "unable_to_fail": (6, "unable to fail"),
    "stale": (5, "stale"),
    "human_only": (5, "human only"),
    "insufficient_long": (4, "long insufficient"),
    "detect_only": (3, "only detects"),
    "waived": (2, None),
    "not_applicable": (0, None),
    "working": (0, None),
}
GAPS: Mapping[State, str] = {state: gap for state, (_, gap) in _STATES.items() if gap}
"""The states that are gaps, in a few words each. A failing control is red, a waived clause is an exception in sight."""

RED = frozenset({"fail", "missing"})
STALE_AFTER_DAYS = 2
LONG_INSUFFICIENT = 30
_LONGEST = {False: timedelta(hours=25), True: timedelta(hours=1)}
"""The longest partition, by whether it is an hour."""
_OF_SEVERITY: Mapping[str, int] = {"critical": 4, "warning": 2, "info": 1}
_OF_LEVEL: Mapping[Level, int] = {"intake": 3, "output": 3, "runtime": 2, "people": 1}
_OF_SYSTEM: Mapping[str, int] = {"high": 3, "limited": 2, "minimal": 1}


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
        applied: whether any audited partition had a case, that is a verdict other than `not_applicable`.
        untold: how many of the newest partitions with a case, without a break, are `insufficient`.
        untold_since: the first of those.
    """

    verdict: str
    partition: date
    since: date
    partitions: int = 1
    breaches: int = 0
    last_breach: date | None = None
    breach_days: int = 0
    applied: bool = True
    untold: int = 0
    untold_since: date | None = None


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
        state: how the clause stands, the first that applies: `waived` (a signed exception holds), `none`, `human_only`,
            `failing` (its result is bad or missing), `unable_to_fail`, `stale` (never judged, not for over two days, or no
            version in force), `insufficient_long`, `detect_only` (where a bar at intake was asked), `not_applicable` (no
            decision ever met its condition), `working`.
        gap: why this is a gap, in a few words; None where it is none.
        risk: 0 where nothing is wrong; the larger, the sooner to look at (`risk_of`).
        waiver: until when, why, and by whom the clause is waived; None where it is not.
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
    state: State
    gap: str | None
    risk: int
    waiver: str | None
    sentence: str


def last_verdict(history: Sequence[RecordedVerdict]) -> LastVerdict | None:
    """The last verdict of one control in one system, from its verdicts in any order; None where it has none."""
    newest_first = sorted(history, key=lambda row: row.partition, reverse=True)
    if not newest_first:
        return None
    newest = newest_first[0]
    run = [*takewhile(lambda row: row.verdict == newest.verdict, newest_first)]
    own_day = newest.window_end - newest.window_start <= _LONGEST[isinstance(newest.partition, datetime)]
    counted = newest_first if own_day else newest_first[:1]
    breached = [row for row in counted if row.breaches]
    cases = [row for row in newest_first if row.verdict != "not_applicable"]
    untold = [*takewhile(lambda row: row.verdict == "insufficient", cases)]
    return LastVerdict(
        verdict=newest.verdict,
        partition=newest.partition,
        since=run[-1].partition,
        partitions=len(run),
        breaches=sum(row.breaches for row in breached),
        last_breach=breached[0].partition if breached else None,
        breach_days=len(breached),
        applied=bool(cases),
        untold=len(untold),
        untold_since=untold[-1].partition if untold else None,
    )


def coverage_matrix(
    policies: Iterable[Policy],
    declarations: Iterable[SystemDeclaration],
    last: Mapping[tuple[str, str], LastVerdict],
    *,
    today: date,
    waivers: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> list[CoverageCell]:
    """Every clause of every policy a system names, one cell each.

    The version of a policy that counts is the one in force on the newest partition due; where none is, the newest
    version stands in and its clauses are stale.

    Args:
        policies: all versions.
        declarations: the systems.
        last: the last verdict by system and control key.
        today: as for `newest_due`.
        waivers: until when, by whom and why a clause is waived today, by system and control key.

    Returns:
        In the order of the declarations and of the clauses; sort by `risk` for what to look at first.
    """
    known = list(policies)
    cells: list[CoverageCell] = []
    for declaration in declarations:
        due = newest_due(declaration, today)
        for name in declaration.policies:
            policy = in_force(known, name, declaration.calendar.day(due))
            versions = [each for each in known if each.policy == name]
            for shown in [policy] if policy else sorted(versions, key=lambda each: each.version)[-1:]:
                cells += _cells(declaration, shown, last, waivers, due=due)
    return cells


def newest_due(declaration: SystemDeclaration, today: date) -> Partition:
    """The newest partition that should have been audited; before the first one, the day or hour that ended last.

    Args:
        declaration: the system.
        today: an instant; or the current local date, which stands for its first one.
    """
    calendar = declaration.calendar
    now = calendar.span(today)[0]
    return calendar.newest(now) or calendar.just_over(now)


def risk_of(state: State, clause: Clause, declaration: SystemDeclaration) -> int:
    """How urgently a cell asks for someone: weight of its state, times that of its clause, times that of its system.

    States, worst first: failing 8, none 7, unable to fail 6, stale and human only 5, long insufficient 4, only detects 3,
    waived 2, the rest 0. A clause weighs what its control's severity says (critical 4, warning 2, info 1); without a
    control its level counts (intake and output 3, runtime 2, people 1). A system weighs 3, 2 or 1 by its declared risk.
    """
    weight = _OF_SEVERITY[clause.control.severity] if clause.control else _OF_LEVEL[clause.level]
    return _STATES[state][0] * weight * _OF_SYSTEM[declaration.risk]


def _cells(
    declaration: SystemDeclaration,
    policy: Policy,
    last: Mapping[tuple[str, str], LastVerdict],
    waivers: Mapping[tuple[str, str], str],
    *,
    due: Partition,
) -> Iterator[CoverageCell]:
    system = declaration.system
    for clause in policy.clauses:
        key = (system, control_key(policy, clause))
        verdict = last.get(key) if clause.control else None
        age = _age(declaration, verdict, due) if verdict else None
        state, why = next(_standings(policy, clause, declaration, verdict, due))
        if waiver := waivers.get(key):
            state, why = "waived", f"waived {waiver}. Beneath it: {why}"
        yield CoverageCell(
            system=system,
            policy=policy.policy,
            clause=clause.id,
            text=clause.text,
            level=clause.level,
            acts=acts_of(clause.control, declaration) if clause.control else None,
            control_kind=clause.control.kind if clause.control else None,
            obligation=clause.obligation.who if clause.obligation else None,
            verdict=verdict.verdict if verdict else None,
            since=verdict.since if verdict else None,
            last_partition=verdict.partition if verdict else None,
            age_days=age,
            breaches=verdict.breaches if verdict else 0,
            last_breach=verdict.last_breach if verdict else None,
            state=state,
            gap=GAPS.get(state),
            risk=risk_of(state, clause, declaration),
            waiver=waiver,
            sentence=f"{clause.id} in {system}: {why}{_breaches(clause, verdict)}.",
        )


def _age(declaration: SystemDeclaration, last: LastVerdict, due: Partition) -> int:
    """Days from the partition last judged to the one due; only those that are partitions count."""
    calendar = declaration.calendar
    if calendar.only_on:
        return len(calendar.between(last.partition, due)) - 1
    return (calendar.day(due) - calendar.day(last.partition)).days


def _standings(
    policy: Policy, clause: Clause, declaration: SystemDeclaration, last: LastVerdict | None, due: Partition
) -> Iterator[tuple[State, str]]:
    """The states that apply, waivers apart, each with why, to follow in a sentence; the first is the clause's."""
    control = clause.control
    if not policy.in_force.covers(day := declaration.calendar.day(due)):
        ended = policy.in_force.until
        over = f"; version {policy.version} ended with {ended - timedelta(days=1)}" if ended and ended <= day else ""
        yield "stale", f"no version of {policy.policy} is in force on {day}{over}"
    if control is None:
        if clause.obligation is None:
            yield "none", "nothing stands behind it but the policy itself"
        else:
            owed = _owed(clause.obligation)
            yield "human_only", f"rests on people alone ({owed}); nothing in the system enforces it"
        return
    named, acts = f"its control ({control.kind})", acts_of(control, declaration)
    age = _age(declaration, last, due) if last else 0
    behind = last and f"last judged for {last.partition}, {age} days before the newest partition due"
    said = last and f"{control.kind} {acts}; {last.verdict} since {last.since}"
    if last and last.verdict in RED:
        yield "failing", f"{said}{f'; {behind}' if age > STALE_AFTER_DAYS else ''}"
    if not can_fail(clause, declaration):
        yield "unable_to_fail", f"nothing could break {named}, so it reports but can never fail; see `gov selftest`"
    if last is None:
        yield "stale", f"{named} has never given a verdict"
        return
    long = f"the data could not tell for {last.untold} partitions in a row, since {last.untold_since}"
    unmet = f"{control.kind} {acts}; no decision has met its condition since {last.since}"
    found: Sequence[tuple[State, bool, str]] = (
        ("stale", age > STALE_AFTER_DAYS, f"{behind}"),
        ("insufficient_long", last.untold >= LONG_INSUFFICIENT, long),
        ("detect_only", clause.level == "intake" and acts == "detects",
         f"asks for a bar at intake, but {named} only detects, after the fact"),
        ("not_applicable", not last.applied, unmet),
        ("working", True, f"{said}"),
    )  # fmt: skip
    yield from ((state, why) for state, applies, why in found if applies)


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
    return f"{outside} on {verdict.breach_days} {unit_of(verdict.partition)}s, the last on {verdict.last_breach}"
