"""The ledger's one writer: what it acknowledged is never lost, and no two roots are ever signed for one size.

An append writes, in this order, each step on disk before the next begins:

1. `pending`: the size and root that it starts from, and the new entries;
2. bundles and tiles of the larger ledger;
3. `checkpoint`, signed;
4. only now are partial tiles deleted that are full by now, and at last `pending`.

Whoever finds `pending` finishes those very entries before any others. So from the moment that a root can have been
signed, no other can be signed for its size, whenever the process dies.

Of the file system this asks that `fsync` of a file keeps its content and `fsync` of a folder the names in it, and that
a rename within a folder is whole or not at all. What was not flushed may be lost or torn, in any combination. The caller
holds the home's lock `ledger`: there is one writer at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.durable import flush, make_folder, replace_file
from gov_pipelines.evidence.entries import MAX_ENTRY_BYTES
from gov_pipelines.evidence.keys import PublicKey, Signer
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.notes import Verifier, log_verifier, sign_note, verified
from gov_pipelines.evidence.tlog.tiles import (
    ENTRIES,
    WIDTH,
    bundled_entries,
    parse_bundle,
    read_hashes,
    tile_path,
    write_bundle,
)

CHECKPOINT = "checkpoint"
PENDING = "pending"

_HEIGHT = 8  # of the part of the tree in one tile: 2**8 hashes
_FILE = re.compile(r"tile/(entries|\d\d?)/((?:x\d{3}/)*)(\d{3})(?:\.p/(\d{1,3}))?")

Tile = tuple[int | str, int, int]
"""Level, index and width, as `tile_path` takes them."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append acknowledges.

    Attributes:
        size: entries in the ledger now.
        root: of the tree over them, 32 bytes, as the checkpoint on disk signs it.
        indices: place of each entry that was given, in their order.
    """

    size: int
    root: bytes
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an append is to do: the ledger that it starts from, and the entries that come after."""

    size: int
    root: bytes
    entries: list[bytes]

    def to_bytes(self) -> bytes:
        bundle = write_bundle(self.entries)
        return f"{self.size} {self.root.hex()} {sha256(bundle).hexdigest()}\n".encode() + bundle


def append(
    folder: Path, origin: str, entries: Sequence[bytes], signer: Signer, earlier: Iterable[PublicKey] = ()
) -> Appended:
    """Append the entries that the ledger does not hold yet, after what an interrupted append left to do.

    Args:
        folder: the ledger's, made where missing. The caller holds the lock `ledger`.
        origin: name of the log, and of the key that signs its checkpoints.
        entries: RFC 8785 JSON, at most 65,535 bytes each. One that is there already, or twice here, keeps its place.
        signer: may sign checkpoints.
        earlier: keys that signed checkpoints before the signer's did.

    Returns:
        Where each entry is. Nothing is written where none is new; a ledger begins with its first entry.

    Raises:
        EvidenceError: an entry of another form; or the ledger is not what those keys signed, or holds more, in which
            case nothing is signed over it.
        OSError: the disk is full or not writable; what was begun is finished by the next append.
    """
    for entry in entries:
        canonical.loads(entry, max_bytes=MAX_ENTRY_BYTES)
    verifiers = [log_verifier(origin, key) for key in (signer.public, *earlier)]
    if left := _read_plan(folder):
        flush(folder)  # whoever died may not have: nothing may follow from a plan or a checkpoint not yet on disk
        held = _held(folder, verifiers)
        _carry_out(folder, origin, signer, left, *_verified(folder, held, read_hashes(folder, held.size), left))
    held = _held(folder, verifiers)
    hashes = read_hashes(folder, held.size)
    places = {leaf: index for index, leaf in enumerate(hashes)}
    plan, indices = _Plan(held.size, held.root, []), []
    for entry, leaf in zip(entries, merkle.leaf_hashes(entries), strict=True):
        if leaf not in places:
            places[leaf] = held.size + len(plan.entries)
            plan.entries.append(entry)
        indices.append(places[leaf])
    begun, levels = _verified(folder, held, hashes, plan)
    _refuse_more(folder, held.size)
    if plan.entries:
        make_folder(folder)
        _put(folder, {PENDING: plan.to_bytes()})
        _carry_out(folder, origin, signer, plan, begun, levels)
    size = len(levels[0])
    return Appended(size, merkle.root_at(levels, size), tuple(indices))


def check(folder: Path, verifiers: Sequence[Verifier]) -> list[str]:
    """Compute the whole ledger anew from its entries, and say what is not as it should be.

    Args:
        folder: the ledger's. The caller holds the lock `ledger`.
        verifiers: of the keys that may have signed the checkpoint, named by the ledger's origin.

    Returns:
        One sentence a finding. None for a sound ledger, for one that has not begun, and for one whose last append was
        interrupted and can be finished.
    """
    try:
        held, left = _held(folder, verifiers), _read_plan(folder)
        plan = left or _Plan(held.size, held.root, [])
        entries = bundled_entries(folder, held.size)
        _, levels = _verified(folder, held, merkle.leaf_hashes(entries), plan)
        if not left:
            _refuse_more(folder, held.size)
    except EvidenceError as error:
        return [str(error)]
    entries = [*entries[: plan.size], *plan.entries]
    twice = [f"{folder}: an entry is there twice"] if len(set(levels[0])) < len(levels[0]) else []
    paths = sorted(path for path in (folder / "tile").rglob("*") if path.is_file() and not path.name.startswith("."))
    untrue = [
        f"{path} is not what the entries give; set it aside, and restore it from a backup"
        for path in paths
        if path.read_bytes() != _expected(path.relative_to(folder).as_posix(), levels, entries)
    ]
    needed = {folder / tile_path(*tile) for tile in _tiles(0, held.size)}
    return [
        *twice,
        *untrue,
        *(f"{path} is missing; restore it from a backup" for path in sorted(needed.difference(paths))),
    ]


def _held(folder: Path, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Read what the signed checkpoint says; of a ledger that has not begun, that it is empty."""
    if not (folder / CHECKPOINT).exists():
        return Checkpoint(verifiers[0].name, 0, merkle.root([]))
    return verify_checkpoint(read_checkpoint(folder / CHECKPOINT)[0], verifiers)[0]


def _read_plan(folder: Path) -> _Plan | None:
    try:
        head, _, bundle = (folder / PENDING).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    match head.decode(errors="replace").split(" "):
        case [size, root, digest] if digest == sha256(bundle).hexdigest():
            return _Plan(int(size), bytes.fromhex(root), parse_bundle(bundle))
    raise EvidenceError(
        f"{folder / PENDING} is damaged, so nobody can tell which root was being signed: restore it from a backup"
    )


def _verified(
    folder: Path, held: Checkpoint, hashes: list[bytes], plan: _Plan
) -> tuple[list[bytes], list[list[bytes]]]:
    """Hold a plan against the ledger that it starts from, or that it has already led to.

    Returns:
        The entries in the partial bundle that the plan fills up, and the subtrees of the larger ledger.
    """
    edge = plan.size - plan.size % WIDTH
    begun = bundled_entries(folder, plan.size, edge)
    levels = merkle.subtrees([*hashes[: plan.size], *merkle.leaf_hashes(plan.entries)])
    if (
        held.size not in {plan.size, len(levels[0])}
        or merkle.root_at(levels, held.size) != held.root
        or merkle.root_at(levels, plan.size) != plan.root
        or merkle.leaf_hashes(begun) != hashes[edge : plan.size]
    ):
        raise EvidenceError(
            f"{folder}: tiles, {ENTRIES} and {PENDING} do not give the root of {held.size} entries in {CHECKPOINT}; "
            "somebody changed one of them. Nothing is signed over that: restore the folder from a backup"
        )
    return begun, levels


def _refuse_more(folder: Path, size: int) -> None:
    """Refuse a checkpoint that was set back: with nothing pending, no tile reaches beyond it."""
    index, width = divmod(size, WIDTH)
    for level in (0, ENTRIES):
        full = folder / tile_path(level, index)
        wider = [int(tile.name) for tile in full.parent.glob(f"{full.name}.p/[0-9]*") if int(tile.name) > width]
        if wider or full.exists():
            raise EvidenceError(
                f"{full} goes beyond the {size} entries of {folder / CHECKPOINT}: the checkpoint was set back. "
                "A second root is not signed for one size: restore the newest checkpoint"
            )


def _carry_out(
    folder: Path, origin: str, signer: Signer, plan: _Plan, begun: list[bytes], levels: list[list[bytes]]
) -> None:
    """Take a plan that is on disk to its end; done once more, it writes the same."""
    size = len(levels[0])
    first, entries = plan.size - len(begun), [*begun, *plan.entries]
    tiles = list(_tiles(plan.size, size))
    _put(folder, {tile_path(*tile): _content(tile, levels, entries, first) for tile in tiles})
    checkpoint = Checkpoint(origin, size, merkle.root_at(levels, size))
    note = sign_note(checkpoint.to_text(), origin, signer)
    verified(note, [log_verifier(origin, signer.public)])  # a device that signs wrongly must not end the ledger
    _put(folder, {CHECKPOINT: note.to_bytes()})
    for level, index, width in tiles:
        partial = folder / f"{tile_path(level, index)}.p"
        if width == WIDTH and partial.exists():
            for tile in partial.iterdir():
                tile.unlink()
            partial.rmdir()
    (folder / PENDING).unlink()


def _tiles(before: int, size: int) -> Iterator[Tile]:
    """Name the bundles and tiles that a ledger of a size has, and one of the size before had not."""
    for level in (ENTRIES, *range(size.bit_length() // _HEIGHT + 1)):
        start, end = before >> _height(level), size >> _height(level)
        if start < end:
            for index in range(start // WIDTH, -(-end // WIDTH)):
                yield level, index, min(WIDTH, end - index * WIDTH)


def _height(level: int | str) -> int:
    """Levels of the tree below a tile's hashes; entries stand under the leaf hashes as many as they."""
    return 0 if isinstance(level, str) else level * _HEIGHT


def _content(tile: Tile, levels: list[list[bytes]], entries: list[bytes], first: int = 0) -> bytes:
    """Write a tile or bundle, of which `entries` begin at the place `first`."""
    level, index, width = tile
    start = index * WIDTH
    if level == ENTRIES:
        return write_bundle(entries[start - first : start - first + width])
    return b"".join(levels[_height(level)][start : start + width])


def _expected(path: str, levels: list[list[bytes]], entries: list[bytes]) -> bytes | None:
    """What a file below `tile` must hold, None where there is no such tile; older partial tiles may still be there."""
    found = _FILE.fullmatch(path)
    if not found:
        return None
    level: int | str = found[1] if found[1] == ENTRIES else int(found[1])
    index, width = int(re.sub("[x/]", "", found[2] + found[3])), int(found[4] or WIDTH)
    there = _height(level) < len(levels) and index * WIDTH + width <= len(levels[_height(level)])
    return (
        _content((level, index, width), levels, entries) if there and tile_path(level, index, width) == path else None
    )


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder. All of them, and the folders above them, are on disk when this returns."""
    folders = {folder.parent}
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, content)
        folders.update(each for each in target.parents if each.is_relative_to(folder))
    for each in sorted(folders, reverse=True):
        flush(each)
