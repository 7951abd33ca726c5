import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, decision_leaf, leaves, new_salt
from gov_pipelines.evidence.leaves import leaf_verdicts
from gov_pipelines.evidence.tlog import merkle

VERDICTS = st.dictionaries(
    st.text(min_size=1), st.sampled_from(["within", "outside", "pending", "undecidable"]), max_size=4
)


@given(st.text(), VERDICTS)
def test_a_leaf_is_canonical_and_says_its_verdicts(decision_id, verdicts):
    leaf = decision_leaf(decision_id, "c2FsdHNhbHRzYWx0c2FsdA", verdicts)
    assert canonical.loads(leaf)["v"] == verdicts == leaf_verdicts(leaf)
    assert b"\n" not in leaf


def test_the_id_is_hidden_behind_the_published_hashing():
    # RFC 9901 section 4.2.3: the digest of this disclosure.
    published = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert leaves._base64url(sha256(published.encode()).digest()) == "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"
    leaf = json.loads(decision_leaf("A-1", "salt", {}))
    hidden = sha256(leaves.disclosure("A-1", "salt").encode()).digest()
    assert leaf["_sd"] == [leaves._base64url(hidden)]


def test_nobody_finds_an_id_without_its_salt():
    salts = [new_salt() for _ in range(100)]
    assert len(set(salts)) == 100
    assert all(len(salt) == 22 for salt in salts)
    assert decision_leaf("A-1", salts[0], {}) != decision_leaf("A-1", salts[1], {})
    assert b"A-1" not in decision_leaf("A-1", salts[0], {})


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{"a":"within","a":"outside"}}',
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{"b":"within","a":"outside"}}',
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{"a":"fine"}}',
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{"a":["within"]}}',
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{}} ',
        b'{"_sd":["x"],"_sd_alg":"sha-256","v":{},"w":1}',
        b'{"_sd":["\\ud800"],"_sd_alg":"sha-256","v":{}}',
        b'{"_sd":["x","y"],"_sd_alg":"sha-256","v":{}}',
        b'{"_sd":["x"],"_sd_alg":"md5","v":{}}',
    ],
)
def test_other_leaves_are_refused(leaf):
    with pytest.raises(EvidenceError):
        leaf_verdicts(leaf)
    with pytest.raises(EvidenceError):
        leaves.verdict_counts([decision_leaf("A-1", "salt", {}), leaf])


def test_a_verdict_that_does_not_exist_is_not_written():
    with pytest.raises(EvidenceError, match="undecidable"):
        decision_leaf("A-1", "salt", {"house/FL-1": "pass"})


def test_the_section_sums_up_the_leaves():
    written = [decision_leaf(str(number), "salt", {"c": "within" if number else "outside"}) for number in range(3)]
    assert leaves.decisions_section(written) == {
        "treeSize": 3,
        "rootHash": merkle.root(merkle.leaf_hashes(written)).hex(),
        "leafFormat": "sd-leaf/v1",
        "counts": {"c": {"outside": 1, "within": 2}},
    }
    assert leaves.decisions_section([])["rootHash"] == sha256().hexdigest()


def test_the_file_gives_back_its_leaves():
    for written in ([], [b"{}"], [b"a", b"b"]):
        assert leaves.read_leaves(leaves.write_leaves(written)) == written
    assert leaves.read_leaves(b"a\nb") == [b"a", b"b"]
    assert leaves.read_leaves(b"a\n\n") == [b"a", b""]
