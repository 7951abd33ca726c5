"""Whether what was computed again is what was signed: numbers to 1e-9, all else exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from gov_pipelines.evidence import canonical
from gov_pipelines.measure import Measurement

TOLERANCE = 1e-9
"""Relative, and absolute near zero: signed numbers have 12 significant digits."""

CHANCE = 0.05
"""How far a bound that rests on random draws may lie from the signed one, as a share of its interval: other versions of
a library may draw otherwise, and of two honest series of 10,000 draws none differ by more."""

WORDS = frozenset({"reason", "threshold", "method", "note"})
"""Members that are sentences: another version of this program may have put them otherwise."""

_DRAWN = ("lower", "upper", "p_value", "p_adjusted")
_NUMBERS = ("value", "lower", "upper", "confidence", "p_value", "p_adjusted", "e_value", "minimum_detectable")


def measurement_of(record: Mapping[str, Any]) -> Measurement:
    """A measurement as it was signed; its numbers have 12 significant digits."""
    said = {each.name: record[each.name] for each in fields(Measurement) if each.name in record}
    said |= {name: float(said[name]) for name in _NUMBERS if said.get(name) is not None}
    moments = {name: datetime.fromisoformat(said[name]) for name in ("window_start", "window_end") if said.get(name)}
    return Measurement(**(said | moments | {"attribute": tuple(record["attribute"])}))


def same(ours: Any, signed: Any) -> bool:
    """Whether a value is the signed one, which is JSON: numbers as decimal strings, moments as RFC 3339."""
    if isinstance(ours, float) and isinstance(signed, str | int):
        try:
            return math.isclose(ours, float(signed), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        except ValueError:
            return False
    if isinstance(ours, datetime):
        return bool(canonical.instant(ours) == signed)
    if isinstance(ours, Mapping):
        return (
            isinstance(signed, Mapping) and ours.keys() == signed.keys() and all(same(ours[k], signed[k]) for k in ours)
        )
    if isinstance(ours, tuple | list):
        return isinstance(signed, list) and len(ours) == len(signed) and all(map(same, ours, signed))
    return bool(ours == signed)


def differences(ours: Mapping[str, Any], signed: Mapping[str, Any], leave: frozenset[str] = frozenset()) -> list[str]:
    """The members in which a record is not the signed one, but for those that are left out."""
    return [
        name
        for name in sorted(ours.keys() | signed.keys())
        if name not in leave and not same(ours.get(name), signed.get(name))
    ]


def drawn(ours: Measurement) -> frozenset[str]:
    """The members of a measurement that rest on random draws; none where it is recomputable."""
    if ours.recomputable:
        return frozenset()
    return frozenset((*_DRAWN, "value") if ours.metric == "permutation_p" else _DRAWN)


def within_chance(ours: Measurement, signed: Measurement) -> bool:
    """Whether the drawn numbers are as near as two series of draws are."""
    wide = ours.upper - ours.lower if ours.upper is not None and ours.lower is not None else 1.0
    pairs = [(getattr(ours, name), getattr(signed, name)) for name in drawn(ours)]
    return all(one == other or (None not in {one, other} and abs(one - other) <= CHANCE * wide) for one, other in pairs)


def told(
    ours: Sequence[Mapping[str, Any]], signed: Sequence[Mapping[str, Any]], leave: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Every number that differs: where it stands and what was signed; and what it is."""
    for mine, theirs in zip(ours, signed, strict=True):
        for name in differences(mine, theirs, leave):
            groups = ", ".join(str(each) for each in (theirs.get("group") or {}).values()) or "all groups"
            of = " and ".join(theirs["attribute"])
            yield f"{name} of {theirs['metric']}{of and f' by {of}, {groups}'} {theirs.get(name)}", f"{mine.get(name)}"
