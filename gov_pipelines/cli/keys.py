"""`gov keys`: the key that signs snapshots."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from gov_pipelines.cli.app import here, print_json
from gov_pipelines.evidence import generate, load_signer
from gov_pipelines.store import Home


@click.group("keys", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the public key as JSON.")
@click.pass_context
def keys_command(context: click.Context, as_json: bool) -> None:
    """Show the public key that auditors need, or make one.

    \b
    Example:
      gov keys new --name "Example Bank, AI audit 2026"
      gov keys
    """
    if context.invoked_subcommand is None:
        _show(as_json)


@keys_command.command("new")
@click.option("--name", required=True, help="What people will call the key; printed by every verification.")
@click.option("--json", "as_json", is_flag=True, help="Print the public key as JSON.")
def new(name: str, as_json: bool) -> None:
    """Make the signing key of this home. An existing key is never replaced.

    \b
    Example:
      gov keys new --name "Example Bank, AI audit 2026"
    """
    generate(Home(here().home).keys_dir, name=name, created=datetime.now(UTC))
    _show(as_json)


def _show(as_json: bool) -> None:
    folder = Home(here().home).keys_dir
    public = load_signer(folder).public
    file = folder / "signing.pub.json"
    if as_json:
        print_json(
            {
                "name": public.name,
                "keyid": public.keyid,
                "created": public.created,
                "algorithm": "ed25519",
                "file": str(file),
            }
        )
        return
    click.echo(f"{public.name}\n  keyid    {public.keyid}\n  made     {public.created}\n  public   {file}")
    click.echo("Give the public file to your auditors by another way than the bundles they check with it.")
