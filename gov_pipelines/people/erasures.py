"""The order to erase decisions: signed by who may, it says how many of which days, and names none of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import Signer
from gov_pipelines.people.acts import Act, parse_act, record_act, sign_act
from gov_pipelines.people.deeds import Hand, words
from gov_pipelines.policy import Partition, SystemDeclaration, partition_key
from gov_pipelines.store import Connection, act_rows

PRIVACY = "privacy-office"
"""The role that may order erasures of any system; of its own system its owner and its approver may, too."""


def order_erasure(
    hand: Hand,
    declaration: SystemDeclaration,
    counts: Mapping[Partition, int],
    acts: Sequence[str],
    reason: str,
    now: datetime,
) -> str:
    """Sign that decisions of a system are to be erased.

    Args:
        hand: of who orders it.
        declaration: the system's.
        counts: how many of each day.
        acts: ids of the acts that are forgotten with them.
        reason: in words; it stands in the act alone, so name nobody.
        now: the clock.

    Returns:
        The act's id.

    Raises:
        WrongUse: no reason, or the person may not.
    """
    entitled = {PRIVACY, declaration.owner, declaration.approver or PRIVACY}
    role = hand.role(f"erase decisions of {declaration.system}", entitled)
    said = _said(counts, acts) | {"reason": words(reason, "reason")}
    return hand.sign("erase", role, declaration.system, said, now)


def order_expiry(
    connection: Connection,
    authority: Signer,
    system: str,
    counts: Mapping[Partition, int],
    acts: Sequence[str],
    now: datetime,
) -> str:
    """Sign, with the home's key, that days are deleted because the policies keep them no longer.

    Returns:
        The act's id.
    """
    act = Act("expire", authority.public.name, "", now, system, _said(counts, acts))
    return record_act(connection, sign_act(act, authority), now)


def reviews_about(connection: Connection, system: str, decisions: Collection[str]) -> Iterator[str]:
    """The ids of the reviews of some decisions, counting or not: each names the decision."""
    for row in act_rows(connection, "review", system):
        with suppress(EvidenceError):  # what is no act names nobody
            _, act = parse_act(row.envelope.encode())
            if act.subject.get("decision_id") in decisions:
                yield row.id


def _said(counts: Mapping[Partition, int], acts: Sequence[str]) -> dict[str, Any]:
    """What went; the acts are named, so that nobody takes them for lost."""
    return {"partitions": {partition_key(day): counts[day] for day in sorted(counts)}, "acts": sorted(acts)}
