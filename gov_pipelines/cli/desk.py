"""What the commands of people share: who signs, in whose books, and which finding or clause is meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import PublicKey, load_signer
from gov_pipelines.people import Finding, Hand, Roster, hand_of, known_findings, roster_of
from gov_pipelines.pipeline.register import Books, open_books
from gov_pipelines.policy import Clause, Policy, control_key, did_you_mean, in_force
from gov_pipelines.store import Connection, Engine, open_store

DAY = click.DateTime(["%Y-%m-%d"])
_C = TypeVar("_C", bound=Callable[..., Any])


def by_hand(command: _C) -> _C:
    """The options of a command that a person signs: --as and --key."""
    command = click.option("--as", "person", required=True, help="Who signs: a name enrolled with `gov keys add`.")(
        command
    )
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option("--key", "folder", required=True, type=folder, help="Folder of their own signing key.")(command)


class WithDefault(click.Group):
    """A group whose default subcommand need not be named."""

    default = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default subcommand before what is none."""
        named = args[:1] and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [self.default, *args])


@dataclass(frozen=True)
class Desk:
    """Where people act: a project, its home, and the clock of this command."""

    place: Workplace = field(default_factory=workplace)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def authority(self) -> PublicKey:
        """The home's key, which enrols people."""
        return load_signer(self.place.home.keys_dir).public

    @cached_property
    def engine(self) -> Engine:
        """The store; a new one where nothing was audited yet, for people owe things before."""
        assert self.authority  # no store is made in a home without a key
        return open_store(os.environ.get("GOV_STORE_URL") or self.place.home.store_url)

    @cached_property
    def books(self) -> Books:
        """Policies in use and systems; files with mistakes are named, and left out."""
        books = open_books(self.place.project)
        for mistake in books.mistakes:
            click.echo(f"not read: {mistake}", err=True)
        return books

    def roster(self, connection: Connection) -> Roster:
        """Who is enrolled."""
        return roster_of(connection, self.authority)

    def hand(self, connection: Connection, person: str, folder: Path) -> Hand:
        """Somebody about to sign, with the key in a folder."""
        return hand_of(self.roster(connection), person, load_signer(folder), self.now)

    def finding(self, connection: Connection, name: str) -> Finding:
        """One finding.

        Raises:
            WrongUse: there is none of that id.
        """
        known = known_findings(connection, self.roster(connection))
        if name not in known:
            raise WrongUse(f"There is no finding {name}. {did_you_mean(name, known)} `gov findings --all` lists them.")
        return known[name]

    def clause(self, key: str) -> tuple[Policy, Clause]:
        """A clause of a policy in force today, UTC.

        Raises:
            WrongUse: no policy in force has it.
        """
        today = self.now.date()
        versions = (
            in_force(self.books.policies, name, today) for name in sorted({p.policy for p in self.books.policies})
        )
        known = {
            control_key(policy, clause): (policy, clause) for policy in versions if policy for clause in policy.clauses
        }
        if key not in known:
            raise WrongUse(f"No policy in force has a clause `{key}`. {did_you_mean(key, known)}".rstrip())
        return known[key]


def day_of(moment: datetime | None) -> date | None:
    """The date that an option holds."""
    return moment.date() if moment else None


def printable(text: str) -> str:
    """What people wrote, without what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, for reading; each cell in one line."""
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
