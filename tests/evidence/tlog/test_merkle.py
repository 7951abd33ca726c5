import base64
import json
import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.evidence.tlog import merkle


def by_definition(leaves):
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def path_by_definition(index, hashes):
    """RFC 6962 section 2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path_by_definition(index, hashes[:split]), merkle.root(hashes[split:])]
    return [*path_by_definition(index - split, hashes[split:]), merkle.root(hashes[:split])]


def proof_by_definition(old, hashes, whole=True):
    """RFC 6962 section 2.1.2, word for word."""
    if old == len(hashes):
        return [] if whole else [merkle.root(hashes)]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if old <= split:
        return [*proof_by_definition(old, hashes[:split], whole), merkle.root(hashes[split:])]
    return [*proof_by_definition(old - split, hashes[split:], False), merkle.root(hashes[:split])]


def test_every_proof_of_every_tree_up_to_64_is_that_of_the_definition():
    hashes = merkle.leaf_hashes([bytes([number]) for number in range(64)])
    for size in range(1, 65):
        tree = hashes[:size]
        assert [merkle.inclusion_proof(tree, at) for at in range(size)] == [
            path_by_definition(at, tree) for at in range(size)
        ]
        grown = [merkle.consistency_proof(tree, old) for old in range(1, size + 1)]
        assert grown == [proof_by_definition(old, tree) for old in range(1, size + 1)]


def test_every_leaf_of_every_tree_up_to_64_is_proven():
    for size in range(65):
        leaves = [bytes([number]) for number in range(size)]
        hashes = merkle.leaf_hashes(leaves)
        root = merkle.root(hashes)
        assert root == by_definition(leaves)
        for index in range(size):
            proof = merkle.inclusion_proof(hashes, index)
            assert merkle.verify_inclusion(hashes[index], index, size, proof, root)
            assert not merkle.verify_inclusion(hashes[index], index ^ 1, size, proof, root) or size == 1
            assert not merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, proof, root)
            assert not merkle.verify_inclusion(hashes[index], index, size, [*proof, root], root)
            assert not merkle.verify_inclusion(hashes[index], index, size, proof[:-1], root) or not proof


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=200), st.data())
def test_a_changed_reordered_added_or_removed_leaf_changes_the_root(leaves, data):
    root = merkle.root(merkle.leaf_hashes(leaves))
    assert root == by_definition(leaves)
    at = data.draw(st.integers(0, len(leaves) - 2))
    changed = [
        [*leaves[:at], leaves[at] + b"!", *leaves[at + 1 :]],
        [*leaves[:at], *leaves[at + 1 :]],
        [*leaves[: at + 1], *leaves[at:]],
    ]
    if leaves[at] != leaves[at + 1]:
        changed.append([*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]])
    assert all(merkle.root(merkle.leaf_hashes(other)) != root for other in changed)


def test_an_inner_node_is_no_leaf():
    hashes = merkle.leaf_hashes([b"a", b"b"])
    assert merkle.leaf_hash(hashes[0] + hashes[1]) != merkle.root(hashes)


def test_positions_outside_the_tree_are_refused():
    hashes = merkle.leaf_hashes([b"a", b"b"])
    for index in (-1, 2):
        with pytest.raises(IndexError):
            merkle.inclusion_proof(hashes, index)
        assert not merkle.verify_inclusion(hashes[0], index, 2, [hashes[1]], merkle.root(hashes))
    assert not merkle.verify_inclusion(b"short", 0, 1, [], b"short")


def test_every_growth_of_every_tree_up_to_64_is_proven():
    hashes = merkle.leaf_hashes([bytes([number]) for number in range(64)])
    roots = [merkle.root(hashes[:size]) for size in range(65)]
    for new in range(1, 65):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(hashes[:new], old)
            assert merkle.verify_consistency(old, roots[old], new, roots[new], proof)
            assert not merkle.verify_consistency(old, roots[old - 1], new, roots[new], proof)
            assert not merkle.verify_consistency(old, roots[old], new, roots[new - 1], proof)
            assert not merkle.verify_consistency(old, roots[old], new, roots[new], [*proof, roots[1]])
            assert not merkle.verify_consistency(old, roots[old], new, roots[new], proof[:-1]) or not proof


def test_from_an_empty_tree_no_growth_is_shown():
    hashes = merkle.leaf_hashes([b"a", b"b"])
    for old in (0, 3):
        with pytest.raises(IndexError):
            merkle.consistency_proof(hashes, old)
    for size in (0, 2):
        assert not merkle.verify_consistency(0, merkle.root([]), size, merkle.root(hashes[:size]), [])


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=200, unique=True), st.data())
def test_no_tree_whose_beginning_was_changed_is_a_continuation(leaves, data):
    old = data.draw(st.integers(1, len(leaves)))
    at = data.draw(st.integers(0, old - 1))
    hashes = merkle.leaf_hashes(leaves)
    forged = merkle.leaf_hashes([*leaves[:at], leaves[at] + b"!", *leaves[at + 1 :]])
    proof = merkle.consistency_proof(forged, old)
    assert merkle.verify_consistency(old, merkle.root(forged[:old]), len(leaves), merkle.root(forged), proof)
    assert not merkle.verify_consistency(old, merkle.root(hashes[:old]), len(leaves), merkle.root(forged), proof)


def test_transparency_dev_consistency_vectors(vectors):
    cases = sorted((vectors("transparency-dev-merkle") / "testdata" / "consistency").rglob("*.json"))
    assert len(cases) == 98
    for path in cases:
        case = json.loads(path.read_bytes())
        old, new = (base64.b64decode(case[name] or "") for name in ("root1", "root2"))
        proof = [base64.b64decode(item) for item in case["proof"] or []]
        accepted = merkle.verify_consistency(case["size1"], old, case["size2"], new, proof)
        assert accepted is not case["wantErr"], path


def test_transparency_dev_inclusion_vectors(vectors):
    cases = sorted((vectors("transparency-dev-merkle") / "testdata" / "inclusion").rglob("*.json"))
    assert len(cases) == 98
    for path in cases:
        case = json.loads(path.read_bytes())
        root, leaf = (base64.b64decode(case[name] or "") for name in ("root", "leafHash"))
        proof = [base64.b64decode(item) for item in case["proof"] or []]
        accepted = merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
        assert accepted is not case["wantErr"], path


def test_a_hundred_thousand_leaves_take_a_fraction_of_a_second():
    leaves = [number.to_bytes(100, "big") for number in range(100_000)]
    start = time.perf_counter()
    merkle.root(merkle.leaf_hashes(leaves))
    assert time.perf_counter() - start < 2  # 0.12 s on a quiet machine


def test_the_root_of_every_earlier_tree_follows_from_complete_subtrees():
    hashes = merkle.leaf_hashes(number.to_bytes(2, "big") for number in range(300))
    levels = merkle.subtrees(hashes)
    assert all(merkle.root_at(levels, size) == merkle.root(hashes[:size]) for size in range(301))
    for size in (-1, 301):
        with pytest.raises(IndexError):
            merkle.root_at(levels, size)
