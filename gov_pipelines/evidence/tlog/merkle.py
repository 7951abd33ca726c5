"""The Merkle tree of RFC 6962 section 2.1 (the same in RFC 9162) over SHA-256, and proofs of inclusion and growth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

_HASH_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(leaf: bytes) -> bytes:
    """Hash one leaf: SHA-256 of 0x00 and the leaf, so that no inner node can pass for a leaf."""
    return sha256(_LEAF + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Hash every leaf, in order."""
    return [sha256(_LEAF + leaf).digest() for leaf in leaves]  # as `leaf_hash`, a million times


def root(hashes: Sequence[bytes]) -> bytes:
    """Compute the root of a tree.

    Args:
        hashes: the leaf hashes in order, 32 bytes each.

    Returns:
        32 bytes; of an empty tree SHA-256 of nothing.
    """
    level = list(hashes) or [sha256().digest()]
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def subtrees(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Compute the root of every complete subtree, from which the root of each earlier tree follows at once.

    Args:
        hashes: the leaf hashes in order.

    Returns:
        One list a level: at level l, place i is the root over the 2**l leaves from i * 2**l on.
    """
    levels = [list(hashes)]
    while len(level := levels[-1]) > 1:
        levels.append(_joined(level))
    return levels


def root_at(levels: Sequence[Sequence[bytes]], size: int) -> bytes:
    """Compute the root of the tree of the first leaves.

    Args:
        levels: from `subtrees`.
        size: leaves of that tree, at most those there are.

    Returns:
        32 bytes.

    Raises:
        IndexError: there are not so many leaves.
    """
    if not 0 <= size <= len(levels[0]):
        raise IndexError(f"{size} leaves of a tree of {len(levels[0])}")
    return _rightmost(levels, size, len(levels)) or sha256().digest()


def _rightmost(levels: Sequence[Sequence[bytes]], size: int, height: int) -> bytes | None:
    """The root over the last leaves of a tree that fill no subtree of a height; None where there are none."""
    current = None
    for lower in range(height):  # the complete subtrees side by side, from the smallest on the right
        if size >> lower & 1:
            whole = levels[lower][(size >> lower) - 1]
            current = whole if current is None else _node(whole, current)
    return current


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Compute the audit path of one leaf (RFC 6962 section 2.1.1), from the leaf upwards.

    Args:
        hashes: all leaf hashes in order.
        index: 0-based position of the leaf.

    Returns:
        The sibling hashes, at most one a level.

    Raises:
        IndexError: no leaf has that position.
    """
    return inclusion_in(subtrees(hashes), index)


def inclusion_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Compute the audit path of one leaf as `inclusion_proof` does, from stored subtrees and so at once.

    Args:
        levels: from `subtrees`.
        index: 0-based position of the leaf.

    Raises:
        IndexError: no leaf has that position.
    """
    size, path = len(levels[0]), []
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    for height in range((size - 1).bit_length()):
        sibling = index >> height ^ 1
        if sibling < len(levels[height]):
            path.append(levels[height][sibling])
        elif incomplete := _rightmost(levels, size, height) if sibling << height < size else None:
            path.append(incomplete)
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Tell whether an audit path leads from a leaf hash to a root (RFC 9162 section 2.1.3.2).

    Args:
        leaf: the leaf's hash, 32 bytes.
        index: 0-based position of the leaf.
        size: leaves in the tree. It must come from signed bytes: the same path and root fit many false sizes.
        proof: the sibling hashes, from the leaf upwards.
        expected_root: the signed root.

    Returns:
        True only if every hash of the proof was needed and the result is the root.
    """
    if not 0 <= index < size or any(len(item) != _HASH_BYTES for item in (leaf, *proof)):
        return False
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = _node(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = _node(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and current == expected_root


def consistency_proof(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Compute what shows that a tree began as a smaller one (RFC 6962 section 2.1.2).

    Args:
        hashes: all leaf hashes of the larger tree in order.
        old_size: leaves of the smaller tree, at least 1.

    Returns:
        Hashes from the bottom upwards; none for two trees of one size.

    Raises:
        IndexError: the smaller tree is empty, of which every tree is a continuation, or larger than the other.
    """
    if not 0 < old_size <= len(hashes):
        raise IndexError(f"{old_size} leaves of a tree of {len(hashes)}")
    start, end, path = 0, len(hashes), []
    while old_size < end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if old_size <= split:
            path.append(root(hashes[split:end]))
            end = split
        else:
            path.append(root(hashes[start:split]))
            start = split
    if start:  # else this node is the whole smaller tree, whose root the verifier has
        path.append(root(hashes[start:end]))
    return path[::-1]


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a tree began as a smaller one (RFC 9162 section 2.1.4.2).

    Args:
        old_size: leaves of the smaller tree. From 0 nothing is shown, so that is refused.
        old_root: its signed root, 32 bytes.
        new_size: leaves of the larger tree.
        new_root: its signed root, 32 bytes.
        proof: hashes from the bottom upwards.

    Returns:
        True only if every hash of the proof was needed and leads to both roots.
    """
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if not proof or any(len(item) != _HASH_BYTES for item in (old_root, *proof)):
        return False
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # Of a power of two the first node is the smaller tree itself, and is left out of the proof.
    first, *path = proof if node else (old_root, *proof)
    old = new = first
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = _node(sibling, old), _node(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = _node(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _parents(level: list[bytes]) -> list[bytes]:
    # An unpaired last node moves up unchanged, which gives RFC 6962's split at the largest power of two.
    parents = _joined(level)
    return [*parents, level[-1]] if len(level) & 1 else parents


def _joined(level: list[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    return [sha256(_NODE + left + right).digest() for left, right in pairs]  # as `_node`, a million times
