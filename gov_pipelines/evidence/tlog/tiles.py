"""The files of a log (c2sp.org/tlog-tiles): tiles of 256 hashes, and bundles of the entries under them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.tlog import merkle

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

ENTRIES = "entries"
"""The level of the bundles."""

_PREFIX_BYTES = 2
_HASH_BYTES = 32
_MAX_BUNDLE_BYTES = WIDTH * (_PREFIX_BYTES + 65_535)


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Name a tile or a bundle, relative to the log's folder.

    Args:
        level: 0 for leaf hashes, higher for the roots of full tiles below, `ENTRIES` for bundles.
        index: of the tile in its level.
        width: 1 to 256; under 256 the tile is partial.

    Returns:
        Such as `tile/0/x001/x234/067.p/5`.
    """
    name = f"{index % 1000:03d}"
    while index := index // 1000:
        name = f"x{index % 1000:03d}/{name}"
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def write_bundle(entries: Iterable[bytes]) -> bytes:
    """Write entries as a bundle: each after its length in two bytes, big-endian.

    Raises:
        EvidenceError: an entry of more than 65,535 bytes.
    """
    try:
        return b"".join(len(entry).to_bytes(_PREFIX_BYTES, "big") + entry for entry in entries)
    except OverflowError as error:
        raise EvidenceError("an entry of the log has more than 65,535 bytes") from error


def parse_bundle(data: bytes) -> list[bytes]:
    """Read the entries of a bundle.

    Raises:
        EvidenceError: it ends within an entry.
    """
    entries, start = [], 0
    while start < len(data):
        begin = start + _PREFIX_BYTES
        start = begin + int.from_bytes(data[start:begin], "big")
        entries.append(data[begin:start])
    if start != len(data):
        raise EvidenceError(f"the bundle has {len(data)} bytes and ends within an entry")
    return entries


def read_hashes(folder: Path, size: int) -> list[bytes]:
    """Read the leaf hashes of a log, and check every tile above them.

    Args:
        folder: the log's.
        size: number of entries, from a signed checkpoint. Where a partial tile was deleted because it became full, the
            full one serves.

    Returns:
        One hash of 32 bytes an entry. Whether they lead to the checkpoint's root is for the caller to check.

    Raises:
        EvidenceError: a tile is missing, of another length, or not what the tiles below it amount to.
    """
    hashes = _read_level(folder, 0, size)
    below, level = hashes, 1
    while full := len(below) // WIDTH:
        roots = [merkle.root(below[start * WIDTH : (start + 1) * WIDTH]) for start in range(full)]
        for index, (held, computed) in enumerate(zip(_read_level(folder, level, full), roots, strict=True)):
            if held != computed:
                place = tile_path(level, index // WIDTH)
                raise EvidenceError(f"{place}, hash {index % WIDTH}: not the root of {tile_path(level - 1, index)}")
        below, level = roots, level + 1
    return hashes


def read_entries(folder: Path, size: int) -> list[bytes]:
    """Read the entries of a log, each checked against its leaf hash.

    Args:
        folder: the log's.
        size: number of entries, from a signed checkpoint.

    Raises:
        EvidenceError: as `read_hashes`; a bundle is missing or malformed, or an entry has another hash.
    """
    hashes, entries = read_hashes(folder, size), bundled_entries(folder, size)
    for index, (entry, held) in enumerate(zip(entries, hashes, strict=True)):
        if merkle.leaf_hash(entry) != held:
            raise EvidenceError(f"entry {index} is not the one whose hash is in {tile_path(0, index // WIDTH)}")
    return entries


def bundled_entries(folder: Path, size: int, since: int = 0) -> list[bytes]:
    """Read the entries of a log as its bundles hold them; whether they are those that were signed is for the caller.

    Args:
        folder: the log's.
        size: number of entries.
        since: 0-based place of the first one that is wanted.

    Raises:
        EvidenceError: a bundle is missing or malformed.
    """
    entries = []
    for place, width, data in _parts(folder, ENTRIES, size, since // WIDTH):
        try:
            bundle = parse_bundle(data)
        except EvidenceError as error:
            raise EvidenceError(f"{place}: {error}") from error
        if len(bundle) not in (width, WIDTH):
            raise EvidenceError(f"{place}: {len(bundle)} entries; expected {width}")
        entries.extend(bundle[:width])
    return entries[since % WIDTH :]


def _read_level(folder: Path, level: int, size: int) -> list[bytes]:
    hashes: list[bytes] = []
    for place, width, data in _parts(folder, level, size):
        if len(data) not in (width * _HASH_BYTES, WIDTH * _HASH_BYTES):
            raise EvidenceError(f"{place}: {len(data)} bytes; expected {width} hashes of {_HASH_BYTES}")
        hashes.extend(data[start : start + _HASH_BYTES] for start in range(0, width * _HASH_BYTES, _HASH_BYTES))
    return hashes


def _parts(folder: Path, level: int | str, size: int, first: int = 0) -> Iterator[tuple[str, int, bytes]]:
    """Read the tiles or bundles under so many hashes or entries, from one on: name, width that counts, content."""
    for index in range(first, -(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        place = tile_path(level, index, width)
        # A log may delete a partial tile as soon as the full one is there.
        there = place if os.path.lexists(folder / place) else tile_path(level, index)
        try:
            data = read_plain(folder / there, _MAX_BUNDLE_BYTES)
        except EvidenceError as error:
            raise EvidenceError(
                f"{place}: {error}; fetch the log's folder whole, or restore it from a backup"
            ) from error
        if len(data) > _MAX_BUNDLE_BYTES:
            raise EvidenceError(f"{place}: more than {_MAX_BUNDLE_BYTES} bytes")
        yield place, width, data
