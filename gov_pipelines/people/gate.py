"""The go-live gate: what must be true before a system's decisions may go out, and who must have signed for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from gov_pipelines.evidence import canonical
from gov_pipelines.people.acts import SignedAct
from gov_pipelines.people.authority import Authority
from gov_pipelines.people.roster import Enrolment, Roster
from gov_pipelines.policy import SystemDeclaration

TRANSITIONS: Mapping[str, str] = {
    "draft": "Next: `state: approved`.",
    "approved": "Next: `state: live`. Changing only the state needs no new signature.",
    "live": "Next: `state: suspended` to stop it, `state: retired` to end it. Any other change needs new signatures.",
    "suspended": "Next: `state: live` again, or `state: retired`. What a control suspended, owner and approver sign anew.",
    "retired": "It stays retired. A system that comes back starts as `state: draft`.",
}
"""What a state leads to."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing the gate asks for: its name, whether it is met, and what was found."""

    name: str
    met: bool
    why: str


def approved_digest(declaration: SystemDeclaration) -> str:
    """SHA-256, hex, of the canonical JSON of a declaration as written, its `state` left out: what is signed for."""
    said = declaration.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"state"})
    return sha256(canonical.dumps(said)).hexdigest()


def approval_subject(declaration: SystemDeclaration, authority: Authority) -> dict[str, Any]:
    """What owner and approver sign: this declaration, for this home and no other, whatever becomes of its keys."""
    return {"declaration": approved_digest(declaration), "home": authority.home}


def gate(
    declaration: SystemDeclaration,
    controls: Collection[str],
    verdicts: Mapping[str, str] | None,
    approvals: Sequence[SignedAct],
    roster: Roster,
) -> list[Requirement]:
    """What a system needs to be live.

    Args:
        declaration: the system, as it is now.
        controls: keys of the controls in force on it.
        verdicts: control to verdict in the newest signed snapshot; None where nothing was signed.
        approvals: acts of the kind `approve`, their signatures verified.
        roster: who signed them.
    """
    said = verdicts or {}
    absent = sorted(key for key in controls if said.get(key, "missing") == "missing")
    audited = "a day was audited and signed" if verdicts is not None else "no day was audited and signed yet"
    data = f"no verdict in the newest snapshot: {', '.join(absent)}" if absent else f"{len(controls)} gave a verdict"
    return [
        Requirement("controls are bound", bool(controls), f"{len(controls)} in force"),
        Requirement("their data is there", bool(controls) and not absent, data),
        Requirement("a first audit has run", verdicts is not None, audited),
        *signatures(declaration, approvals, roster),
    ]


def signatures(
    declaration: SystemDeclaration, approvals: Sequence[SignedAct], roster: Roster, after: datetime | None = None
) -> list[Requirement]:
    """Whether owner and approver, two people with two keys, have signed the declaration as it is.

    Args:
        declaration: the system, as it is now.
        approvals: acts of the kind `approve`, their signatures verified.
        roster: who signed them.
        after: only acts later than this count, where something happened that they must have known.
    """
    subject = approval_subject(declaration, roster.authority)
    signers = [
        signer
        for signed in approvals
        if signed.act.system == declaration.system and signed.act.subject == subject
        if after is None or signed.earliest > after
        if (signer := roster.enrolled(signed.act.person, signed.moment))
    ]
    owners = _answering(declaration.owner, signers)
    approvers = _answering(declaration.approver, signers)
    apart = any(one != other for one in owners for other in approvers)  # one key is never two people's: see the roster
    since = f" since {canonical.instant(after)}" if after else ""
    return [
        _signed("the owner has signed", declaration.owner, bool(owners), since),
        Requirement("the approver has signed", False, "the declaration names no `approver`")
        if declaration.approver is None
        else _signed("the approver has signed", declaration.approver, bool(approvers), since),
        Requirement("they are two people", apart, "two people, two keys" if apart else "not signed by two people yet"),
    ]


def _answering(name: str | None, signers: Sequence[Enrolment]) -> set[str]:
    return {each.person for each in signers if name is not None and each.answers_to(name)}


def _signed(name: str, who: str, met: bool, since: str) -> Requirement:
    return Requirement(name, met, f"{who} signed it{since}" if met else f"{who} has not signed it as it is{since}")
