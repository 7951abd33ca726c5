"""Schema version 3: a partition may be an hour, an alert fares with each receiver by itself, and people acknowledge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gov_pipelines.store.migrations.versions import v0001, v0002
from gov_pipelines.store.migrations.versions.v0001 import INSTANT, NAMING, columns

revision, down_revision = "0003", "0002"

layout = sa.MetaData(naming_convention=NAMING)
_before = v0001.layout.tables | v0002.layout.tables
_TRANSITIONS = ("failing", "missing", "missed_window", "recovered", "audited", "due", "warning", "undecided", "settled")

_deliveries = sa.Table(
    "deliveries",
    layout,
    *columns(sa.BigInteger(), "outbox_id attempts"),
    *columns(sa.String(), "receiver"),
    *columns(INSTANT, "next_attempt_at taken_at stopped_at", null=True),
    *columns(sa.String(), "message last_error", null=True),
    *columns(sa.Boolean(), "alone"),
    sa.PrimaryKeyConstraint("outbox_id", "receiver"),
)
sa.Table(
    "acks",
    layout,
    *columns(sa.String(), "alert person why"),
    *columns(sa.String(), "act", null=True),
    *columns(INSTANT, "at"),
    sa.PrimaryKeyConstraint("alert", "at"),
)


def upgrade() -> None:
    """Turn days into their keys (SQLite holds them as this very text), and tell receivers of an alert apart."""
    layout.create_all(op.get_bind())
    _keep_who_was_reached()
    for name in ("control_verdicts", "snapshots", "outbox", "finding_events"):
        with op.batch_alter_table(name, copy_from=_before[name]) as table:
            table.alter_column("partition", type_=sa.String(), postgresql_using="to_char(partition, 'YYYY-MM-DD')")
            if name == "outbox":
                for gone in ("reached", "attempts", "next_attempt_at", "last_error"):
                    table.drop_column(gone)
                table.add_column(sa.Column("escalates", sa.String()))
                known = op.f("ck_outbox_transition_known")
                table.drop_constraint(known, type_="check")
                table.create_check_constraint(known, sa.column("transition").in_(_TRANSITIONS))
    # What people owe and what runs left undone was told as `missing`, which is now a page that stays open.
    no_verdict = "key NOT LIKE '%|missing' OR control NOT LIKE '%/%'"
    op.execute(f"UPDATE outbox SET transition = 'due' WHERE transition = 'missing' AND ({no_verdict})")  # noqa: S608  (no input)


def _keep_who_was_reached() -> None:
    connection, outbox = op.get_bind(), _before["outbox"]
    for row in connection.execute(sa.select(outbox.c.id, outbox.c.reached, outbox.c.raised_at)).all():
        for receiver in row.reached:
            known = {"outbox_id": row.id, "receiver": receiver, "taken_at": row.raised_at}
            connection.execute(sa.insert(_deliveries).values(**known, attempts=1, alone=False))
