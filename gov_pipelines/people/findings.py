"""Findings: what a failing control, a breach or a concern opens, and what closes it again. Pure.

A finding is folded from its events. One of a control over a population closes when its newest window passes. Where
single decisions or reads are judged, a clean later day heals nothing: every day with a breach must be audited again
without one. Or somebody entitled accepts what happened, with a signature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from hashlib import sha256
from typing import Any, Literal

from gov_pipelines.errors import EvidenceError
from gov_pipelines.people.acts import SignedAct
from gov_pipelines.people.working_days import later
from gov_pipelines.policy import Clause, Duration, SystemDeclaration, partition_key, unit_of
from gov_pipelines.policy.kinds import Incident, Judges
from gov_pipelines.store import FindingEvent, VerdictRow

DUE_AFTER = {"critical": 5, "warning": 20, "info": 60}
"""Working days from the opening until a finding of this severity is due."""

REPORT_WITHIN = {"widespread": 2, "death": 10, "serious": 15}
"""Calendar days from awareness until an incident is reported: Regulation (EU) 2024/1689, Article 73(2) to (4).

The default application date of 2026-08-02 governs Article 73 by the letter; that it bites on high-risk systems only is
an interpretation.
"""

_RED = frozenset({"fail", "missing"})
_CLEAN = frozenset({"pass", "not_applicable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time to report an incident.

    Attributes:
        kind: widespread, death or serious.
        aware: the local date of awareness; counting begins after it.
        due: the last date in time.
        reported: when it was reported; None while the clock runs.
        authority: whom it was reported to.
    """

    kind: str
    aware: date
    due: date
    reported: datetime | None = None
    authority: str | None = None

    def overdue(self, today: date) -> bool:
        """Whether it still runs, past its date."""
        return self.reported is None and today > self.due

    def late(self, zone: tzinfo) -> bool:
        """Whether it was reported, after its date where the system is."""
        return self.reported is not None and self.reported.astimezone(zone).date() > self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of a finding now.

    Attributes:
        id: such as `F-3fa92c1b07`.
        system: the audited system.
        control: `<policy>/<clause id>`; None for a concern.
        judges: what its control looks at: decision, population or access; None for a concern.
        state: open or closed.
        severity: critical, warning or info.
        owner: who sees to it: a team, a role or a person.
        action: what is being done; None where nobody has said.
        due: local date.
        partition: the local day it was first opened on; None for a concern.
        snapshot: payload digest of the snapshot that first opened it, hex.
        opened_at: when it was opened, the last time.
        closed_at: None while open.
        evidence: what closed it, in words.
        red: the days that failed, were missing or had breaches, and how many breaches each.
        accepted: of these, the days that a signature accepted, with the breaches it accepted.
        reopened: when it was opened again.
        clocks: of its incidents.
        text: of a concern. For the eyes of who asks for this finding only.
        decision: the decision a concern speaks of. As above.
        by: who says to have raised a concern. As above.
    """

    id: str
    system: str
    control: str | None
    judges: str | None
    state: Literal["open", "closed"]
    severity: str
    owner: str
    action: str | None = None
    due: date
    partition: date | None
    snapshot: str | None
    opened_at: datetime
    closed_at: datetime | None = None
    evidence: str | None = None
    red: Mapping[date, int]
    accepted: Mapping[date, int]
    reopened: tuple[datetime, ...] = ()
    clocks: tuple[Clock, ...] = ()
    text: str | None = None
    decision: str | None = None
    by: str | None = None

    @property
    def occurrences(self) -> int:
        """On how many days it was seen."""
        return len(self.red)

    def days_open(self, now: datetime) -> int:
        """Whole days since it was opened the last time, until it was closed or until now."""
        return ((self.closed_at or now) - self.opened_at).days

    def covers(self, row: VerdictRow) -> bool:
        """Whether a signature accepted what a verdict says: as many breaches on that day, or more."""
        return row.breaches <= self.accepted.get(row.partition, -1)


def finding_id(system: str, control: str) -> str:
    """The id of a control's finding: one for ever, closed and opened again."""
    return f"F-{sha256(f'{system}|{control}'.encode()).hexdigest()[:10]}"


def is_red(row: VerdictRow) -> bool:
    """Whether a verdict opens or joins a finding."""
    return row.verdict in _RED or row.breaches > 0


def findings_of(events: Iterable[FindingEvent], acts: Iterable[SignedAct]) -> dict[str, Finding]:
    """Fold events into findings.

    What a person did counts only with its signed act, and says what the act says.

    Args:
        events: in the order they were recorded.
        acts: `accept` and `report` acts whose signature holds.

    Returns:
        By id, in the order they were first opened.

    Raises:
        EvidenceError: something happened to a finding that was never opened.
    """
    signed = {each.id: each for each in acts}
    found: dict[str, Finding] = {}
    for event in events:
        if event.event == "opened":
            found[event.finding] = _opened(event)
        elif event.finding not in found:
            raise EvidenceError(
                f"the store says that {event.finding} was {event.event}, and not that it was opened: rows were added or "
                "removed by hand. Restore the store that was backed up last"
            )
        elif event.event not in ("accepted", "reported"):
            found[event.finding] = _next(found[event.finding], event)
        else:
            act = signed.pop(event.act or "", None)  # each once
            if act and act.act.subject.get("finding") == event.finding:
                found[event.finding] = _acted(found[event.finding], act)
    return found


def _opened(event: FindingEvent) -> Finding:
    said = event.said
    return Finding(
        id=event.finding,
        system=event.system,
        control=event.control,
        judges=said.get("judges"),
        state="open",
        severity=said["severity"],
        owner=said["owner"],
        due=date.fromisoformat(said["due"]),
        partition=event.partition,
        snapshot=event.snapshot,
        opened_at=event.at,
        red={event.partition: said["breaches"]} if event.partition else {},
        accepted={},
        clocks=_started((), said),
        text=said.get("text"),
        decision=said.get("decision"),
        by=said.get("by"),
    )


def _next(finding: Finding, event: FindingEvent) -> Finding:
    """What a night, an assignment or an incident makes of a finding."""
    said = event.said
    match event.event:
        case "closed":
            return replace(finding, state="closed", closed_at=event.at, evidence=said["evidence"])
        case "assigned":
            given = {name: said[name] for name in ("owner", "action") if name in said}
            due = date.fromisoformat(said["due"]) if "due" in said else finding.due
            return replace(finding, **given, due=due)
        case "incident":
            return replace(finding, clocks=_started(finding.clocks, said))
    assert event.partition is not None  # joined and reopened speak of a night
    joined = replace(finding, severity=said["severity"], red={**finding.red, event.partition: said["breaches"]})
    if event.event == "joined":
        return joined
    return replace(
        joined,
        state="open",
        due=date.fromisoformat(said["due"]),
        opened_at=event.at,
        closed_at=None,
        evidence=None,
        reopened=(*finding.reopened, event.at),
        clocks=_started(finding.clocks, said),
    )


def _acted(finding: Finding, signed: SignedAct) -> Finding:
    """What a signed acceptance or report makes of a finding. The later of the person's word and our clock counts."""
    match signed.act.kind, signed.act.subject:
        case "accept", {"why": str(why), "breaches": dict(said)}:
            told = {day: said.get(partition_key(day)) for day in finding.red}
            accepted = {**finding.accepted, **{day: count for day, count in told.items() if isinstance(count, int)}}
            evidence = f"accepted by {signed.act.role}: {why}"
            return replace(finding, state="closed", closed_at=signed.moment, evidence=evidence, accepted=accepted)
        case "report", {"authority": str(authority)}:
            stopped = partial(replace, reported=signed.moment, authority=authority)
            return replace(finding, clocks=tuple(each if each.reported else stopped(each) for each in finding.clocks))
    return finding


def _started(clocks: tuple[Clock, ...], said: Mapping[str, Any]) -> tuple[Clock, ...]:
    """The clocks, and one more where an incident is named and none of its kind is running."""
    kind = said.get("incident")
    if kind is None or any(each.kind == kind and each.reported is None for each in clocks):
        return clocks
    aware = date.fromisoformat(said["aware"])
    return (*clocks, Clock(kind=kind, aware=aware, due=aware + timedelta(days=REPORT_WITHIN[kind])))


def events_of_night(
    finding: Finding | None,
    row: VerdictRow,
    history: Sequence[VerdictRow],
    judges: Judges | None,
    *,
    incident: Incident | None = None,
    owner: str,
    snapshot: str,
    now: datetime,
    today: date,
    holidays: Collection[date] = (),
) -> list[FindingEvent]:
    """What the verdict of one control on one night does to its finding.

    Args:
        finding: of this control so far; None where there is none.
        row: the verdict that is being signed.
        history: the control's verdicts of the latest signed revision of every day, this one included, oldest first.
        judges: what the control looks at; None where it is not in force on the day.
        incident: whose clock a failure starts, if any.
        owner: who sees to a new finding.
        snapshot: payload digest of what is being signed, hex.
        now: the store's clock.
        today: its local date.
        holidays: what its due date leaves out besides weekends.
    """

    def event(kind: Literal["opened", "joined", "closed", "reopened"], said: dict[str, Any]) -> FindingEvent:
        name = finding_id(row.system, row.control)
        return FindingEvent(
            key=f"{name}|{partition_key(row.partition)}|{row.revision}|{'closed' if kind == 'closed' else 'red'}",
            finding=name,
            event=kind,
            system=row.system,
            control=row.control,
            partition=row.partition,
            snapshot=snapshot,
            at=now,
            said=said,
        )

    events = []
    if is_red(row) and judges is not None and not (finding and finding.covers(row)):
        said = {"severity": row.severity, "breaches": row.breaches}
        opening = said | {"owner": owner, "judges": judges, "due": due_date(row.severity, today, holidays)}
        if incident:
            opening |= {"incident": incident, "aware": today.isoformat()}
        if finding is None:
            first = event("opened", opening)
            finding, events = _opened(first), [first]
        else:
            joined = _next(finding, event("joined", said))
            again = finding.state == "closed" and not _healed(joined, history)
            events = [event("reopened", opening) if again else event("joined", said)]
            finding = _next(finding, events[0])
    if finding is not None and finding.state == "open" and (evidence := _healed(finding, history)):
        events.append(event("closed", {"evidence": evidence}))
    return events


def _healed(finding: Finding, history: Sequence[VerdictRow]) -> str | None:
    """What closes a finding, in words; None where nothing does. A verdict that cannot tell closes nothing."""
    if finding.judges == "population":
        newest = history[-1]
        return f"the newest window, of {newest.partition}, passes" if newest.verdict == "pass" else None
    latest = {row.partition: row for row in history}
    for day in finding.red:
        row = latest.get(day)  # none where the control was gone when that day was audited again
        if row is None or (not finding.covers(row) and (row.verdict not in _CLEAN or row.breaches)):
            return None
    count, unit = len(finding.red), unit_of(finding.partition)
    return f"{f'its one {unit} was' if count == 1 else f'all its {count} {unit}s were'} audited again without a breach"


def due_date(severity: str, today: date, holidays: Collection[date]) -> str:
    """When a finding opened today is due, ISO 8601."""
    return later(today, Duration(DUE_AFTER[severity], "working days"), holidays).isoformat()


def may_accept(declaration: SystemDeclaration, clause: Clause | None) -> frozenset[str]:
    """The persons and roles who may accept a finding or report its incident: the system's owner and the approvers.

    Those whom `gov findings assign` names are not among them: an assignment needs no signature.
    """
    control = clause.control if clause else None
    named = {declaration.owner, declaration.owner.removeprefix("team:"), declaration.approver}
    return frozenset(filter(None, named | {control.approver if control else None}))
