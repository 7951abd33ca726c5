"""Who acts: people enrolled with their own keys, and what they sign."""

from __future__ import annotations

from gov_pipelines.people.acts import Act, Kind, RefusedAct, SignedAct, parse_act, record_act, sign_act
from gov_pipelines.people.roster import Enrolment, Roster, acts_of, enrol, refused_acts, revoke, roster_of

__all__ = [
    "Act", "Enrolment", "Kind", "RefusedAct", "Roster", "SignedAct", "acts_of", "enrol", "parse_act", "record_act",
    "refused_acts", "revoke", "roster_of", "sign_act",
]  # fmt: skip
