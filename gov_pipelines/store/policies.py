"""Which policy texts were known, and since when: what makes a snapshot retroactive or not."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.policy import Policy, policy_digest, policy_text
from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import UtcDateTime, metadata

policy_versions = sa.Table(
    "policy_versions",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("in_force_from", sa.Date, nullable=False),
    sa.Column("in_force_until", sa.Date),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
)


def record_policy(connection: Connection, policy: Policy, now: datetime) -> datetime:
    """Record a policy's text under its digest, once. An edited text is another digest, and another row.

    Args:
        connection: of the store.
        policy: as it was read.
        now: recorded as the time if the digest is new.

    Returns:
        When this digest was first recorded.
    """
    key = {"name": policy.policy, "version": policy.version, "digest": policy_digest(policy)}
    dates = {"in_force_from": policy.in_force.from_, "in_force_until": policy.in_force.until, "recorded_at": now}
    insert_if_absent(connection, policy_versions, key | dates | {"text": policy_text(policy).decode()})
    recorded: datetime = connection.execute(sa.select(policy_versions.c.recorded_at).filter_by(**key)).scalar_one()
    return recorded


def edited_in_place(connection: Connection, policy: Policy) -> bool:
    """Whether texts are recorded under a policy's name and version, and it says something else; `until` apart."""
    query = sa.select(policy_versions.c.text).filter_by(name=policy.policy, version=policy.version)
    recorded = {_asked(each) for each in connection.scalars(query)}
    return bool(recorded) and _asked(policy_text(policy)) not in recorded


def _asked(text: str | bytes) -> str:
    """What a policy's text asks, however it was closed."""
    said = json.loads(text)
    said["in_force"].pop("until", None)
    return json.dumps(said, sort_keys=True)
