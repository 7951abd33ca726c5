"""The files of a log (c2sp.org/tlog-tiles): tiles of 256 hashes, and bundles of the entries under them."""

from __future__ import annotations

from collections.abc import Iterable

from gov_pipelines.errors import EvidenceError

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

ENTRIES = "entries"
"""The level of the bundles."""

_PREFIX_BYTES = 2


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
