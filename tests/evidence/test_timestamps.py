import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tsa import openssl, time_authority

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.timestamps import request, token_of, verify_token

TEXT = b"ledger.example\n7\nAAAA\n"


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return time_authority(tmp_path_factory.mktemp("tsa") / "clock")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return time_authority(tmp_path_factory.mktemp("tsa") / "other", name="Another authority, with a longer name")


@pytest.fixture(scope="module")
def token(clock):
    return clock.stamp(TEXT)


def test_a_stamp_is_asked_for_taken_and_verified(clock, other):
    asked = request(TEXT)
    token = token_of(clock.reply(asked.as_bytes()), asked)
    at = verify_token(token, TEXT, [clock.root])
    assert at.tzinfo is UTC
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=60)
    assert verify_token(token, TEXT, [other.root, clock.root]) == at  # any one that is named
    assert verify_token(token, TEXT, [clock.root + clock.signer]) == at  # this signer and no other


def test_what_a_stamp_is_asked_over():
    asked = request(TEXT)
    assert asked.cert_req
    assert asked.nonce != request(TEXT).nonce
    shown = subprocess.run(
        [openssl(), "ts", "-query", "-in", "/dev/stdin", "-text"],
        input=asked.as_bytes(),
        capture_output=True,
        check=True,
    )
    assert b"Hash Algorithm: sha256" in shown.stdout


def test_an_answer_must_be_a_stamp_of_the_request(clock, token):
    asked, of_another = request(TEXT), request(b"other")
    mixed = SimpleNamespace(nonce=of_another.nonce, message_imprint=asked.message_imprint)
    answers = [
        ("nonce differs", clock.reply(asked.as_bytes()), request(TEXT)),
        ("nonce differs", token, asked),
        ("another message", clock.reply(of_another.as_bytes()), mixed),
        ("with status 2: Bad request", clock.reply(b"no request"), asked),
        ("with status 2: no reason given", bytes.fromhex("30053003020102"), asked),
        ("holds no stamp", bytes.fromhex("30053003020100"), asked),
        ("no time stamp", b"<html>", asked),
        ("at most 65536", bytes(64 * 1024 + 1), asked),
    ]
    for words, answer, to in answers:
        with pytest.raises(EvidenceError, match=words):
            token_of(answer, to)


def test_a_token_is_of_one_message_and_one_authority(clock, other, token):
    refused = [
        ("Mismatch between messages", TEXT + b"\n", [clock.root]),
        ("unable to get local issuer", TEXT, [other.root]),
        ("does not match", TEXT, [clock.root + other.signer]),
        ("none is named", TEXT, []),
        ("without its self-signed root", TEXT, [clock.signer]),
        ("expected PEM", TEXT, [b"clock"]),
    ]
    for words, message, authorities in refused:
        with pytest.raises(EvidenceError, match=words):
            verify_token(token, message, authorities)


def test_the_signer_counts_as_it_stood_at_the_stamped_time(tmp_path):
    late = time_authority(tmp_path / "late", until=timedelta(days=-1))
    with pytest.raises(EvidenceError, match="certificate has expired"):
        verify_token(late.stamp(TEXT), TEXT, [late.root])


def test_only_a_key_for_time_stamping_counts(clock):
    """The same signer and key, told to be for something else: the token carries no certificate, the trust root names it."""
    bare = clock.stamp(TEXT, carry=False)
    assert verify_token(bare, TEXT, [clock.root + clock.signer])
    for certificate in (
        clock.certificate(),
        clock.certificate(ExtendedKeyUsageOID.CODE_SIGNING),
        clock.certificate(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING),
        clock.certificate(ExtendedKeyUsageOID.TIME_STAMPING, critical=False),
    ):
        with pytest.raises(EvidenceError, match="unsuitable certificate purpose"):
            verify_token(bare, TEXT, [clock.root + certificate])
    with pytest.raises(EvidenceError, match="signer certificate not found"):
        verify_token(bare, TEXT, [clock.root])


def test_certificates_of_others_are_not_carried_along(tmp_path, other):
    crowded = time_authority(tmp_path / "crowded", also=other.signer)
    with pytest.raises(EvidenceError, match="carries 1 certificates that its signer does not need"):
        verify_token(crowded.stamp(TEXT), TEXT, [crowded.root])


def test_no_flipped_bit_is_accepted(clock, token):
    """Also where nothing signs the bit; and where the token carries no certificate that a flip could break."""
    bare = clock.stamp(TEXT, carry=False)
    for good, authority in ((token, clock.root), (bare, clock.root + clock.signer)):
        verify_token(good, TEXT, [authority])
        for bit in range(len(good) * 8):
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(EvidenceError):
                verify_token(bytes(flipped), TEXT, [authority])


def test_garbage_is_refused_in_words(clock, token):
    draw = random.Random(6)
    for _ in range(3000):
        start, length = draw.randrange(len(token)), draw.choice([0, 1, 2, 8])
        garbled = token[:start] + draw.randbytes(length) + token[start + draw.choice([0, 1, length, 40]) :]
        if garbled != token:
            with pytest.raises(EvidenceError):
                verify_token(garbled, TEXT, [clock.root])


def test_a_status_in_other_words_is_another_spelling(token, clock):
    body = bytes.fromhex("300902010030040c026f6b") + token[9:]  # granted, "ok"
    spelled = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    with pytest.raises(EvidenceError, match="which nothing signs"):
        verify_token(spelled, TEXT, [clock.root])


def test_public_vectors(vectors):
    """What rfc3161-client tests itself with; `expired` means today, not at the stamped time."""
    folder = vectors("rfc3161-client") / "test" / "fixtures"
    chain = {name: (folder / name / "ts_chain.pem").read_bytes() for name in ("test_tsa", "sigstage", "sigstore.mock")}
    root = x509.load_der_x509_certificate((folder / "identrust" / "ts_chain.pem").read_bytes())
    chain["identrust"] = root.public_bytes(Encoding.PEM)
    payload = (folder / "sigstore.mock" / "payload").read_bytes()
    sound = {
        "test_tsa/response": (b"hello", "2024-10-08T15:40:32"),
        "sigstage/response-sha256": (b"hello", "2025-05-09T11:58:55"),
        "sigstage/response-sha384": (b"hello", "2025-05-09T11:58:55"),
        "sigstage/response-sha512": (b"hello", "2025-05-09T11:58:56"),
        "sigstage/response-no-embedded-cert": (b"hello", "2025-06-18T08:13:02"),
        "sigstore.mock/response-expired": (payload, "2023-02-01T00:00:00"),
        "identrust/issue-104": (b"hello", "2025-03-11T08:52:08"),
    }
    false = {
        "test_tsa/other_response": "unable to get local issuer",
        "test_tsa/response-injected-certs": "carries 2 certificates",
        "sigstage/response-invalid-signature": "signature failure",
    }
    assert {f"{path.parent.name}/{path.stem}" for path in folder.rglob("*.tsr")} == sound.keys() | false.keys()
    for name, (message, at) in sound.items():
        token, authority = (folder / f"{name}.tsr").read_bytes(), chain[name.split("/")[0]]
        assert verify_token(token, message, [authority]) == datetime.fromisoformat(f"{at}Z")
        with pytest.raises(EvidenceError, match="Mismatch"):
            verify_token(token, message + b".", [authority])
    for name, words in false.items():
        with pytest.raises(EvidenceError, match=words):
            verify_token((folder / f"{name}.tsr").read_bytes(), b"hello", [chain[name.split("/")[0]]])


def test_without_the_library_the_extra_is_named(monkeypatch, token, clock):
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(EvidenceError, match=r"pip install 'gov-pipelines\[evidence\]'"):
        verify_token(token, TEXT, [clock.root])
    with pytest.raises(EvidenceError, match="gov-pipelines"):
        request(TEXT)
