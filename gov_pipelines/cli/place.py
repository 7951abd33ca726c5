"""What most commands begin with: the project's systems and policies, its home and its store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from gov_pipelines.cli.app import here
from gov_pipelines.errors import ConfigurationError, Mistake, WrongUse
from gov_pipelines.policy import (
    Policy,
    SystemDeclaration,
    did_you_mean,
    load_declaration,
    load_declarations,
    load_policies,
)
from gov_pipelines.project import Project
from gov_pipelines.store import Engine, Home, open_store


@dataclass(frozen=True)
class Workplace:
    """One project and its home, opened as far as a command needs."""

    project: Project

    @cached_property
    def home(self) -> Home:
        """The files of results."""
        return Home(self.project.home)

    @cached_property
    def policies(self) -> list[Policy]:
        """Every version of every policy; a broken file is an error."""
        policies, mistakes = load_policies(self.project.expectations)
        if mistakes:
            raise ConfigurationError(mistakes)
        return policies

    @cached_property
    def systems(self) -> tuple[dict[str, SystemDeclaration], list[Mistake]]:
        """Every declaration that can be read, and the mistakes of the others."""
        return load_declarations(self.project.assets)

    def system(self, name: str) -> SystemDeclaration:
        """One system's declaration.

        Raises:
            WrongUse: no such system.
            ConfigurationError: its file has mistakes.
        """
        file = self.project.declaration_file(name)
        if file.parent.parent != self.project.assets or not file.is_file():
            known = sorted(path.parent.name for path in self.project.assets.glob("*/defs.yaml"))
            hint = did_you_mean(name, known)
            raise WrongUse(
                f"There is no system `{name}`: {self.project.root.name}/assets/{name}/defs.yaml does not exist. {hint}".rstrip()
            )
        return load_declaration(file)

    @cached_property
    def engine(self) -> Engine:
        """The store of results.

        Raises:
            WrongUse: nothing was audited in this home yet.
        """
        url = os.environ.get("GOV_STORE_URL")
        if url is None and not (self.project.home / "store.db").is_file():
            raise WrongUse(
                f"Nothing was audited in {self.project.home} yet. Run `gov audit SYSTEM --date DAY`, or `gov demo`."
            )
        return open_store(url or self.home.store_url)


def workplace() -> Workplace:
    """The project the command is called in."""
    return Workplace(here())
