"""`gov keys root`: who may sign what in a home, and changing it with the signatures that takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from gov_pipelines.cli.app import answer, here
from gov_pipelines.cli.desk import DAY
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import PublicKey, Signer, canonical, generate, load_public, load_signer, load_trust
from gov_pipelines.evidence.roots import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Root, current_roots, parse_root, sign_root
from gov_pipelines.evidence.signers import enlist
from gov_pipelines.evidence.succession import NEXT, holders, next_root, publish, replaced, settle
from gov_pipelines.pipeline.publishing import publish as append_waiting
from gov_pipelines.store import Home

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_DRAFT = click.argument("draft", type=_FILE)


@click.group("root", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the root of trust as JSON.")
@click.pass_context
def root_command(context: click.Context, as_json: bool) -> None:
    """Show who may sign what in this home, or change it.

    A change is drafted, signed by enough root keys of the version in force and of the new one, on machines that need no
    network, and published. Auditors give version 1, or any later one they trust, to `gov verify --trust`.

    \b
    Example:
      gov keys root
      gov keys root new-version --root-key ann.json --root-key bob.json --root-key cy.json --threshold 2
      gov keys root sign 2.root.draft.json --key /media/stick/ann
      gov keys root publish 2.root.draft.json
    """
    if context.invoked_subcommand is None:
        _show(current_roots(_home().roots_dir)[-1], as_json)


@root_command.command("new-version")
@click.option("--root-key", "root_keys", type=_FILE, multiple=True, help="A key that may change this; repeat it.")
@click.option("--threshold", type=click.IntRange(1), help="How many of the root keys a change takes.")
@click.option("--signing-key", "signing_keys", type=_FILE, multiple=True, help="A key for snapshots and enrolments.")
@click.option("--ledger-key", "ledger_keys", type=_FILE, multiple=True, help="A key for the ledger's checkpoints.")
@click.option("--without", "gone", multiple=True, help="A keyid to take out of every role: its key is revoked.")
@click.option("--witnesses", type=_FILE, help="A tlog-policy: who must cosign the ledger.")
@click.option("--tsa", "authorities", type=_FILE, multiple=True, help="Certificate of a time stamping authority, PEM.")
@click.option("--expires", type=DAY, help="Day from which it is not to be relied on for what is new.")
@click.option("--out", type=click.Path(path_type=Path), help="The draft; by default N.root.draft.json, here.")
@click.option("--json", "as_json", is_flag=True, help="Print the draft's place as JSON.")
def new_version(
    root_keys: Sequence[Path],
    threshold: int | None,
    signing_keys: Sequence[Path],
    ledger_keys: Sequence[Path],
    gone: Sequence[str],
    witnesses: Path | None,
    authorities: Sequence[Path],
    expires: datetime | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draft the next version of the root of trust; what is not given stays as it is. Nothing changes yet.

    \b
    Example:
      gov keys root new-version --root-key ann.json --root-key bob.pem --threshold 2
      gov keys root new-version --without 3f9a... --expires 2031-01-01
      gov keys root new-version --witnesses witnesses.policy --tsa authority.pem
    """
    before = current_roots(_home().roots_dir)[-1]
    given = {ROOT: root_keys, TARGETS: signing_keys, SNAPSHOT: ledger_keys, TIMESTAMP: ledger_keys}
    roles = holders(before)
    for role, files in given.items():
        keys = [_public(file) for file in files] or roles[role][0]
        roles[role] = [key for key in keys if key.keyid not in gone], roles[role][1]
    if unknown := set(gone) - before.keys.keys():
        raise WrongUse(f"no key {', '.join(sorted(unknown))} in version {before.version}; `gov keys root` names them")
    roles[ROOT] = roles[ROOT][0], threshold or roles[ROOT][1]
    data = next_root(
        before,
        datetime.now(UTC),
        roles,
        expires=expires and expires.replace(tzinfo=UTC),
        witnesses=witnesses.read_text() if witnesses else None,
        authorities=[file.read_bytes() for file in authorities] or None,
    )
    _drafted(data, out, as_json, "Nothing is in force yet: sign it with `gov keys root sign`.")


@root_command.command("sign")
@_DRAFT
@click.option("--key", type=click.Path(path_type=Path), help="Folder of a root key; by default that of this home.")
@click.option("--json", "as_json", is_flag=True, help="Print who signed as JSON.")
def sign(draft: Path, key: Path | None, as_json: bool) -> None:
    """Add a signature to a draft, and show what it says. It takes no home and no network.

    \b
    Example:
      gov keys root sign 2.root.draft.json --key /media/stick/ann
    """
    data = sign_root(draft.read_bytes(), load_signer(key or _home().keys_dir, os.environ))
    draft.write_bytes(data)
    _show(parse_root(data), as_json)


@root_command.command("publish")
@_DRAFT
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def publish_draft(draft: Path, as_json: bool) -> None:
    """Put a draft in force, if enough root keys of the version before it and of its own have signed it.

    \b
    Example:
      gov keys root publish 2.root.draft.json
    """
    home = _home()
    root = publish(home.keys_dir, home.roots_dir, draft.read_bytes())
    _append()
    _show(root, as_json)


@click.command("rotate")
@click.option("--name", required=True, help="What people will call the new key.")
@click.option("--uri", help="Where the new key is kept, such as hsm:2?label=audit; by default it is made in a file.")
@click.option("--public", type=_FILE, help="With --uri: its public half, PEM.")
@click.option("--out", type=click.Path(path_type=Path), help="The draft, where others must sign it, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the new root of trust as JSON.")
def rotate(name: str, uri: str | None, public: Path | None, out: Path | None, as_json: bool) -> None:
    """Replace this home's signing key. The old one signs that the new one follows it, and is kept in keys/retired.

    Where root keys lie elsewhere, a draft is written for them to sign; `gov keys root publish` then lets the new key
    take its place.

    \b
    Example:
      gov keys rotate --name "Example Bank, AI audit 2027"
      gov keys rotate --name "Example Bank, module" --uri "hsm:2?label=audit" --public module.pem
    """
    home, now = _home(), datetime.now(UTC)
    before = current_roots(home.roots_dir)[-1]
    settle(home.keys_dir, before)
    following = home.keys_dir / NEXT
    if following.exists() and any(following.iterdir()):
        raise WrongUse(f"a key waits in {following}; publish the draft that names it, or remove that folder")
    old = load_signer(home.keys_dir, os.environ)
    new = make_key(following, name, uri, public, now)
    data = next_root(before, now, replaced(before, load_public(home.keys_dir), new.public))
    root_keys = before.roles[ROOT].keyids | parse_root(data).roles[ROOT].keyids
    for each in (old, new):
        data = sign_root(data, each) if each.public.keyid in root_keys else data
    try:
        root = publish(home.keys_dir, home.roots_dir, data)
    except EvidenceError as error:
        _drafted(data, out, as_json, f"Not in force yet: {error}. Sign it with `gov keys root sign`.")
    else:
        _append()
        _show(root, as_json)


def _append() -> None:
    """Put a version that is in force into the ledger, which begins with the first night."""
    place = workplace()
    if place.audited:
        append_waiting(place.home, place.engine, load_signer(place.home.keys_dir, os.environ), place.now)


def make_key(folder: Path, name: str, uri: str | None, public: Path | None, now: datetime) -> Signer:
    """Make a key in a file, or name one that is kept elsewhere."""
    if (uri is None) != (public is None):
        raise WrongUse("--uri and --public go together: where the key is kept, and its public half")
    if uri is None or public is None:
        return generate(folder, name=name, created=now)
    return enlist(folder, uri, replace(load_trust(public), name=name, created=canonical.instant(now)), os.environ)


def _home() -> Home:
    return Home(here().home)


def _public(file: Path) -> PublicKey:
    return replace(load_trust(file), created="")


def _drafted(data: bytes, out: Path | None, as_json: bool, told: str) -> None:
    file = out or Path(f"{parse_root(data).version}.root.draft.json")
    file.write_bytes(data)
    answer(as_json, {"draft": file, "version": parse_root(data).version}, f"Written: {file}", told)


def _show(root: Root, as_json: bool) -> None:
    may = {"change this": ROOT, "sign snapshots and enrolments": TARGETS, "sign the ledger": SNAPSHOT}
    said = {
        "version": root.version, "sha256": root.sha256, "origin": root.origin, "since": canonical.instant(root.since),
        "expires": canonical.instant(root.expires), "witnesses": root.witnesses, "timestampAuthorities": len(root.authorities),
        "signatures": sorted(root.signatures),
        "roles": {
            role: {"threshold": each.threshold, "keyids": sorted(each.keyids)} for role, each in root.roles.items()
        },
    }  # fmt: skip
    lines = [
        f"Version {root.version} of the root of trust, from {root.since:%Y-%m-%d %H:%M} UTC, until {root.expires:%Y-%m-%d}"
        + (", which is past: publish a new version" if root.expires <= datetime.now(UTC) else ""),
        f"  ledger: {root.origin}",
    ]
    for deed, role in may.items():
        lines.append(f"  {root.roles[role].threshold} of these may {deed}:")
        lines += [f"    {key.keyid}  {key.algorithm}  {key.name}" for key in root.keys_of(role)]
    lines.append(f"  witnesses: {' / '.join(root.witnesses.splitlines())}")
    lines.append(
        f"  time stamping authorities: {len(root.authorities) or 'none, so nothing outside dates what is signed'}"
    )
    lines.append(f"  signed by: {', '.join(each[:12] for each in sorted(root.signatures)) or 'nobody yet'}")
    answer(as_json, said, "\n".join(lines))
