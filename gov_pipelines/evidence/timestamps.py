"""Time stamps (RFC 3161): an authority outside signs that bytes were there at a time.

Kept is the whole TimeStampResp, which `openssl ts -verify -in` and rfc3161-client both read. rfc3161-client checks the
signature, the certificates as of the stamped time, and what the signer's key may be used for. What it lets pass beside
that is refused here: fields that no signature covers, and certificates that have nothing to do with the signer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.plain_file import read_plain

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest, TimeStampResponse

MAX_BYTES = 64 * 1024
"""Largest token that is read, in bytes."""

INSTALL = "rfc3161-client, which reads time stamps, is not installed. Run: pip install 'gov-pipelines[evidence]'"

_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo of status 0 and no words
# The names of these algorithms in DER, but for their last byte (RFC 5754).
_SHA2 = bytes.fromhex("06096086480165030402")
_ECDSA = bytes.fromhex("06082a8648ce3d0403")
_RSA = bytes.fromhex("06092a864886f70d0101")
_NULL = b"\x05\x00"
_UNREADABLE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)  # by cryptography


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificates of one authority: the self-signed, those issued by them, and the signers where any are named."""

    roots: list[x509.Certificate]
    intermediates: list[x509.Certificate]
    signers: list[x509.Certificate]


@cache
def read_authority(pem: bytes) -> Authority:
    """Read the certificates by which a time authority is named.

    Raises:
        EvidenceError: no certificates in PEM, or no self-signed one among them.
    """
    try:
        certificates = x509.load_pem_x509_certificates(pem)
        roots = [each for each in certificates if each.subject == each.issuer]
        signers = [each for each in certificates if not _may_issue(each)]
    except (ValueError, *_UNREADABLE) as error:
        raise EvidenceError("the certificates of a time authority cannot be read; expected PEM") from error
    if not roots:
        raise EvidenceError("a time authority is named without its self-signed root certificate; add it to its PEM")
    return Authority(roots, [each for each in certificates if each not in (*roots, *signers)], signers)


def request(message: bytes) -> TimeStampRequest:
    """Ask for a stamp over bytes: over their SHA-256, with a nonce, the signer's certificate in the answer.

    Returns:
        The request; `.as_bytes()` is what is sent.

    Raises:
        EvidenceError: rfc3161-client is not installed.
    """
    client = _client()
    builder = client.TimestampRequestBuilder().data(message).hash_algorithm(client.HashAlgorithm.SHA256)
    asked: TimeStampRequest = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    return asked


def token_of(response: bytes, asked: TimeStampRequest) -> bytes:
    """Check that an authority's answer is a stamp, and of this request. Who signed it, `verify_token` says.

    Returns:
        The answer in the one spelling that is kept.

    Raises:
        EvidenceError: not granted, of another request, larger than `MAX_BYTES`, or no TimeStampResp.
    """
    answer = _parsed(response)
    if answer.status != 0:
        said = "; ".join(answer.status_string) or "no reason given"
        raise EvidenceError(f"the time authority refused, with status {answer.status}: {said}")
    try:
        nonce, stamped = answer.tst_info.nonce, answer.tst_info.message_imprint.message
    except ValueError as error:
        raise EvidenceError(f"the time authority's answer holds no stamp: {error}") from error
    if nonce != asked.nonce:
        raise EvidenceError("the time authority answered another request: the nonce differs")
    if stamped != asked.message_imprint.message:
        raise EvidenceError("the time authority stamped another message")
    return _kept(answer)


def verify_token(token: bytes, message: bytes, authorities: Sequence[bytes]) -> datetime:
    """Verify that one of the authorities stamped a message, and say when.

    Args:
        token: a TimeStampResp, as `token_of` wrote it.
        message: the bytes that were stamped; their SHA-256, SHA-384 or SHA-512 stands in the token.
        authorities: of each its certificates in PEM: the self-signed root; those between, unless tokens carry them;
            and the authority's own, where only that one is to count.

    Returns:
        The stamped time in UTC. The certificates count as of then; whether one was revoked is not looked up.

    Raises:
        EvidenceError: the token is malformed, of another message, or of none of the authorities; no authority is
            named, or one cannot be read; or rfc3161-client is not installed.
    """
    client = _client()
    answer = _parsed(token)
    if token != _kept(answer):
        raise EvidenceError("the time stamp is not granted, or its status says more than that, which nothing signs")
    _refuse_unsigned(answer.time_stamp_token())
    refused = []
    for authority in map(read_authority, authorities):
        for signer in authority.signers or (None,):
            verifier = client.VerifierBuilder(
                tsa_certificate=signer, intermediates=authority.intermediates, roots=authority.roots
            ).build()
            try:
                verifier.verify_message(answer, message)
                _refuse_strangers(answer, authority)
                at: datetime = answer.tst_info.gen_time
            except Exception as error:  # noqa: BLE001  (anyone's bytes: whatever reading them raises, they are refused)
                refused.append(_in_words(error))
            else:
                return at
    reasons = "; ".join(dict.fromkeys(refused)) or "none is named"
    raise EvidenceError(f"no trusted time authority stamped this: {reasons}")


def kept_token(path: Path, text: str, authorities: Sequence[bytes]) -> datetime:
    """Verify the file of a token over the text of a checkpoint; return value and errors are those of `verify_token`."""
    return verify_token(read_plain(path, MAX_BYTES), text.encode(), authorities)


def _client() -> ModuleType:
    try:
        import rfc3161_client  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise EvidenceError(INSTALL) from error
    return rfc3161_client


def _parsed(response: bytes) -> TimeStampResponse:
    if len(response) > MAX_BYTES:
        raise EvidenceError(f"the time stamp has {len(response)} bytes; expected at most {MAX_BYTES}")
    try:
        answer: TimeStampResponse = _client().decode_timestamp_response(response)
    except ValueError as error:
        raise EvidenceError(f"this is no time stamp (a TimeStampResp of RFC 3161 in DER): {error}") from error
    return answer


def _kept(answer: TimeStampResponse) -> bytes:
    """Write a response with the status `granted` alone: whatever else it says of its status, nothing signs."""
    body = _GRANTED + answer.time_stamp_token()
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def _may_issue(certificate: x509.Certificate) -> bool:
    said = (each.value for each in certificate.extensions)
    return any(each.ca for each in said if isinstance(each, x509.BasicConstraints))


def _refuse_strangers(answer: TimeStampResponse, authority: Authority) -> None:
    """Refuse certificates in a token that do not lead from its signer to the authority.

    Raises:
        EvidenceError: there are such certificates, or the signer's is spelled in another way than the token says.
    """
    known = [*authority.signers, *authority.intermediates, *authority.roots]
    brought = [x509.load_der_x509_certificate(each) for each in sorted(answer.signed_data.certificates)]
    everyone = [*known, *brought]
    (said,) = answer.signed_data.signer_infos
    path = [each for each in everyone if (each.issuer, each.serial_number) == (said.issuer, said.serial_number)][:1]
    if not path:  # OpenSSL does not mind capital letters
        raise EvidenceError("its signer's certificate was not found")
    while issuer := next((each for each in everyone if each not in path and _issued(path[-1], each)), None):
        path.append(issuer)
    if strangers := [each for each in brought if each not in path]:
        raise EvidenceError(f"it carries {len(strangers)} certificates that its signer does not need")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _refuse_unsigned(token: bytes) -> None:
    """Refuse all but the one value there can be where no signature covers it (RFC 5652 sections 5.1 and 5.3).

    The tags are 02 INTEGER, 04 OCTET STRING, 30 SEQUENCE, 31 SET, A0 and A1 optional parts.

    Raises:
        EvidenceError: other versions, revocation lists, a signature algorithm that does not go with the digest, or
            attributes without a signature.
    """
    ((_, content),) = _read(token)
    _, (_, wrapped) = _read(content)
    ((_, signed_data),) = _read(wrapped)
    signed = [(tag, body) for tag, body in _read(signed_data) if tag != 0xA0]  # the certificates may be absent
    match signed:
        case [(0x02, b"\x03"), (0x31, _), (0x30, _), (0x31, signers)]:
            signer = [field for _, body in _read(signers) for field in _read(body)]
        case _:
            raise EvidenceError("the time stamp is not of the one form that is read: SignedData of version 3, no more")
    match signer:
        case [(0x02, b"\x01"), (0x30, _), (0x30, digest), (0xA0, _), (0x30, algorithm), (0x04, _)]:
            family, number = digest[: len(_SHA2)], digest[len(_SHA2) :][:1]
        case _:
            raise EvidenceError("the time stamp is not of the one form that is read: one signer, of version 1, no more")
    fit = number and family == _SHA2 and _algorithms(number[0])
    if not fit or algorithm not in fit:
        raise EvidenceError("the time stamp names a signature algorithm that does not go with its digest (SHA-2)")


def _algorithms(sha2: int) -> tuple[bytes, ...]:
    """ECDSA and RSA with a digest of SHA-2 (1 of 256, 2 of 384, 3 of 512 bits), and RSA that leaves the digest open."""
    return _ECDSA + bytes([sha2 + 1]), _RSA + bytes([sha2 + 10]) + _NULL, _RSA + b"\x01" + _NULL


def _read(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read tag and content of each value of DER that a strict parser has read before."""
    while data:
        start, length = 2, data[1]
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        yield data[0], data[start : start + length]
        data = data[start + length :]


def _in_words(error: Exception) -> str:
    """Why a token was refused: of what OpenSSL says its reason alone, not the places in its code."""
    said = str(error)
    reasons = re.findall(r'Verify error: ([^"]+)', said) or re.findall(r'reason: "([^"]+)', said)
    return reasons[0] if reasons else said.removesuffix(".")
