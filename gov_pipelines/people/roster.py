"""Who may sign: people enrolled with a key and roles by the home's signing key, until they are revoked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import PublicKey, Signer, dsse
from gov_pipelines.evidence.keys import parse_public
from gov_pipelines.people.acts import Act, Kind, RefusedAct, SignedAct, parse_act, record_act, sign_act
from gov_pipelines.people.authority import Authority
from gov_pipelines.store import ActRow, Connection, act_rows

BY_THE_HOME = ("enrol", "revoke", "expire")
"""Kinds of act that only the home's signing key can make."""

_FOREVER = datetime.max.replace(tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}")  # ASCII: no two names look alike


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person with one key, for a time.

    Attributes:
        person: the name they act under.
        roles: what they may act as; never empty.
        key: that their signatures must be made with.
        since: first instant.
        until: first instant after it: they were revoked, or enrolled anew; None while it stands.
    """

    person: str
    roles: frozenset[str]
    key: PublicKey
    since: datetime
    until: datetime | None

    def answers_to(self, name: str) -> bool:
        """Whether a role or a person of this name is meant by them."""
        return name == self.person or name in self.roles

    def stands(self, at: datetime) -> bool:
        """Whether it counts at an instant."""
        return self.since <= at < (self.until or _FOREVER)


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody ever enrolled.

    Attributes:
        authority: whose keys alone enrol and revoke.
        enrolments: by person and time.
        shared: ids of keys that two people are enrolled with: they count for neither.
    """

    authority: Authority
    enrolments: tuple[Enrolment, ...]
    shared: frozenset[str]

    def enrolled(self, person: str, at: datetime) -> Enrolment | None:
        """The enrolment of a person that counts at an instant; none where the key is somebody else's too."""
        found = (each for each in self.enrolments if each.person == person and each.stands(at))
        return next((each for each in found if each.key.keyid not in self.shared), None)

    def objection(self, envelope: dsse.Envelope, act: Act, at: datetime) -> str | None:
        """Why an act that counts from an instant does not count at all, in words; None where it does."""
        if act.kind in BY_THE_HOME:
            mine = dsse.signed_by(envelope, self.authority.keys_at(at))
            return None if mine else "it was not signed with a key that was the home's at that time"
        standing = [each for each in self.enrolments if each.person == act.person and each.stands(at)]
        if not standing:
            return f"{act.person} was not enrolled at that time"
        if standing[0].key.keyid in self.shared:
            return f"the key of {act.person} is enrolled for somebody else, too"
        if dsse.signed_by(envelope, [standing[0].key]) is None:
            return f"the signature was not made with the key of {act.person}"
        if act.role not in standing[0].roles:
            return f"{act.person} did not hold the role {act.role!r} at that time"
        return None


def roster_of(connection: Connection, authority: Authority) -> Roster:
    """Read who is and was enrolled; what the home's key did not sign is passed over, and told by `refused_acts`."""
    alone = Roster(authority, (), frozenset())
    acts = [
        each for kind in ("enrol", "revoke") for each in _read(connection, alone, kind) if isinstance(each, SignedAct)
    ]
    enrolments = tuple(_enrolments(acts))
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for each in enrolments:
        holders[each.key.keyid].add(each.person)
    shared = frozenset(key_id for key_id, people in holders.items() if len(people) > 1)
    return Roster(authority, enrolments, shared)


def enrol(
    connection: Connection,
    authority: Authority,
    signer: Signer,
    person: str,
    roles: Collection[str],
    key: PublicKey,
    now: datetime,
) -> str:
    """Enrol a person with a key, in place of the key and the roles they had.

    Returns:
        The act's id.

    Raises:
        WrongUse: a name that could be mistaken for another, no role, a key that is somebody else's, now or before, or
            a signer that is not the home's.
    """
    for name in (person, *roles):
        if not _NAME.fullmatch(name):
            raise WrongUse(
                f"{name!r} is no name here; write ASCII letters, digits and . _ : @ + -, at most 100 of them"
            )
    if not roles:
        raise WrongUse(f"{person} gets no role; name at least one with --role")
    if key.keyid in authority.keys:
        raise WrongUse(
            "that is a signing key of the home itself; make one for the person with `gov keys person NAME --out DIR`"
        )
    others = {each.person for each in roster_of(connection, authority).enrolments if each.key.spki == key.spki}
    if others := others - {person}:
        raise WrongUse(f"that key is enrolled for {', '.join(sorted(others))}; each person has a key of their own")
    said = {"person": person, "roles": sorted(set(roles)), "publicKey": key.to_json().decode()}
    return _by_the_home(connection, authority, signer, "enrol", said, now)


def revoke(connection: Connection, authority: Authority, signer: Signer, person: str, now: datetime) -> str:
    """Revoke a person's key from this instant on; what they signed and had recorded before stands.

    Returns:
        The act's id.

    Raises:
        WrongUse: nobody of that name is enrolled, or the signer is not the home's.
    """
    people = {each.person for each in roster_of(connection, authority).enrolments if each.stands(now)}
    if person not in people:
        raise WrongUse(f"{person} is not enrolled; enrolled are: {', '.join(sorted(people)) or 'none'}")
    return _by_the_home(connection, authority, signer, "revoke", {"person": person}, now)


def acts_of(connection: Connection, roster: Roster, kind: Kind, system: str | None = None) -> list[SignedAct]:
    """Read the acts of one kind that count, in the order they were signed: a row's date makes no act the last word.

    Args:
        connection: of the store.
        roster: who could sign.
        kind: of act.
        system: only acts about this one; None for all.
    """
    found = [each for each in _read(connection, roster, kind, system) if isinstance(each, SignedAct)]
    return sorted(found, key=lambda each: (each.act.at, each.id))


def refused_acts(connection: Connection, roster: Roster) -> list[RefusedAct]:
    """Read what lies among the acts and counts for nothing, such as a forged one, by the time it was recorded."""
    return [each for each in _read(connection, roster) if isinstance(each, RefusedAct)]


def _read(
    connection: Connection, roster: Roster, kind: str | None = None, system: str | None = None
) -> Iterator[SignedAct | RefusedAct]:
    for row in act_rows(connection, kind, system):
        try:
            yield _verified(row, roster)
        except EvidenceError as error:
            yield RefusedAct(row.id, row.kind, row.recorded_at, str(error))


def _verified(row: ActRow, roster: Roster) -> SignedAct:
    envelope, act = parse_act(row.envelope.encode())
    if sha256(row.envelope.encode()).hexdigest() != row.id:  # what refers to an act means what was signed
        raise EvidenceError("the row's id is not that of its envelope")
    signed = SignedAct(act, row.id, envelope.keyid, row.recorded_at)
    if (act.kind, act.system) != (row.kind, row.system):
        raise EvidenceError("the row says another kind or system than its envelope")
    if why := roster.objection(envelope, act, signed.moment):
        raise EvidenceError(why)
    return signed


def _enrolments(acts: Collection[SignedAct]) -> Iterator[Enrolment]:
    revoked: defaultdict[str, list[datetime]] = defaultdict(list)
    added: defaultdict[str, list[tuple[datetime, datetime, frozenset[str], PublicKey]]] = defaultdict(list)
    for signed in acts:
        match signed.act.kind, signed.act.subject:
            case "revoke", {"person": str(person)}:
                revoked[person].append(signed.act.at)
            case "enrol", {"person": str(person), "roles": [*roles], "publicKey": str(public)}:
                held, key = frozenset(map(str, roles)), parse_public(public.encode())
                added[person].append((signed.act.at, signed.moment, held, key))
    for person in sorted(added):
        # What ends what follows from the signed instants: a later date written into the store must not revive a key.
        ordered = sorted(added[person], key=lambda each: each[:2])
        anew = [at for at, *_ in ordered[1:]]
        for (signed_at, since, held, key), following in zip(ordered, [*anew, _FOREVER], strict=True):
            ends = [at for at in (*revoked[person], following) if signed_at <= at < _FOREVER]
            yield Enrolment(person, held, key, since, min(ends, default=None))


def _by_the_home(
    connection: Connection, authority: Authority, signer: Signer, kind: Kind, said: Mapping[str, object], now: datetime
) -> str:
    if signer.public.keyid not in {key.keyid for key in authority.keys_at(now)}:
        raise WrongUse(f"the key {signer.public.name} does not sign for this home; `gov keys root` says which does")
    act = Act(kind, signer.public.name, "", now, None, said)
    return record_act(connection, sign_act(act, signer), now)
