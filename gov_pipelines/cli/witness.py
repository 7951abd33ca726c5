"""`gov witness`: a second party that keeps what it saw of a ledger, and cosigns only what continues it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import generate, load_signer
from gov_pipelines.evidence.durable import replace_file
from gov_pipelines.evidence.keys import PUBLIC_KEY
from gov_pipelines.evidence.tlog import witness
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier, check_name

_PATH = click.Path(path_type=Path)


class _Witness(click.Group):
    """A group whose command is `cosign` where none is named."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["cosign", *args])


@click.group("witness", cls=_Witness)
def witness_command() -> None:
    """Cosign a ledger as somebody else: a regulator, a works council, an auditor, on a machine of their own.

    Files come in and go out; no network and no database are used. A witness keeps the last checkpoint it cosigned of
    each ledger, and cosigns only what continues it. `gov witness REQUEST` is short for `gov witness cosign REQUEST`.

    \b
    Example:
      gov witness new --name works-council.example --out witness
      gov witness ledger --home witness --root 1.root.json --out cosigned
      gov witness request --home witness --out cosigned --json
    """


@witness_command.command("new")
@click.option("--name", required=True, help="Name of the witness, such as council.example; without spaces and `+`.")
@click.option("--out", required=True, type=_PATH, help="A new folder that only the witness should read: its home.")
@click.option("--json", "as_json", is_flag=True, help="Print the witness's key as JSON.")
def new(name: str, out: Path, as_json: bool) -> None:
    """Make a witness: its home and its key.

    \b
    Example:
      gov witness new --name works-council.example --out witness
    """
    check_name(name)
    signer = generate(out / "keys", name=name, created=datetime.now(UTC))
    vkey = Verifier(name, COSIGNATURE, signer.public).vkey
    told = f"{name} is in {out}. Whoever runs the ledger puts this line into the tlog-policy of its root of trust:"
    answer(as_json, {"name": name, "vkey": vkey, "home": str(out)}, told, f"witness {name} {vkey}")


@witness_command.command("cosign")
@click.argument("request", type=click.Path(exists=True, path_type=Path))
@click.option("--home", required=True, type=_PATH, help="The witness's home, from `gov witness new`.")
@click.option("--out", required=True, type=_PATH, help="File for the checkpoint with the witness's cosignature.")
@click.option("--log", "vkey", help="Know the ledger by this vkey from now on; given at first contact.")
@click.option(
    "--root",
    type=click.Path(exists=True, path_type=Path),
    help="Know the ledger by this version of its root of trust from now on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def cosign(request: Path, home: Path, out: Path, vkey: str | None, root: Path | None, as_json: bool) -> int:
    """Cosign a ledger's checkpoint if it continues the last one that this witness cosigned.

    REQUEST is a copy of the folder `ledger`, or a file of `gov ledger request`. At first contact say with --log or
    --root by what to know the ledger; take that from a person, not from the ledger. Exit code 1 if it refuses, with the
    number that C2SP's tlog-witness gives the reason; it then remembers nothing new. Two checkpoints that contradict
    each other are kept in the home, in `fraud/`, as a proof that anybody can verify.

    \b
    Example:
      gov witness cosign ledger --home witness --root 1.root.json --out cosigned
      gov witness cosign request --home witness --out cosigned
    """
    if not (home / "keys" / PUBLIC_KEY).is_file():
        raise WrongUse(f"{home} is no witness's home; make one with `gov witness new --name NAME --out {home}`")
    if vkey and root:
        raise WrongUse("a ledger is known by --log or by --root; give one of them")
    pin = witness.pin_key(vkey) if vkey else witness.pin_root(root.read_bytes()) if root else None
    said = witness.answer(home, request, load_signer(home / "keys", os.environ), int(time.time()), pin)
    if said.note:
        replace_file(out, said.note.to_bytes())
    data = {
        "status": said.status,
        "reason": said.reason or None,
        "origin": said.checkpoint.origin,
        "size": said.checkpoint.size,
        "rootHash": said.checkpoint.root.hex(),
        "fraud": said.fraud and str(said.fraud),
    }
    told = [f"{said.status} cosigned: {said.checkpoint.origin}, {said.checkpoint.size} entries, in {out}"]
    if not said.note:
        told = [f"{said.status} refused: {said.reason}"]
    if said.fraud:
        told.append(f"FRAUD: the ledger's key signed two stories; the proof is {said.fraud}")
        told.append(f"Check it: gov verify {said.fraud} --trust ROOT_OR_KEY")
    answer(as_json, data, *told)
    return 0 if said.note else 1
