"""What most commands begin with: the project's systems and policies, its home, its store, its people, and the clock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gov_pipelines import policy
from gov_pipelines.cli.app import here
from gov_pipelines.errors import ConfigurationError, Mistake, WrongUse
from gov_pipelines.evidence import PublicKey, load_public, load_signer
from gov_pipelines.people import Authority, Hand, Roster, authority_of, hand_of, roster_of, waivers_in_force
from gov_pipelines.pipeline.register import Books, open_books
from gov_pipelines.project import Project
from gov_pipelines.store import Connection, Engine, Home, open_store

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night


@dataclass(frozen=True)
class Workplace:
    """One project and its home, opened as far as a command needs, and the clock of the command."""

    project: Project
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def home(self) -> Home:
        """The files of results."""
        return Home(self.project.home)

    @cached_property
    def policies(self) -> list[policy.Policy]:
        """Every version of every policy; a broken file is an error."""
        policies, mistakes = policy.load_policies(self.project.expectations)
        if mistakes:
            raise ConfigurationError(mistakes)
        return policies

    @cached_property
    def systems(self) -> tuple[dict[str, policy.SystemDeclaration], list[Mistake]]:
        """Every declaration that can be read, and the mistakes of the others."""
        return policy.load_declarations(self.project.assets)

    @cached_property
    def books(self) -> Books:
        """Policies in use and systems; files with mistakes are named, and left out."""
        books = open_books(self.project)
        for mistake in books.mistakes:
            click.echo(f"not read: {mistake}", err=True)
        return books

    def system(self, name: str) -> policy.SystemDeclaration:
        """One system's declaration.

        Raises:
            WrongUse: no such system.
            ConfigurationError: its file has mistakes.
        """
        file = self.project.declaration_file(name)
        if file.parent.parent != self.project.assets or not file.is_file():
            known = sorted(path.parent.name for path in self.project.assets.glob("*/defs.yaml"))
            hint = policy.did_you_mean(name, known)
            raise WrongUse(f"There is no system `{name}`: assets/{name}/defs.yaml does not exist. {hint}".rstrip())
        return policy.load_declaration(file)

    def night(self, declaration: policy.SystemDeclaration, day: date) -> Night:
        """One partition of a system, as it is seen now."""
        from gov_pipelines.pipeline.night import Night  # noqa: PLC0415  (every room: only some commands need them)

        root = self.project.root
        return Night(self.home, root, declaration, self.policies, day, as_of=self.now, environ=dict(os.environ))

    @cached_property
    def key(self) -> PublicKey:
        """The public half of the home's key: whoever reviews need not hold the other."""
        return load_public(self.home.keys_dir)

    @cached_property
    def authority(self) -> Authority:
        """Whose signatures count as the home's."""
        return authority_of(self.home)

    @property
    def audited(self) -> bool:
        """Whether there is a store of results."""
        return "GOV_STORE_URL" in os.environ or (self.project.home / "store.db").is_file()

    @cached_property
    def engine(self) -> Engine:
        """The store of results.

        Raises:
            WrongUse: nothing was audited in this home yet.
        """
        if not self.audited:
            raise WrongUse(f"Nothing was audited in {self.project.home} yet. Run `gov audit SYSTEM`, or `gov demo`.")
        return self._open()

    @cached_property
    def store(self) -> Engine:
        """The store; a new one where nothing was audited yet, for people owe things before."""
        assert self.authority  # no store is made in a home without a key
        return self._open()

    def _open(self) -> Engine:
        return open_store(os.environ.get("GOV_STORE_URL") or self.home.store_url)

    def roster(self, connection: Connection) -> Roster:
        """Who is enrolled."""
        return roster_of(connection, self.authority)

    def hand(self, connection: Connection, person: str, folder: Path) -> Hand:
        """Somebody about to sign, with the key in a folder."""
        return hand_of(connection, self.roster(connection), person, load_signer(folder, os.environ), self.now)

    @contextmanager
    def signing(self, person: str, folder: Path) -> Iterator[Hand]:
        """A transaction in which somebody signs."""
        with self.store.begin() as connection:
            yield self.hand(connection, person, folder)

    def waivers(self, connection: Connection) -> Mapping[tuple[str, str], str]:
        """The waivers in force in words, by system and control."""
        found = waivers_in_force(connection, self.roster(connection), self.policies, self.now)
        return {key: each.words for key, each in found.items()}


def workplace() -> Workplace:
    """The project the command is called in."""
    return Workplace(here())
