"""What happened to findings: rows are added, never changed; what a finding is now follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from gov_pipelines.store.engine import insert_if_absent
from gov_pipelines.store.tables import columns_of, metadata

FindingEventKind = Literal["opened", "joined", "assigned", "incident", "reported", "closed", "reopened", "accepted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEvent:
    """One thing that happened to a finding.

    Attributes:
        key: the idempotency key: the same event again is no new one.
        finding: id, such as `F-3fa92c1b`.
        event: what happened.
        system: the audited system.
        control: `<policy>/<clause id>`; None for a concern.
        partition: the local day it speaks of; None where no night is meant.
        snapshot: payload digest of the snapshot that says so, hex; None where a person does.
        act: id of the signed act behind it; None where there is none.
        at: by the store's clock.
        said: the rest: owner, action, due, severity, breaches, incident, aware, authority, text ...
    """

    key: str
    finding: str
    event: FindingEventKind
    system: str
    control: str | None = None
    partition: date | None = None
    snapshot: str | None = None
    act: str | None = None
    at: datetime
    said: Mapping[str, Any]


finding_events = sa.Table(
    "finding_events",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True),
    *columns_of(FindingEvent),
    sa.UniqueConstraint("key"),
)

_FIELDS = tuple(finding_events.c[field.name] for field in fields(FindingEvent))


def record_findings(connection: Connection, events: Iterable[FindingEvent]) -> int:
    """Append events; one whose key is known is ignored.

    Returns:
        How many are new.
    """
    return sum(insert_if_absent(connection, finding_events, asdict(event)) for event in events)


def findings_recorded(connection: Connection, system: str | None = None) -> list[FindingEvent]:
    """Read the events of one system or of all, in the order they were recorded."""
    query = sa.select(*_FIELDS).order_by(finding_events.c.place)
    if system is not None:
        query = query.where(finding_events.c.system == system)
    return [FindingEvent(**row) for row in connection.execute(query).mappings()]
