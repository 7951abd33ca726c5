"""What the files of a project must agree on with each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from gov_pipelines.errors import Mistake
from gov_pipelines.policy.bindings import mistakes_in_binding
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.loading import Read, declaration_files, policy_files, read_declaration, read_each, read_policy
from gov_pipelines.policy.suggest import did_you_mean


def lint(assets_dir: Path, expectations_dir: Path) -> list[Mistake]:
    """Every mistake in the declarations and policies of a project, sorted by file and line; empty when all is well.

    A file with mistakes of its own is left out of the comparison with others, and may name what seems missing or unused.
    """
    systems, in_declarations = read_each(declaration_files(assets_dir), read_declaration)
    policies, in_policies = read_each(policy_files(expectations_dir), lambda path: read_policy(path, expectations_dir))
    found = {*in_declarations, *in_policies, *_overlapping(policies)}
    if not in_policies:
        found.update(_unknown_policies(systems, {policy.model.policy for policy in policies}))
    if not in_declarations:
        found.update(_unused_policies(policies, {name for system in systems for name in system.model.policies}))
    for policy in policies:
        found.update(
            mistakes_in_binding(policy, [each for each in systems if policy.model.policy in each.model.policies])
        )
    return sorted(found)


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
