"""The tables that schema version 2 added: what people signed, what they opened, what happened to findings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gov_pipelines.store.migrations.versions.v0001 import INSTANT, NAMING, columns, known

revision, down_revision = "0002", "0001"

layout = sa.MetaData(naming_convention=NAMING)

sa.Table(
    "acts",
    layout,
    *columns(sa.String(), "id kind envelope"),
    *columns(sa.String(), "system", null=True),
    *columns(INSTANT, "recorded_at"),
    sa.PrimaryKeyConstraint("id"),
    sa.Index("ix_acts_kind", "kind", "system"),
)
sa.Table(
    "openings",
    layout,
    *columns(sa.String(), "key_id system decision_id"),
    *columns(sa.BigInteger(), "revision"),
    *columns(INSTANT, "opened_at"),
    sa.PrimaryKeyConstraint("key_id", "system", "decision_id", "revision"),
    sa.CheckConstraint("revision >= 1", name="revision_from_one"),
)
sa.Table(
    "finding_events",
    layout,
    sa.Column("place", sa.Integer, primary_key=True),
    *columns(sa.String(), "key finding event system"),
    *columns(sa.String(), "control snapshot act", null=True),
    *columns(sa.Date(), "partition", null=True),
    *columns(INSTANT, "at"),
    *columns(sa.JSON(), "said"),
    sa.UniqueConstraint("key"),
    known("event", "opened joined assigned incident reported closed reopened accepted"),
)


def upgrade() -> None:
    """Make them beside those of version 1."""
    layout.create_all(op.get_bind())
