import base64
import json
import subprocess
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import PublicKey, canonical, dsse, load_trust

PAYLOAD = b'{"a":1}'


@pytest.fixture(scope="module")
def envelope(signer):
    return dsse.sign(PAYLOAD, signer)


class RawSignatures:
    """The published vector's signatures are r and s side by side; ours are DER, as openssl and TUF have them."""

    def __init__(self, key):
        self.keyid, self._key = key.keyid, key

    def verifies(self, signature, message):
        halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        return self._key.verifies(utils.encode_dss_signature(*halves), message)


def p256(public, name="p256"):
    return PublicKey(name, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def test_the_published_vector(vectors):
    text = (vectors("dsse") / "protocol.md").read_text()
    kind, body = "http://example.com/HelloWorld", b"hello world"
    assert dsse.pae(kind, body).decode() in text
    published = text.split("```json")[1].split("```")[0].encode()
    x, y = (int(text.split(f"\n{name}: ")[1].split("\n")[0]) for name in "XY")
    key = RawSignatures(p256(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()))
    assert dsse.open_envelope(published, [key]) == (kind, body)
    for changed in (published.replace(b"aGVsb", b"aGVsc"), published.replace(b"HelloWorld", b"HelloWorlc")):
        with pytest.raises(EvidenceError, match="0 of the given keys"):
            dsse.open_envelope(changed, [key])
    with pytest.raises(EvidenceError):  # no keyid and loose spacing: not our one spelling
        dsse.parse(published)


def test_sigstore_conformance_envelopes(vectors):
    """Whether the log knows an envelope is no matter of DSSE: only the `invalid-sig` cases must fail here."""
    folder = vectors("sigstore-conformance") / "test" / "assets" / "bundle-verify"
    found = {True: set(), False: set()}
    for path in sorted(folder.glob("*/bundle.sigstore.json")):
        if "malformed-json" in path.parent.name:
            continue
        bundle = json.loads(path.read_bytes())
        if envelope := bundle.get("dsseEnvelope"):
            material = bundle["verificationMaterial"]
            certificate = material.get("certificate") or material["x509CertificateChain"]["certificates"][0]
            key = p256(x509.load_der_x509_certificate(base64.b64decode(certificate["rawBytes"])).public_key())
            try:
                kind, payload = dsse.open_envelope(json.dumps(envelope).encode(), [key])
            except EvidenceError:
                found[False].add(path.parent.name)
            else:
                assert kind == dsse.PAYLOAD_TYPE
                assert payload == base64.b64decode(envelope["payload"])
                found[True].add(path.parent.name)
    assert found[False] == {"dsse-invalid-sig_fail", "rekor2-dsse-invalid-sig_fail"}
    assert len(found[True]) == 12


def test_sigstore_conformance_managed_keys(vectors):
    folder = vectors("sigstore-conformance") / "test" / "assets" / "bundle-verify"
    artifact = (folder / "a.txt").read_bytes()
    for case in ("managed-key-and-trusted-root", "managed-key-happy-path"):
        signature = json.loads((folder / case / "bundle.sigstore.json").read_bytes())["messageSignature"]["signature"]
        key = load_trust(folder / case / "key.pub")
        assert key.verifies(base64.b64decode(signature), artifact)
        assert not key.verifies(base64.b64decode(signature), artifact + b" ")
    with pytest.raises(EvidenceError, match="not on the curve"):  # the last case has no key
        load_trust(folder / "managed-key-wrong-key_fail" / "key.pub")


def loose(payload, *signatures, **more):
    document = {"payloadType": dsse.PAYLOAD_TYPE, "signatures": signatures, "payload": payload} | more
    return json.dumps(document, indent=1).encode()


def test_envelopes_of_others_may_be_spelled_as_dsse_allows(signer):
    payload = b'"\xc3\xbf\xc3\xbf?>?>"'
    sig = signer.sign(dsse.pae(dsse.PAYLOAD_TYPE, payload))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        signature, encoded = encode(sig).decode(), encode(payload).decode()
        assert {*encoded} & {*"+/-_"}
        for said in ({"sig": signature}, {"sig": signature, "keyid": ""}, {"sig": signature, "keyid": "x", "cert": 1}):
            opened = dsse.open_envelope(loose(encoded, said, more=[]), [signer.public])
            assert opened == (dsse.PAYLOAD_TYPE, payload)


def test_a_threshold_counts_keys_and_not_signatures(signer, other_signer):
    signed = dsse.pae(dsse.PAYLOAD_TYPE, PAYLOAD)
    one, two = (
        {"keyid": str(n), "sig": base64.b64encode(each.sign(signed)).decode()}
        for n, each in enumerate((signer, other_signer))
    )
    keys, encoded = [signer.public, other_signer.public], base64.b64encode(PAYLOAD).decode()
    renamed = replace(signer.public, name="the same key by another name")
    assert dsse.open_envelope(loose(encoded, one, two), keys, 2)[1] == PAYLOAD
    for signatures, known, threshold in [
        ((one, one), keys, 2), ((one, {**one, "keyid": "1"}), keys, 2), ((one, one), [signer.public, renamed], 2),
        ((one,), [other_signer.public], 1), ((), keys, 1), ((one,), [], 1), ((one, two), keys, 3), ((one,), keys, 0),
        ((one,) * 101, keys, 1),
    ]:  # fmt: skip
        with pytest.raises(EvidenceError):
            dsse.open_envelope(loose(encoded, *signatures), known, threshold)


def test_a_malformed_envelope_of_others_is_refused(signer):
    encoded, sig = base64.b64encode(PAYLOAD).decode(), {"sig": ""}
    wrong = [
        b"", b"[]", loose("?", sig), loose(encoded, "sig"), loose(encoded, {"keyid": ""}), loose(1, sig), loose("\u00e9", sig),
        loose(encoded, sig, payloadType="\ud800"), loose(encoded, sig).replace(b'"payload"', b'"payload":"","payload"'),
        b"[" * 100_000,
    ]  # fmt: skip
    for data in wrong:
        with pytest.raises(EvidenceError):
            dsse.open_envelope(data, [signer.public])


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
        *(canonical.dumps({**document, "payload": f"AAAA{'=' * extra}"}) + b"\n" for extra in range(1, 5)),
        *(
            canonical.dumps({**document, "signatures": [{**signature, "sig": f"AAAA{'=' * extra}"}]}) + b"\n"
            for extra in (1, 4)
        ),
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


PLAIN = "".join(sorted({*map(chr, range(32, 127))} - {*'"\\'}))


@given(st.binary(), st.text(PLAIN), st.text(PLAIN), st.binary())
def test_what_was_written_is_read_again(payload, kind, keyid, sig):
    written = dsse.Envelope(payload, kind, keyid, sig)
    assert dsse.parse(written.to_bytes()) == written


@given(st.text(min_size=1).filter(lambda text: not {*text} <= {*PLAIN}))
def test_no_type_and_no_keyid_is_read_that_json_could_spell_in_two_ways(text):
    for odd in (dsse.Envelope(b"", text, "", b""), dsse.Envelope(b"", "", text, b"")):
        with pytest.raises(EvidenceError):
            dsse.parse(odd.to_bytes())


@given(st.data())
def test_a_changed_byte_is_another_envelope_or_none(envelope, data):
    changed = bytearray(envelope)
    place, more = data.draw(st.integers(0, len(changed))), data.draw(st.sampled_from([b"=", b"==", b" ", b"A", b'"']))
    changed[place : place + data.draw(st.integers(0, 2))] = data.draw(st.just(more) | st.binary(max_size=2))
    if changed == envelope:
        return
    try:
        read = dsse.parse(bytes(changed))
    except EvidenceError:
        return
    assert read.to_bytes() == changed
    assert read != dsse.parse(envelope)


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
