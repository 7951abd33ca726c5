"""The register of what is due from people, and the alerts it raises: each once, however often it is run.

Alerts name clauses and roles, never a person; `gov obligations` names those. Nothing here is a control of a system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import sha256
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from gov_pipelines.errors import Mistake
from gov_pipelines.notify import told
from gov_pipelines.people import (
    Authority,
    Finding,
    Owed,
    Step,
    Waiver,
    known_findings,
    known_obligations,
    known_waivers,
    roster_of,
)
from gov_pipelines.policy import Policy, SystemDeclaration, bound_clauses, in_force, load_declarations, load_policies
from gov_pipelines.project import Project
from gov_pipelines.store import Alert, Engine, enqueue

PEOPLE = "people"
"""What alerts about people's obligations name in place of a system."""

WARN_BEFORE = timedelta(days=14)
"""How long before its end a waiver is told of."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a project's people are held to: the policies in use, the systems, and the mistakes of files not read."""

    policies: list[Policy]
    systems: Mapping[str, SystemDeclaration]
    mistakes: list[Mistake]

    def zone(self, system: str) -> tzinfo:
        """Where a system's dates are; UTC for one that is no longer declared."""
        declaration = self.systems.get(system)
        return ZoneInfo(declaration.zone) if declaration else UTC

    def today(self, system: str, now: datetime) -> date:
        """The local date of a system."""
        return now.astimezone(self.zone(system)).date()

    def routes(self, control: str | None, on: date) -> tuple[str, ...]:
        """Whom a control's alerts go to; none for the default route."""
        if control is None:
            return ()
        version = in_force(self.policies, control.partition("/")[0], on)
        bound = (each for each in bound_clauses(version) if each.key == control) if version else iter(())
        return next((tuple(each.control.notify) for each in bound), ())


def open_books(project: Project) -> Books:
    """Read a project's policies and systems. A pack counts where a system names it; other policies always do."""
    systems, broken = load_declarations(project.assets)
    policies, mistakes = load_policies(project.expectations)
    packs = {policy.policy for policy in load_policies(project.expectations / "packs")[0]}
    unused = packs - {name for system in systems.values() for name in system.policies}
    return Books([each for each in policies if each.policy not in unused], systems, [*broken, *mistakes])


def register(engine: Engine, books: Books, authority: Authority, now: datetime) -> int:
    """Put an alert into the outbox for all that is due and was not told yet.

    Args:
        engine: of the store.
        books: of the project.
        authority: whose keys enrol people.
        now: the clock.

    Returns:
        How many alerts are new.
    """
    with engine.begin() as connection:
        roster = roster_of(connection, authority)
        owed = known_obligations(connection, roster, books.policies, now)
        waivers = known_waivers(connection, roster, books.policies)
        findings = known_findings(connection, roster)
        return enqueue(connection, alerts_due(owed, waivers, findings.values(), books, now))


def alerts_due(
    owed: Sequence[Owed], waivers: Sequence[Waiver], findings: Iterable[Finding], books: Books, now: datetime
) -> list[Alert]:
    """Everything that is due at an instant, told or not. Pure."""
    waived = {(each.system, each.clause) for each in waivers if each.stands(now)}
    return [
        *(_escalation(each, step, now) for each in owed for step in each.steps),
        *_endings(waivers, books, now),
        *chain(*(_of_finding(each, books, now, waived=(each.system, each.control) in waived) for each in findings)),
    ]


def concern_raised(finding: str, system: str, now: datetime) -> Alert:
    """The alert that somebody raised a concern; not what they said, nor who."""
    title = f"{system}: somebody says that something looks wrong ({finding})"
    do = f"read it with `gov findings show {finding}`, and say who sees to it with `gov findings assign`"
    return _alert(f"{finding}|concern", system, now.date(), title, {"What to do": do}, now)


def _escalation(owed: Owed, step: Step, now: datetime) -> Alert:
    assert owed.due is not None  # what is overdue was due
    whose = sha256(f"{owed.clause}|{owed.person}|{owed.due}".encode()).hexdigest()[:12]
    days = owed.working_days_overdue
    key = f"{owed.clause}|{owed.due}|{whose}|escalation {step.place}"
    title = f"{owed.clause}: an attestation of {owed.who} is overdue"
    facts = {
        "Clause": owed.text,
        "Who": f"somebody enrolled as {owed.who}; `gov obligations` says who",
        "Due": f"{owed.due}, overdue by {days} working day{'s' * (days != 1)}",
        "Escalation": f"step {step.place}, to {step.to}",
        "What to do": f"have them run `gov attest {owed.clause} --as NAME --key FOLDER`",
    }
    return _alert(key, PEOPLE, owed.due, title, facts, now, control=owed.clause, notify=(step.to,))


def _endings(waivers: Sequence[Waiver], books: Books, now: datetime) -> Iterator[Alert]:
    """Of each clause's waivers that were countersigned the one that ends last: soon, or by now."""
    signed = sorted((each for each in waivers if each.since is not None), key=lambda each: each.ends)
    do = "nothing, if the clause is kept again; else ask for a new one with `gov waive`"
    for waiver in {(each.system, each.clause): each for each in signed}.values():
        if now < waiver.ends - WARN_BEFORE:
            continue
        name, system, clause, until = waiver.id[:12], waiver.system, waiver.clause, waiver.until
        over, routes = now >= waiver.ends, books.routes(clause, now.date())
        key = f"{clause}|{name}|waiver {'ended' if over else 'ending'}"
        title = f"{system}: the waiver of {clause} {'ended' if over else 'ends'} on {until}"
        facts = {"Waiver": name, "What to do": do}
        yield _alert(key, system, until, title, facts, now, control=clause, notify=routes)


def _of_finding(finding: Finding, books: Books, now: datetime, *, waived: bool) -> Iterator[Alert]:
    name, system, control = finding.id, finding.system, finding.control
    today, what = books.today(system, now), control or "a concern"
    about = {"control": control, "notify": books.routes(control, today)}
    if finding.state == "open" and today > finding.due and not waived:
        key = f"{name}|{finding.due}|past due"
        title = f"{system}: finding {name} ({what}) is past due"
        facts = {
            "Due": str(finding.due),
            "Open": f"for {finding.days_open(now)} days, opened again {len(finding.reopened)} times",
            "What to do": f"run `gov findings show {name}`; close it by a later pass, or accept it with a signature",
        }
        yield _alert(key, system, finding.due, title, facts, now, severity=finding.severity, **about)
    for clock in finding.clocks:
        if clock.reported is None:
            state, said = ("overdue", "was due") if clock.overdue(today) else ("running", "is due")
            key = f"{name}|{clock.kind}|{clock.aware}|report {state}"
            title = f"{system}: a report on incident {name} ({what}, {clock.kind}) {said} by {clock.due}"
            stop = f"`gov findings report {name} --to AUTHORITY --as NAME --key FOLDER`"
            do = f"report it, incomplete if need be, and stop the clock with {stop}"
            facts = {"Aware": str(clock.aware), "What to do": do}
            yield _alert(key, system, clock.due, title, facts, now, severity="critical", **about)


def _alert(
    about: str, system: str, day: date, title: str, facts: Mapping[str, str], now: datetime, **more: Any
) -> Alert:
    return told(
        f"{system}|{about}",
        title,
        facts,
        **{"severity": "warning", **more},
        system=system,
        partition=day,
        raised_at=now,
    )
