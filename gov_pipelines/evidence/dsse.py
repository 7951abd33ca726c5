"""DSSE v1.0.2: what is signed, and the envelope that carries it.

DSSE lets a verifier accept many spellings of one envelope, and `open_envelope` does, for the envelopes of others. Ours
have one: canonical JSON, padded standard base64, one signature, one newline at the end. A changed byte is then always
a changed envelope.
"""

from __future__ import annotations

import base64
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.keys import PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MAX_SIGNATURES = 100
_STANDARD_ALPHABET = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and the signature over both. `keyid` is a hint: only a key that verifies counts."""

    payload: bytes
    payload_type: str
    keyid: str
    sig: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is made over."""
        return pae(self.payload_type, self.payload)

    @property
    def signature(self) -> dict[str, str]:
        """The signature as the envelope spells it: `keyid` and base64 `sig`."""
        return {"keyid": self.keyid, "sig": _encode(self.sig)}

    def to_bytes(self) -> bytes:
        """Write the envelope's one spelling: a line of canonical JSON and a newline.

        Raises:
            EvidenceError: the type or the keyid is a text that JSON escapes, or may.
        """
        kind, keyid = _plain(self.payload_type).encode(), _plain(self.keyid).encode()
        return b'{"payload":"%b","payloadType":"%b","signatures":[{"keyid":"%b","sig":"%b"}]}\n' % (
            base64.b64encode(self.payload), kind, keyid, base64.b64encode(self.sig),
        )  # fmt: skip


def pae(payload_type: str, payload: bytes) -> bytes:
    """Join type and payload unambiguously (DSSE's pre-authentication encoding).

    Raises:
        EvidenceError: the type holds a lone surrogate, which UTF-8 cannot say.
    """
    try:
        kind = payload_type.encode()
    except UnicodeEncodeError as error:
        raise EvidenceError(f"the payload type is not text: {error}") from error
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Sign a payload and write the envelope.

    Returns:
        The envelope's bytes.
    """
    signature = signer.sign(pae(payload_type, payload))
    return Envelope(payload, payload_type, signer.public.keyid, signature).to_bytes()


def parse(data: bytes) -> Envelope:
    """Read an envelope that must be in its one spelling. The signature is not verified.

    Raises:
        EvidenceError: another shape or another spelling.
    """
    if len(data) > canonical.MAX_BYTES:
        raise EvidenceError(f"the envelope has {len(data)} bytes; at most {canonical.MAX_BYTES} are read")
    # The one spelling has its quotes in known places, so that no JSON needs to be read.
    match data.split(b'"', 19):
        case [
            b"{", b"payload", b":", payload, b",", b"payloadType", b":", kind, b",",
            b"signatures", b":[{", b"keyid", b":", keyid, b",", b"sig", b":", sig, b"}]}\n",
        ]:  # fmt: skip
            texts = [_plain(each.decode(errors="replace")) for each in (kind, keyid)]
            return Envelope(_decode_exactly(payload), texts[0], texts[1], _decode_exactly(sig))
    raise EvidenceError("an envelope is one line of canonical JSON: payload, payloadType, a signature of keyid and sig")


def signed_by(envelope: Envelope, keys: Iterable[PublicKey]) -> PublicKey | None:
    """Find the first of the keys that made an envelope's signature, whatever keyid the envelope claims."""
    return next((key for key in keys if key.verifies(envelope.sig, envelope.signed_bytes)), None)


def verify(data: bytes, keys: Iterable[PublicKey]) -> bytes:
    """Open an envelope: parse, verify, and hand on the very bytes that were verified.

    Raises:
        EvidenceError: malformed, of another type than `PAYLOAD_TYPE`, or not signed by one of the keys.
    """
    envelope = parse(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise EvidenceError(f"the payload type is {envelope.payload_type!r}; expected {PAYLOAD_TYPE!r}")
    if signed_by(envelope, keys) is None:
        raise EvidenceError("none of the given keys signed this")
    return envelope.payload


def open_envelope(data: bytes, keys: Iterable[PublicKey], threshold: int = 1) -> tuple[str, bytes]:
    """Open an envelope as DSSE's own rules have it: for checking what other tools signed beside our evidence.

    Any spelling of the JSON, both alphabets of base64, members that DSSE does not know, several signatures, with or
    without `keyid`, which is a hint and not looked at. Our own evidence is held to more: see `verify`.

    Args:
        data: the envelope.
        keys: that are trusted.
        threshold: how many different keys must have signed; one key counts once, however often it signed.

    Returns:
        The payload type, for the caller to accept or refuse, and the very bytes that were verified.

    Raises:
        EvidenceError: malformed, a threshold under 1, or signed by fewer of the keys.
    """
    match canonical.parse(data):
        case {"payload": str(encoded), "payloadType": str(kind), "signatures": [*signatures]}:
            payload = _decode(encoded.translate(_STANDARD_ALPHABET))
        case _:
            raise EvidenceError("a DSSE envelope holds payload, payloadType and signatures")
    if threshold < 1 or len(signatures) > _MAX_SIGNATURES:
        raise EvidenceError(f"{len(signatures)} signatures, threshold {threshold}; expected at most 100, and 1 or more")
    signed, by, known = pae(kind, payload), set[str](), list(keys)
    for signature in signatures:
        match signature:
            case {"sig": str(encoded)}:
                sig = _decode(encoded.translate(_STANDARD_ALPHABET))
                by |= {key.keyid for key in known if key.verifies(sig, signed)}
            case _:
                raise EvidenceError("a signature of a DSSE envelope holds sig")
    if len(by) < threshold:
        raise EvidenceError(f"{len(by)} of the given keys signed this; expected {threshold}")
    return kind, payload


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(encoded: str | bytes) -> bytes:
    try:
        return a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise EvidenceError(f"not base64: {error}") from error


def _decode_exactly(encoded: bytes) -> bytes:
    """Decode base64 that is what is written for what it holds: no other character, no bit that says nothing."""
    data = _decode(encoded)
    if base64.b64encode(data) != encoded:  # the decoder lets bits to spare pass, and padding that pads nothing
        raise EvidenceError("not base64 as it is written: its end says something else")
    return data


def _plain(text: str) -> str:
    """A text that JSON has one spelling for, without an escape.

    Raises:
        EvidenceError: it is another.
    """
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        raise EvidenceError(
            "the payload type and the keyid of an envelope are printable ASCII without quote or backslash"
        )
    return text
