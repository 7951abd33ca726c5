"""As whom a role can act: whose privileges it inherits, which roles it can become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Membership:
    """One row of `pg_auth_members`, as PostgreSQL 16 writes it; before that `inherit` is the member's own, `become` always.

    Attributes:
        member, role: names; the member belongs to the role.
        inherit: the member has the role's privileges at once.
        become: the member may SET ROLE to it.
        admin: the member may grant the role to anyone, so also to itself.
    """

    member: str
    role: str
    inherit: bool
    become: bool
    admin: bool


def identities(role: str, memberships: Iterable[Membership]) -> dict[str, dict[str, str]]:
    """Each role that `role` can act as, itself first, and whose privileges it then has, each with the way in words.

    To act as a role, every step to it needs SET, or ADMIN, with which it could be granted; to have the privileges of
    another without that, every step needs INHERIT.

    Returns:
        Role to act as, to role whose privileges that gives, to the way there, such as `model is a member of staff`; empty
        for the role itself.
    """
    known = list(memberships)
    found: dict[str, dict[str, str]] = {}
    waiting = {role: ""}
    while waiting:
        acting, way = next(iter(waiting.items()))
        del waiting[acting]
        found[acting] = held = _inherited(acting, way, known)
        steps = [(one, way, "may SET ROLE to") for one in known if one.become and one.member == acting]
        steps += [(one, held[one.member], "may grant itself") for one in known if one.admin and one.member in held]
        for one, before, how in steps:
            if one.role not in found:
                waiting.setdefault(one.role, joined(before, f"{one.member} {how} {one.role}"))
    return found


def _inherited(acting: str, way: str, memberships: Iterable[Membership]) -> dict[str, str]:
    parents: dict[str, list[str]] = defaultdict(list)
    for one in memberships:
        if one.inherit:
            parents[one.member].append(one.role)
    held, waiting = {acting: way}, [acting]
    for member in waiting:
        for role in parents[member]:
            if role not in held:
                held[role] = joined(held[member], f"{member} is a member of {role}")
                waiting.append(role)
    return held


def joined(*steps: str) -> str:
    """Steps of a way as one phrase; an empty one says nothing."""
    return ", ".join(filter(None, steps))
