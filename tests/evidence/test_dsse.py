import base64
import json
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, dsse

PAYLOAD = b'{"a":1}'


@pytest.fixture(scope="module")
def envelope(signer):
    return dsse.sign(PAYLOAD, signer)


def test_the_published_vector(vectors):
    text = (vectors("dsse") / "protocol.md").read_text()
    encoded = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == encoded
    assert encoded.decode() in text
    published = json.loads(text.split("```json")[1].split("```")[0])
    x, y = (int(text.split(f"\n{name}: ")[1].split("\n")[0]) for name in "XY")
    signature = base64.b64decode(published["signatures"][0]["sig"])
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(utils.encode_dss_signature(r, s), encoded, ec.ECDSA(SHA256()))
    with pytest.raises(EvidenceError):  # no keyid and loose spacing: not our one spelling
        dsse.parse(json.dumps(published).encode())


def test_what_was_verified_is_what_is_handed_on(envelope, signer, other_signer):
    assert dsse.verify(envelope, [other_signer.public, signer.public]) == PAYLOAD
    with pytest.raises(EvidenceError, match="none of the given keys"):
        dsse.verify(envelope, [other_signer.public])
    with pytest.raises(EvidenceError, match="payload type"):
        dsse.verify(dsse.sign(PAYLOAD, signer, "application/json"), [signer.public])


def test_the_keyid_is_a_hint_and_the_key_that_verifies_counts(envelope, signer, other_signer):
    claimed = replace(dsse.parse(envelope), keyid=other_signer.public.keyid)
    assert dsse.signed_by(claimed, [other_signer.public, signer.public]) == signer.public
    assert dsse.signed_by(claimed, [other_signer.public]) is None
    assert dsse.signed_by(replace(claimed, payload=b"{}"), [signer.public]) is None


def test_an_envelope_has_one_spelling(envelope):
    document = json.loads(envelope)
    signature = document["signatures"][0]
    others = [
        envelope.rstrip(),
        envelope + b"\n",
        b" " + envelope,
        envelope.replace(b'":', b'": ', 1),
        envelope.replace(b'"payload":', b'"payload":"",\n"payload":', 1),
        canonical.dumps({**document, "more": 1}) + b"\n",
        canonical.dumps({**document, "signatures": []}) + b"\n",
        canonical.dumps({**document, "signatures": [signature, signature]}) + b"\n",
        canonical.dumps({**document, "signatures": [{"sig": signature["sig"]}]}) + b"\n",
        canonical.dumps({**document, "signatures": [{**signature, "more": 1}]}) + b"\n",
        canonical.dumps({**document, "payload": document["payload"].rstrip("=")}) + b"\n",
        canonical.dumps({**document, "payload": document["payload"].replace("J", "J\n")}) + b"\n",
        canonical.dumps({**document, "payload": "eyJhIjoxfR=="}) + b"\n",  # the last bits say nothing
        canonical.dumps({**document, "payload": 1}) + b"\n",
        b"[]\n",
        b"\n",
        b"",
        b"\xff\n",
    ]
    assert dsse.parse(envelope).payload == PAYLOAD
    assert document["payload"] == "eyJhIjoxfQ=="
    for other in others:
        with pytest.raises(EvidenceError):
            dsse.parse(other)


def test_url_safe_base64_is_another_spelling(signer):
    payload = b'"\xc3\xbf\xc3\xbf?>"'
    sound = dsse.sign(payload, signer)
    loose = sound.replace(b"+", b"-").replace(b"/", b"_")
    assert dsse.parse(sound).payload == payload
    if loose != sound:
        with pytest.raises(EvidenceError):
            dsse.parse(loose.replace(b"application_vnd", b"application/vnd"))


def test_openssl_verifies_our_signature(envelope, signer, openssl, tmp_path):
    parsed = dsse.parse(envelope)
    (tmp_path / "key.der").write_bytes(signer.public.spki)
    (tmp_path / "sig").write_bytes(parsed.sig)
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der"]
    for signed, verified in ((parsed.signed_bytes, True), (parsed.signed_bytes + b" ", False)):
        (tmp_path / "pae").write_bytes(signed)
        done = subprocess.run(
            [*command, "-sigfile", "sig", "-in", "pae"], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode == 0) is verified
