"""How things stand with people, read from the store: findings, obligations, waivers. What nobody signed counts for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gov_pipelines.people.findings import Finding, findings_of
from gov_pipelines.people.obligations import Owed, owed_by_people
from gov_pipelines.people.roster import Roster, acts_of
from gov_pipelines.people.waivers import Waiver, policy_owners, waivers_of
from gov_pipelines.policy import Policy
from gov_pipelines.store import Connection, findings_recorded


def known_findings(connection: Connection, roster: Roster, system: str | None = None) -> dict[str, Finding]:
    """Every finding of one system or of all, open and closed, by id in the order they were first opened."""
    acts = [each for kind in ("accept", "report") for each in acts_of(connection, roster, kind, system)]
    return findings_of(findings_recorded(connection, system), acts)


def known_obligations(connection: Connection, roster: Roster, policies: Sequence[Policy], now: datetime) -> list[Owed]:
    """What everybody owes at an instant, clause by clause."""
    return owed_by_people(policies, roster, acts_of(connection, roster, "attest"), now)


def known_waivers(connection: Connection, roster: Roster, policies: Iterable[Policy]) -> list[Waiver]:
    """Every waiver that was asked for, whether it stands or not, in the order it was asked for."""
    acts = [each for kind in ("waive", "countersign") for each in acts_of(connection, roster, kind)]
    return waivers_of(acts, roster, policy_owners(policies))


def waivers_in_force(
    connection: Connection, roster: Roster, policies: Iterable[Policy], at: datetime
) -> dict[tuple[str, str], Waiver]:
    """The waiver in force at an instant, by (system, control key); of several the one that ends last."""
    standing = (each for each in known_waivers(connection, roster, policies) if each.stands(at))
    return {(each.system, each.clause): each for each in sorted(standing, key=lambda each: each.ends)}
