"""What the files of a project must agree on with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from pathlib import Path

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.bindings import mistakes_in_binding
from gov_pipelines.policy.contradictions import contradictions, redundancies
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.loading import Read, declaration_files, policy_files, read_declaration, read_each, read_policy
from gov_pipelines.policy.retention import retention_conflicts
from gov_pipelines.policy.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Linted:
    """What lint says of a project, each sorted by file and line.

    Attributes:
        mistakes: what must be corrected.
        notes: what a reader may want to know, and may leave.
    """

    mistakes: list[Mistake]
    notes: list[Mistake]


def lint(assets_dir: Path, expectations_dir: Path) -> list[Mistake]:
    """Every mistake in the declarations and policies of a project, sorted by file and line; empty when all is well."""
    return examine(assets_dir, expectations_dir).mistakes


def examine(assets_dir: Path, expectations_dir: Path, edited: Callable[[Policy], bool] | None = None) -> Linted:
    """Every mistake in the declarations and policies of a project, and what is worth a note.

    A file with mistakes of its own is left out of the comparison with others, and may name what seems missing or unused.

    Args:
        assets_dir: the systems.
        expectations_dir: the policies.
        edited: whether a version was recorded with another text, where there are records.
    """
    systems, in_declarations = read_each(declaration_files(assets_dir), read_declaration)
    policies, in_policies = read_each(policy_files(expectations_dir), lambda path: read_policy(path, expectations_dir))
    found = {*in_declarations, *in_policies, *_overlapping(policies)}
    if not in_policies:
        found.update(_unknown_policies(systems, {policy.model.policy for policy in policies}))
    if not in_declarations:
        found.update(_unused_policies(policies, {name for system in systems for name in system.model.policies}))
    for policy in policies:
        bound = [each for each in systems if policy.model.policy in each.model.policies]
        found.update(mistakes_in_binding(policy, bound))
        if edited is not None and edited(policy.model):
            problem = f"version {policy.model.version} was recorded with another text, by which decisions were judged"
            remedy = f"Restore that text, close it with `until`, and write version {policy.model.version + 1}."
            found.add(policy.file.mistake(("version",), problem, remedy))
    notes = {*_gaps(policies)}
    for system in systems:
        found.update(contradictions(policies, system.model))
        found.update(retention_conflicts(policies, system.model))
        notes.update(redundancies(policies, system.model))
    return Linted(sorted(found), sorted(notes))


def _gaps(policies: Iterable[Read[Policy]]) -> Iterator[Mistake]:
    """Days between two versions of a policy on which none is in force."""
    for _, versions in groupby(
        sorted(policies, key=lambda read: (read.model.policy, read.model.in_force.from_)),
        key=lambda read: read.model.policy,
    ):
        for earlier, later in pairwise(versions):
            until, start = earlier.model.in_force.until, later.model.in_force.from_
            if until is not None and until < start:
                problem = f"no version is in force from {until} until {start}: nothing of it is controlled then"
                yield later.file.mistake(("in_force",), problem, f"If that is not meant, write `from: {until}`.")


def _overlapping(policies: Iterable[Read[Policy]]) -> Iterator[Mistake]:
    for one, other in combinations(policies, 2):
        if one.model.policy != other.model.policy:
            continue
        earlier, later = sorted((one, other), key=lambda read: (read.model.in_force.from_, read.model.version))
        until = earlier.model.in_force.until
        if one.model.version == other.model.version:
            problem = f"version {one.model.version} stands in {earlier.file.name} too"
            yield later.file.mistake(("version",), problem, "Give each version its own number.")
        if until is None or until > later.model.in_force.from_:
            problem = f"version {later.model.version} is in force while version {earlier.model.version} still is"
            remedy = f"Write `until: {later.model.in_force.from_}` under in_force in {earlier.file.name}."
            yield later.file.mistake(("in_force",), problem, remedy)


def _unknown_policies(systems: Iterable[Read[SystemDeclaration]], known: set[str]) -> Iterator[Mistake]:
    for system in systems:
        for place, name in enumerate(system.model.policies):
            if name not in known:
                remedy = did_you_mean(name, known, otherwise="Policies in expectations/")
                yield system.file.mistake(("attributes", "policies", place), f"there is no policy `{name}`", remedy)


def _unused_policies(policies: Iterable[Read[Policy]], used: set[str]) -> Iterator[Mistake]:
    for policy in policies:
        if policy.model.policy not in used and "/packs/" not in policy.file.name:
            remedy = f"Add it to the `policies` of a system, or remove {policy.file.name}."
            yield policy.file.mistake(("policy",), f"no system names `{policy.model.policy}`", remedy)
