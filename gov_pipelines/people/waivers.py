"""Waivers: a clause is set aside for a system, for a time, by one person, and countersigned by another. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from gov_pipelines.people.acts import SignedAct
from gov_pipelines.people.roster import Roster
from gov_pipelines.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A clause set aside.

    Attributes:
        id: of the signed act, hex.
        system: for which it is.
        clause: `<policy>/<clause id>`.
        version: of the policy that was in force when it was asked for.
        why: in words.
        by: who asked for it.
        until: local date, exclusive.
        ends: the instant it ends: midnight of that date in the system's zone.
        countersigned_by: who agreed; empty while nobody entitled has.
        since: when it was countersigned; None while it was not.
    """

    id: str
    system: str
    clause: str
    version: int
    why: str
    by: str
    until: date
    ends: datetime
    countersigned_by: str = ""
    since: datetime | None = None

    def state(self, at: datetime) -> str:
        """How it stands at an instant, in words."""
        if at >= self.ends:
            return "ended"
        return "in force" if self.stands(at) else "waits for a second signature"

    @property
    def words(self) -> str:
        """Until when, by whom and why, to follow the word `waived`."""
        return f"until {self.until} by {self.by}, countersigned by {self.countersigned_by}: {self.why.rstrip('.')}"

    def stands(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.since is not None and self.since <= at < self.ends


def policy_owners(policies: Iterable[Policy]) -> dict[str, set[str]]:
    """The owners of each policy, in all its versions: the roles or persons who may countersign a waiver of it."""
    owners: dict[str, set[str]] = {}
    for policy in policies:
        owners.setdefault(policy.policy, set()).add(policy.owner)
    return owners


def longest(day: date) -> date:
    """The latest date that a waiver asked for on a day may end: a year later."""
    return date(day.year + 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)


def midnight(day: date, zone: str) -> datetime:
    """The instant a local date begins."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def waivers_of(acts: Iterable[SignedAct], roster: Roster, owners: Mapping[str, Collection[str]]) -> list[Waiver]:
    """Every waiver that was asked for, in the order of the acts; those for more than a year are left out.

    Args:
        acts: `waive` and `countersign` acts whose signature holds.
        roster: who held which role, when.
        owners: of each policy, who may countersign: `policy_owners`.
    """
    known = list(acts)
    agreed = [each for each in known if each.act.kind == "countersign"]
    found = []
    for asked in known:
        waiver = _asked_for(asked) if asked.act.kind == "waive" else None
        if waiver is None:
            continue
        entitled = owners.get(waiver.clause.partition("/")[0], ())
        other = next((each for each in agreed if _agrees(each, asked, roster, entitled)), None)
        if other is not None:
            since = max(asked.moment, other.moment)
            waiver = replace(waiver, countersigned_by=other.act.person, since=since)
        found.append(waiver)
    return found


def _asked_for(asked: SignedAct) -> Waiver | None:
    """The waiver that an act asks for; None where it asks for more than a year, or for nothing that makes sense."""
    match asked.act.system, asked.act.subject:
        case (
            str(system),
            {"clause": str(clause), "version": int(version), "why": str(why), "until": str(until), "zone": str(zone)},
        ):
            try:
                ends = midnight(date.fromisoformat(until), zone)
            except (ValueError, LookupError, OSError):  # no date, no zone; `America` is a folder of zones
                return None
        case _:
            return None
    asked_on = asked.earliest.astimezone(ends.tzinfo).date()
    if ends.date() > longest(asked_on):
        return None
    return Waiver(
        id=asked.id,
        system=system,
        clause=clause,
        version=version,
        why=why,
        by=asked.act.person,
        until=ends.date(),
        ends=ends,
    )


def _agrees(other: SignedAct, asked: SignedAct, roster: Roster, entitled: Collection[str]) -> bool:
    """Whether an act countersigns: by another person (whose key is another: shared ones count for nobody) who is entitled."""
    holder = roster.enrolled(other.act.person, other.moment)
    return (
        other.act.subject.get("waiver") == asked.id
        and other.act.person != asked.act.person
        and holder is not None
        and any(holder.answers_to(name) for name in entitled)
    )
