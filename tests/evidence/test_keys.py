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
from gov_pipelines.evidence.keys import parse_pem

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDENTITY = bytes([1]) + bytes(31)
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
SOME_P256 = ec.derive_private_key(7, ec.SECP256R1()).public_key()


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


def test_a_p256_key_has_one_encoding(tmp_path, openssl):
    """Keys written by openssl: the plain one is taken, compressed points and spelled-out curves are not."""
    verdicts = {}
    for said in ("named_curve/uncompressed", "named_curve/compressed", "named_curve/hybrid", "explicit/uncompressed"):
        encoding, form = said.split("/")
        command = [openssl, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", tmp_path / "key.pem"]
        subprocess.run(command, check=True, capture_output=True)
        command = [openssl, "ec", "-in", tmp_path / "key.pem", "-pubout", "-param_enc", encoding, "-conv_form", form]
        subprocess.run([*command, "-out", tmp_path / "pub.pem"], check=True, capture_output=True)
        try:
            verdicts[said] = load_trust(tmp_path / "pub.pem").algorithm
        except EvidenceError as error:
            verdicts[said] = str(error)
    assert verdicts.pop("named_curve/uncompressed") == "ecdsa-p256"
    assert all("neither Ed25519 nor ECDSA over P-256" in why for why in verdicts.values()), verdicts


def test_a_p256_key_is_written_and_read_as_any_other(tmp_path):
    key = PublicKey("p256", SOME_P256.public_bytes(serialization.Encoding.DER, SPKI), "2026-11-22T12:00:00Z")
    assert key.algorithm == "ecdsa-p256"
    assert key.keyid == sha256(key.spki).hexdigest()
    (tmp_path / "key.json").write_bytes(key.to_json())
    assert load_trust(tmp_path / "key.json") == key
    assert SOME_P256.public_bytes(serialization.Encoding.PEM, SPKI).decode() == key.to_pem()
    assert parse_pem("p256", key.to_pem().encode()).spki == key.spki
    with pytest.raises(EvidenceError, match="expected an Ed25519 key"):
        assert key.raw
    off_the_curve = key.spki[:-1] + bytes([key.spki[-1] ^ 1])
    with pytest.raises(EvidenceError, match="not on the curve"):
        PublicKey("off", off_the_curve)
    for other in (key.spki[:-1], key.spki + b"\0", key.spki[:27] + bytes(64), b"", key.spki[26:]):
        with pytest.raises(EvidenceError):
            PublicKey("other", other)


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


@pytest.mark.parametrize(("file", "cases", "sound"), [("ed25519", 151, 88), ("ecdsa_secp256r1_sha256", 484, 174)])
def test_wycheproof_signatures(vectors, file, cases, sound):
    """Every case has one verdict: in these two files none is `acceptable`, the class that leaves it to the verifier."""
    suite = json.loads((vectors("wycheproof") / "testvectors_v1" / f"{file}_test.json").read_bytes())
    tests = [(group["publicKeyDer"], test) for group in suite["testGroups"] for test in group["tests"]]
    assert {test["result"] for _, test in tests} == {"valid", "invalid"}
    verdicts = []
    for der, test in tests:
        key = PublicKey("wycheproof", bytes.fromhex(der))
        verdicts.append(key.verifies(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])))
        assert verdicts[-1] is (test["result"] == "valid"), test
    assert (len(verdicts), sum(verdicts)) == (cases, sound)
