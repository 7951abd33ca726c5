"""The rules that hold between the packages of one system: nothing missing, nothing moved, nothing rewritten."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from gov_pipelines.evidence.durable import UNFINISHED
from gov_pipelines.evidence.examine import Snapshot
from gov_pipelines.evidence.verification import Checklist, shown

PARTITION = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}Z)?\Z")
_MOST_WINDOWS = 100_000  # looked at for gaps: eleven years of hours
REVISION = re.compile(r"r[1-9]\d*\Z")


def find_packages(system: Path, prefix: str, checks: Checklist) -> tuple[list[tuple[Path, str]], list[str]]:
    """List the package folders of a system; whatever else lies there fails the rule `chain-place`.

    Returns:
        The folders, each with what is prepended to its files' names in checks; and the paths of packages a crash left
        unfinished (no part of the chain).
    """
    packages, unfinished = [], []
    for partition in _listed(system):
        if not _is_folder(partition, PARTITION):
            checks.note(prefix + partition.name, "chain-place", False, "no partition", "folders named by date")
            continue
        revisions = _listed(partition.path)
        if not revisions:
            checks.note(prefix + partition.name, "chain-place", False, "an empty partition", "folders r1, r2, ...")
        for revision in revisions:
            place = f"{prefix}{partition.name}/{revision.name}"
            if revision.name.startswith(".r") and UNFINISHED in revision.name:
                unfinished.append(place)
            elif _is_folder(revision, REVISION):
                packages.append((Path(revision.path), f"{place}/"))
            else:
                checks.note(place, "chain-place", False, "no package", "folders r1, r2, ...")
    return packages, unfinished


def check_chain(snapshots: Sequence[Snapshot], system: str | None, checks: Checklist) -> None:
    """Check places, sequence, links, revisions and policy texts of a system's snapshots.

    Args:
        snapshots: those whose signed bytes could be read.
        system: the name the folder gives the system; None to take the first snapshot's.
        checks: receives the checks.
    """
    ordered = sorted(snapshots, key=lambda item: (item.predicate["sequence"], item.file))
    for snapshot in ordered:
        said = snapshot.predicate
        system = system or said["system"]
        found = f"{said['system']}/{said['partition']['key']}/r{said['revision']}"
        partition, revision = PurePosixPath(snapshot.file).parts[-3:-1]
        checks.equal(snapshot.file, "chain-place", found, f"{system}/{partition}/{revision}")
    for before, snapshot in zip([None, *ordered], ordered, strict=False):
        follows = before.predicate["sequence"] if before else 0
        sequence = snapshot.predicate["sequence"]
        got = f"{sequence} ({_missing(follows + 1, sequence - 1)})" if sequence > follows + 1 else sequence
        checks.equal(snapshot.file, "chain-sequence", got, follows + 1)
        link = before and {"sequence": follows, "payloadSha256": before.payload_sha256}
        checks.equal(snapshot.file, "chain-previous", snapshot.predicate["previous"], link)
    first: dict[str, str] = {}
    for snapshot in ordered:
        for policy, digest in snapshot.policies.items():
            place = f"{snapshot.file}, {policy}"
            checks.equal(place, "policy-digest-per-version", digest, first.setdefault(policy, digest))
    # Stable sorting keeps signing order within a partition, so a revision signed out of turn shows.
    by_partition = sorted(ordered, key=_partition)
    for _, group in groupby(by_partition, key=_partition):
        revisions = list(group)
        for before, snapshot in zip([None, *revisions], revisions, strict=False):
            count = before.predicate["revision"] if before else 0
            replaced = {"revision": count, "payloadSha256": before.payload_sha256} if before else None
            said = {name: snapshot.predicate[name] for name in ("revision", "supersedes")}
            checks.equal(snapshot.file, "chain-revision", said, {"revision": count + 1, "supersedes": replaced})
            reasons, why = snapshot.predicate["revisionReasons"], "reasons" if count else "no reasons, as the first"
            checks.note(snapshot.file, "chain-reasons", bool(reasons) == bool(count), reasons, why)


def gaps(snapshots: Sequence[Snapshot]) -> list[str]:
    """Say which windows between the first and the newest of each system have no snapshot, not even as missed."""
    told = []
    for system, of_it in _by_system(snapshots):
        newest = max(of_it, key=lambda item: item.predicate["sequence"])
        there = {_partition(item) for item in of_it}
        only_on = newest.declared.only_on if newest.declared else ()
        absent = [
            key
            for key in islice(_between(min(there), max(there)), _MOST_WINDOWS)
            if key not in there and _falls_on(key, only_on)
        ]
        if absent:
            shown_keys = ", ".join([*absent[:3], *(["..."] if len(absent) > 3 else [])])
            told.append(
                f"{system}: {len(absent)} windows between its first and its newest have no snapshot: {shown_keys}"
            )
    return told


def _between(first: str, last: str) -> Iterator[str]:
    """Partition keys from one to another, day by day, or hour by hour."""
    written, step = ("%Y-%m-%dT%HZ", timedelta(hours=1)) if "T" in first else ("%Y-%m-%d", timedelta(days=1))
    moment = datetime.strptime(first, written)  # noqa: DTZ007  (a key is no instant)
    while (key := moment.strftime(written)) <= last:
        yield key
        moment += step


def _falls_on(key: str, only_on: Sequence[str]) -> bool:
    return not only_on or key[5:10] in only_on


def summaries(snapshots: Sequence[Snapshot]) -> list[str]:
    """Say which snapshots were read, one line a system: days, place in the chain, signers, windows that were missed."""
    return [_summary(system, of_it) for system, of_it in _by_system(snapshots)]


def _by_system(snapshots: Sequence[Snapshot]) -> list[tuple[str, list[Snapshot]]]:
    of: dict[str, list[Snapshot]] = {}
    for item in snapshots:
        of.setdefault(item.predicate["system"], []).append(item)
    return sorted(of.items())


def _summary(system: str, snapshots: Sequence[Snapshot]) -> str:
    said = [item.predicate for item in snapshots]
    days, sequences = [_partition(item) for item in snapshots], [each["sequence"] for each in said]
    # The newest revision says whether a window is missed still.
    missed = {each["partition"]["key"]: each["missed"] for each in sorted(said, key=lambda each: each["revision"])}
    count = sum(each is not None for each in missed.values())
    signers = sorted({_short(signer) for item in snapshots if (signer := item.signer)})
    unsigned = sum(item.key is None for item in snapshots)
    parts = [
        f"{len(said)} snapshot{'s' if len(said) > 1 else ''} of {system}",
        _span(min(days), max(days)),
        *([f"revision {said[0]['revision']}"] if len(said) == 1 else []),
        f"sequence {_span(min(sequences), max(sequences))}",
        *([f"signed by {' and '.join(signers)}"] if signers else []),
        *([f"{unsigned} without a signature that verifies"] if unsigned else []),
        f"{count} missed window{'' if count == 1 else 's'}",
    ]
    return shown(", ".join(parts))


def _short(signer: str) -> str:
    name, _, keyid = signer.rpartition(" ")
    return f"{name} {keyid[:8]}..."


def _span(first: object, last: object) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _missing(first: int, last: int) -> str:
    return f"sequence {first} is missing" if first == last else f"sequences {first} to {last} are missing"


def _partition(snapshot: Snapshot) -> str:
    return str(snapshot.predicate["partition"]["key"])


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str], name: re.Pattern[str]) -> bool:
    return bool(name.match(entry.name)) and entry.is_dir(follow_symlinks=False)
