"""Who may sign what: TUF root metadata, in versions that each follow from the one before.

Roles as the TUF specification names them (theupdateframework.github.io/specification, 1.0): `root` changes this
metadata, `targets` signs snapshots, test results and enrolments, `snapshot` and `timestamp` sign the ledger's
checkpoints. python-tuf reads these files. Beyond TUF, keys are named by the digest of their SubjectPublicKeyInfo, and
the signed member `x-gov-pipelines` names the ledger, its witnesses and its time stamping authorities.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import canonical, olpc
from gov_pipelines.evidence.keys import PublicKey, Signer, parse_pem, tuf_key
from gov_pipelines.evidence.plain_file import read_plain

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = ROLES = ("root", "targets", "snapshot", "timestamp")
NO_WITNESSES = "quorum none\n"
"""The tlog-policy of a ledger that nobody witnesses."""

MAX_BYTES = 1_048_576
"""Largest root metadata that is read, in bytes."""

_OURS = "x-gov-pipelines"
_NAME = "x-gov-pipelines-name"
_SPECIFICATION = "1.0.31"
_MOST = 100  # keys, signatures, authorities
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_HEX = re.compile("([0-9a-f]{2})*")
_ORIGIN = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_FILE = re.compile(r"([1-9][0-9]*)\.root\.json")


@dataclass(frozen=True, slots=True)
class Role:
    """Which keys act in a role, by keyid, and how many of them it takes."""

    keyids: frozenset[str]
    threshold: int


@dataclass(frozen=True, slots=True)
class Root:
    """One version of the root of trust, well formed; whether it is to be believed, `walk` says.

    Attributes:
        version: 1 and up.
        since: from when on it counts for what people sign; snapshots and checkpoints go by its place in the ledger.
        expires: from when on it should not be relied on for what is new.
        keys: by keyid.
        roles: `root`, `targets`, `snapshot` and `timestamp`.
        origin: name of the ledger; the first line of its checkpoints.
        witnesses: text of a tlog-policy.
        authorities: PEM certificates of time stamping authorities; empty where none is trusted.
        signatures: by keyid; not verified.
        signed: the bytes that are signed.
        sha256: of the whole file, hex.
    """

    version: int
    since: datetime
    expires: datetime
    keys: Mapping[str, PublicKey]
    roles: Mapping[str, Role]
    origin: str
    witnesses: str
    authorities: tuple[bytes, ...]
    signatures: Mapping[str, bytes]
    signed: bytes
    sha256: str

    def keys_of(self, role: str) -> list[PublicKey]:
        """The keys that act in a role, by keyid."""
        return [self.keys[keyid] for keyid in sorted(self.roles[role].keyids)]

    def approvals(self, other: Root) -> list[PublicKey]:
        """The root keys of this version that signed another. Keyids are digests: each key counts once."""
        return [
            key
            for key in self.keys_of(ROOT)
            if key.keyid in other.signatures and key.verifies(other.signatures[key.keyid], other.signed)
        ]


def walk(trusted: Root, later: Sequence[bytes]) -> list[Root]:
    """Follow a root of trust through its later versions (TUF specification, section 5.3).

    Args:
        trusted: the version that is believed, kept by the auditor or the first one of a home.
        later: the files of the versions after it, in order.

    Returns:
        The trusted version and all later ones, the newest last.

    Raises:
        EvidenceError: a version is malformed, out of order, goes back in time, names another ledger, or is not signed
            by enough root keys of the version before it and of its own.
    """
    _enough(trusted, trusted)
    roots = [trusted]
    for data in later:
        before, new = roots[-1], parse_root(data)
        if new.version != before.version + 1:
            raise EvidenceError(f"root version {new.version} follows version {before.version}; expected the next one")
        if (new.origin, max(new.since, before.since)) != (before.origin, new.since):
            raise EvidenceError(
                f"root version {new.version} names another ledger or an earlier time than the one before"
            )
        _enough(before, new)
        _enough(new, new)
        roots.append(new)
    return roots


def current_roots(folder: Path) -> list[Root]:
    """Read all versions of a home's root of trust, the newest last.

    Args:
        folder: `evidence/ledger/root`.

    Raises:
        WrongUse: there is none.
        EvidenceError: a version is absent, or `walk` does not hold.
    """
    versions = root_files(folder)
    if not versions:
        raise WrongUse(f"no root of trust in {folder}; make one with `gov keys new --name NAME`")
    first, *later = versions
    return walk(parse_root(first), later)


def root_files(folder: Path) -> list[bytes]:
    """Read the files `1.root.json`, `2.root.json` ... of a folder, in the order of their versions.

    Raises:
        EvidenceError: one before the last is absent, or a file cannot be read.
    """
    numbers = sorted(int(found[1]) for path in folder.glob("*.root.json") if (found := _FILE.fullmatch(path.name)))
    if numbers != [*range(1, len(numbers) + 1)]:
        raise EvidenceError(f"{folder} holds the root versions {numbers}; expected each from 1 on")
    return [read_plain(folder / f"{number}.root.json", MAX_BYTES) for number in numbers]


def first_root(signer: Signer, origin: str, expires: datetime) -> bytes:
    """Write and sign version 1: one key in every role, as old as the key itself, without witnesses.

    Raises:
        EvidenceError: the key does not say when it was made, or the origin cannot name a ledger.
    """
    try:
        since = datetime.fromisoformat(signer.public.created)
    except ValueError as error:
        raise EvidenceError(f"the key {signer.public.keyid} does not say when it was made: {error}") from error
    return sign_root(new_root(1, since, expires, dict.fromkeys(ROLES, ([signer.public], 1)), origin), signer)


def new_root(
    version: int,
    since: datetime,
    expires: datetime,
    roles: Mapping[str, tuple[Collection[PublicKey], int]],
    origin: str,
    witnesses: str = NO_WITNESSES,
    authorities: Sequence[bytes] = (),
) -> bytes:
    """Write a version of root metadata that nobody has signed yet.

    Args:
        version: 1, or one more than the version before.
        since: aware instant from which it counts for what people sign.
        expires: aware instant.
        roles: keys and threshold of each role.
        origin: name of the ledger, without spaces and `+`.
        witnesses: text of a tlog-policy.
        authorities: PEM certificates of time stamping authorities.

    Returns:
        The file, without signatures.

    Raises:
        EvidenceError: what it says could not be read back, such as a threshold above the number of keys.
    """
    keys = {key.keyid: tuf_key(key) | {_NAME: key.name} for holders, _ in roles.values() for key in holders}
    signed = {
        "_type": "root",
        "spec_version": _SPECIFICATION,
        "version": version,
        "expires": expires.astimezone(UTC).strftime(_INSTANT),
        "consistent_snapshot": True,
        "keys": keys,
        "roles": {
            role: {"keyids": sorted({key.keyid for key in holders}), "threshold": threshold}
            for role, (holders, threshold) in roles.items()
        },
        _OURS: {
            "inForceFrom": since.astimezone(UTC).strftime(_INSTANT),
            "origin": origin,
            "timestampAuthorities": [pem.decode() for pem in authorities],
            "witnesses": witnesses,
        },
    }
    return _file(signed, [])


def sign_root(data: bytes, signer: Signer) -> bytes:
    """Add a signature to root metadata, in place of an earlier one of the same key.

    Raises:
        EvidenceError: the metadata is malformed.
    """
    root = parse_root(data)
    signatures = {**root.signatures, signer.public.keyid: signer.sign(root.signed)}
    said = [{"keyid": keyid, "sig": signatures[keyid].hex()} for keyid in sorted(signatures)]
    return _file(canonical.parse(data, max_bytes=MAX_BYTES)["signed"], said)


def parse_root(data: bytes) -> Root:
    """Read root metadata; no signature is verified. Members that are not known are passed over, as TUF asks.

    Raises:
        EvidenceError: too large, malformed, of another specification, with keys whose names are not their digests,
            without one of the four roles, or with a role that its keys cannot fill.
    """
    match canonical.parse(data, max_bytes=MAX_BYTES):
        case {
            "signatures": [*signatures],
            "signed": {
                "_type": "root", "spec_version": str(specification), "version": int(version), "expires": str(expires),
                "keys": dict(keys), "roles": dict(roles),
                "x-gov-pipelines": {
                    "inForceFrom": str(since), "origin": str(origin), "witnesses": str(witnesses),
                    "timestampAuthorities": [*authorities],
                },
            } as signed,
        }:  # fmt: skip
            pass
        case _:
            raise EvidenceError(f"this is no TUF root metadata with {_OURS} of origin, witnesses and the rest")
    if not re.fullmatch(r"1\.[0-9]{1,3}(\.[0-9]{1,3})?", specification) or version is True or version < 1:
        raise EvidenceError(f"root version {version} of TUF {specification}; expected 1 or more, of TUF 1.x")
    if not _ORIGIN.fullmatch(origin):
        raise EvidenceError(
            f"{origin!r} is no name of a ledger; write it without spaces and plus, at most 200 characters"
        )
    if max(map(len, (signatures, keys, authorities))) > _MOST:
        raise EvidenceError(f"the root metadata holds more than {_MOST} keys, signatures or authorities")
    known = {keyid: _key(keyid, said) for keyid, said in keys.items()}
    read = {name: _role(name, roles.get(name), known) for name in ROLES}
    if roles.keys() != set(ROLES) or read[SNAPSHOT] != read[TIMESTAMP]:
        raise EvidenceError("a root has the roles root, targets, snapshot and timestamp, and the last two are the same")
    return Root(
        version,
        _instant(since),
        _instant(expires),
        known,
        read,
        origin,
        witnesses,
        tuple(map(_certificate, authorities)),
        dict(_signatures(signatures)),
        olpc.dumps(signed),
        sha256(data).hexdigest(),
    )


def _enough(rules: Root, new: Root) -> None:
    found, wanted = len(rules.approvals(new)), rules.roles[ROOT].threshold
    if found < wanted:
        raise EvidenceError(
            f"root version {new.version} is signed by {found} of the root keys of version {rules.version}; "
            f"expected {wanted} of {len(rules.roles[ROOT].keyids)}"
        )


def _file(signed: Mapping[str, Any], signatures: Sequence[Mapping[str, str]]) -> bytes:
    data = canonical.dumps({"signatures": signatures, "signed": signed}) + b"\n"
    parse_root(data)
    return data


def _key(keyid: str, said: Any) -> PublicKey:
    match said:
        case {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": str(public)}}:
            key = PublicKey.ed25519(str(said.get(_NAME, "")), _bytes(public))
        case {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": str(public)}}:
            key = PublicKey(str(said.get(_NAME, "")), parse_pem(keyid, public.encode()).spki)
        case _:
            raise EvidenceError(f"the key {keyid} is neither ed25519 nor ecdsa-sha2-nistp256")
    if key.keyid != keyid:
        raise EvidenceError(f"the key {key.keyid} goes by the name {keyid}; expected SHA-256 of its public key")
    return key


def _role(name: str, said: Any, keys: Mapping[str, PublicKey]) -> Role:
    match said:
        case {"keyids": [*keyids], "threshold": int(threshold)} if all(isinstance(each, str) for each in keyids):
            role = Role(frozenset(keyids), threshold)
        case _:
            raise EvidenceError(f"the role {name} has no keyids and threshold")
    if len(role.keyids) != len(keyids) or not role.keyids <= keys.keys():
        raise EvidenceError(f"the role {name} names a key twice, or one that is not there")
    # An envelope of ours carries one signature, and the ledger's key one a checkpoint: only roots can ask for more.
    most = len(keyids) if name == ROOT else 1
    if threshold is True or not 1 <= threshold <= most or not keyids:
        raise EvidenceError(
            f"the role {name} has {len(keyids)} keys and the threshold {threshold}; expected 1 to {most}"
        )
    return role


def _signatures(said: Sequence[Any]) -> Iterator[tuple[str, bytes]]:
    seen = set[str]()
    for each in said:
        match each:
            case {"keyid": str(keyid), "sig": str(sig)} if keyid not in seen:
                seen.add(keyid)
                yield keyid, _bytes(sig)
            case _:
                raise EvidenceError("each signature of a root holds keyid and sig, and each keyid occurs once")


def _certificate(said: Any) -> bytes:
    if not isinstance(said, str) or not said.startswith("-----BEGIN CERTIFICATE-----"):
        raise EvidenceError("a time stamping authority is not a PEM certificate")
    return said.encode()


def _bytes(text: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise EvidenceError(f"{text[:20]!r} is not lower-case hex")
    return bytes.fromhex(text)


def _instant(text: str) -> datetime:
    try:
        moment = datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise EvidenceError(f"{text!r} is not an instant; expected such as 2027-11-22T12:00:00Z") from error
    if moment.strftime(_INSTANT) != text:
        raise EvidenceError(f"{text!r} is not how an instant is written; expected {moment.strftime(_INSTANT)!r}")
    return moment
