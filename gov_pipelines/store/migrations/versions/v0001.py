"""The tables of schema version 1: verdicts, the ledger, policies and the outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

INSTANT = sa.DateTime(timezone=True)
NAMING = {
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}
layout = sa.MetaData(naming_convention=NAMING)


def columns(kind: sa.types.TypeEngine[Any], names: str, *, null: bool = False) -> list[sa.Column[Any]]:
    """Columns of one kind, their names between blanks."""
    return [sa.Column(name, kind, nullable=null, autoincrement=False) for name in names.split()]


def known(column: str, words: str) -> sa.CheckConstraint:
    """A column that holds one of a few words."""
    return sa.CheckConstraint(sa.column(column).in_(words.split()), name=f"{column}_known")


sa.Table("store_schema", layout, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))
sa.Table(
    "control_verdicts",
    layout,
    *columns(sa.String(), "system control policy clause level kind acts severity verdict reason threshold"),
    *columns(sa.String(), "metric", null=True),
    *columns(sa.Date(), "partition"),
    *columns(sa.BigInteger(), "revision policy_version breaches"),
    *columns(sa.BigInteger(), "n", null=True),
    *columns(sa.Double(), "value lower upper confidence p_adjusted", null=True),
    *columns(sa.JSON(none_as_null=True), "attribute"),
    *columns(sa.JSON(none_as_null=True), "group reference_group", null=True),
    *columns(INSTANT, "window_start window_end as_of recorded_at"),
    sa.PrimaryKeyConstraint("system", "partition", "revision", "control"),
    sa.CheckConstraint("revision >= 1", name="revision_from_one"),
    known("verdict", "pass warn fail insufficient missing report_only not_applicable"),
)
sa.Table(
    "snapshots",
    layout,
    *columns(sa.String(), "system payload_sha256 content_digest path key_id"),
    *columns(sa.String(), "previous_sha256", null=True),
    *columns(sa.Date(), "partition"),
    *columns(sa.BigInteger(), "revision sequence"),
    *columns(INSTANT, "signed_at as_of"),
    *columns(sa.Boolean(), "retroactive"),
    sa.PrimaryKeyConstraint("system", "partition", "revision"),
    sa.CheckConstraint("revision >= 1", name="revision_from_one"),
    *(sa.UniqueConstraint("system", name) for name in ("sequence", "payload_sha256", "previous_sha256")),
    sa.ForeignKeyConstraint(["system", "previous_sha256"], ["snapshots.system", "snapshots.payload_sha256"]),
)
sa.Table(
    "policy_versions",
    layout,
    *columns(sa.String(), "name digest"),
    *columns(sa.Integer(), "version"),
    *columns(sa.Text(), "text"),
    *columns(sa.Date(), "in_force_from"),
    *columns(sa.Date(), "in_force_until", null=True),
    *columns(INSTANT, "recorded_at"),
    sa.PrimaryKeyConstraint("name", "version", "digest"),
)
sa.Table(
    "outbox",
    layout,
    sa.Column("id", sa.Integer, primary_key=True),
    *columns(sa.String(), "key system transition severity title body"),
    *columns(sa.String(), "control", null=True),
    *columns(sa.Date(), "partition"),
    *columns(sa.JSON(), "notify reached"),
    *columns(sa.Integer(), "attempts"),
    *columns(INSTANT, "raised_at"),
    *columns(INSTANT, "next_attempt_at delivered_at", null=True),
    *columns(sa.Text(), "last_error", null=True),
    sa.UniqueConstraint("key"),
    known("transition", "failing missing recovered missed_window"),
    sa.Index(None, "delivered_at"),
)


def upgrade() -> None:
    """Make them, in an empty database."""
    layout.create_all(op.get_bind())
