"""`gov backup` and `gov restore`: one consistent copy of a home, checked when it is written and before it is used."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

import click

from gov_pipelines import __version__
from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import load_signer, read_package
from gov_pipelines.evidence.keys import PUBLIC_KEY, SIGNING_KEY
from gov_pipelines.evidence.signers import ELSEWHERE
from gov_pipelines.evidence.succession import NEXT, RETIRED
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline.erasing import KEY_FILE
from gov_pipelines.pipeline.publishing import append_noted, ledger_lock
from gov_pipelines.store import Home, dump_store, dumped, load_store

_STORE, _MANIFEST = "store.jsonl", "backup.json"
_PUBLIC = (PUBLIC_KEY, ELSEWHERE, KEY_FILE)
"""Of a folder of keys, what is always copied. Without the last, what was erased could not be told from what is new."""


@click.command("backup")
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--with-keys", is_flag=True, help="Copy the private key too: who holds the copy can sign in your name.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def backup_command(dest: Path, with_keys: bool, as_json: bool) -> None:
    """Copy the home into a new folder: store, evidence, artifacts and the public key; then read the copy back.

    Nights may run meanwhile. The private key is left out unless asked for: it belongs somewhere else than what it
    signs, for who has both can sign another past. So are those that it followed. Dagster's runs and the report are not copied.

    \b
    Example:
      gov backup /backups/gov-2026-11-23
    """
    place = workplace()
    engine, root = place.engine, place.home.root
    _make_empty(dest)
    # Store and ledger of one moment, which is before the packages are copied: a package is written before its row, and
    # never changes after. So all that these copies name is there by now; what is signed since is left to the next backup.
    with ledger_lock(place.home, engine):
        if _signs(place.home.keys_dir):  # what a killed night noted and did not append
            append_noted(place.home, engine, load_signer(place.home.keys_dir, os.environ), place.now)
        dump_store(engine, dest / _STORE)
        copied = {name: _copy(root / name, dest / name) for name in _ledger_files(place.home)}
    engine.dispose()
    copied |= {name: _copy(root / name, dest / name) for name in _files(root, dest / _STORE, with_keys=with_keys)}
    files = {_STORE: _digest(dest / _STORE)} | {name: digest for name, digest in copied.items() if digest}
    written = {file.parent for file in (root / "artifacts").rglob("*") if _changed(file, place.now)}
    said = {
        "made": place.now.isoformat(), "gov_pipelines": __version__, "with_keys": f"keys/{SIGNING_KEY}" in files,
        "audited_meanwhile": sorted("/".join(folder.parts[-2:]) for folder in written), "files": files,
    }  # fmt: skip
    (dest / _MANIFEST).write_text(json.dumps(said, indent=1) + "\n")  # last: a folder without it is no backup
    manifest, snapshots = _checked(dest)
    answer(
        as_json,
        manifest,
        f"{len(files):,} files with {snapshots:,} snapshots are in {dest}, read back and verified.",
        *(f"{day} was written meanwhile: once restored, audit it again." for day in manifest["audited_meanwhile"]),
        f"SHA-256 of {_MANIFEST}: {_digest(dest / _MANIFEST)}. Note it elsewhere.",
    )


@click.command("restore")
@click.argument("src", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", required=True, type=click.Path(path_type=Path), help="The home to make; it must be empty.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def restore_command(src: Path, to: Path, as_json: bool) -> None:
    """Make a home of a backup: every file as its manifest says, the evidence verified, the store opened.

    The store goes where GOV_STORE_URL says, else into the home; a backup of one database may be restored into the
    other. Exit code 1 if the backup was changed.

    \b
    Example:
      gov restore /backups/gov-2026-11-23 --to /var/lib/gov
    """
    manifest, snapshots = _checked(src)
    _make_empty(to)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
        work = Home(Path(folder) / "home")
        for name, digest in manifest["files"].items():
            if _copy(src / name, work.root / name) != digest:
                raise EvidenceError(f"{src / name} changed while it was read; check the disk, and restore again")
        load_store(work.root / _STORE, os.environ.get("GOV_STORE_URL") or work.store_url).dispose()
        (work.root / _STORE).unlink()
        work.root.chmod(0o700)
        work.root.replace(to)
    keys = to / "keys"
    key = f"The backup holds no private key: put yours at {keys / SIGNING_KEY}, mode 600, before the next night."
    answer(
        as_json,
        manifest,
        f"{to} is as {src} has it: {snapshots:,} snapshots, verified. Use it with GOV_HOME={to}.",
        *([] if _signs(keys) else [key]),
        *(f"{partition} was being written: audit that day again." for partition in manifest["audited_meanwhile"]),
    )


def _make_empty(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise WrongUse(f"{folder} holds something already; name a new or empty folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _files(root: Path, store: Path, *, with_keys: bool) -> Iterator[str]:
    """Name what is copied, by its path in the home: packages that the copied ledger knows, artifacts, keys."""
    folders = [root / row["path"] for row in _ledger(store)] + [root / "artifacts"]
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):  # what a writer has not finished
                yield str(file.relative_to(root))
    keys = root / "keys"
    for folder in (keys, keys / NEXT, *sorted((keys / RETIRED).glob("*"))):
        files = (folder / name for name in (*_PUBLIC, *[SIGNING_KEY] * with_keys))
        yield from (str(file.relative_to(root)) for file in files if file.is_file())


def _signs(keys: Path) -> bool:
    """Whether a folder holds a private key, or says where it is kept."""
    return any((keys / name).is_file() for name in (SIGNING_KEY, ELSEWHERE))


def _ledger_files(home: Home) -> list[str]:
    """Name the files of the ledger, by their path in the home."""
    files = sorted(file for file in home.ledger_dir.rglob("*") if file.is_file() and not file.name.startswith("."))
    return [str(file.relative_to(home.root)) for file in files]


def _ledger(store: Path) -> Iterator[Mapping[str, Any]]:
    return (row for table, row in dumped(store) if table == "snapshots")


def _copy(source: Path, target: Path) -> str | None:
    """Copy a file and its mode.

    Returns:
        SHA-256 of what was read; None where the file went away meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy(source, target)
    except FileNotFoundError:
        return None
    return _digest(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _changed(file: Path, since: datetime) -> bool:
    return file.is_file() and datetime.fromtimestamp(file.stat().st_mtime, UTC) > since


def _checked(folder: Path) -> tuple[dict[str, Any], int]:
    """Check a backup: every file as it was written, the ledger and the evidence of one mind, every signature.

    Returns:
        Its manifest, and how many snapshots it holds.

    Raises:
        WrongUse: there is no backup.
        EvidenceError: it is not as it was made.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
        stated = manifest["files"] | {_MANIFEST: _digest(folder / _MANIFEST)}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WrongUse(f"{folder} holds no {_MANIFEST}, so it is no backup, or one that was never finished") from error
    there = {str(file.relative_to(folder)): file for file in folder.rglob("*") if not file.is_dir()}
    found = {name: "a link" if file.is_symlink() else _digest(file) for name, file in there.items()}
    if wrong := sorted(name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name)):
        raise EvidenceError(
            f"{folder} is not as it was made: {', '.join(wrong[:5])} ({len(wrong)} in all). Use another backup"
        )
    ledger = {row["path"]: row["payload_sha256"] for row in _ledger(folder / _STORE)}
    evidence_files = (name for name in stated if name.startswith("evidence/"))
    packages = {name.rpartition("/")[0] for name in evidence_files if not name.startswith("evidence/ledger/")}
    signed = {path: read_package(folder / path).payload_sha256 for path in packages & ledger.keys()}
    other = packages ^ ledger.keys() | {path for path, payload in signed.items() if payload != ledger[path]}
    if other:
        raise EvidenceError(f"{folder}: evidence and ledger differ: {', '.join(sorted(other)[:5])}. Use another backup")
    evidence = verify(folder / "evidence") if ledger else None
    if evidence is not None and not evidence.ok:
        first = evidence.failures[0]
        raise EvidenceError(f"{folder}/evidence: {first.file}: {first.rule}: got {first.got}. Use another backup")
    return manifest, len(ledger)
