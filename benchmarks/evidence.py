"""What evidence costs: leaves and tree of a million decisions beside the limit of SHA-256, proofs, and verifying.

The limit is what this machine's OpenSSL takes for as many blocks as our messages have, by `openssl speed` on 64 bytes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import polars as pl

from benchmarks.judging import machine
from benchmarks.many import plant
from benchmarks.workload import DAY, decisions
from gov_pipelines.evidence import decisions_section, load_signer, new_salt, sign_package, write_leaves
from gov_pipelines.evidence.decision_proof import inspect_proof
from gov_pipelines.evidence.entries import policy_entry, root_entry, snapshot_entry
from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.leaves import FIELDS, field_disclosure, salt_message, whole_disclosure
from gov_pipelines.evidence.package import ENVELOPE, KEY, read_package
from gov_pipelines.evidence.predicate import content_digest
from gov_pipelines.evidence.roots import current_roots
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.ledger import append
from gov_pipelines.evidence.verification import Checklist
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline.leaves import SALT, in_polars, in_python, leaves_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.proving import open_day
from gov_pipelines.policy import load_declaration
from gov_pipelines.store import Home, open_store, reading, snapshot_of

SYSTEM = "system_000"
NAMES = (*FIELDS, "sex", "race")
CONTROLS = tuple(f"bench/B-{number:02}" for number in range(5))
PROOFS = 200
GOV = "from gov_pipelines.cli import main; main()"


def day_of(rows: int) -> pl.DataFrame:
    """A day of decisions with two protected attributes, their salts, and the verdicts of five rules."""
    race = pl.Series("race", ["white", "black", "asian", None]).sample(rows, with_replacement=True, seed=1)
    salts = pl.Series(SALT, [new_salt() for _ in range(rows)])
    said = (pl.lit("within").alias(key) for key in CONTROLS[1:])
    denied = pl.when(pl.col("decision") == "denied").then(pl.lit("outside")).alias(CONTROLS[0])
    return decisions(rows).select(*FIELDS, "sex", race, salts, denied, *said)


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds on the wall and of processor that some work takes, and what it returned."""
    start, busy = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - busy, result


def block_seconds() -> float:
    """Seconds that OpenSSL takes for a block of SHA-256, from messages of 64 bytes, which are two blocks."""
    command = ["openssl", "speed", "-elapsed", "-seconds", "2", "-evp", "sha256", "-bytes", "64"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  (openssl of this machine)
    thousands = re.findall(r"([\d.]+)k\s*$", said, re.MULTILINE)
    return 64 / (float(thousands[-1]) * 1000) / 2


def blocks_of(row: Mapping[str, Any], leaf: bytes) -> tuple[int, int]:
    """Blocks of SHA-256 in the leaf of one decision: those of its disclosures, and those of its hash in the tree."""
    fields, salt = {name: row[name] for name in NAMES}, row[SALT]
    salts = [salt_message(salt, name) for name in ("", *NAMES)]
    disclosed = [whole_disclosure(salt, fields), *(field_disclosure(salt, *each) for each in fields.items())]
    return sum(_blocks(len(text.encode())) for text in [*salts, *disclosed]), _blocks(len(leaf) + 1)


def _blocks(size: int) -> int:
    return (
        size + 9 + 63
    ) // 64  # FIPS 180-4 section 5.1: a bit, the length in eight bytes, and zeros up to a whole block


def made(rows: int) -> dict[str, dict[str, float]]:
    """Leaves, tree and what proofs are made of, each beside the limit of its hashes."""
    day, block = day_of(rows), block_seconds()
    leaves_of(day.head(1000), NAMES, CONTROLS)  # what is imported is not timed
    found = {}

    def note(what: str, blocks: int, work: Callable[[], Any]) -> Any:
        wall, cpu, result = seconds(work)
        found[what] = {"seconds": wall, "cpu": cpu, "limit": blocks * block}
        return result

    leaf = leaves_of(day.head(1), NAMES, CONTROLS)[0]
    hidden, hashed = (rows * each for each in blocks_of(day.row(0, named=True), leaf))
    slower = note("leaves, hashlib", hidden, lambda: leaves_of(day, NAMES, CONTROLS, in_python))
    leaves = note("leaves, polars-hash", hidden, lambda: leaves_of(day, NAMES, CONTROLS, in_polars))
    if leaves != slower:
        raise SystemExit("the two ways of hashing gave other leaves")
    hashes = note("leaf hashes", hashed, lambda: merkle.leaf_hashes(leaves))
    note("tree, kept for proofs", 2 * rows, lambda: merkle.subtrees(hashes))
    note("the file", 0, lambda: write_leaves(leaves))
    note("root and counts, as signed", hashed + 2 * rows, lambda: decisions_section(leaves))
    parts = [found[name] for name in ("leaves, polars-hash", "leaf hashes", "tree, kept for proofs", "the file")]
    found["all of them, polars-hash"] = {name: sum(each[name] for each in parts) for name in parts[0]}
    return found


def audited(root: Path, rows: int) -> Home:
    """Audit a day of one system through `gov audit`.

    Returns:
        Its home.

    Raises:
        SystemExit: nothing was signed.
    """
    plant(root, 1, rows)
    environ = os.environ | {"GOV_PIPELINES_PROJECT": str(root), "GOV_HOME": str(root / ".gov")}
    command = [sys.executable, "-c", GOV, "audit", SYSTEM, "--date", DAY.isoformat()]
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True)  # noqa: S603  (ours)
    home = Home(root / ".gov")
    if not home.snapshot_dir(SYSTEM, DAY, 1).is_dir():  # controls fail, which is no matter here
        raise SystemExit(done.stderr)
    return home


def proved(root: Path, home: Home) -> dict[str, float]:
    """A day opened once, and proofs of its decisions made and checked one after the other."""
    declaration = load_declaration(root / "assets" / SYSTEM / "defs.yaml")
    night = Night(home, root, declaration, [], DAY, datetime.now(UTC), {})
    with reading(open_store(home.store_url)) as connection:
        signed = snapshot_of(connection, SYSTEM, DAY)
    assert signed is not None  # it was just audited
    opening, _, day = seconds(lambda: open_day(night, signed))
    ids = day.rows["decision_id"].sample(PROOFS, with_replacement=True, seed=1)
    making, _, proofs = seconds(lambda: [day.prove(each, ["decision"]) for each in ids])

    def check() -> None:
        for proof in proofs:
            checks = Checklist()
            inspect_proof("proof", proof, Asked(), checks)
            assert all(each.ok for each in checks.checks)

    checking, _, _ = seconds(check)
    return {
        "opening the day": opening,
        "a proof of it, ms": 1000 * making / PROOFS,
        "checking a proof, ms": 1000 * checking / PROOFS,
        "bytes of a proof": len(proofs[0]),
    }


def sound(path: Path) -> float:
    """Seconds in which evidence is verified.

    Raises:
        SystemExit: it is not sound.
    """
    wall, _, found = seconds(lambda: verify(path))
    if not found.ok:
        raise SystemExit(f"not verified: {found.failures[:3]}")
    return wall


def chained(home: Home, evidence: Path, systems: int, days: int) -> None:
    """Write the evidence of years: packages like one that was audited, of so many systems and days, in one ledger."""
    signer, template = load_signer(home.keys_dir), home.snapshot_dir(SYSTEM, DAY, 1)
    files = {file.name: file.read_bytes() for file in template.iterdir() if file.name not in {ENVELOPE, KEY}}
    before = {name: each for name, each in read_package(template).predicate.items() if name != "manifest"}
    shutil.copytree(home.roots_dir, evidence / "ledger" / "root")
    (root,) = current_roots(evidence / "ledger" / "root")
    begun = [root_entry(root.version, root.sha256), *map(policy_entry, before["policies"])]
    standing = append(evidence / "ledger", root.origin, begun, signer)
    last: dict[str, dict[str, Any]] = {}
    for sequence, day in enumerate(_days(days), start=1):
        ledger, entries = {"size": standing.size, "rootHash": standing.root.hex()}, []
        for system in (f"system_{number:03}" for number in range(systems)):
            said = before | {
                "system": system,
                "partition": before["partition"] | {"key": day.isoformat()},
                "sequence": sequence,
                "previous": last.get(system),
                "ledger": ledger,
            }
            said["contentDigest"] = content_digest(said)
            signed = sign_package(evidence / system / day.isoformat() / "r1", files, said, signer)
            entries.append(snapshot_entry(signed.predicate, signed.payload_sha256, signed.signature))
            last[system] = {"sequence": sequence, "payloadSha256": signed.payload_sha256}
        standing = append(evidence / "ledger", root.origin, entries, signer)


def _days(days: int) -> Iterator[date]:
    return (DAY + timedelta(days=number) for number in range(days))


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Decisions of one day.")
@click.option("--systems", default=20, show_default=True, help="Systems of the chain.")
@click.option("--days", default=1_095, show_default=True, help="Days of the chain.")
@click.option("--decisions-a-day", default=100, show_default=True, help="Decisions in each package of the chain.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(rows: int, systems: int, days: int, decisions_a_day: int, as_json: bool) -> None:
    r"""Measure evidence.

    \b
    Example:
      make bench
      python -m benchmarks.evidence --rows 100000 --days 30
    """
    found: dict[str, Any] = {"machine": machine(), "made": made(rows)}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder, "one")
        home = audited(root, rows)
        found["proofs"] = proved(root, home)
        found["verified"] = {f"a package of {rows:,} decisions": sound(home.snapshot_dir(SYSTEM, DAY, 1))}
        small, evidence = audited(Path(folder, "small"), decisions_a_day), Path(folder, "evidence")
        chained(small, evidence, systems, days)
        found["verified"][f"{systems} systems, {days:,} days: {systems * days:,} packages"] = sound(evidence)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(", ".join(f"{name} {value}" for name, value in found["machine"].items()))
    click.echo(f"\n{rows:,} decisions, {len(NAMES)} fields  seconds   cpu s  SHA-256 limit s  x limit")
    for what, took in found["made"].items():
        ratio = f"{took['seconds'] / took['limit']:9.1f}" if took["limit"] else ""
        click.echo(f"{what:28} {took['seconds']:9.2f} {took['cpu']:7.2f} {took['limit']:16.2f}{ratio}")
    for about in ("proofs", "verified"):
        click.echo("\n".join(["", about, *(f"{name:52} {value:10,.2f}" for name, value in found[about].items())]))


if __name__ == "__main__":
    main()
