"""Signed notes (c2sp.org/signed-note) and the cosignatures of witnesses on them (c2sp.org/tlog-cosignature).

A note has one spelling: what is read, written again, gives the same bytes. Signatures of unknown keys are ignored; one
bad signature of a known key condemns the note, since whoever passed it on meant it to be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.keys import PublicKey, Signer
from gov_pipelines.evidence.tlog import lines

ED25519 = 0x01
"""Signature type of Ed25519 over the note's text."""

ECDSA = 0x02
"""Signature type of ECDSA P-256 with SHA-256, in DER, over the note's text."""

COSIGNATURE = 0x04
"""Signature type of Ed25519 over a time and a checkpoint's text."""

MAX_SIGNATURES = 100
"""Most signature lines that are read."""

_ALGORITHMS = {ED25519: "ed25519", ECDSA: "ecdsa-p256", COSIGNATURE: "ed25519"}
_TYPES = {"ed25519": ED25519, "ecdsa-p256": ECDSA}
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_SIGNATURE_LINE = re.compile(rf"\u2014 ({_NAME.pattern}) ([A-Za-z0-9+/=]+)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_LAST_SECOND = int(datetime.max.replace(tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that signs notes under a name.

    Attributes:
        name: key name; not empty, without spaces and `+`.
        kind: signature type, `ED25519`, `ECDSA` or `COSIGNATURE`.
        key: Ed25519, or P-256 for `ECDSA`.

    Raises:
        EvidenceError: a name or type that cannot be.
    """

    name: str
    kind: int
    key: PublicKey

    def __post_init__(self) -> None:
        check_name(self.name)
        if _ALGORITHMS.get(self.kind) != self.key.algorithm:
            raise EvidenceError(f"a key of {self.key.algorithm} makes no signatures of type {self.kind:#04x}")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 of name, newline and key material; for `ECDSA` of the SPKI alone."""
        named = self.key.spki if self.kind == ECDSA else self.name.encode() + b"\n" + self._material
        return sha256(named).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The verifier key as one word: `name+hex of the key id+base64 of type and key`."""
        return f"{self.name}+{self.key_id.hex()}+{lines.encoded(self._material)}"

    @property
    def _material(self) -> bytes:
        return bytes([self.kind]) + (self.key.spki if self.kind == ECDSA else self.key.raw)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line.

    Attributes:
        name: key name.
        key_id: 4 bytes that say which key of that name.
        blob: what the key made, at least 1 byte.
    """

    name: str
    key_id: bytes
    blob: bytes

    def to_text(self) -> str:
        """Write the line, newline included."""
        return f"\u2014 {self.name} {lines.encoded(self.key_id + self.blob)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, none of them verified.

    Attributes:
        text: ends with a newline; holds no other control character.
        signatures: one or more.
    """

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Write the note as files hold it."""
        return (self.text + "\n" + "".join(signature.to_text() for signature in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """A verifier whose signature held.

    Attributes:
        verifier: whose.
        time: POSIX seconds at which a witness says that it cosigned; None for other signatures.
    """

    verifier: Verifier
    time: int | None

    @property
    def at(self) -> datetime | None:
        """That time in UTC; of one that no calendar has, the last second of all."""
        return None if self.time is None else datetime.fromtimestamp(min(self.time, _LAST_SECOND), UTC)


def is_name(name: str) -> bool:
    """Tell whether a key can be named so: not empty, without spaces, `+` and control characters."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a key.

    Raises:
        EvidenceError: it is empty, or holds a space, a `+` or a control character.
    """
    if not is_name(name):
        raise EvidenceError(f"the key name {name!r} is empty or holds a space, a `+` or a control character")


def log_verifier(name: str, key: PublicKey) -> Verifier:
    """Name the verifier of notes that `sign_note` makes with a key."""
    return Verifier(name, _TYPES[key.algorithm], key)


def parse_vkey(text: str) -> Verifier:
    """Read a verifier key.

    Raises:
        EvidenceError: another spelling, an unknown type, a weak key, or a key id that is not the key's.
    """
    name, key_id, material = [*text.split("+", 2), "", ""][:3]
    data = lines.blob(material, "key of a vkey")
    match data[:1]:
        case b"\x01" | b"\x04":
            verifier = Verifier(name, data[0], PublicKey.ed25519(name, data[1:]))
        case b"\x02":
            verifier = Verifier(name, ECDSA, PublicKey(name, data[1:]))
        case _:
            raise EvidenceError(f"the vkey {text[:80]!r} has no known type: expected 0x01, 0x02 or 0x04")
    if verifier.key_id.hex() != key_id:
        raise EvidenceError(
            f"the vkey {text[:80]!r} names key id {key_id[:16]!r}; its key's is {verifier.key_id.hex()}"
        )
    return verifier


def parse_note(data: bytes) -> Note:
    """Read a note, which must be spelt as the specification has it, byte for byte.

    Args:
        data: the whole file, at most 1 MiB and 100 signatures.

    Raises:
        EvidenceError: no such note.
    """
    if len(data) > lines.MAX_BYTES:
        raise EvidenceError(f"the note has {len(data)} bytes; at most {lines.MAX_BYTES} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise EvidenceError(f"the note is not UTF-8: {error.reason} at byte {error.start}") from error
    if found := _CONTROL.search(whole):
        raise EvidenceError(f"the note holds the control character {found[0]!r}; only newlines may be there")
    text, blank, signed = whole.rpartition("\n\n")
    if not blank or not signed.endswith("\n"):
        raise EvidenceError("a note is a text, an empty line and signature lines, each of them ended by a newline")
    return Note(text + "\n", parse_signatures(signed))


def parse_signatures(text: str) -> tuple[Signature, ...]:
    """Read signature lines, as the end of a note and the answer of a witness hold them.

    Raises:
        EvidenceError: no line, more than 100, or one of another form.
    """
    written = text.removesuffix("\n").split("\n")
    if len(written) > MAX_SIGNATURES:
        raise EvidenceError(f"the note has {len(written)} signatures; at most {MAX_SIGNATURES} are read")
    return tuple(_signature(line) for line in written)


def _signature(line: str) -> Signature:
    found = _SIGNATURE_LINE.fullmatch(line)
    if not found:
        raise EvidenceError(f"not a signature line: {line[:80]!r}; expected an em dash, a key name and base64")
    data = lines.blob(found[2], "signature")
    if len(data) <= _KEY_ID_BYTES:
        raise EvidenceError(f"a signature of {found[1]} has {len(data)} bytes; expected a key id of 4 and more")
    return Signature(found[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def sign_note(text: str, name: str, signer: Signer) -> Note:
    """Sign a text under a key name.

    Raises:
        EvidenceError: the text or the name cannot stand in a note.
    """
    verifier = log_verifier(name, signer.public)
    return _add(text, (), Signature(name, verifier.key_id, signer.sign(text.encode())))


def cosign(note: Note, name: str, signer: Signer, time: int) -> Note:
    """Add a witness's cosignature to a checkpoint.

    Args:
        note: the checkpoint. Its signatures stay; whether they hold is for the caller to know.
        name: key name of the witness.
        signer: an Ed25519 key.
        time: now, POSIX seconds, below 2**63.

    Raises:
        EvidenceError: another algorithm, or a name that cannot be.
    """
    verifier = Verifier(name, COSIGNATURE, signer.public)
    signature = signer.sign(_cosigned(note.text, time))
    made = Signature(name, verifier.key_id, time.to_bytes(_TIME_BYTES, "big") + signature)
    return _add(note.text, note.signatures, made)


def _add(text: str, signatures: tuple[Signature, ...], made: Signature) -> Note:
    note = Note(text, (*signatures, made))
    if parse_note(note.to_bytes()) != note:
        raise EvidenceError("the text of a note ends with a newline")
    return note


def verified(note: Note, verifiers: Iterable[Verifier]) -> list[Signed]:
    """Verify the signatures of known keys.

    Args:
        note: as read.
        verifiers: the known keys.

    Returns:
        One for each known key that signed, however many lines it has, in the note's order. Never empty.

    Raises:
        EvidenceError: a known key's signature is bad, no known key signed, or two of them cannot be told apart.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier).key.spki != verifier.key.spki:
            raise EvidenceError(f"two keys named {verifier.name} share the key id {verifier.key_id.hex()}; rename one")
    held: dict[tuple[str, bytes], Signed] = {}
    for signature in note.signatures:
        named = (signature.name, signature.key_id)
        if named in known:
            held.setdefault(named, _verify(note.text, signature, known[named]))
    if not held:
        names = ", ".join(sorted({verifier.name for verifier in known.values()})) or "none"
        raise EvidenceError(f"no known key signed the note; known: {names}")
    return list(held.values())


def _verify(text: str, signature: Signature, verifier: Verifier) -> Signed:
    time, message, made = None, text.encode(), signature.blob
    if verifier.kind == COSIGNATURE:
        time, made = int.from_bytes(made[:_TIME_BYTES], "big"), made[_TIME_BYTES:]
        message = _cosigned(text, time)
    if (time or 0) >= 2**63 or not verifier.key.verifies(made, message):
        raise EvidenceError(f"the signature of {verifier.name} ({verifier.key_id.hex()}) does not hold for this note")
    return Signed(verifier, time)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
