import base64
import dataclasses
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import PublicKey, Signer
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.notes import (
    COSIGNATURE,
    ECDSA,
    ED25519,
    MAX_SIGNATURES,
    Note,
    Signature,
    Verifier,
    cosign,
    log_verifier,
    parse_note,
    parse_vkey,
    sign_note,
    verified,
)

TEXT = "house.example/ledger\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
NAME = "house.example/ledger"
# The worked examples of the specifications name these keys.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


@pytest.fixture
def note(signer):
    return sign_note(TEXT, NAME, signer)


@pytest.fixture
def known(signer):
    return log_verifier(NAME, signer.public)


def test_a_signed_text_is_read_and_verified(note, known):
    read = parse_note(note.to_bytes())
    assert read == note
    assert read.text == TEXT
    (signed,) = verified(read, [known])
    assert signed.verifier == known
    assert signed.time is None


def test_a_text_may_hold_empty_lines_of_its_own(signer, known):
    note = sign_note("one\n\n\u2014 looks like a signature\n\ntwo\n", NAME, signer)
    assert parse_note(note.to_bytes()).text == "one\n\n\u2014 looks like a signature\n\ntwo\n"
    assert verified(note, [known])


@pytest.mark.parametrize("text", ["", "no newline", "bell\a\n", "return\r\n", "tab\there\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(signer, text):
    with pytest.raises(EvidenceError):
        sign_note(text, NAME, signer)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "no\u00a0break", "line\nbreak", "\x1f", "next\u0085line"])
def test_a_name_that_no_note_can_hold_is_refused(signer, name):
    with pytest.raises(EvidenceError, match="key name"):
        sign_note(TEXT, name, signer)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + b" ",
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data.replace(b"\n\n", b"\n\n\n") + b"\n",
        lambda data: data.replace(b"\xe2\x80\x94 ", b"- "),
        lambda data: data.replace(b"\xe2\x80\x94 ", b"\xe2\x80\x94  "),
        lambda data: data.replace(b"\n\xe2\x80\x94", b"\n \xe2\x80\x94"),
        lambda data: data.replace(b"=\n\n", b"=\r\n\n"),
        lambda data: b"\xef\xbb\xbf" + data[:40],
        lambda data: data[:5] + b"\xff" + data[5:],
        lambda data: data[:5] + b"\x00" + data[5:],
        lambda data: data[: data.index(b"\n\n") + 2],
        lambda data: data[: data.index(b"\n\n") + 2] + b"\n",
        lambda data: data[:-2] + b"-\n",
        lambda data: data[:-3] + b"\n",
        lambda data: data + "\u2014 name AAAAAA==\n".encode(),
        lambda data: data + "\u2014 name AAAAAAB=\n".encode(),
        lambda data: data + "\u2014 na+me AAAAAAAA\n".encode(),
        lambda data: data + "\u2014 AAAAAAAA\n".encode(),
    ],
)
def test_another_spelling_is_refused(note, change):
    data = note.to_bytes()
    assert change(data) != data
    with pytest.raises(EvidenceError):
        parse_note(change(data))


def test_a_hundred_signatures_are_read_and_no_more(note, known):
    others = tuple(Signature(f"other-{number}", b"\0\1\2\3", b"anything") for number in range(MAX_SIGNATURES - 1))
    assert verified(parse_note(Note(TEXT, (*others, *note.signatures)).to_bytes()), [known])
    with pytest.raises(EvidenceError, match="at most 100"):
        parse_note(Note(TEXT, (*others, *note.signatures * 2)).to_bytes())


def test_a_note_too_large_is_refused_before_it_is_read(note):
    with pytest.raises(EvidenceError, match="at most 1048576"):
        parse_note(b"x" * 1024 * 1024 + note.to_bytes())


def test_signatures_of_unknown_keys_are_ignored_whatever_they_hold(note, known, other_signer):
    (held,) = note.signatures
    forged = [
        dataclasses.replace(held, name="someone.else", blob=b"bad"),
        dataclasses.replace(held, key_id=b"\0\0\0\0", blob=b"bad"),
        sign_note(TEXT, NAME, other_signer).signatures[0],
    ]
    assert [signed.verifier for signed in verified(Note(TEXT, (*forged, held)), [known])] == [known]
    with pytest.raises(EvidenceError, match="no known key"):
        verified(Note(TEXT, tuple(forged)), [known])
    with pytest.raises(EvidenceError, match="no known key"):
        verified(note, [])


def test_one_bad_signature_of_a_known_key_condemns_the_note(note, known, signer):
    (held,) = note.signatures
    bad = dataclasses.replace(held, blob=held.blob[:-1] + bytes([held.blob[-1] ^ 1]))
    for signatures in ((bad,), (held, bad), (bad, held)):
        with pytest.raises(EvidenceError, match="does not hold"):
            verified(Note(TEXT, signatures), [known])
    with pytest.raises(EvidenceError, match="does not hold"):
        verified(Note(TEXT + "more\n", (held,)), [known])
    witness = Verifier("w", COSIGNATURE, signer.public)
    short = Signature("w", witness.key_id, b"\0" * 7)
    with pytest.raises(EvidenceError, match="does not hold"):
        verified(Note(TEXT, (held, short)), [known, witness])


def test_many_lines_of_one_key_are_one_signature(note, known):
    assert len(verified(Note(TEXT, note.signatures * 3), [known, known])) == 1


def test_a_cosignature_binds_the_time_and_is_no_signature_of_a_log(note, known, signer, other_signer):
    cosigned = cosign(note, "witness.example", other_signer, 1_795_000_000)
    witness = Verifier("witness.example", COSIGNATURE, other_signer.public)
    assert [
        (held.verifier.name, held.time) for held in verified(parse_note(cosigned.to_bytes()), [witness, known])
    ] == [(NAME, None), ("witness.example", 1_795_000_000)]
    line = cosigned.signatures[-1]
    for blob in (b"\0" * 7 + b"\1" + line.blob[8:], b"\x80" + line.blob[1:], line.blob[8:]):
        with pytest.raises(EvidenceError, match="does not hold"):
            verified(Note(TEXT, (dataclasses.replace(line, blob=blob),)), [witness])
    plain = log_verifier("witness.example", other_signer.public)
    assert plain.key_id != witness.key_id
    with pytest.raises(EvidenceError, match="no known key"):
        verified(Note(TEXT, (line,)), [plain])


def test_a_key_of_one_algorithm_makes_no_signature_of_another(signer):
    for kind in (ECDSA, 0x06, 0xFF):
        with pytest.raises(EvidenceError, match="no signatures of type"):
            Verifier(NAME, kind, signer.public)


def test_a_key_of_p256_signs_notes_but_cosigns_none():
    private = ec.generate_private_key(ec.SECP256R1())
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signer = Signer(PublicKey("service", spki), lambda message: private.sign(message, ec.ECDSA(SHA256())))
    note, log = sign_note(TEXT, NAME, signer), log_verifier(NAME, signer.public)
    assert log.key_id == sha256(spki).digest()[:4]
    assert parse_vkey(log.vkey).vkey == log.vkey
    assert verified(parse_note(note.to_bytes()), [parse_vkey(log.vkey)])
    (line,) = note.signatures
    for at in range(len(line.blob)):
        flipped = dataclasses.replace(line, blob=line.blob[:at] + bytes([line.blob[at] ^ 1]) + line.blob[at + 1 :])
        with pytest.raises(EvidenceError, match="does not hold"):
            verified(Note(TEXT, (flipped,)), [log])
    with pytest.raises(EvidenceError, match="no signatures of type"):
        cosign(note, "witness.example", signer, 1)


def test_a_vkey_is_read_as_it_was_written(signer):
    for kind in (ED25519, COSIGNATURE):
        verifier = Verifier(NAME, kind, signer.public)
        read = parse_vkey(verifier.vkey)
        assert (read.vkey, read.kind, read.key.spki) == (verifier.vkey, kind, signer.public.spki)


def test_every_proper_part_of_a_vkey_is_refused():
    for start in range(len(FOO)):
        for end in range(start, len(FOO) + 1):
            if (part := FOO[start:end]) != FOO:
                with pytest.raises(EvidenceError):
                    parse_vkey(part)
    assert parse_vkey(FOO).vkey == FOO


@pytest.mark.parametrize(
    "vkey",
    [
        FOO.replace("530d903a", "530D903A"),
        FOO.replace("530d903a", "530d903b"),
        FOO.replace("foo", "fop"),
        FOO.replace("AekyeR", "BOkyeR"),
        FOO.replace("AekyeR", "A_kyeR"),
        FOO + "\n",
        " " + FOO,
        FOO.replace("+A", "++A"),
    ],
)
def test_other_vkeys_are_refused(vkey):
    with pytest.raises(EvidenceError):
        parse_vkey(vkey)


def test_a_weak_key_is_no_vkey():
    material = b"\1" + b"\1" + b"\0" * 31  # the identity point: one signature holds for every message
    key_id = sha256(b"weak\n" + material).hexdigest()[:8]
    with pytest.raises(EvidenceError, match="small order"):
        parse_vkey(f"weak+{key_id}+{base64.b64encode(material).decode()}")


@given(st.text(max_size=60), st.integers(0, 2**63 - 1), st.lists(st.text(max_size=20), max_size=3))
def test_a_checkpoint_has_one_spelling(origin, size, extensions):
    text = Checkpoint(origin, size, b"\7" * 32, tuple(extensions)).to_text()
    try:
        read = parse_checkpoint(text)
    except EvidenceError:
        assert any("\n" in line or not line for line in (origin, *extensions))
    else:
        assert read.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n1\n",
        "\n1\n{root}\n",
        "o\n1\n{root}",
        "o\n1\n{root}\n\n",
        "o\n01\n{root}\n",
        "o\n+1\n{root}\n",
        "o\n-1\n{root}\n",
        "o\n1_0\n{root}\n",
        "o\n 1\n{root}\n",
        "o\n\u0661\n{root}\n",
        "o\n9223372036854775808\n{root}\n",
        "o\n99999999999999999999999999999999\n{root}\n",
        "o\n0x1\n{root}\n",
        "o\n1\n{root}=\n",
        "o\n1\n {root}\n",
        "o\n1\nAAAA\n",
        "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
        "o\n1\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    ],
)
def test_other_texts_are_no_checkpoints(text):
    with pytest.raises(EvidenceError):
        parse_checkpoint(text.format(root="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))


def test_the_worked_example_of_signed_note(examples):
    notes = [block.encode() for block in examples("signed-note.md") if "\n\n\u2014 " in block]
    assert len(notes) == 2
    vkeys = [block.strip() for block in examples("signed-note.md") if block.startswith("example.com/foo+")]
    assert vkeys == [FOO]
    assert verified(parse_note(notes[1]), [parse_vkey(FOO)])
    assert parse_note(notes[0]).signatures[0].name == "quasimodo.example/salvatore"
    assert parse_note(notes[0]).to_bytes() == notes[0]


def test_the_worked_examples_of_checkpoints_and_cosignatures(examples):
    (plain,) = [block.encode() for block in examples("tlog-checkpoint.md") if "\n\n\u2014 " in block]
    (cosigned,) = [block.encode() for block in examples("tlog-cosignature.md") if "\n\n\u2014 " in block]
    note = parse_note(cosigned)
    assert parse_checkpoint(note.text) == parse_checkpoint(parse_note(plain).text)
    assert parse_checkpoint(note.text).size == 20_852_163
    assert note.signatures[0] == parse_note(plain).signatures[0]
    (message,) = [block for block in examples("tlog-cosignature.md") if block.startswith("cosignature/v1\n")]
    time = int.from_bytes(note.signatures[1].blob[:8], "big")
    assert message == f"cosignature/v1\ntime {time}\n{note.text}"


def test_every_checkpoint_of_a_log_of_others_is_verified(vectors):
    paths = [path for path in vectors("transparency-dev-tessera").rglob("checkpoint*") if path.is_file()]
    assert len(paths) == 17
    for path in paths:
        note = parse_note(path.read_bytes())
        assert verified(note, [parse_vkey(TESSERA)])
        assert parse_checkpoint(note.text).origin == "example.com/log/testdata"
