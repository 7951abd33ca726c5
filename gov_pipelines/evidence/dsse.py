"""DSSE v1.0.2: what is signed, and the envelope that carries it.

DSSE lets a verifier accept many spellings of one envelope. Here an envelope has one: canonical JSON, padded standard
base64, signatures in order of keyid, one newline at the end. A changed byte is then always a changed envelope.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.keys import PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MAX_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. `keyid` is a hint: only a key that verifies counts."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and who signed both."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """What the signatures are made over."""
        return pae(self.payload_type, self.payload)

    def to_bytes(self) -> bytes:
        """Write the envelope's one spelling: a line of canonical JSON and a newline."""
        signatures = [{"keyid": item.keyid, "sig": _encode(item.sig)} for item in self.signatures]
        document = {"payload": _encode(self.payload), "payloadType": self.payload_type, "signatures": signatures}
        return canonical.dumps(document) + b"\n"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Join type and payload unambiguously (DSSE's pre-authentication encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Sign a payload and write the envelope.

    Returns:
        The envelope's bytes.
    """
    signature = Signature(signer.public.keyid, signer.sign(pae(payload_type, payload)))
    return Envelope(payload, payload_type, (signature,)).to_bytes()


def parse(data: bytes) -> Envelope:
    """Read an envelope that must be in its one spelling. No signature is verified.

    Raises:
        EvidenceError: another shape or another spelling.
    """
    document = canonical.loads(data.removesuffix(b"\n"))
    match document:
        case {"payload": str(payload), "payloadType": str(kind), "signatures": [_, *_] as listed, **others} if (
            not others
        ):
            envelope = Envelope(_decode(payload), kind, tuple(map(_signature, listed)))
        case _:
            raise EvidenceError("an envelope holds payload, payloadType and signatures, and nothing else")
    keyids = [item.keyid for item in envelope.signatures]
    if len(keyids) > _MAX_SIGNATURES:
        raise EvidenceError(f"the envelope has {len(keyids)} signatures; at most {_MAX_SIGNATURES} are read")
    if keyids != sorted(set(keyids)):
        raise EvidenceError("the signatures are not in order of keyid, or one key signs twice")
    if envelope.to_bytes() != data:
        raise EvidenceError(
            "the envelope is not in its canonical form: base64 padding, alphabet or the last newline differ"
        )
    return envelope


def accepted(envelope: Envelope, keys: Iterable[PublicKey]) -> list[PublicKey]:
    """Find which keys made the envelope's signatures, whatever keyid the envelope claims.

    Args:
        envelope: a parsed envelope.
        keys: the keys a verifier knows.

    Returns:
        The keys of the signatures that verify, each key once, in the order of the signatures.
    """
    known, signed = list(keys), envelope.signed_bytes
    found = {key.raw: key for item in envelope.signatures for key in known if key.verifies(item.sig, signed)}
    return list(found.values())


def verify(data: bytes, keys: Iterable[PublicKey], payload_type: str = PAYLOAD_TYPE, threshold: int = 1) -> bytes:
    """Open an envelope: parse, verify, and hand on the very bytes that were verified.

    Args:
        data: the envelope.
        keys: trusted keys.
        payload_type: the only type accepted.
        threshold: how many different keys must have signed.

    Returns:
        The payload.

    Raises:
        EvidenceError: malformed, of another type, or signed by too few trusted keys.
    """
    envelope = parse(data)
    if envelope.payload_type != payload_type:
        raise EvidenceError(f"the payload type is {envelope.payload_type!r}; expected {payload_type!r}")
    if (count := len(accepted(envelope, keys))) < threshold:
        raise EvidenceError(f"{count} trusted keys signed this; expected {threshold}")
    return envelope.payload


def _signature(item: object) -> Signature:
    match item:
        case {"keyid": str(keyid), "sig": str(sig), **others} if not others:
            return Signature(keyid, _decode(sig))
    raise EvidenceError("a signature holds keyid and sig, and nothing else")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EvidenceError(f"not base64: {error}") from error
