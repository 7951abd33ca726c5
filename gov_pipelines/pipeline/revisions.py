"""Why a day is signed anew: what a revision says has changed since the one it replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Predicate = Mapping[str, Any]


def revision_reasons(before: Predicate, after: Predicate, changed: Mapping[str, int]) -> list[str]:
    """What changed between two statements about one day, one short sentence each; never empty.

    Args:
        before: the predicate that is replaced.
        after: the one about to be signed, as plain JSON data.
        changed: how many decisions have changed since the one that is replaced, by what became of them.
    """
    told = ", ".join(f"{count} {change}" for change, count in sorted(changed.items()))
    known = [*([f"decisions: {told}"] if told else []), *_policies(before, after), *_inputs(before, after)]
    if before["declaration"] != after["declaration"]:
        known.append("declaration: changed")
    if before["asOf"] != after["asOf"]:
        known.append(f"as of: {before['asOf']} -> {after['asOf']}")
    if before["missed"] and not after["missed"]:
        known.append("audited: the day was missed before")
    program = [each["producer"]["version"] for each in (before, after)]
    if program[0] != program[1]:
        known.append(f"program: {' -> '.join(program)}")
    return known or ["rows of other days of its windows, the access log or a library changed"]


def _policies(before: Predicate, after: Predicate) -> Iterator[str]:
    was, now = ({each["name"]: each for each in predicate["policies"]} for predicate in (before, after))
    for name in sorted(was | now):
        old, new = (f"version {each[name]['version']}" if name in each else "none" for each in (was, now))
        if old != new:
            yield f"policy {name}: {old} -> {new}"
        elif was[name]["sha256"] != now[name]["sha256"]:
            ends = [each[name]["inForceUntil"] or "open" for each in (was, now)]
            yield f"policy {name}: {old} in force until {ends[0]} -> {ends[1]}"


def _inputs(before: Predicate, after: Predicate) -> Iterator[str]:
    was, now = ({each["name"]: each for each in predicate["ingest"]["inputs"]} for predicate in (before, after))
    for name in sorted(was | now):
        old, new = (f"{each[name]['rows']} rows" if name in each else "none" for each in (was, now))
        if old != new:
            yield f"input {name}: {old} -> {new}"
        elif was[name]["sha256"] != now[name]["sha256"]:
            yield f"input {name}: other content in {new}"
