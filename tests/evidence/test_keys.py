import base64
import json
import subprocess
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import DEMO_KEY_NAME, PublicKey, canonical, generate, load_signer, load_trust

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDENTITY = bytes([1]) + bytes(31)


@pytest.fixture
def keys_dir(tmp_path):
    generate(tmp_path / "keys", name=DEMO_KEY_NAME, created=NOON)
    return tmp_path / "keys"


def test_a_key_is_made_once_and_never_replaced(keys_dir):
    before = {path.name: path.read_bytes() for path in keys_dir.iterdir()}
    with pytest.raises(EvidenceError, match="never overwritten"):
        generate(keys_dir, name="second", created=NOON)
    assert {path.name: path.read_bytes() for path in keys_dir.iterdir()} == before
    assert [path.name for path in keys_dir.parent.iterdir()] == ["keys"]


def test_an_empty_folder_may_wait_for_the_key(tmp_path):
    (tmp_path / "keys").mkdir()
    assert generate(tmp_path / "keys", name="k", created=NOON).public == load_signer(tmp_path / "keys").public


def test_a_key_that_could_not_be_read_back_is_not_made(tmp_path):
    with pytest.raises(EvidenceError, match="at most"):
        generate(tmp_path / "keys", name="x" * 10_000, created=NOON)
    assert not [*tmp_path.iterdir()]


def test_only_the_owner_can_read_the_key(keys_dir):
    assert (keys_dir / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert keys_dir.stat().st_mode & 0o777 == 0o700
    for mode in (0o640, 0o604, 0o644):
        (keys_dir / "signing.pem").chmod(mode)
        with pytest.raises(EvidenceError, match="chmod 600"):
            load_signer(keys_dir)
    (keys_dir / "signing.pem").chmod(0o400)
    assert load_signer(keys_dir).public.name == "demo (untrusted)"


def test_a_missing_or_foreign_key_is_said_in_words(keys_dir, tmp_path):
    with pytest.raises(WrongUse, match="gov keys new --name NAME"):
        load_signer(tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="not read"):
        load_trust(tmp_path / "nowhere")
    generate(tmp_path / "other", name="other", created=NOON)
    (keys_dir / "signing.pub.json").write_bytes((tmp_path / "other" / "signing.pub.json").read_bytes())
    with pytest.raises(EvidenceError, match="different keys"):
        load_signer(keys_dir)
    (keys_dir / "signing.pem").write_bytes(b"-----BEGIN NONSENSE-----")
    with pytest.raises(EvidenceError, match="PEM"):
        load_signer(keys_dir)


def test_trust_reads_our_json_and_pem(keys_dir, tmp_path):
    public = load_signer(keys_dir).public
    assert load_trust(keys_dir / "signing.pub.json") == public
    pem = tmp_path / "key.pem"
    pem.write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(public.spki) + b"\n-----END PUBLIC KEY-----\n")
    assert load_trust(pem).raw == public.raw
    assert load_trust(pem).keyid == public.keyid


def test_the_keyid_is_the_digest_openssl_gives(keys_dir, openssl):
    der = subprocess.run(
        [openssl, "pkey", "-in", keys_dir / "signing.pem", "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    document = json.loads((keys_dir / "signing.pub.json").read_bytes())
    assert base64.b64decode(document["publicKey"]) == der
    assert document["keyid"] == sha256(der).hexdigest()
    assert document["created"] == "2026-11-22T12:00:00Z"


def test_other_files_are_no_trusted_key(keys_dir, tmp_path):
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    pem = other_curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    good = json.loads((keys_dir / "signing.pub.json").read_bytes())
    wrong = [
        b"",
        b"[]",
        b"{}",
        pem,
        (keys_dir / "signing.pem").read_bytes(),
        canonical.dumps({**good, "keyid": "0" * 64}),
        canonical.dumps({**good, "algorithm": "ed448"}),
        canonical.dumps({**good, "publicKey": "?"}),
        canonical.dumps({**good, "publicKey": good["publicKey"][:-4]}),
        canonical.dumps({**good, "more": ""}),
        canonical.dumps({**good, "name": 1}),
    ]
    for content in wrong:
        path = tmp_path / "trust"
        path.write_bytes(content)
        with pytest.raises(EvidenceError):
            load_trust(path)


def test_the_key_that_signs_everything_is_refused():
    with pytest.raises(EvidenceError, match="small order"):
        PublicKey.ed25519("identity", IDENTITY)
    with pytest.raises(EvidenceError, match="not canonical"):
        PublicKey.ed25519("alias", (2**255 - 1).to_bytes(32, "little"))
    with pytest.raises(EvidenceError, match="31 bytes"):
        PublicKey.ed25519("short", bytes(31))


def test_cctv_keys_of_small_order_are_refused_and_no_other(vectors):
    cases = json.loads((vectors("cctv-ed25519") / "ed25519vectors.json").read_bytes())
    assert len(cases) == 914
    for case in cases:
        weak = not {"low_order_A", "non_canonical_A"}.isdisjoint(case["flags"] or [])
        try:
            PublicKey.ed25519("cctv", bytes.fromhex(case["key"]))
        except EvidenceError:
            assert weak, case
        else:
            assert not weak, case


def test_wycheproof_signatures(vectors):
    suite = json.loads((vectors("wycheproof") / "testvectors_v1" / "ed25519_test.json").read_bytes())
    tests = [(group["publicKey"]["pk"], test) for group in suite["testGroups"] for test in group["tests"]]
    assert len(tests) == 151
    for key, test in tests:
        accepted = PublicKey.ed25519("w", bytes.fromhex(key)).verifies(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert accepted is (test["result"] == "valid"), test
