"""`gov ledger`: the ledger of everything that was signed, and its dealings with witnesses."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import load_signer
from gov_pipelines.evidence.durable import replace_file
from gov_pipelines.evidence.history import COSIGNED, TIMESTAMPS, by_size
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import SNAPSHOT, current_roots
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import read_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.cosigned import merged, parse_answer
from gov_pipelines.evidence.tlog.ledger import CHECKPOINT, check
from gov_pipelines.evidence.tlog.notes import log_verifier
from gov_pipelines.evidence.tlog.policy import parse_policy, satisfied
from gov_pipelines.evidence.tlog.witness import read_ledger
from gov_pipelines.pipeline.lost import lost
from gov_pipelines.pipeline.publishing import ledger_lock, publish
from gov_pipelines.pipeline.stamping import NotStamped, Stamped, stamp_now
from gov_pipelines.store import entries_waiting, lock, reading, write_atomic


@click.group("ledger", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the state of the ledger as JSON.")
@click.pass_context
def ledger_command(context: click.Context, as_json: bool) -> None:
    """Show the ledger of this home: its size, what waits for it, who cosigned it and when it was last stamped.

    \b
    Example:
      gov ledger
      gov ledger publish
      gov ledger check
      gov ledger request --since 120 --out request
      gov ledger cosigned from-the-council
    """
    if context.invoked_subcommand is None:
        _show(as_json)


@ledger_command.command("publish")
@click.option("--json", "as_json", is_flag=True, help="Print the new size and root as JSON.")
def publish_command(as_json: bool) -> None:
    """Append what waits, such as reviews signed since the last night, and have the checkpoint stamped.

    Every night does this by itself. It takes the home's key; the stamp takes GOV_TSA_URL.

    \b
    Example:
      gov ledger publish
    """
    place = workplace()
    standing = publish(place.home, place.store, load_signer(place.home.keys_dir, os.environ), place.now)
    stamped = stamp_now(place.home, os.environ)
    data = {"size": standing.size, "rootHash": standing.root.hex(), "stamped": isinstance(stamped, Stamped)}
    told = f"The ledger has {standing.size} entries under {standing.root.hex()}."
    answer(as_json, data, told, *([f"Not stamped: {stamped.reason}."] if isinstance(stamped, NotStamped) else []))


@ledger_command.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print what is wrong as JSON.")
def check_command(as_json: bool) -> int:
    """Compute the ledger anew from its entries, file by file, and say what the store has lost of it. Exit code 1 if so.

    \b
    Example:
      gov ledger check
    """
    place = workplace()
    roots = current_roots(place.home.roots_dir)
    logs = [log_verifier(roots[-1].origin, key) for each in roots for key in each.keys_of(SNAPSHOT)]
    with ledger_lock(place.home, place.engine), reading(place.engine) as connection:
        wrong = check(place.home.ledger_dir, logs)
        gone = lost(place.home, connection, place.roster(connection))
    wrong += [f"The store has lost what the ledger holds: {gone}. Restore it from a backup"] if gone else []
    answer(
        as_json, {"ok": not wrong, "wrong": wrong}, *(wrong or ["The ledger is sound, and the store knows all of it."])
    )
    return 1 if wrong else 0


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
    root = current_roots(home.roots_dir)
    policy = parse_policy(root[-1].witnesses.encode())
    logs = [log_verifier(each.origin, key) for each in root for key in each.keys_of(SNAPSHOT)]
    with lock(home, "ledger"):
        ledger = read_ledger(home.ledger_dir)
        note = parse_answer(read_plain(file, lines.MAX_BYTES), ledger.note)
        said, _ = verify_checkpoint(note, logs, policy.witnesses.values())
        if said.size > ledger.checkpoint.size or merkle.root(ledger.hashes[: said.size]) != said.root:
            raise EvidenceError(f"{file} is about another ledger than {home.ledger_dir}, or a later state of it")
        kept = home.ledger_dir / COSIGNED / str(said.size)
        held = read_checkpoint(kept)[0] if kept.exists() else None
        note = merged(held, note, logs, policy.witnesses.values())
        write_atomic(kept, note.to_bytes())
    _, signed = verify_checkpoint(note, logs, policy.witnesses.values())
    names, enough = [each.verifier.name for each in signed if each.time is not None], satisfied(policy, signed)
    told = f"{', '.join(names)} cosigned {said.size} entries: {'enough' if enough else 'not enough'} for the quorum"
    data = {"size": said.size, "rootHash": said.root.hex(), "witnesses": names, "quorum": enough}
    answer(as_json, data, f"{told} `{policy.quorum}`.")


def _show(as_json: bool) -> None:
    place = workplace()
    home = place.home
    if not (home.ledger_dir / CHECKPOINT).exists():
        raise WrongUse(f"Nothing was signed here yet, or {home.ledger_dir / CHECKPOINT} was lost: `gov ledger check`")
    ledger = read_ledger(home.ledger_dir)
    with reading(place.engine) as connection:
        waiting = len(entries_waiting(connection))
    size = ledger.checkpoint.size
    cosigned = max(by_size(home.ledger_dir / COSIGNED), default=0)
    stamped = max(by_size(home.ledger_dir / TIMESTAMPS, ".tsr"), default=0)
    data = {
        "origin": ledger.checkpoint.origin,
        "size": size,
        "rootHash": ledger.checkpoint.root.hex(),
        "waiting": waiting,
        "cosigned": cosigned,
        "stamped": stamped,
    }
    outside = [f"{count} of them {how}" for count, how in ((cosigned, "cosigned"), (stamped, "stamped")) if count]
    answer(
        as_json,
        data,
        f"{ledger.checkpoint.origin}: {size} entries under {ledger.checkpoint.root.hex()}",
        f"  outside   {', '.join(outside) or 'nobody cosigned or stamped them'}",
        f"  waiting   {waiting}" + (": `gov ledger publish`, or the next night, appends them" if waiting else ""),
    )
