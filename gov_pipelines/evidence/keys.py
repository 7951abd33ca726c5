"""Ed25519 keys: made once, kept in a file only its owner can read, and refused where a signature would prove nothing.

OpenSSL accepts an identity-point public key whose one signature is valid for every message. Whoever signed with such
a key could later deny what was signed, so small-order and non-canonical keys are refused wherever a key is met.
"""

from __future__ import annotations

import base64
import stat
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.durable import write_folder

SIGNING_KEY = "signing.pem"
PUBLIC_KEY = "signing.pub.json"
DEMO_KEY_NAME = "demo (untrusted)"
"""Name of the key the demo signs with; shown by every verification that meets it."""

_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: SubjectPublicKeyInfo of an Ed25519 key
_FIELD_PRIME = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
# The y coordinates of the eight points of order 1, 2, 4 and 8 (x is either root).
_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8, _FIELD_PRIME - _ORDER_8})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that is not weak.

    Attributes:
        name: what people call it; not authenticated unless signed bytes cover the file it came from.
        raw: the 32 bytes of RFC 8032.
        created: RFC 3339 instant, empty where the key came as a bare PEM.

    Raises:
        EvidenceError: the key is of small order, not canonical, or not 32 bytes.
    """

    name: str
    raw: bytes
    created: str = ""

    def __post_init__(self) -> None:
        if problem := weakness(self.raw):
            raise EvidenceError(f"the public key is refused: {problem}; make a new one with `gov keys new --name NAME`")

    @property
    def spki(self) -> bytes:
        """The key as DER SubjectPublicKeyInfo (RFC 8410), 44 bytes: what `openssl pkey -pubin -outform DER` writes."""
        return _SPKI_PREFIX + self.raw

    @property
    def keyid(self) -> str:
        """SHA-256 of `spki`, hex."""
        return sha256(self.spki).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key made the signature over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def to_json(self) -> bytes:
        """Write the key as the canonical JSON that packages carry and `load_trust` reads."""
        encoded = base64.b64encode(self.spki).decode()
        said = {"algorithm": "ed25519", "created": self.created, "keyid": self.keyid, "name": self.name}
        return canonical.dumps({**said, "publicKey": encoded})


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the public key that goes with it."""

    private: Ed25519PrivateKey
    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """Sign bytes; 64 bytes come back (RFC 8032, deterministic)."""
        return self.private.sign(message)


def weakness(raw: bytes) -> str | None:
    """Say why 32 bytes must not serve as an Ed25519 public key, or None if they may.

    Source: RFC 8032 section 5.1.3 (canonical encoding); the eight small-order points of the curve.
    """
    if len(raw) != 32:
        return f"it has {len(raw)} bytes, not 32"
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _FIELD_PRIME:
        return "its encoding is not canonical"
    if y in _SMALL_ORDER_Y:
        return "it is a point of small order, for which signatures of any message can be made"
    return None


def generate(keys_dir: Path, *, name: str, created: datetime) -> Signer:
    """Make a signing key in a new folder, readable by its owner alone. An existing key is never replaced.

    Args:
        keys_dir: the folder to make; it may exist only if it is empty.
        name: what people will call the key.
        created: aware instant.

    Returns:
        The new signer.

    Raises:
        EvidenceError: the folder already holds something, or the name is enormous.
    """
    private = Ed25519PrivateKey.generate()
    public = PublicKey(name, private.public_key().public_bytes_raw(), canonical.instant(created))
    parse_public(public.to_json())  # a key whose name is too long to be read back is not made
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # Both files appear in one rename: there is never a private key without its public half, nor two of either.
    write_folder(keys_dir, {SIGNING_KEY: pem, PUBLIC_KEY: public.to_json()}, file_mode=0o600)
    return Signer(private, public)


def load_signer(keys_dir: Path) -> Signer:
    """Load the signing key of a home.

    Raises:
        WrongUse: there is no key yet.
        EvidenceError: others can read the key, it is not Ed25519, or its public half is another key's.
    """
    path = keys_dir / SIGNING_KEY
    public = load_public(keys_dir)
    try:
        mode, pem = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise _no_key(keys_dir, error) from error
    if mode & 0o077:
        raise EvidenceError(f"{path} has mode {mode:o}, so others can read it; expected 600: `chmod 600 {path}`")
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path} is not an unencrypted PEM private key; restore it or make a new one") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise EvidenceError(f"{path} holds a key of another algorithm; expected Ed25519")
    if private.public_key().public_bytes_raw() != public.raw:
        raise EvidenceError(f"{path} and {PUBLIC_KEY} beside it are of different keys; restore the pair from a backup")
    return Signer(private, public)


def load_public(keys_dir: Path) -> PublicKey:
    """Load the public half of a home's signing key: all that reading what it signed takes.

    Raises:
        WrongUse: there is no key yet.
        EvidenceError: it is no key of ours, or a weak one.
    """
    try:
        return parse_public((keys_dir / PUBLIC_KEY).read_bytes())
    except OSError as error:
        raise _no_key(keys_dir, error) from error


def _no_key(keys_dir: Path, error: OSError) -> WrongUse:
    return WrongUse(f"no signing key in {keys_dir}: {error.strerror}; make one with `gov keys new --name NAME`")


def load_trust(path: Path) -> PublicKey:
    """Load the public key an auditor already trusts: our JSON (`signing.pub.json`) or a PEM public key.

    Raises:
        WrongUse: no such file.
        EvidenceError: it is not such a key, or a weak one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"the trusted key {path} was not read: {error.strerror}") from error
    if not data.lstrip().startswith(b"-----BEGIN"):
        return parse_public(data)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path} is not a PEM public key; expected `-----BEGIN PUBLIC KEY-----`") from error
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceError(f"{path} holds a public key of another algorithm; expected Ed25519")
    return PublicKey(path.name, key.public_bytes_raw())


def parse_public(data: bytes) -> PublicKey:
    """Read the JSON that `PublicKey.to_json` wrote; a trailing newline is forgiven.

    Raises:
        EvidenceError: another shape, a keyid that is not the key's digest, or a weak key.
    """
    data = data.rstrip(b"\r\n")
    match canonical.loads(data, max_bytes=10_000):
        case {"name": str(name), "created": str(created), "publicKey": str(encoded)}:
            try:
                spki = base64.b64decode(encoded, validate=True)
            except ValueError as error:
                raise EvidenceError(f"publicKey is not base64: {error}") from error
        case _:
            raise EvidenceError("a public key file holds the strings algorithm, created, keyid, name and publicKey")
    key = PublicKey(name, spki.removeprefix(_SPKI_PREFIX), created)
    if key.to_json() != data:
        raise EvidenceError("algorithm, keyid and publicKey do not belong together; fetch the key again from its owner")
    return key
