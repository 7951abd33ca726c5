"""Trust policies (c2sp.org/tlog-policy): which logs and witnesses are known, and which witnesses together suffice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import lines
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Signed, Verifier, parse_vkey

NONE = "none"
"""The quorum that asks for no witness."""

_MAX_BYTES = 64 * 1024
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which some suffice.

    Attributes:
        threshold: how many members must have cosigned, 1 to all.
        members: names defined before.
    """

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """A policy.

    Attributes:
        logs: the known logs; none where the reader knows the log from elsewhere.
        witnesses: the known witnesses by the policy's own names for them.
        groups: by name, each after those that it names.
        quorum: name of the witness or group that must have cosigned, or `none`.
    """

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    groups: Mapping[str, Group]
    quorum: str


ANYBODY = LogPolicy((), {}, {}, NONE)
"""The policy of who knows no witness."""


def parse_policy(data: bytes) -> LogPolicy:
    """Read a policy.

    Args:
        data: the whole file, at most 64 KiB. Octets above 0x7f are opaque.

    Raises:
        EvidenceError: any departure from the specification, with its line.
    """
    if len(data) > _MAX_BYTES:
        raise EvidenceError(f"the policy has {len(data)} bytes; at most {_MAX_BYTES} are read")
    if found := _FORBIDDEN.search(data):
        raise EvidenceError(
            f"the policy holds the octet {found[0][0]:#04x}; of control characters only tab and newline"
        )
    *written, rest = data.decode(errors="surrogateescape").split("\n")
    if rest:  # of a policy cut short, a shorter name could be another group
        raise EvidenceError("the policy does not end with a newline; is it whole?")
    policy = LogPolicy((), {}, {}, "")
    for number, line in enumerate(written, start=1):
        words = re.findall(r"[^ \t]+", line)
        if words and not words[0].startswith("#"):
            try:
                policy = _defining(policy, words)
            except EvidenceError as error:
                raise EvidenceError(f"the policy, line {number}: {error}") from error
    if not policy.quorum:
        raise EvidenceError("the policy has no quorum line; expected one, perhaps `quorum none`")
    return policy


def _defining(policy: LogPolicy, words: Sequence[str]) -> LogPolicy:
    """The policy with what one more line defines."""
    match words:
        case ["log", vkey] | ["log", vkey, _]:
            return replace(policy, logs=(*policy.logs, _fresh(parse_vkey(vkey), policy.logs)))
        case ["witness", name, vkey] | ["witness", name, vkey, _]:
            witness = _fresh(parse_vkey(vkey), policy.witnesses.values())
            if witness.kind != COSIGNATURE:
                raise EvidenceError(f"the key of witness {name} has type {witness.kind:#04x}; expected 0x04")
            return replace(policy, witnesses={**policy.witnesses, _unused(policy, name): witness})
        case ["group", name, threshold, *members] if members:
            group = _group(policy, threshold, members)
            return replace(policy, groups={**policy.groups, _unused(policy, name): group})
        case ["quorum", name] if not policy.quorum:
            return replace(policy, quorum=name if name == NONE else _defined(policy, name))
    raise EvidenceError("expected log VKEY, witness NAME VKEY, group NAME all|any|K MEMBER..., or quorum NAME once")


def _group(policy: LogPolicy, threshold: str, members: Sequence[str]) -> Group:
    taken = [name for group in policy.groups.values() for name in group.members]
    for place, name in enumerate(members):
        if _defined(policy, name) in taken or name in members[:place]:
            raise EvidenceError(f"{name} is a member already; each name can be one once")
    least = {"any": 1, "all": len(members)}.get(threshold)
    least = lines.number(threshold, "threshold") if least is None else least
    if not 1 <= least <= len(members):
        raise EvidenceError(f"the threshold is {least} of {len(members)} members")
    return Group(least, tuple(members))


def _fresh(key: Verifier, others: Iterable[Verifier]) -> Verifier:
    if any(key.key.spki == other.key.spki for other in others):
        raise EvidenceError(f"the key of {key.name} is there already; one key counts once, under one name")
    return key


def _unused(policy: LogPolicy, name: str) -> str:
    if name == NONE or name in policy.witnesses or name in policy.groups:
        raise EvidenceError(f"the name {name} is taken")
    return name


def _defined(policy: LogPolicy, name: str) -> str:
    if name not in policy.witnesses and name not in policy.groups:
        raise EvidenceError(f"no witness or group {name} is defined on a line before")
    return name


def satisfied(policy: LogPolicy, signed: Iterable[Signed]) -> bool:
    """Tell whether those who signed suffice: a log of the policy, where it names any, and the quorum of witnesses.

    Args:
        policy: the policy.
        signed: from `verify_checkpoint`.
    """
    held = {each.verifier.vkey for each in signed}
    reached = {NONE, *(name for name, witness in policy.witnesses.items() if witness.vkey in held)}
    for name, group in policy.groups.items():
        if len(reached.intersection(group.members)) >= group.threshold:
            reached.add(name)
    logged = not policy.logs or any(log.vkey in held for log in policy.logs)
    return logged and policy.quorum in reached
