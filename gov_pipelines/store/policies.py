"""Which policy texts were known, and since when: what makes a snapshot retroactive or not."""

from __future__ import annotations

import json
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

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


def record_policy(
    connection: Connection,
    name: str,
    version: int,
    digest: str,
    text: bytes,
    in_force_from: date,
    in_force_until: date | None,
    now: datetime,
) -> datetime:
    """Record a policy's text under its digest, once. An edited text is another digest, and another row.

    Args:
        connection: of the store.
        name: of the policy.
        version: as the document says.
        digest: SHA-256 of `text`, hex.
        text: canonical JSON of the parsed document, UTF-8.
        in_force_from: local date, inclusive.
        in_force_until: local date, exclusive; None while open.
        now: recorded as the time if the digest is new.

    Returns:
        When this digest was first recorded.
    """
    key = {"name": name, "version": version, "digest": digest}
    dates = {"in_force_from": in_force_from, "in_force_until": in_force_until, "recorded_at": now}
    insert_if_absent(connection, policy_versions, key | dates | {"text": text.decode()})
    recorded: datetime = connection.execute(sa.select(policy_versions.c.recorded_at).filter_by(**key)).scalar_one()
    return recorded


def edited_in_place(connection: Connection, name: str, version: int, text: bytes) -> bool:
    """Whether texts are recorded under a name and version, and this one says something else; `until` apart."""
    query = sa.select(policy_versions.c.text).filter_by(name=name, version=version)
    recorded = {_asked(each) for each in connection.scalars(query)}
    return bool(recorded) and _asked(text) not in recorded


def _asked(text: str | bytes) -> str:
    """What a policy's text asks, however it was closed."""
    said = json.loads(text)
    said["in_force"].pop("until", None)
    return json.dumps(said, sort_keys=True)
