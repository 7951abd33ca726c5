"""A time authority's stamp (RFC 3161) on the newest checkpoint of the ledger: `ledger/timestamps/<size>.tsr`.

An authority that fails stops nothing: why is returned, to be told, and the next call asks for the then newest checkpoint,
whose stamp covers all before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import monotonic
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from gov_pipelines.errors import GovError, SourceUnreachable, WrongUse
from gov_pipelines.evidence.history import CHECKPOINT, TIMESTAMPS
from gov_pipelines.evidence.roots import current_roots
from gov_pipelines.evidence.timestamps import MAX_BYTES, request, token_of, verify_token
from gov_pipelines.evidence.tlog.checkpoint import read_checkpoint
from gov_pipelines.notify import post
from gov_pipelines.store import Home, write_atomic

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint has its token.

    Attributes:
        size: of the checkpoint.
        at: the stamped time; None where no authority is named that it could be verified by.
    """

    size: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class NotStamped:
    """Why the newest checkpoint has no token, in words without the authority's address, which may hold a login."""

    reason: str


def stamp_now(home: Home, environ: Mapping[str, str]) -> Stamped | NotStamped | None:
    """Have the newest checkpoint of a home stamped by the authority that GOV_TSA_URL names; None where it names none."""
    url = environ.get("GOV_TSA_URL")
    return stamp(home.ledger_dir, url, current_roots(home.roots_dir)[-1].authorities) if url else None


def stamp(
    ledger: Path, url: str, authorities: Sequence[bytes], timeout: float = TIMEOUT_SECONDS
) -> Stamped | NotStamped:
    """Have the newest checkpoint stamped, unless it is already. Needs no lock: of two at once, one token stays.

    Args:
        ledger: the ledger's folder.
        url: where the authority takes requests, http or https; its signature is what counts, not the way.
        authorities: what the root of trust names (PEM, see `verify_token`). A token that none of them made is not kept;
            where none is named it is kept as it came.
        timeout: for the whole answer, in seconds; connecting may take as long again.
    """
    try:
        note, checkpoint = read_checkpoint(ledger / CHECKPOINT)
        text, kept = note.text.encode(), ledger / TIMESTAMPS / f"{checkpoint.size}.tsr"
        token = kept.read_bytes() if kept.exists() else _ask(url, text, timeout)
        at = verify_token(token, text, authorities) if authorities else None
        if not kept.exists():
            write_atomic(kept, token)
    except GovError as error:
        return NotStamped(str(error))
    except OSError as error:
        return NotStamped(f"{error.filename}: {error.strerror}")
    return Stamped(checkpoint.size, at)


def _ask(url: str, message: bytes, timeout: float) -> bytes:
    asked = request(message)
    headers = {
        "Content-Type": "application/timestamp-query",
        "Accept": "application/timestamp-reply",
        "User-Agent": "gov_pipelines",
    }
    until = monotonic() + timeout
    try:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise WrongUse("GOV_TSA_URL is not the address of a time authority; expected http://... or https://...")
        with post(Request(url, asked.as_bytes(), headers), timeout) as answer:  # noqa: S310  (the scheme was just looked at)
            response = _read(answer, until)
    except HTTPError as error:
        error.close()
        raise SourceUnreachable(f"the time authority answered with HTTP status {error.code}") from None
    except (OSError, HTTPException, ValueError):  # their text may repeat the address
        raise SourceUnreachable(f"the time authority was not reached, or did not answer within {timeout:g} s") from None
    return token_of(response, asked)


def _read(answer: HTTPResponse, until: float) -> bytes:
    """Read what an authority says: one byte too many at most, and not for ever, however slowly it speaks."""
    read = b""
    while len(read) <= MAX_BYTES and (more := answer.read1(MAX_BYTES)):
        read += more
        if monotonic() > until:
            raise TimeoutError
    return read
