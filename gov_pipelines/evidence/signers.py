"""What signs: a key made here, or one that is kept elsewhere."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.durable import write_folder
from gov_pipelines.evidence.keys import PUBLIC_KEY, SIGNING_KEY, PublicKey, Signer, load_public, parse_public

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
    parse_public(public.to_json())  # a key whose name is too long to be read back is not made
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # Both files appear in one rename: there is never a private key without its public half, nor two of either.
    write_folder(keys_dir, {SIGNING_KEY: pem, PUBLIC_KEY: public.to_json()}, file_mode=0o600)
    return Signer(public, private.sign)


def load_signer(keys_dir: Path) -> Signer:
    """Load the signing key of a home, or of a person.

    Raises:
        WrongUse: there is no key yet.
        EvidenceError: others can read the key, it is neither Ed25519 nor P-256, or its public half is another key's.
    """
    path = keys_dir / SIGNING_KEY
    public = load_public(keys_dir)
    try:
        mode, pem = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise WrongUse(
            f"no signing key in {keys_dir}: {error.strerror}; make one with `gov keys new --name NAME`"
        ) from error
    if mode & 0o077:
        raise EvidenceError(f"{path} has mode {mode:o}, so others can read it; expected 600: `chmod 600 {path}`")
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path} is not an unencrypted PEM private key; restore it or make a new one") from error
    if private.public_key().public_bytes(*_DER_SPKI) != public.spki:
        raise EvidenceError(f"{path} and {PUBLIC_KEY} beside it are of different keys; restore the pair from a backup")
    match private:
        case Ed25519PrivateKey():
            return Signer(public, private.sign)
        case ec.EllipticCurvePrivateKey():
            return Signer(public, lambda message: private.sign(message, ec.ECDSA(SHA256())))
    raise EvidenceError(f"{path} holds a key of another algorithm; expected Ed25519 or P-256")
