"""Acts of people: what somebody did, in one signed envelope.

An act is signed with the person's own enrolled Ed25519 key and kept as it came. Whoever reads acts verifies each again
(`people.roster`), so a row written into the store by hand counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, get_args

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import Signer, canonical, dsse
from gov_pipelines.evidence.entries import act_entry
from gov_pipelines.store import ActRow, Connection, note_entry, put_act

ACT_TYPE = "application/vnd.gov-pipelines.act+json"
"""DSSE payload type of an act: a snapshot's signature can never pass for one."""

Kind = Literal[
    "enrol", "revoke", "review", "release", "approve", "attest", "waive", "countersign", "accept", "report", "acknowledge",
    "erase", "expire",
]  # fmt: skip

_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did.

    Attributes:
        kind: what was done.
        person: who did it, by the name they are enrolled under; for `enrol`, `revoke` and `expire` the name of the home's key.
        role: in which of their roles; for those empty.
        at: when, by the person's own word.
        system: the audited system it is about; None where it is about none.
        subject: what was done, in plain JSON; its members depend on the kind.
    """

    kind: Kind
    person: str
    role: str
    at: datetime
    system: str | None
    subject: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SignedAct:
    """An act whose signature was verified.

    Attributes:
        act: what was signed.
        id: SHA-256 of the envelope, hex.
        key_id: of the key that signed.
        recorded_at: when the store took it, by the store's clock.
    """

    act: Act
    id: str
    key_id: str
    recorded_at: datetime

    @property
    def moment(self) -> datetime:
        """When it counts from: the later of the person's word and the store's clock."""
        return max(self.act.at, self.recorded_at)

    @property
    def earliest(self) -> datetime:
        """The earlier of the two: what must be recent, or later than something, is not made so by a row's date."""
        return min(self.act.at, self.recorded_at)


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """A row of the store that counts for nothing, and why."""

    id: str
    kind: str
    recorded_at: datetime
    why: str


def sign_act(act: Act, signer: Signer) -> bytes:
    """Sign an act.

    Returns:
        The DSSE envelope, with an RFC 8785 payload of the type `ACT_TYPE`.

    Raises:
        EvidenceError: the act has no canonical form.
    """
    said = {"kind": act.kind, "person": act.person, "role": act.role, "at": canonical.instant(act.at)}
    return dsse.sign(canonical.dumps(said | {"system": act.system, "subject": act.subject}), signer, ACT_TYPE)


def parse_act(data: bytes) -> tuple[dsse.Envelope, Act]:
    """Read an envelope and the act in it. The signature is not verified.

    Raises:
        EvidenceError: not an envelope in its one spelling, of another type, or not an act.
    """
    envelope = dsse.parse(data)
    if envelope.payload_type != ACT_TYPE:
        raise EvidenceError(f"the payload type is {envelope.payload_type!r}; expected {ACT_TYPE!r}")
    match canonical.loads(envelope.payload):
        case {
            "at": str(at), "kind": str(kind), "person": str(person), "role": str(role), "subject": dict(subject),
            "system": str() | None as system, **rest,
        } if kind in get_args(Kind) and not rest:  # fmt: skip
            return envelope, Act(kind, person, role, _instant(at), system, subject)  # type: ignore[arg-type]  # one of the kinds, as just seen
    raise EvidenceError("an act holds at, kind, person, role, subject and system, and is of a known kind")


def record_act(connection: Connection, envelope: bytes, now: datetime) -> str:
    """Keep a signed act, and note it for the ledger. Whether it counts is decided whenever it is read.

    Args:
        connection: of the store, in a transaction.
        envelope: from `sign_act`.
        now: the store's clock.

    Returns:
        The act's id.

    Raises:
        EvidenceError: not an act, or dated more than a minute ahead of the store's clock.
    """
    _, act = parse_act(envelope)
    if act.at > now + _SKEW:
        raise EvidenceError(
            f"the act is dated {act.at.isoformat()}, which is yet to come; set the clock, and sign again"
        )
    act_id = sha256(envelope).hexdigest()
    row = ActRow(id=act_id, kind=act.kind, system=act.system, envelope=envelope.decode(), recorded_at=now)
    if put_act(connection, row):
        note_entry(connection, act_entry(act.kind, act_id), now)
    return act_id


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EvidenceError(f"{text!r} is not an instant; expected RFC 3339 in UTC") from error
    if canonical.instant(moment) != text:
        raise EvidenceError(f"{text!r} is not how an instant is written; expected {canonical.instant(moment)!r}")
    return moment
