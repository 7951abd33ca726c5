"""What a database lets a role read, as it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Grant:
    """One column that a role can read, or tables to come.

    Attributes:
        schema: of the relation; for tables to come the schema they are made in, `*` where it may be any.
        relation: table, view, materialized view, partition or foreign table; `*` for tables to come.
        column: its name; `*` for tables to come.
        routes: every way that leads there, each in words.
        under: the tables this one is a partition or inheritance child of, each schema and name.
        through: its content is told by the columns below it, which stand for themselves: a view that was seen through.
    """

    schema: str
    relation: str
    column: str
    routes: tuple[str, ...]
    under: tuple[tuple[str, str], ...] = ()
    through: bool = False

    @property
    def name(self) -> str:
        """`schema.relation.column`, or what is to come in words."""
        if self.relation == "*":
            return f"any table to come in {'any schema' if self.schema == '*' else self.schema}"
        return f"{self.schema}.{self.relation}.{self.column}"


@dataclass(frozen=True, slots=True)
class Privileges:
    """What one role can read in one PostgreSQL database.

    Attributes:
        role: its name.
        exists: whether the database has the role.
        schema: where a table without a schema is looked for.
        columns: every column it can read today outside system schemas, sorted by name.
        later: what a table made tomorrow would grant it.
        notes: what cannot be told, or is not what it seems: functions, foreign tables, row-level security.
    """

    role: str
    exists: bool
    schema: str
    columns: tuple[Grant, ...] = ()
    later: tuple[Grant, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Privileges:
        """Back from what `to_dict` gave, also after JSON."""
        grants = {name: tuple(map(_grant, data[name])) for name in ("columns", "later")}
        return cls(**{**data, **grants, "notes": tuple(data["notes"])})


def _grant(data: Mapping[str, Any]) -> Grant:
    under: Sequence[Sequence[str]] = data["under"]
    return Grant(**{**data, "routes": tuple(data["routes"]), "under": tuple((one[0], one[1]) for one in under)})
