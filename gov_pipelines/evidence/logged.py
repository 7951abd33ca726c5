"""The rules that hold between the packages of a system and the ledger: each is in it, and nothing in it is withheld."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

from gov_pipelines.evidence.canonical import instant
from gov_pipelines.evidence.entries import policy_entry
from gov_pipelines.evidence.examine import Snapshot
from gov_pipelines.evidence.history import LEDGER, NO_WITNESS, History
from gov_pipelines.evidence.time_rules import AHEAD, time_findings
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.verification import Checklist


def check_logged(snapshots: Sequence[Snapshot], history: History, checks: Checklist) -> list[str]:
    """Check each snapshot against the ledger: its place, its key, its policies, what it stands on, its time.

    Args:
        snapshots: those whose signed bytes could be read.
        history: the ledger.
        checks: receives the checks.

    Returns:
        What this leaves open, in words.
    """
    placed = []
    for snapshot in snapshots:
        place = history.index.get(merkle.leaf_hash(snapshot.entry))
        found = "not in the ledger" if place is None else "in the ledger"
        if not checks.equal(snapshot.file, "ledger-snapshot", found, "in the ledger") or place is None:
            continue
        placed.append((snapshot, place))
        _signer(snapshot, place, history, checks)
        _policies(snapshot, place, history, checks)
        _standing(snapshot, place, history, checks)
    _order(placed, checks)
    times = [(place, datetime.fromisoformat(each.predicate["timeCreated"])) for each, place in placed]
    files = {place: each.file for each, place in placed}
    findings, left_open = time_findings(times, history.tokens, demanded_from=history.demanded)
    _after(placed, history, checks)
    for finding in findings:
        of_token = f"{LEDGER}, {finding.place} entries"
        file = of_token if finding.rule == "time-order" else files.get(finding.place, of_token)
        checks.note(file, finding.rule, finding.ok, finding.got, finding.expected)
    return [*_unwitnessed(placed, history), *_expired(placed, history), *left_open]


def check_complete(snapshots: Sequence[Snapshot], history: History, checks: Checklist) -> list[str]:
    """Check that every snapshot which the ledger has of these systems was handed over.

    Returns:
        The systems of the ledger of which nothing was handed over, in words.
    """
    given = {snapshot.payload_sha256 for snapshot in snapshots}
    systems = {snapshot.predicate["system"] for snapshot in snapshots}
    withheld: dict[str, int] = {}
    for place, entry in enumerate(history.entries):
        if entry["kind"] not in {"snapshot", "missed"}:
            continue
        if entry["system"] not in systems:
            withheld[entry["system"]] = withheld.get(entry["system"], 0) + 1
        elif entry["payloadSha256"] not in given:
            named = f"{entry['system']}/{entry['partition']}/r{entry['revision']}"
            checks.note(f"{LEDGER}, entry {place}", "ledger-complete", False, f"{named} is not here", "every snapshot")
    for system in sorted(systems):
        checks.note(f"{LEDGER}, {system}", "ledger-complete", True, "every snapshot", "every snapshot")
    told = [f"{system} ({count} snapshots)" for system, count in sorted(withheld.items())]
    return [f"other systems of the same ledger, which were not given: {', '.join(told)}"] if told else []


def _signer(snapshot: Snapshot, place: int, history: History, checks: Checklist) -> None:
    root = history.root_at(place)
    allowed = [key.keyid for key in root.keys_of("targets")] if root else []
    got = snapshot.key.keyid if snapshot.key else "no known key"
    version = f"a key that version {root.version} of the root lets sign" if root else "a key of a root of trust"
    checks.note(snapshot.file, "key-role", got in allowed, got, version)


def _policies(snapshot: Snapshot, place: int, history: History, checks: Checklist) -> None:
    """A policy is in the ledger before a window it judges, and a window that was over by then says so."""
    stated: Sequence[Mapping[str, Any]] = snapshot.predicate["policies"]
    late = [
        f"{each['name']}@{each['version']}"
        for each in stated
        if history.index.get(_policy_leaf(*each.items()), place) >= place
    ]
    before = "every policy in the ledger before"
    checks.equal(snapshot.file, "ledger-policy", f"not so: {', '.join(late)}" if late else before, before)
    _newest(snapshot, history, checks)
    end = datetime.fromisoformat(snapshot.predicate["partition"]["end"])
    retroactive = any(datetime.fromisoformat(each["recordedAt"]) > end for each in stated)
    checks.equal(snapshot.file, "retroactive", snapshot.predicate["retroactive"], retroactive)


@lru_cache(maxsize=256)  # the days of years are judged by the same few versions
def _policy_leaf(*said: tuple[str, Any]) -> bytes:
    return merkle.leaf_hash(policy_entry(dict(said)))


def _newest(snapshot: Snapshot, history: History, checks: Checklist) -> None:
    """Of each policy that the declaration names, the newest version governs which the ledger has in force on the day."""
    if snapshot.day is None:
        return
    day = snapshot.day
    used = {each["name"]: each["version"] for each in snapshot.predicate["policies"]}
    in_force: dict[str, int] = {}
    stood = _stood(snapshot)
    for (name, version), entries in history.policies.items():
        said = next((entry for at, entry in reversed(entries) if at < stood), None)  # a version may be closed later
        if said and said["inForceFrom"] <= day and (said["inForceUntil"] is None or day < said["inForceUntil"]):
            in_force[name] = max(version, in_force.get(name, 0))
    # A window is missed, too, where no text may be used: one that was edited under its number.
    declared = snapshot.declared.policies if snapshot.declared and not snapshot.predicate["missed"] else ()
    older = [name for name in declared if used.get(name, 0) < in_force.get(name, 0)]
    told = ", ".join(f"{name}: {used.get(name, 'none')}, where version {in_force[name]} is in force" for name in older)
    newest = "the newest version in force of each policy"
    checks.equal(snapshot.file, "ledger-policy-newest", told or newest, newest)


def _standing(snapshot: Snapshot, place: int, history: History, checks: Checklist) -> None:
    """The ledger as it was when the snapshot was signed bounds its time from below."""
    said = snapshot.predicate["ledger"]
    size = said["size"] if said else -1
    known = 0 <= size <= place
    found = {"size": size, "rootHash": merkle.root_at(history.levels, size).hex()} if known else "no earlier ledger"
    checks.equal(snapshot.file, "ledger-standing", said, found)


def _order(placed: Sequence[tuple[Snapshot, int]], checks: Checklist) -> None:
    """A system's snapshots stand in the ledger in the order in which they were signed."""
    latest: dict[str, int] = {}
    for snapshot, place in sorted(placed, key=lambda each: each[0].predicate["sequence"]):
        system = snapshot.predicate["system"]
        before = latest.get(system, -1)
        checks.note(snapshot.file, "ledger-order", place > before, f"entry {place}", f"an entry after {before}")
        # Nobody signs a night on a ledger of before the night before: what governs it now would not be known.
        size = _stood(snapshot)
        checks.note(snapshot.file, "ledger-standing", size > before, f"{size} entries", f"more than {before + 1}")
        latest[system] = max(before, place)


def _stood(snapshot: Snapshot) -> int:
    """Size of the ledger when a snapshot was signed."""
    said = snapshot.predicate["ledger"]
    return said["size"] if said else 0


def _after(placed: Sequence[tuple[Snapshot, int]], history: History, checks: Checklist) -> None:
    """A snapshot was made after the ledger that it stands on: no earlier than the newest stamp on that."""
    tokens = sorted(history.tokens)
    sizes, latest = [size for size, _ in tokens], [*accumulate((at for _, at in tokens), max)]
    for snapshot, _ in placed:
        if stamped := bisect_right(sizes, _stood(snapshot)):
            made, newest = snapshot.predicate["timeCreated"], latest[stamped - 1]
            ok = datetime.fromisoformat(made) >= newest - AHEAD
            checks.note(snapshot.file, "time-standing", ok, made, f"no earlier than {instant(newest)}")


def _expired(placed: Sequence[tuple[Snapshot, int]], history: History) -> list[str]:
    """Which versions of the root of trust were relied on after they had expired."""
    told = []
    for version, since in ((root.version, root.expires) for _, root in history.roots):
        late = sum(
            root.version == version and datetime.fromisoformat(snapshot.predicate["timeCreated"]) >= since
            for snapshot, place in placed
            if (root := history.root_at(place))
        )
        if late:
            told.append(
                f"who may sign: {late} of these snapshots were signed after version {version} of the root of trust had "
                f"expired, {since:%Y-%m-%d}"
            )
    return told


def _unwitnessed(placed: Sequence[tuple[Snapshot, int]], history: History) -> list[str]:
    if not history.witnesses:
        return [NO_WITNESS]
    told = ", ".join(f"{name} on {time:%Y-%m-%d}" for name, time in history.witnesses)
    waiting = sum(place >= history.cosigned for _, place in placed)
    rest = f"; {waiting} of these snapshots came later and await their cosignatures" if waiting else ""
    return [f"what came after the witnesses looked: {told} cosigned the first {history.cosigned} entries{rest}"]
