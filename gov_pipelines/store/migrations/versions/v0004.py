"""The tables that schema version 4 added: what goes into the ledger, and what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gov_pipelines.store.migrations.versions.v0001 import INSTANT, NAMING, columns, known

revision, down_revision = "0004", "0003"

layout = sa.MetaData(naming_convention=NAMING)

sa.Table(
    "ledger_entries",
    layout,
    *columns(sa.String(), "leaf entry kind subject"),
    *columns(INSTANT, "noted_at"),
    *columns(sa.BigInteger(), "position", null=True),
    sa.PrimaryKeyConstraint("leaf"),
)
sa.Table(
    "erasures",
    layout,
    *columns(sa.String(), "system partition reason act_sha256"),
    *columns(sa.BigInteger(), "count"),
    *columns(INSTANT, "erased_at"),
    *columns(sa.Boolean(), "done"),
    sa.PrimaryKeyConstraint("system", "partition", "act_sha256"),
    known("reason", "erasure retention"),
)
sa.Table(
    "tombstones",
    layout,
    *columns(sa.String(), "system mark"),
    *columns(INSTANT, "erased_at"),
    sa.PrimaryKeyConstraint("system", "mark"),
)


def upgrade() -> None:
    """Make them beside those there are; what was signed before stays out of the ledger, for no package names it."""
    layout.create_all(op.get_bind())
