"""Read declarations and policies from files; one broken file never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import Field

from gov_pipelines.errors import ConfigurationError, Mistake, WrongUse
from gov_pipelines.policy.consistency import mistakes_in_declaration, mistakes_in_policy
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.strict import Strict
from gov_pipelines.policy.yaml_file import YamlFile, read_yaml

T = TypeVar("T")


class DefsFile(Strict):
    """The shape Dagster gives a `defs.yaml`: the component's type, and what is declared of the system."""

    type: Literal["gov_pipelines.pipeline.AuditedSystem"] = Field(examples=["gov_pipelines.pipeline.AuditedSystem"])
    attributes: SystemDeclaration = Field(examples=["{system: hiring, ...}, see docs/systems.md"])


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A file that was read: what it says, and where in the file it says it."""

    file: YamlFile
    model: T


def load_declaration(path: Path) -> SystemDeclaration:
    """Read `assets/<system>/defs.yaml`.

    Raises:
        WrongUse: there is no such file.
        ConfigurationError: it has mistakes, all of which are listed.
    """
    return read_declaration(path).model


def load_declarations(assets_dir: Path) -> tuple[dict[str, SystemDeclaration], list[Mistake]]:
    """Every system under a folder by name, and the mistakes of those that could not be read."""
    read, mistakes = read_each(declaration_files(assets_dir), read_declaration)
    return {one.model.system: one.model for one in read}, mistakes


def load_policy(path: Path) -> Policy:
    """Read one policy file.

    Raises:
        WrongUse: there is no such file.
        ConfigurationError: it has mistakes, all of which are listed.
    """
    return read_policy(path, path.parent).model


def load_policies(expectations_dir: Path) -> tuple[list[Policy], list[Mistake]]:
    """Every policy under a folder, by name and version, and the mistakes of those that could not be read."""
    files = policy_files(expectations_dir)
    read, mistakes = read_each(files, lambda path: read_policy(path, expectations_dir))
    return sorted((one.model for one in read), key=lambda policy: (policy.policy, policy.version)), mistakes


def declaration_files(assets_dir: Path) -> list[Path]:
    """The `defs.yaml` of every system, sorted."""
    return sorted(assets_dir.glob("*/defs.yaml"))


def policy_files(expectations_dir: Path) -> list[Path]:
    """Every policy file, sorted; compiled suites are not policies."""
    found = [*expectations_dir.rglob("*.yaml"), *expectations_dir.rglob("*.yml")]
    return sorted(path for path in found if path.relative_to(expectations_dir).parts[0] != "suites")


def read_declaration(path: Path) -> Read[SystemDeclaration]:
    """A declaration with its lines; errors as of `load_declaration`."""
    folder = path.absolute().parent
    file = read_yaml(path, f"{folder.parent.name}/{folder.name}/{path.name}", templates=False)
    declaration = file.read_as(DefsFile).attributes
    if mistakes := mistakes_in_declaration(declaration, file, folder.name):
        raise ConfigurationError(mistakes)
    return Read(file, declaration)


def read_policy(path: Path, expectations_dir: Path) -> Read[Policy]:
    """A policy with its lines; errors as of `load_policy`."""
    file = read_yaml(path, f"{expectations_dir.absolute().name}/{path.relative_to(expectations_dir).as_posix()}")
    if isinstance(file.content, dict):
        file.content.pop("$schema", None)  # for the editor
    policy = file.read_as(Policy)
    if mistakes := mistakes_in_policy(policy, file):
        raise ConfigurationError(mistakes)
    return Read(file, policy)


def read_each(paths: Sequence[Path], read: Callable[[Path], Read[T]]) -> tuple[list[Read[T]], list[Mistake]]:
    """Read every file that can be read; the rest become mistakes."""
    done: list[Read[T]] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            done.append(read(path))
        except ConfigurationError as error:
            mistakes += error.mistakes
        except WrongUse as error:
            name = f"{path.parent.name}/{path.name}"
            mistakes.append(Mistake(name, 0, "the whole file", str(error).rstrip("."), "Make it readable."))
    return done, mistakes
