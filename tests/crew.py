"""People with real keys of their own, enrolled in a store by a real home: the `.gov` beside the folder of their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from projects import found_home

from gov_pipelines.evidence import Signer, generate
from gov_pipelines.people import Authority, Hand, Roster, authority_of, enrol, hand_of, roster_of
from gov_pipelines.store import Connection, Engine, Home, reading

ENROLLED = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass
class Crew:
    engine: Engine
    folder: Path
    keys: dict[str, Signer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = found_home(self.folder.parent / ".gov", "the home", ENROLLED)

    def enrol(self, person: str, *roles: str, at: datetime = ENROLLED) -> None:
        self.keys[person] = self.keys.get(person) or generate(self.folder / person, name=person, created=at)
        with self.engine.begin() as connection:
            enrol(connection, self.authority, self.home, person, roles, self.keys[person].public, at)

    @property
    def authority(self) -> Authority:
        return authority_of(Home(self.folder.parent / ".gov"))

    @property
    def roster(self) -> Roster:
        with reading(self.engine) as connection:
            return roster_of(connection, self.authority)

    def hand(self, connection: Connection, person: str, now: datetime) -> Hand:
        return hand_of(connection, self.roster, person, self.keys[person], now)
