"""Public keys, Ed25519 or ECDSA P-256, each in one encoding, and refused where a signature would prove nothing.

OpenSSL accepts an identity-point public key whose one signature is valid for every message. Whoever signed with such
a key could later deny what was signed, so small-order and non-canonical keys are refused wherever a key is met.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import canonical

SIGNING_KEY = "signing.pem"
PUBLIC_KEY = "signing.pub.json"
DEMO_KEY_NAME = "demo (untrusted)"
"""Name of the key the demo signs with; shown by every verification that meets it."""

ED25519, P256 = "ed25519", "ecdsa-p256"

# What a SubjectPublicKeyInfo begins with, before the key itself: RFC 8410 (32 bytes follow), and RFC 5480 with the
# curve by its name and the point uncompressed (0x04 and 64 bytes follow).
_PREFIXES = {
    ED25519: bytes.fromhex("302a300506032b6570032100"),
    P256: bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
}
_FIELD_PRIME = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
# The y coordinates of the eight points of order 1, 2, 4 and 8 (x is either root).
_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8, _FIELD_PRIME - _ORDER_8})
_PEM = re.compile(rb"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")


@lru_cache(maxsize=256)  # one key signs for years, and is named in many a check
def _keyid(spki: bytes) -> str:
    return sha256(spki).hexdigest()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that is not weak.

    Attributes:
        name: what people call it; not authenticated unless signed bytes cover the file it came from.
        spki: the key as DER SubjectPublicKeyInfo, in the one encoding that is accepted: what
            `openssl pkey -pubin -outform DER` writes (44 bytes for Ed25519, 91 for P-256).
        created: RFC 3339 instant, empty where the key came as a bare PEM.

    Raises:
        EvidenceError: another algorithm, curve or encoding, a point that is not on the curve, or one of small order.
    """

    name: str
    spki: bytes
    created: str = ""

    def __post_init__(self) -> None:
        if problem := weakness(self.spki):
            raise EvidenceError(f"the public key is refused: {problem}; make a new one with `gov keys new --name NAME`")

    @classmethod
    def ed25519(cls, name: str, raw: bytes, created: str = "") -> PublicKey:
        """Make an Ed25519 key of the 32 bytes of RFC 8032."""
        return cls(name, _PREFIXES[ED25519] + raw, created)

    @property
    def algorithm(self) -> str:
        """`ed25519` or `ecdsa-p256`."""
        return ED25519 if self.spki.startswith(_PREFIXES[ED25519]) else P256

    @property
    def raw(self) -> bytes:
        """The 32 bytes of RFC 8032.

        Raises:
            EvidenceError: the key is of another algorithm.
        """
        if self.algorithm != ED25519:
            raise EvidenceError(f"the key {self.keyid} is {self.algorithm}; expected an Ed25519 key here")
        return self.spki.removeprefix(_PREFIXES[ED25519])

    @property
    def keyid(self) -> str:
        """SHA-256 of `spki`, hex."""
        return _keyid(self.spki)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key made the signature over the message.

        Ed25519 as RFC 8032; P-256 with SHA-256 and the signature as strict DER (RFC 3279). Of an ECDSA signature
        (r, s) anybody can make (r, n - s), which holds as well: a signature names nothing, digests of messages do.
        """
        try:
            if self.algorithm == ED25519:
                Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
            else:
                point = self.spki.removeprefix(_PREFIXES[P256])
                key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
                key.verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def to_json(self) -> bytes:
        """Write the key as the canonical JSON that packages carry and `load_trust` reads."""
        encoded = base64.b64encode(self.spki).decode()
        said = {"algorithm": self.algorithm, "created": self.created, "keyid": self.keyid, "name": self.name}
        return canonical.dumps({**said, "publicKey": encoded})

    def to_pem(self) -> str:
        """Write the key as PEM, as TUF metadata and openssl have it (RFC 7468)."""
        encoded = base64.b64encode(self.spki).decode()
        lines = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


@dataclass(frozen=True, slots=True)
class Signer:
    """A public key, and what signs with its private half, wherever that is kept: `sign(message)` gives a signature.

    Attributes:
        public: the key that verifies.
        sign: 64 bytes for Ed25519 (RFC 8032, the same each time), DER for P-256.
    """

    public: PublicKey
    sign: Callable[[bytes], bytes]


def weakness(spki: bytes) -> str | None:
    """Say why a DER SubjectPublicKeyInfo must not serve as a public key, or None if it may.

    Source: RFC 8032 section 5.1.3 (canonical encoding) and the eight small-order points of its curve; RFC 5480
    section 2 for P-256, whose group has no small subgroups.
    """
    if spki.startswith(_PREFIXES[ED25519]):
        return _weakness_of_ed25519(spki.removeprefix(_PREFIXES[ED25519]))
    if not spki.startswith(_PREFIXES[P256] + b"\x04"):
        return "it is neither Ed25519 nor ECDSA over P-256 with the curve by name and an uncompressed point"
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), spki.removeprefix(_PREFIXES[P256]))
    except ValueError:
        return "its point is not on the curve P-256"
    return None


def _weakness_of_ed25519(raw: bytes) -> str | None:
    if len(raw) != 32:
        return f"it has {len(raw)} bytes, not 32"
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _FIELD_PRIME:
        return "its encoding is not canonical"
    if y in _SMALL_ORDER_Y:
        return "it is a point of small order, for which signatures of any message can be made"
    return None


def tuf_key(key: PublicKey) -> dict[str, Any]:
    """Describe a key as TUF metadata and securesystemslib do: `keytype`, `scheme` and `keyval`."""
    if key.algorithm == ED25519:
        return {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key.raw.hex()}}
    return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": key.to_pem()}}


def load_public(keys_dir: Path) -> PublicKey:
    """Load the public half of a home's signing key: all that reading what it signed takes.

    Raises:
        WrongUse: there is no key yet.
        EvidenceError: it is no key of ours, or a weak one.
    """
    try:
        return parse_public((keys_dir / PUBLIC_KEY).read_bytes())
    except OSError as error:
        raise WrongUse(
            f"no signing key in {keys_dir}: {error.strerror}; make one with `gov keys new --name NAME`"
        ) from error


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
    return parse_pem(path.name, data) if data.lstrip().startswith(b"-----BEGIN") else parse_public(data)


def parse_pem(name: str, data: bytes) -> PublicKey:
    """Read a PEM public key (RFC 7468).

    Raises:
        EvidenceError: not one `PUBLIC KEY` block, or a key that is refused.
    """
    found = _PEM.fullmatch(data)
    if not found:
        raise EvidenceError(f"{name} is not a PEM public key; expected one `-----BEGIN PUBLIC KEY-----` block")
    return PublicKey(name, _decode(b"".join(found[1].split())))


@lru_cache(maxsize=256)  # the packages of years bring the same few keys
def parse_public(data: bytes) -> PublicKey:
    """Read the JSON that `PublicKey.to_json` wrote; a trailing newline is forgiven.

    Raises:
        EvidenceError: another shape, a keyid that is not the key's digest, or a weak key.
    """
    data = data.rstrip(b"\r\n")
    match canonical.loads(data, max_bytes=10_000):
        case {"name": str(name), "created": str(created), "publicKey": str(encoded)}:
            key = PublicKey(name, _decode(encoded.encode()), created)
        case _:
            raise EvidenceError("a public key file holds the strings algorithm, created, keyid, name and publicKey")
    if key.to_json() != data:
        raise EvidenceError("algorithm, keyid and publicKey do not belong together; fetch the key again from its owner")
    return key


def _decode(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise EvidenceError(f"the public key is not base64: {error}") from error
