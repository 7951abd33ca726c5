"""Whatever bytes come, a parser refuses them in words, or reads what is written again byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.fraud import Fraud, parse_fraud
from gov_pipelines.evidence.tlog.notes import Note, Signature, parse_note, parse_vkey
from gov_pipelines.evidence.tlog.policy import parse_policy
from gov_pipelines.evidence.tlog.proof import TlogProof, parse_proof
from gov_pipelines.evidence.tlog.tiles import parse_bundle, write_bundle
from gov_pipelines.evidence.tlog.witness import Request, parse_request

NOTE = Note(Checkpoint("o", 7, b"\1" * 32).to_text(), (Signature("o", b"1234", b"sig"), Signature("w", b"5678", b"x")))
HASHES = (merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b"))
VKEY = b"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SOUND = {
    "note": (NOTE.to_bytes(), lambda data: parse_note(data).to_bytes()),
    "checkpoint": (
        NOTE.text.encode(),
        lambda data: parse_checkpoint(text(data)).to_text().encode("utf-8", "surrogateescape"),
    ),
    "proof": (TlogProof(b"{}", 3, HASHES, NOTE).to_bytes(), lambda data: parse_proof(data).to_bytes()),
    "request": (Request(3, HASHES, NOTE).to_bytes(), lambda data: parse_request(data).to_bytes()),
    "fraud": (Fraud(NOTE, NOTE, b"\7" * 32, HASHES).to_bytes(), lambda data: parse_fraud(data).to_bytes()),
    "vkey": (VKEY, lambda data: parse_vkey(text(data)).vkey.encode()),
    "bundle": (write_bundle([b"", b"one", b"two"]), lambda data: write_bundle(parse_bundle(data))),
    "policy": (b"log %b u\n\t# c\nquorum none\n" % VKEY, lambda data: parse_policy(data) and data),
}


def text(data):
    return data.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_sound_is_read(kind):
    data, again = SOUND[kind]
    assert again(data) == data


@pytest.mark.parametrize("kind", SOUND)
@settings(max_examples=200)
@given(data=st.data())
def test_whatever_is_put_in_is_refused_or_written_again(kind, data):
    sound, again = SOUND[kind]
    start = data.draw(st.integers(0, len(sound)))
    end = data.draw(st.integers(start, min(len(sound), start + 8)))
    piece = st.sampled_from(
        [b"\n", b"\n\n", b" ", b"=", b"+", b"\0", b"\xc2\x85", b"\xe2\x80\x94 ", b"0", b'"', b"\xff"]
    )
    changed = sound[:start] + data.draw(piece | st.binary(max_size=6)) + sound[end:]
    try:
        written = again(changed)
    except EvidenceError:
        return
    assert written == changed
