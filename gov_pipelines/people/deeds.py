"""What people do, checked before it is signed and recorded: attest, waive, countersign, accept, report, assign, object.

The checks are for the person's sake, so that a mistake is told at once. What counts is decided again whenever acts are read.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import Signer
from gov_pipelines.people.acts import Act, Kind, record_act, sign_act
from gov_pipelines.people.findings import Finding, due_date
from gov_pipelines.people.roster import Enrolment, Roster
from gov_pipelines.people.waivers import Waiver, longest
from gov_pipelines.policy import Clause, Policy, SystemDeclaration, control_key, partition_key
from gov_pipelines.policy.kinds import Incident
from gov_pipelines.store import Connection, FindingEvent, record_findings
from gov_pipelines.store.findings import FindingEventKind

LONGEST_TEXT = 10_000
"""Characters of a concern, a reason or a note."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody about to sign: who they are, the key they hold, and the transaction in which what they sign is recorded."""

    enrolment: Enrolment
    signer: Signer
    connection: Connection

    def role(self, deed: str, entitled: Collection[str] | None = None) -> str:
        """The role in which they may do something; the first by name where anybody enrolled may.

        Raises:
            WrongUse: they may not.
        """
        mine, person = self.enrolment.roles, self.enrolment.person
        fitting = mine if entitled is None or person in entitled else mine & set(entitled)
        if not fitting:
            raise WrongUse(
                f"{person} may not {deed}: it takes {' or '.join(sorted(entitled or ()))}, and {person} is enrolled as "
                f"{', '.join(sorted(mine))}. Ask somebody who may, or have the home enrol them."
            )
        return min(fitting)

    def sign(self, kind: Kind, role: str, system: str | None, said: Mapping[str, Any], now: datetime) -> str:
        """Sign an act and record it.

        Returns:
            The act's id.
        """
        act = Act(kind, self.enrolment.person, role, now, system, said)
        return record_act(self.connection, sign_act(act, self.signer), now)


def hand_of(connection: Connection, roster: Roster, person: str, signer: Signer, now: datetime) -> Hand:
    """Somebody enrolled, with the key they are enrolled with.

    Raises:
        WrongUse: they are not enrolled, their key is somebody else's too, or the key at hand is another.
    """
    enrolment = roster.enrolled(person, now)
    if enrolment is None:
        raise WrongUse(
            f"{person} is not enrolled here, or shares a key. `gov keys add` enrols a person with a key of their own."
        )
    if enrolment.key.spki != signer.public.spki:
        raise WrongUse(
            f"The key at hand is not the one {person} is enrolled with. Name the folder of their own key with --key."
        )
    return Hand(enrolment, signer, connection)


def words(text: str, what: str) -> str:
    """A text somebody wrote, without blanks around it.

    Raises:
        WrongUse: it is empty or enormous.
    """
    text = text.strip()
    if not text:
        raise WrongUse(f"The {what} is empty; write a sentence.")
    if len(text) > LONGEST_TEXT:
        raise WrongUse(
            f"The {what} has {len(text):,} characters; at most {LONGEST_TEXT:,} are kept. Write what matters."
        )
    return text


def attest(hand: Hand, policy: Policy, clause: Clause, note: str | None, now: datetime) -> str:
    """Attest that one did what a clause obliges one to.

    Raises:
        WrongUse: the clause obliges nobody, or somebody else; or it asks for a record, and none is named.
    """
    key = control_key(policy, clause)
    if clause.obligation is None:
        raise WrongUse(
            f"{key} obliges no person, so there is nothing to attest. `gov obligations` lists those that do."
        )
    if clause.obligation.evidence == "record" and not note:
        raise WrongUse(f"{key} asks for a record. Say where it is kept with --note.")
    role = hand.role(f"attest {key}", [clause.obligation.who])
    said = {"clause": key, "version": policy.version, "note": words(note, "note") if note else None}
    return hand.sign("attest", role, None, said, now)


def waive(
    hand: Hand, declaration: SystemDeclaration, policy: Policy, clause: Clause, *, why: str, until: date, now: datetime
) -> str:
    """Ask that a clause be set aside for a system. It is in force once somebody else countersigns.

    Raises:
        WrongUse: no reason, or a date that is past or more than a year ahead.
    """
    today = now.astimezone(ZoneInfo(declaration.zone)).date()
    if not today < until <= longest(today):
        raise WrongUse(f"A waiver ends after {today} and by {longest(today)}, a year at most; asked for was {until}.")
    key = control_key(policy, clause)
    said = {"clause": key, "version": policy.version, "why": words(why, "reason")}
    said |= {"until": until.isoformat(), "zone": declaration.zone}
    return hand.sign("waive", hand.role(f"waive {key}"), declaration.system, said, now)


def countersign(hand: Hand, waiver: Waiver, entitled: Collection[str], now: datetime) -> str:
    """Agree to a waiver that somebody else asked for.

    Raises:
        WrongUse: one's own, one that was countersigned or has ended; or the role of the policy's owner is not held.
    """
    short = waiver.id[:12]
    if waiver.since is not None:
        raise WrongUse(f"Waiver {short} was countersigned by {waiver.countersigned_by} already.")
    if waiver.ends <= now:
        raise WrongUse(f"Waiver {short} ended on {waiver.until}. Ask for a new one with `gov waive`.")
    if hand.enrolment.person == waiver.by:
        raise WrongUse(
            f"{waiver.by} asked for waiver {short}. Another person countersigns it, with a key of their own."
        )
    role = hand.role(f"countersign a waiver of {waiver.clause}", entitled)
    return hand.sign("countersign", role, waiver.system, {"waiver": waiver.id}, now)


def accept(hand: Hand, finding: Finding, entitled: Collection[str], why: str, now: datetime) -> None:
    """Accept what a finding found: it closes, and opens again at the next failure.

    Raises:
        WrongUse: it is closed, no reason is given, or the person may not.
    """
    if finding.state == "closed":
        raise WrongUse(f"{finding.id} is closed already: {finding.evidence}.")
    role = hand.role(f"accept {finding.id}", entitled)
    breaches = {partition_key(day): count for day, count in finding.red.items()}
    said = {"finding": finding.id, "why": words(why, "reason"), "breaches": breaches}
    act = hand.sign("accept", role, finding.system, said, now)
    record_findings(hand.connection, [_event(finding, "accepted", {}, now, act)])


def report_incident(hand: Hand, finding: Finding, entitled: Collection[str], authority: str, now: datetime) -> None:
    """Note that an incident was reported: its clocks stop. An incomplete first report is enough (Article 73(5)).

    Raises:
        WrongUse: no clock is running, no authority is named, or the person may not.
    """
    if all(clock.reported for clock in finding.clocks):
        raise WrongUse(
            f"No incident clock of {finding.id} is running. `gov findings incident {finding.id}` starts one."
        )
    role = hand.role(f"report {finding.id}", entitled)
    said = {"finding": finding.id, "authority": words(authority, "authority")}
    act = hand.sign("report", role, finding.system, said, now)
    record_findings(hand.connection, [_event(finding, "reported", {}, now, act)])


def start_clock(
    connection: Connection, finding: Finding, kind: Incident, aware: date, today: date, now: datetime
) -> None:
    """Start the time to report an incident, from the local date of awareness.

    Raises:
        WrongUse: the date is yet to come, or a clock of that kind is running.
    """
    if aware > today:
        raise WrongUse(f"{aware} is yet to come; awareness is a date that has been.")
    if any(clock.kind == kind and clock.reported is None for clock in finding.clocks):
        raise WrongUse(f"A clock of {finding.id} for a {kind} incident is running already.")
    record_findings(connection, [_event(finding, "incident", {"incident": kind, "aware": aware.isoformat()}, now)])


def assign(
    connection: Connection,
    finding: Finding,
    *,
    owner: str | None,
    action: str | None,
    due: date | None,
    today: date,
    now: datetime,
) -> None:
    """Say who sees to a finding, what is being done, and until when.

    Raises:
        WrongUse: nothing is said, or a due date that is past.
    """
    if due is not None and due < today:
        raise WrongUse(f"The due date {due} is past; name one to come.")
    said = {name: words(text, name) for name, text in (("owner", owner), ("action", action)) if text is not None}
    said |= {"due": due.isoformat()} if due else {}
    if not said:
        raise WrongUse("Nothing to assign: give --owner, --action or --due.")
    record_findings(connection, [_event(finding, "assigned", said, now)])


def raise_concern(
    connection: Connection,
    declaration: SystemDeclaration,
    text: str,
    decision: str | None,
    by: str | None,
    now: datetime,
) -> str:
    """Open a finding for what somebody says looks wrong. The text stays in the store.

    Returns:
        The finding's id.

    Raises:
        WrongUse: the text is empty, or one of the three enormous.
    """
    name = f"F-{secrets.token_hex(5)}"  # of chance, so that it tells nothing of the text
    today = now.astimezone(ZoneInfo(declaration.zone)).date()
    said: dict[str, Any] = {"text": words(text, "text")}
    said |= {"decision": decision and words(decision, "decision's id"), "by": by and words(by, "name")}
    said |= {"severity": "warning", "owner": declaration.owner, "due": due_date("warning", today, ())}
    event = FindingEvent(
        key=f"{name}|opened", finding=name, event="opened", system=declaration.system, at=now, said=said
    )
    record_findings(connection, [event])
    return name


def _event(
    finding: Finding, kind: FindingEventKind, said: Mapping[str, Any], now: datetime, act: str | None = None
) -> FindingEvent:
    return FindingEvent(
        key=f"{finding.id}|{kind}|{act or secrets.token_hex(8)}",
        finding=finding.id,
        event=kind,
        system=finding.system,
        control=finding.control,
        act=act,
        at=now,
        said=said,
    )
