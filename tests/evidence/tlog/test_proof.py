import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Note, Signature, Verifier, cosign, log_verifier, sign_note
from gov_pipelines.evidence.tlog.policy import parse_policy, satisfied
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_proof

ORIGIN = "house.example/ledger"
HASHES = merkle.leaf_hashes([bytes([number]) for number in range(21)])
NOTE = Note("o\n1\n" + "A" * 43 + "=\n", (Signature("o", b"1234", b"s"),))


@pytest.fixture(scope="module")
def checkpoint():
    return Checkpoint(ORIGIN, len(HASHES), merkle.root(HASHES))


@pytest.fixture(scope="module")
def proof(checkpoint, signer, other_signer):
    note = sign_note(checkpoint.to_text(), ORIGIN, signer)
    cosigned = cosign(note, "witness.example", other_signer, 1_795_000_000)
    return TlogProof(b'{"a":1}', 11, tuple(merkle.inclusion_proof(HASHES, 11)), cosigned)


@pytest.fixture(scope="module")
def policy(signer, other_signer):
    witness = Verifier("witness.example", COSIGNATURE, other_signer.public)
    log = log_verifier(ORIGIN, signer.public)
    return parse_policy(f"log {log.vkey}\nwitness w {witness.vkey}\nquorum w\n".encode())


def accepted(data, policy):
    try:
        proof = parse_proof(data)
        checkpoint, signed = verify_checkpoint(proof.note, policy.logs, policy.witnesses.values())
    except EvidenceError:
        return False
    return satisfied(policy, signed) and proof.includes(HASHES[11], checkpoint)


def test_a_proof_is_read_as_it_was_written(proof, policy):
    assert parse_proof(proof.to_bytes()) == proof
    assert accepted(proof.to_bytes(), policy)


@given(
    st.none() | st.binary(max_size=40),
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=64),
)
def test_every_proof_has_one_spelling(extra, index, hashes):
    proof = TlogProof(extra, index, tuple(hashes), NOTE)
    assert parse_proof(proof.to_bytes()) == proof


def test_no_flipped_bit_is_accepted(proof, policy):
    """Every bit but those of the extra data, which nothing vouches for: whoever uses them must check what they give."""
    data = proof.to_bytes()
    start, end = data.index(b"extra ") + 6, data.index(b"\nindex")
    tried = [at for at in range(len(data)) if not start <= at < end]
    flipped = [data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :] for at in tried for bit in range(8)]
    assert len(flipped) > 3_000
    assert not any(accepted(each, policy) for each in flipped)


def test_no_other_place_or_path_is_accepted(proof, checkpoint):
    for index in range(40):
        moved = TlogProof(None, index, proof.hashes, proof.note)
        assert moved.includes(HASHES[11], checkpoint) is (index == 11)
    longer = TlogProof(None, 11, (*proof.hashes, HASHES[0]), proof.note)
    assert not longer.includes(HASHES[11], checkpoint)
    assert not proof.includes(HASHES[12], checkpoint)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"c2sp", b" c2sp"),
        (b"@v1\n", b"@v1\r\n"),
        (b"@v1\n", b"@v1\n\n"),
        (b"extra ", b"extra"),
        (b"extra ", b"extra  "),
        (b"extra ", b"Extra "),
        (b"extra eyJhIjoxfQ==", b"extra eyJhIjoxfR=="),
        (b"extra eyJhIjoxfQ==", b"extra eyJhIjoxfQ"),
        (b"index 11", b"index 011"),
        (b"index 11", b"index -11"),
        (b"index 11", b"index 11 "),
        (b"index 11", b"index\t11"),
        (b"index 11\n", b"index 11\nindex 11\n"),
        (b"index 11\n", b"index 11\nAAAA\n"),
        (b"index 11\n", b""),
        (b"\n\nhouse", b"\nhouse"),
        (b"\n\nhouse", b"\n\n\nhouse"),
        (b"\n\nhouse", b"\n \nhouse"),
    ],
)
def test_another_spelling_is_refused(proof, policy, old, new):
    data = proof.to_bytes()
    assert old in data
    assert not accepted(data.replace(old, new, 1), policy)


def test_proofs_too_large_are_refused(proof):
    with pytest.raises(EvidenceError, match="at most 64"):
        parse_proof(TlogProof(None, 0, (HASHES[0],) * 65, NOTE).to_bytes())
    with pytest.raises(EvidenceError, match="at most 1048576"):
        parse_proof(TlogProof(b"x" * 800_000, 0, (), NOTE).to_bytes())


def test_the_worked_example_is_of_that_form_but_for_what_it_leaves_out(examples):
    (block,) = [text for text in examples("tlog-proof.md") if text.startswith("c2sp.org/tlog-proof@v1\n")]
    extra = block.split("\n")[1]
    whole = block.replace(extra, "extra YWdl").split("\n\n\u2014")[0] + "\n\n\u2014 example.com/fancylog hI2DJ2Ro\n"
    proof = parse_proof(whole.encode())
    assert (proof.extra, proof.index, len(proof.hashes)) == (b"age", 73_894, 5)
    assert proof.note.text.split("\n")[1] == "109482"
