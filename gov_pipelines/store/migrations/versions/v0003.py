"""Schema version 3: a partition may be an hour, so its column holds a key instead of a date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gov_pipelines.store.migrations.versions import v0001, v0002

revision, down_revision = "0003", "0002"

_layout = v0001.layout.tables | v0002.layout.tables


def upgrade() -> None:
    """Turn days into their keys. SQLite holds a date as this very text, and copies it."""
    for name in ("control_verdicts", "snapshots", "outbox", "finding_events"):
        with op.batch_alter_table(name, copy_from=_layout[name]) as table:
            table.alter_column("partition", type_=sa.String(), postgresql_using="to_char(partition, 'YYYY-MM-DD')")
