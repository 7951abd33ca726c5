"""`gov lint` and `gov compile`: what people wrote, checked and compiled."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from gov_pipelines.cli.app import here, print_json
from gov_pipelines.errors import ConfigurationError
from gov_pipelines.policy import lint, load_policies
from gov_pipelines.validate import stale_suites, write_suites


@click.command("lint")
@click.option("--json", "as_json", is_flag=True, help="Print the mistakes as JSON.")
def lint_command(as_json: bool) -> int:
    """Find every mistake in declarations and policies: file, line, field and remedy.

    Exit code 1 if there is one.

    \b
    Example:
      gov lint
    """
    project = here()
    mistakes = lint(project.assets, project.expectations)
    if as_json:
        print_json([asdict(mistake) for mistake in mistakes])
    else:
        for mistake in mistakes:
            click.echo(str(mistake))
        systems = len(list(project.assets.glob("*/defs.yaml")))
        click.echo(f"{len(mistakes)} mistakes" if mistakes else f"No mistakes in {systems} systems and their policies.")
    return 1 if mistakes else 0


@click.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a suite is missing, stale or orphaned.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written or found as JSON.")
def compile_command(check: bool, as_json: bool) -> int:
    """Write the Great Expectations suite of each policy version into expectations/suites/.

    Commit them like a lock file; CI runs `gov compile --check`.

    \b
    Example:
      gov compile
      gov compile --check
    """
    project = here()
    policies, mistakes = load_policies(project.expectations)
    if mistakes:
        raise ConfigurationError(mistakes)
    stale = [str(each) for each in stale_suites(policies, project.suites)]
    if check:
        if as_json:
            print_json({"stale": stale})
        else:
            click.echo("\n".join(stale) if stale else "All suites are as their policies say.")
        return 1 if stale else 0
    written = [_short(path, project.root) for path in write_suites(policies, project.suites)]
    if as_json:
        print_json({"written": written})
    else:
        click.echo("\n".join(f"wrote {name}" for name in written) if written else "All suites were up to date.")
    return 0


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
