"""`gov diff`: what became stricter or laxer between two policies, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from gov_pipelines.cli.app import answer, here
from gov_pipelines.errors import ConfigurationError, WrongUse
from gov_pipelines.policy import Policy, did_you_mean, differences, load_policies, load_policy


@click.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff_command(old: str, new: str, as_json: bool) -> None:
    """Say in words what became stricter or laxer between two policies, clause by clause.

    OLD and NEW are policy files, or versions in expectations/ such as house-fair-lending@1. Where it cannot be told for
    certain which of two is stricter, a field has changed, no more.

    \b
    Example:
      gov diff house-fair-lending@1 house-fair-lending@2
      gov diff main.yaml expectations/house-fair-lending.yaml
    """
    before, after = _policy(old), _policy(new)
    changes = differences(before, after)
    counts = Counter(change.direction for change in changes)
    summary = ", ".join(f"{count} {direction}" for direction, count in counts.most_common()) or "the same in effect"
    data = {"old": _named(before), "new": _named(after), "changes": [asdict(each) for each in changes]}
    answer(as_json, data, f"From {_named(before)} to {_named(after)}: {summary}.", *map(str, changes))


def _named(policy: Policy) -> str:
    return f"{policy.policy}@{policy.version}"


def _policy(named: str) -> Policy:
    """A policy by its file, or by name and version."""
    if named.endswith((".yaml", ".yml")):
        return load_policy(Path(named))
    policies, mistakes = load_policies(here().expectations)
    known = {_named(policy): policy for policy in policies}
    if named in known:
        return known[named]
    if mistakes:  # it may be in one of the files that cannot be read
        raise ConfigurationError(mistakes)
    raise WrongUse(f"There is no policy `{named}` in expectations/. {did_you_mean(named, known)}")
