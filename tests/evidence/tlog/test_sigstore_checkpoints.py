"""Checkpoints of Sigstore's logs, sound and broken: sigstore-conformance, bundle-verify.

What is verified here is what a tlog-proof holds: checkpoint, its signature, and the entry's inclusion. Certificates,
artifacts and time stamps of those bundles are another's to check.
"""

import base64
import json

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import PublicKey
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.notes import log_verifier, verified
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_proof

REKOR2 = "log2025-alpha1.rekor.sigstage.dev"


@pytest.fixture(scope="module")
def cases(vectors):
    return vectors("sigstore-conformance") / "test/assets/bundle-verify"


def entry_of(case):
    return json.loads((case / "bundle.sigstore.json").read_bytes())["verificationMaterial"]["tlogEntries"][0]


def log_of(case, url, name):
    (spki,) = [
        base64.b64decode(log["publicKey"]["rawBytes"])
        for log in json.loads((case / "trusted_root.json").read_bytes())["tlogs"]
        if log["baseUrl"] == f"https://{url}"
    ]
    return log_verifier(name, PublicKey(name, spki))


def proof_file(entry):
    inclusion = entry["inclusionProof"]
    head = ["c2sp.org/tlog-proof@v1", f"index {inclusion['logIndex']}", *inclusion["hashes"], "", ""]
    return "\n".join(head).encode() + inclusion["checkpoint"]["envelope"].encode()


def holds(case, log):
    """Whether the entry is in the log, by a policy that knows the log alone."""
    entry = entry_of(case)
    try:
        proof = parse_proof(proof_file(entry))
        checkpoint, _ = verify_checkpoint(proof.note, [log])
    except EvidenceError:
        return False
    return proof.includes(merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"])), checkpoint)


def test_checkpoints_of_rekor_v2(cases):
    log = log_of(cases / "rekor2-happy-path", REKOR2, REKOR2)
    told = {case.name: holds(case, log) for case in sorted(cases.glob("rekor2-checkpoint-*"))}
    assert len(told) == 10
    assert told == {name: not name.endswith("_fail") for name in told}
    assert holds(cases / "rekor2-happy-path", log)


def test_a_changed_entry_or_path_of_rekor_v2_is_refused(cases):
    case = cases / "rekor2-happy-path"
    log, entry = log_of(case, REKOR2, REKOR2), entry_of(case)
    proof = parse_proof(proof_file(entry))
    checkpoint, _ = verify_checkpoint(proof.note, [log])
    leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
    assert proof.includes(leaf, checkpoint)
    assert not proof.includes(merkle.leaf_hash(b""), checkpoint)
    for at in range(len(proof.hashes)):
        hashes = (*proof.hashes[:at], b"\0" * 32, *proof.hashes[at + 1 :])
        assert not TlogProof(None, proof.index, hashes, proof.note).includes(leaf, checkpoint)


@pytest.fixture
def rekor1(cases):
    """Rekor's first log signs with ECDSA under a name shorter than its origin: it is verified, no policy accepts it."""
    return log_of(cases / "trust-root-tlog-validity-end-inclusive", "rekor.sigstore.dev", "rekor.sigstore.dev")


@pytest.mark.parametrize(
    ("name", "why"),
    [("checkpoint-bad-keyhint_fail", "no known key signed"), ("invalid-checkpoint-signature_fail", "does not hold")],
)
def test_broken_signatures_of_rekor_v1_are_refused(cases, rekor1, name, why):
    with pytest.raises(EvidenceError, match=why):
        verified(parse_proof(proof_file(entry_of(cases / name))).note, [rekor1])


@pytest.mark.parametrize(
    ("name", "included"),
    [
        ("happy-path-v0.3", True),
        ("checkpoint-wrong-roothash_fail", False),
        ("inclusion-proof-corrupted-hash_fail", False),
    ],
)
def test_inclusion_in_rekor_v1(cases, rekor1, name, included):
    entry = entry_of(cases / name)
    proof = parse_proof(proof_file(entry))
    assert verified(proof.note, [rekor1])
    leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
    assert proof.includes(leaf, parse_checkpoint(proof.note.text)) is included
