"""The tables, as SQLAlchemy Core. Keys and constraints do the guarding; the functions beside them speak the words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gov_pipelines.measure.measurement import WORST_FIRST

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

SCHEMA_VERSION = 1
"""Of this layout. A store of another version is refused, never altered in place."""

AUDIT_STATES = ("running", "done", "missed", "failed")
TRANSITIONS = ("failing", "missing", "recovered", "missed_window")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant: stored as UTC, and timezone-aware again when read.

    SQLite has no time zones and would hand back naive datetimes; PostgreSQL would hand them back in the session's zone.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn an instant into UTC.

        Raises:
            ValueError: the datetime is naive, so nobody knows which instant it means.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; the store keeps instants, pass an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the instant its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    return sa.CheckConstraint(sa.column(column).in_(values), name=f"{column}_known")


metadata = sa.MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _required(name: str, kind: Any, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **more)


store_schema = sa.Table(
    "store_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False)
)

audits = sa.Table(
    "audits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _required("system", sa.String),
    _required("partition", sa.Date),
    _required("state", sa.String),
    _required("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    _required("as_of", UtcDateTime),
    sa.Column("run_id", sa.String),
    sa.Column("message", sa.Text),
    _one_of("state", AUDIT_STATES),
    sa.Index("ix_audits_system_partition", "system", "partition"),
)

control_verdicts = sa.Table(
    "control_verdicts",
    metadata,
    sa.Column("system", sa.String, primary_key=True),
    sa.Column("partition", sa.Date, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("control", sa.String, primary_key=True),
    _required("policy", sa.String),
    _required("policy_version", sa.Integer),
    _required("clause", sa.String),
    _required("level", sa.String),
    _required("kind", sa.String),
    _required("acts", sa.String),
    _required("severity", sa.String),
    _required("verdict", sa.String),
    _required("reason", sa.Text),
    sa.Column("metric", sa.String),
    _required("attribute", sa.JSON),
    sa.Column("group", sa.JSON(none_as_null=True)),
    sa.Column("reference_group", sa.JSON(none_as_null=True)),
    sa.Column("value", sa.Double),
    sa.Column("lower", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("confidence", sa.Double),
    sa.Column("n", sa.BigInteger),
    sa.Column("p_adjusted", sa.Double),
    _required("threshold", sa.Text),
    _required("breaches", sa.BigInteger),
    _required("window_start", UtcDateTime),
    _required("window_end", UtcDateTime),
    _required("as_of", UtcDateTime),
    _required("recorded_at", UtcDateTime),
    sa.CheckConstraint(sa.column("revision") >= 1, name="revision_from_one"),
    _one_of("verdict", WORST_FIRST),
)

# The ledger of signed snapshots. A snapshot follows one that exists and that no other follows: the chain cannot fork.
snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("system", sa.String, primary_key=True),
    sa.Column("partition", sa.Date, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    _required("sequence", sa.Integer),
    sa.Column("previous_sha256", sa.String(64)),
    _required("payload_sha256", sa.String(64)),
    _required("content_digest", sa.String(64)),
    _required("path", sa.Text),
    _required("key_id", sa.String),
    _required("signed_at", UtcDateTime),
    _required("as_of", UtcDateTime),
    _required("retroactive", sa.Boolean),
    sa.UniqueConstraint("system", "sequence"),
    sa.UniqueConstraint("system", "payload_sha256"),
    sa.UniqueConstraint("system", "previous_sha256"),
    sa.ForeignKeyConstraint(["system", "previous_sha256"], ["snapshots.system", "snapshots.payload_sha256"]),
    sa.CheckConstraint(sa.column("revision") >= 1, name="revision_from_one"),
)

policy_versions = sa.Table(
    "policy_versions",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), primary_key=True),
    _required("text", sa.Text),
    _required("in_force_from", sa.Date),
    sa.Column("in_force_until", sa.Date),
    _required("recorded_at", UtcDateTime),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _required("key", sa.String, unique=True),
    _required("system", sa.String),
    sa.Column("control", sa.String),
    _required("partition", sa.Date),
    _required("transition", sa.String),
    _required("severity", sa.String),
    _required("notify", sa.JSON),
    _required("title", sa.Text),
    _required("body", sa.Text),
    _required("raised_at", UtcDateTime),
    _required("attempts", sa.Integer, default=0),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("delivered_at", UtcDateTime, index=True),
    sa.Column("last_error", sa.Text),
    _one_of("transition", TRANSITIONS),
)

# Which receivers have taken an alert: one that failed is tried again without telling the others twice.
outbox_reached = sa.Table(
    "outbox_reached",
    metadata,
    sa.Column("outbox_id", sa.ForeignKey(outbox.c.id), primary_key=True),
    sa.Column("receiver", sa.String(8), primary_key=True),
    _required("reached_at", UtcDateTime),
)
