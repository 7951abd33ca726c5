"""Signed acts of people, as their envelopes came. What a row says beside its envelope is for finding it; nobody trusts it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import columns_of, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """One signed act.

    Attributes:
        id: SHA-256 of the envelope, hex.
        kind: such as `review`; a row whose envelope says another kind counts for nothing.
        system: the system it is about; None where it is about none.
        envelope: the DSSE envelope, its one spelling.
        recorded_at: when the store took it.
    """

    id: str
    kind: str
    system: str | None
    envelope: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """When somebody first opened a decision for review, by the id of the key they will sign with."""

    key_id: str
    system: str
    decision_id: str
    revision: int
    opened_at: datetime


signed_acts = sa.Table("acts", metadata, *columns_of(ActRow, "id"), sa.Index("ix_acts_kind", "kind", "system"))
_openings = sa.Table("openings", metadata, *columns_of(Opening, "key_id", "system", "decision_id", "revision"))


def put_act(connection: Connection, row: ActRow) -> bool:
    """Keep a signed act; the same envelope again changes nothing, and keeps the time of the first.

    Returns:
        Whether it is new.
    """
    return insert_if_absent(connection, signed_acts, asdict(row))


def act_rows(connection: Connection, kind: str | None = None, system: str | None = None) -> list[ActRow]:
    """Read acts in the order they were recorded, of one kind and one system or of all. Nothing is verified here."""
    asked = {name: value for name, value in (("kind", kind), ("system", system)) if value is not None}
    query = sa.select(signed_acts).filter_by(**asked).order_by(signed_acts.c.recorded_at, signed_acts.c.id)
    return [ActRow(**row) for row in connection.execute(query).mappings()]


def note_opening(connection: Connection, opening: Opening) -> None:
    """Note that a decision was opened for review; the first time stands."""
    insert_if_absent(connection, _openings, asdict(opening))


def opened_at(connection: Connection, key_id: str, system: str, decision_id: str, revision: int) -> datetime | None:
    """Read when the holder of a key first opened a decision as that revision shows it; None for never."""
    query = sa.select(_openings.c.opened_at).filter_by(
        key_id=key_id, system=system, decision_id=decision_id, revision=revision
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def forget(connection: Connection, system: str, decisions: Collection[str], acts: Collection[str]) -> None:
    """Delete when each of some decisions was opened for review, and acts by id. The ledger keeps the acts' digests."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    opened = connection.scalars(sa.select(_openings.c.decision_id).filter_by(system=system).distinct())
    for decision in set(opened) & set(decisions):
        connection.execute(sa.delete(_openings).filter_by(system=system, decision_id=decision))
    for act in acts:
        connection.execute(sa.delete(signed_acts).filter_by(id=act))
