"""Who acts: people enrolled with their own keys, and what they sign."""

from __future__ import annotations

from gov_pipelines.people.acts import Act, SignedAct, parse_act, record_act, sign_act
from gov_pipelines.people.authority import Authority, authority_of
from gov_pipelines.people.deeds import (
    Hand,
    accept,
    assign,
    attest,
    countersign,
    hand_of,
    raise_concern,
    report_incident,
    start_clock,
    waive,
)
from gov_pipelines.people.erasures import order_erasure, order_expiry, reviews_about
from gov_pipelines.people.findings import Clock, Finding, events_of_night, finding_id, is_red, may_accept
from gov_pipelines.people.gate import TRANSITIONS, Requirement, approval_subject, approved_digest, gate, signatures
from gov_pipelines.people.obligations import Owed, Step, obligations_in_force
from gov_pipelines.people.reviews import (
    Case,
    Review,
    Snapshot,
    facts_digest,
    facts_of,
    objection,
    release_subject,
    releases,
    review_of,
    standing_review,
)
from gov_pipelines.people.roster import Enrolment, Roster, acts_of, enrol, refused_acts, revoke, roster_of
from gov_pipelines.people.standing import known_findings, known_obligations, known_waivers, waivers_in_force
from gov_pipelines.people.waivers import Waiver, policy_owners
from gov_pipelines.people.working_days import later

__all__ = [
    "TRANSITIONS", "Act", "Authority", "Case", "Clock", "Enrolment", "Finding", "Hand", "Owed", "Requirement", "Review", "Roster", "SignedAct", "Snapshot", "Step", "Waiver", "accept", "acts_of",
    "approval_subject", "approved_digest", "assign", "attest", "authority_of", "countersign", "enrol", "events_of_night",
    "facts_digest", "facts_of", "finding_id", "gate", "hand_of", "is_red", "known_findings", "known_obligations",
    "known_waivers", "later", "may_accept", "objection", "obligations_in_force", "order_erasure", "order_expiry", "parse_act",
    "policy_owners", "raise_concern", "record_act", "refused_acts", "release_subject", "releases",
    "report_incident", "review_of", "reviews_about", "revoke", "roster_of", "sign_act", "signatures", "standing_review",
    "start_clock", "waive", "waivers_in_force",
]  # fmt: skip
