"""Keys that are not in our own file: a hardware security module (SoftHSM2 stands in), and whatever else is named."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gov_pipelines.errors import EvidenceError, SourceUnreachable, WrongUse
from gov_pipelines.evidence import PublicKey, build_predicate, generate, load_signer, sign_package
from gov_pipelines.evidence.roots import current_roots, first_root
from gov_pipelines.evidence.signers import enlist
from gov_pipelines.evidence.verify import verify

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MADE = "2026-11-22T12:00:00Z"
PIN = {"GOV_HSM_PIN": "1234"}
SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory):
    """A token in a folder of its own, with a P-256 key that never leaves it; gives the key's public half."""
    module, util = next(filter(lambda each: Path(each).exists(), MODULES), None), shutil.which("softhsm2-util")
    if not (module and util):
        pytest.skip("softhsm2 is not installed: keys in a hardware security module are not tested")
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed: as above")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", module)
        command = [util, "--init-token", "--free", "--label", "audit", "--so-pin", "5678", "--pin", PIN["GOV_HSM_PIN"]]
        subprocess.run(command, check=True, capture_output=True)
        token = pkcs11.lib(module).get_token(token_label="audit")
        with token.open(rw=True, user_pin=PIN["GOV_HSM_PIN"]) as session:
            curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
            domain = session.create_domain_parameters(
                pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
            )
            public, _ = domain.generate_keypair(store=True, id=b"\x02", label="signing")
            key = PublicKey("the module's", pkcs11.util.ec.encode_ec_public_key(public), MADE)
        yield key


def test_a_module_signs_a_snapshot_from_key_to_verification(hsm, tmp_path, content, files):
    enlist(tmp_path / "keys", "hsm:2?label=audit", hsm, PIN)
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {"signer.json", "signing.pub.json"}
    assert "1234" not in "".join(path.read_text() for path in (tmp_path / "keys").iterdir())
    signer = load_signer(tmp_path / "keys", PIN)
    assert signer.public == hsm
    folder = tmp_path / "loans" / "2026-10-01" / "r1"
    sign_package(folder, files, build_predicate(content()), signer)
    found = verify(folder, trust=tmp_path / "keys" / "signing.pub.json")
    assert found.ok
    assert found.trusted
    assert "the module's" in found.to_text()
    (tmp_path / "1.root.json").write_bytes(first_root(signer, "example.com/audit", NOON))
    assert current_roots(tmp_path)[-1].keys_of("targets")[0].keyid == hsm.keyid


def test_openssl_verifies_what_a_module_signed(hsm, tmp_path, openssl):
    enlist(tmp_path / "keys", "hsm:2?label=audit", hsm, PIN)
    (tmp_path / "sig").write_bytes(load_signer(tmp_path / "keys", PIN).sign(b"message"))
    (tmp_path / "key.pem").write_text(hsm.to_pem())
    for message, holds in ((b"message", True), (b"massage", False)):
        (tmp_path / "message").write_bytes(message)
        command = [openssl, "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "message"]
        assert (subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0) is holds


def test_a_module_that_cannot_sign_is_said_in_words(hsm, tmp_path):
    other = PublicKey("other", ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI), MADE)
    for uri, public, environ, error, why in [
        ("hsm:2?label=audit", hsm, {}, WrongUse, "set GOV_HSM_PIN"),
        ("hsm:2?label=audit", hsm, {"GOV_HSM_PIN": "0000"}, SourceUnreachable, "did not sign"),
        ("hsm:3?label=audit", hsm, PIN, SourceUnreachable, "did not sign"),
        ("hsm:2?label=nowhere", hsm, PIN, SourceUnreachable, "did not sign"),
        ("hsm:2?label=audit", other, PIN, EvidenceError, "not the one whose public half"),
    ]:
        with pytest.raises(error, match=why):
            enlist(tmp_path / "keys", uri, public, environ)
        assert not (tmp_path / "keys").exists()


@pytest.fixture
def p256(tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "p256.pem").write_bytes(pem)
    (tmp_path / "p256.pem").chmod(0o600)
    return PublicKey("p256", private.public_key().public_bytes(*SPKI), MADE)


def test_a_pem_may_go_through_securesystemslib_or_through_us(tmp_path, p256):
    enlist(tmp_path / "theirs", f"file2:{tmp_path / 'p256.pem'}", p256, {})
    generate(tmp_path / "ours", name="ours", created=NOON)
    (tmp_path / "ours" / "signing.pem").write_bytes((tmp_path / "p256.pem").read_bytes())
    (tmp_path / "ours" / "signing.pub.json").write_bytes(p256.to_json())
    for folder in ("theirs", "ours"):
        signer = load_signer(tmp_path / folder)
        assert p256.verifies(signer.sign(b"message"), b"message")
    ed25519 = generate(tmp_path / "third", name="third", created=NOON)
    enlist(tmp_path / "fourth", f"file2:{tmp_path / 'third' / 'signing.pem'}", ed25519.public, {})
    assert load_signer(tmp_path / "fourth").sign(b"m") == ed25519.sign(b"m")


def test_what_names_no_key_is_refused(tmp_path, p256):
    for uri in ("gnupg:1", "sigstore:", "", "/etc/key.pem", "file2"):
        with pytest.raises((WrongUse, SourceUnreachable)):
            enlist(tmp_path / "keys", uri, p256, {})
    enlist(tmp_path / "keys", f"file2:{tmp_path / 'p256.pem'}", p256, {})
    with pytest.raises(EvidenceError, match="never overwritten"):
        enlist(tmp_path / "keys", f"file2:{tmp_path / 'p256.pem'}", p256, {})
    for said in ("{}", '{"uri":1}', '{"more":1,"uri":"hsm:"}', "hsm:"):
        (tmp_path / "keys" / "signer.json").write_text(said)
        with pytest.raises(EvidenceError):
            load_signer(tmp_path / "keys")
    (tmp_path / "keys" / "signing.pem").write_bytes((tmp_path / "p256.pem").read_bytes())
    with pytest.raises(EvidenceError, match="remove the one"):
        load_signer(tmp_path / "keys")
    for name in ("signer.json", "signing.pem"):
        (tmp_path / "keys" / name).unlink()
    with pytest.raises(WrongUse, match="no signing key"):
        load_signer(tmp_path / "keys")


def test_without_the_library_the_error_says_what_to_install(tmp_path, p256):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pub.json").write_bytes(p256.to_json())
    (tmp_path / "keys" / "signer.json").write_text(json.dumps({"uri": "hsm:2"}, separators=(",", ":")))
    code = (
        "import sys; sys.modules['securesystemslib'] = None\n"
        "from pathlib import Path; from gov_pipelines.evidence import load_signer\n"
        f"load_signer(Path({str(tmp_path / 'keys')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'gov-pipelines[evidence]'" in done.stderr
