"""What the commands of people share: the options of who signs, default subcommands, clauses by name, and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from gov_pipelines.cli.place import Workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import Clause, Partition, Policy, control_key, did_you_mean, in_force, partition_of

DAY = click.DateTime(["%Y-%m-%d"])


class PartitionType(click.ParamType[Partition]):
    """A partition as people write it: its key."""

    name = "day, or hour as 2026-09-01T14Z"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Partition:
        """Read a key."""
        try:
            return value if isinstance(value, date) else partition_of(value)
        except ValueError:
            self.fail(f"{value!r} is not a partition; write a day, 2026-09-01, or an hour, 2026-09-01T14Z.", param, ctx)


PARTITION = PartitionType()
_C = TypeVar("_C", bound=Callable[..., Any])


def by_hand(command: _C) -> _C:
    """The options of a command that a person signs: --as and --key."""
    command = click.option("--as", "person", required=True, help="Who signs, as enrolled with `gov keys add`.")(command)
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option("--key", "folder", required=True, type=folder, help="Folder of their own signing key.")(command)


class WithDefault(click.Group):
    """A group whose default subcommand need not be named."""

    default = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default subcommand before what is none."""
        named = args[:1] and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [self.default, *args])


def clause_in_force(place: Workplace, key: str) -> tuple[Policy, Clause]:
    """A clause of a policy in force today, UTC.

    Raises:
        WrongUse: no policy in force has it.
    """
    policies, today = place.books.policies, place.now.date()
    versions = (in_force(policies, name, today) for name in sorted({each.policy for each in policies}))
    known = {control_key(policy, each): (policy, each) for policy in versions if policy for each in policy.clauses}
    if key not in known:
        raise WrongUse(f"No policy in force has a clause `{key}`. {did_you_mean(key, known)}".rstrip())
    return known[key]


def printable(text: str) -> str:
    """What people wrote, without what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, for reading; each cell in one line."""
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
