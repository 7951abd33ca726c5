"""What all tables share: instants in UTC, and columns that follow from the row's dataclass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem

from gov_pipelines.policy.calendar import Partition, partition_key, partition_of

SCHEMA_VERSION = 4
"""Of this layout, and number of the newest script in `migrations/versions`. A later one is refused."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant: stored as UTC, and timezone-aware again when read.

    SQLite has no time zones and would hand back naive datetimes; PostgreSQL would hand them back in the session's zone.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Turn an instant into UTC.

        Raises:
            ValueError: the datetime is naive, so nobody knows which instant it means.
        """
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; the store keeps instants, pass an aware datetime")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Give the instant its zone back."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class PartitionKey(sa.types.TypeDecorator[Partition]):
    """A partition: stored as its key, whose order is that of time. No row holds a date that is not one."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Partition | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Turn a partition into its key."""
        return partition_key(value) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Partition | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Turn a key into its partition."""
        return partition_of(value) if value else None


_KINDS: dict[Any, Any] = {
    str: sa.String,
    int: sa.BigInteger,
    float: sa.Double,
    bool: sa.Boolean,
    date: PartitionKey,
    datetime: UtcDateTime,
}

metadata = sa.MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def columns_of(row: type, *key: str) -> Iterator[SchemaItem]:
    """A column for each field of a dataclass, `key` the primary ones.

    A field that may be None may be null, one of a few words is checked, and what SQL has no type for is JSON.
    """
    for name, hint in get_type_hints(row).items():
        optional = isinstance(hint, UnionType)
        kind = next(each for each in get_args(hint) if each is not NoneType) if optional else hint
        words = get_args(kind) if get_origin(kind) is Literal else ()
        column = sa.String if words else _KINDS.get(kind, sa.JSON(none_as_null=True))
        yield sa.Column(name, column, primary_key=name in key, nullable=optional, autoincrement=False)
        if words:
            yield sa.CheckConstraint(sa.column(name).in_(words), name=f"{name}_known")
        if name == "revision":
            yield sa.CheckConstraint(sa.column(name) >= 1, name="revision_from_one")


store_schema = sa.Table(
    "store_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False)
)
