"""`gov keys`: the key that signs snapshots, and the keys that people sign with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from gov_pipelines.cli.app import answer, here
from gov_pipelines.cli.desk import table
from gov_pipelines.cli.place import workplace
from gov_pipelines.cli.roots import make_key, root_command, rotate
from gov_pipelines.evidence import found, generate, load_signer, load_trust
from gov_pipelines.people import enrol, refused_acts, revoke
from gov_pipelines.store import Home, reading


@click.group("keys", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the public key as JSON.")
@click.pass_context
def keys_command(context: click.Context, as_json: bool) -> None:
    """Show the public key that auditors need, or make one. Enrol people with keys of their own, and revoke them.

    \b
    Example:
      gov keys new --name "Example Bank, AI audit 2026"
      gov keys
      gov keys person ann --out keys/ann
      gov keys add ann --role senior_underwriter --public keys/ann/signing.pub.json
      gov keys list
      gov keys root
    """
    if context.invoked_subcommand is None:
        _show(as_json)


keys_command.add_command(root_command)
keys_command.add_command(rotate)


@keys_command.command("new")
@click.option("--name", required=True, help="What people will call the key; printed by every verification.")
@click.option("--origin", help="Name of the ledger, such as bank.example/audit; by default of the key's name and id.")
@click.option("--uri", help="Where the key is kept, such as hsm:2?label=audit; by default it is made in a file.")
@click.option("--public", type=click.Path(path_type=Path), help="With --uri: its public half, PEM.")
@click.option("--json", "as_json", is_flag=True, help="Print the public key as JSON.")
def new(name: str, origin: str | None, uri: str | None, public: Path | None, as_json: bool) -> None:
    """Make the signing key of this home, and its root of trust. An existing key is never replaced.

    A key in a hardware module, a vault or a cloud is named by its URI, as securesystemslib has it; its PIN or token is
    read from GOV_HSM_PIN alone.

    \b
    Example:
      gov keys new --name "Example Bank, AI audit 2026"
      gov keys new --name "Example Bank, module" --uri "hsm:2?label=audit" --public module.pem
    """
    home, now = Home(here().home), datetime.now(UTC)
    if uri or public:
        make_key(home.keys_dir, name, uri, public, now)
    found(home.keys_dir, home.roots_dir, name=name, created=now, origin=origin, environ=os.environ)
    _show(as_json)


@keys_command.command("person")
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder that only they should read.")
def person(name: str, out: Path) -> None:
    """Make a person's own key pair, in a folder of their own. The person runs this; nobody else should hold the key.

    \b
    Example:
      gov keys person ann --out keys/ann
    """
    generate(out, name=name, created=datetime.now(UTC))
    public = out / "signing.pub.json"
    click.echo(f"{name}'s key is in {out}, for {name} alone. It counts once whoever runs this home enrols it:")
    click.echo(f"  gov keys add {name} --role ROLE --public {public}")


@keys_command.command("add")
@click.argument("name")
@click.option("--role", "roles", required=True, multiple=True, help="What they may act as; repeat it for several.")
@click.option("--public", required=True, type=click.Path(path_type=Path), help="Their public key: our JSON, or PEM.")
def add(name: str, roles: tuple[str, ...], public: Path) -> None:
    """Enrol a person with their public key, signed by this home's key. It takes the place of their earlier enrolment.

    \b
    Example:
      gov keys add ann --role senior_underwriter --public keys/ann/signing.pub.json
    """
    place, key = workplace(), load_trust(public)
    with place.store.begin() as connection:
        enrol(connection, place.authority, load_signer(place.home.keys_dir, os.environ), name, roles, key, place.now)
    click.echo(f"{name} is enrolled as {', '.join(sorted(set(roles)))} with the key {key.keyid}.")


@keys_command.command("revoke")
@click.argument("name")
def revoke_person(name: str) -> None:
    """Revoke a person's key from now on. What they signed before stands.

    \b
    Example:
      gov keys revoke ann
    """
    place = workplace()
    with place.store.begin() as connection:
        revoke(connection, place.authority, load_signer(place.home.keys_dir, os.environ), name, place.now)
    click.echo(f"{name}'s key is revoked. Days cleared before are as they were; `gov audit` clears a day anew.")


@keys_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print people and refused acts as JSON.")
def people(as_json: bool) -> None:
    """Show who is and was enrolled, and what lies among the signed acts and counts for nothing.

    \b
    Example:
      gov keys list
    """
    place = workplace()
    with reading(place.store) as connection:
        roster = place.roster(connection)
        refused = refused_acts(connection, roster)
    known, rows = [], [("person", "roles", "key", "since", "until")]
    for each in roster.enrolments:
        roles, key, shared = sorted(each.roles), each.key.keyid, each.key.keyid in roster.shared
        dates = {"since": each.since.isoformat(), "until": each.until and each.until.isoformat()}
        known.append({"person": each.person, "roles": roles, "keyid": key, **dates, "shared": shared})
        until = "SHARED, counts for nobody" if shared else f"{each.until or ''}"
        rows.append((each.person, ", ".join(roles), key[:12], f"{each.since}", until))
    nobody = "Nobody is enrolled. `gov keys person NAME --out DIR`, then `gov keys add`."
    answer(as_json, {"people": known, "refused": list(map(asdict, refused))}, table(rows) if known else nobody)
    for act in refused if not as_json else ():
        click.echo(f"counts for nothing: {act.kind} {act.id[:12]}, recorded {act.recorded_at}: {act.why}", err=True)


def _show(as_json: bool) -> None:
    folder = Home(here().home).keys_dir
    public = load_signer(folder, os.environ).public
    file = folder / "signing.pub.json"
    data = json.loads(public.to_json()) | {"file": file}
    told = f"{public.name}\n  keyid    {public.keyid}\n  made     {public.created}\n  public   {file}"
    answer(as_json, data, told, "Give auditors the public file by another way than the bundles they check with it.")
