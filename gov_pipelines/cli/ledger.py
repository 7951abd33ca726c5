"""`gov ledger`: the ledger of everything that was signed, and its dealings with witnesses."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.durable import flush, replace_file
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import SNAPSHOT, current_roots
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.cosigned import merged, parse_answer
from gov_pipelines.evidence.tlog.notes import log_verifier, parse_note, verified
from gov_pipelines.evidence.tlog.policy import parse_policy, satisfied
from gov_pipelines.evidence.tlog.witness import read_ledger
from gov_pipelines.store import lock


@click.group("ledger")
def ledger_command() -> None:
    """Deal with the witnesses of this home's ledger. Each command takes --json.

    \b
    Example:
      gov ledger request --since 120 --out request
      gov ledger cosigned from-the-council
    """


@ledger_command.command("request")
@click.option("--since", type=click.IntRange(0), required=True, help="Size that the witness cosigned last; 0 for none.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to send to the witness.")
@click.option("--json", "as_json", is_flag=True, help="Print what was asked for as JSON.")
def request_command(since: int, out: Path, as_json: bool) -> None:
    """Write a request for a cosignature of the newest checkpoint, as C2SP's tlog-witness has it.

    A witness that has a copy of the ledger's folder needs none. It tells the size it cosigned last when it refuses.

    \b
    Example:
      gov ledger request --since 120 --out request
    """
    ledger = read_ledger(workplace().home.ledger_dir)
    size = ledger.checkpoint.size
    if since > size:
        raise EvidenceError(f"the ledger has {size} entries; a witness that saw {since} saw another, or a later one")
    replace_file(out, ledger.since(since).to_bytes())
    told = (
        f"{out} asks for a cosignature of {size} entries, from {since} on. The witness runs: gov witness cosign {out}"
    )
    answer(as_json, {"since": since, "size": size, "rootHash": ledger.checkpoint.root.hex(), "out": str(out)}, told)


@ledger_command.command("cosigned")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print who cosigned as JSON.")
def cosigned_command(file: Path, as_json: bool) -> None:
    """Keep what a witness sent back, once it holds. Signatures of keys that the root of trust does not name are refused.

    \b
    Example:
      gov ledger cosigned from-the-council
    """
    home = workplace().home
    root = current_roots(home.ledger_dir / "root")
    policy = parse_policy(root[-1].witnesses.encode())
    logs = [log_verifier(each.origin, key) for each in root for key in each.keys_of(SNAPSHOT)]
    with lock(home, "ledger"):
        ledger = read_ledger(home.ledger_dir)
        note = parse_answer(read_plain(file, lines.MAX_BYTES), ledger.note)
        said = parse_checkpoint(note.text)
        if said.size > ledger.checkpoint.size or merkle.root(ledger.hashes[: said.size]) != said.root:
            raise EvidenceError(f"{file} is about another ledger than {home.ledger_dir}, or a later state of it")
        kept = home.ledger_dir / "cosigned" / str(said.size)
        held = parse_note(read_plain(kept, lines.MAX_BYTES)) if kept.exists() else None
        note = merged(held, note, logs, policy.witnesses.values())
        kept.parent.mkdir(exist_ok=True)
        replace_file(kept, note.to_bytes())
        flush(kept.parent)
    signed = verified(note, [*logs, *policy.witnesses.values()])
    names, enough = [each.verifier.name for each in signed if each.time is not None], satisfied(policy, signed)
    told = f"{', '.join(names)} cosigned {said.size} entries: {'enough' if enough else 'not enough'} for the quorum"
    data = {"size": said.size, "rootHash": said.root.hex(), "witnesses": names, "quorum": enough}
    answer(as_json, data, f"{told} `{policy.quorum}`.")
