"""What signs: a key in a file, or one that is kept in a hardware security module, a vault or a cloud's key service.

A key in a file is read with `cryptography`, which is there anyway: a home that keeps its key in a file installs
nothing more, and a file that others can read is refused. Every other key is reached through `securesystemslib`, by the
URI in `signer.json`; a PEM named there as `file2:` is, too.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from gov_pipelines.errors import EvidenceError, SourceUnreachable, WrongUse
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.durable import write_folder
from gov_pipelines.evidence.keys import PUBLIC_KEY, SIGNING_KEY, PublicKey, Signer, load_public, parse_public, tuf_key

ELSEWHERE = "signer.json"
"""Names the URI of a signing key that is not in `signing.pem`."""

PIN = "GOV_HSM_PIN"
"""The environment variable that holds the PIN or token of such a key; it stands in no file."""

SCHEMES = ("hsm", "hv", "awskms", "gcpkms", "azurekms", "file2")
"""Kinds of URI: a PKCS#11 module, HashiCorp Vault, three clouds, and a PEM file."""

_DER_SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo


def generate(keys_dir: Path, *, name: str, created: datetime) -> Signer:
    """Make a signing key in a new folder, readable by its owner alone. An existing key is never replaced.

    Args:
        keys_dir: the folder to make; it may exist only if it is empty.
        name: what people will call the key.
        created: aware instant.

    Returns:
        The new signer, Ed25519.

    Raises:
        EvidenceError: the folder already holds something, or the name is enormous.
    """
    private = Ed25519PrivateKey.generate()
    public = PublicKey(name, private.public_key().public_bytes(*_DER_SPKI), canonical.instant(created))
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(keys_dir, {SIGNING_KEY: pem}, public)
    return Signer(public, private.sign)


def enlist(keys_dir: Path, uri: str, public: PublicKey, environ: Mapping[str, str]) -> Signer:
    """Name a signing key that is kept elsewhere, in a new folder. The key is used once, to see that it is there.

    Args:
        keys_dir: the folder to make; it may exist only if it is empty.
        uri: as securesystemslib has it, such as `hsm:2?label=audit` or `awskms:...`.
        public: its public half.
        environ: where the PIN is.

    Returns:
        The signer.

    Raises:
        WrongUse: a URI of another kind, or a library or PIN that is not there.
        EvidenceError: the folder already holds something, or the key there is another one.
        SourceUnreachable: nothing answered.
    """
    signer = Signer(public, _elsewhere(uri, public, environ))
    signer.sign(b"gov_pipelines asks whether this key is here")
    _write(keys_dir, {ELSEWHERE: canonical.dumps({"uri": uri})}, public)
    return signer


def load_signer(keys_dir: Path, environ: Mapping[str, str] = MappingProxyType({})) -> Signer:
    """Load the signing key of a home, or of a person.

    Args:
        keys_dir: holds `signing.pub.json` and either `signing.pem` or `signer.json`.
        environ: where the PIN of a key that is kept elsewhere is; one in a file needs none.

    Raises:
        WrongUse: there is no key yet, or a library or PIN that it needs is not there.
        EvidenceError: others can read the key, it is neither Ed25519 nor P-256, its public half is another key's, or
            two are there.
    """
    public = load_public(keys_dir)
    match (keys_dir / SIGNING_KEY).exists(), (keys_dir / ELSEWHERE).exists():
        case True, False:
            return Signer(public, _in_file(keys_dir / SIGNING_KEY, public))
        case False, True:
            return Signer(public, _elsewhere(_uri(keys_dir / ELSEWHERE), public, environ))
        case True, True:
            raise EvidenceError(f"{keys_dir} holds {SIGNING_KEY} and {ELSEWHERE}; remove the one that does not sign")
    raise WrongUse(f"no signing key in {keys_dir}; put it back, or make one with `gov keys new --name NAME`")


def _write(keys_dir: Path, private: Mapping[str, bytes], public: PublicKey) -> None:
    parse_public(public.to_json())  # a key whose name is too long to be read back is not made
    # Both files appear in one rename: there is never a private key without its public half, nor two of either.
    write_folder(keys_dir, {**private, PUBLIC_KEY: public.to_json()}, file_mode=0o600)


def _in_file(path: Path, public: PublicKey) -> Callable[[bytes], bytes]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise EvidenceError(f"{path} has mode {mode:o}, so others can read it; expected 600: `chmod 600 {path}`")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path} is not an unencrypted PEM private key; restore it or make a new one") from error
    if private.public_key().public_bytes(*_DER_SPKI) != public.spki:
        raise EvidenceError(f"{path} and {PUBLIC_KEY} beside it are of different keys; restore the pair from a backup")
    match private:
        case Ed25519PrivateKey():
            return private.sign
        case ec.EllipticCurvePrivateKey():
            return lambda message: private.sign(message, ec.ECDSA(SHA256()))
    raise EvidenceError(f"{path} holds a key of another algorithm; expected Ed25519 or P-256")


def _uri(path: Path) -> str:
    match canonical.loads(path.read_bytes().rstrip(b"\r\n"), max_bytes=10_000):
        case {"uri": str(uri), **rest} if not rest:
            return uri
    raise EvidenceError(f"{path} names no key; expected an object with the member uri")


def _elsewhere(uri: str, public: PublicKey, environ: Mapping[str, str]) -> Callable[[bytes], bytes]:
    kind = uri.partition(":")[0]
    if kind not in SCHEMES:
        raise WrongUse(f"{kind!r} is no kind of signing key; expected one of {', '.join(SCHEMES)}")
    try:
        from securesystemslib import exceptions  # noqa: PLC0415  (an extra: only keys kept elsewhere need it)
        from securesystemslib.signer import Key  # noqa: PLC0415  (as above)
        from securesystemslib.signer import Signer as KeptElsewhere  # noqa: PLC0415  (as above)
    except ImportError as error:
        raise WrongUse("a key that is kept elsewhere needs `pip install 'gov-pipelines[evidence]'`") from error

    def secret(_: str) -> str:
        if PIN not in environ:
            raise WrongUse(f"the key {kind}: asks for a PIN; set {PIN} where this runs, and write it into no file")
        return environ[PIN]

    def sign(message: bytes) -> bytes:
        try:
            signature = bytes.fromhex(KeptElsewhere.from_priv_key_uri(uri, key, secret).sign(message).signature)
        except WrongUse:
            raise
        except exceptions.UnsupportedLibraryError as error:
            extra = "hsm" if kind == "hsm" else "evidence"
            raise WrongUse(f"the key {kind}: {error}; `pip install 'gov-pipelines[{extra}]'`") from error
        except Exception as error:  # the libraries behind raise errors of their own, whose texts may say anything
            raise SourceUnreachable(
                f"the key {kind}: did not sign ({type(error).__name__}); see that it is there and that this may use it"
            ) from error
        if not public.verifies(signature, message):
            raise EvidenceError(f"the key {kind}: is not the one whose public half is {public.keyid}; correct the URI")
        return signature

    key = Key.from_dict(public.keyid, tuf_key(public))
    return sign
