"""Sending one message to one receiver: through Apprise, or as a signed webhook (Standard Webhooks 1.0).

What is answered leaves here only in words without an address: addresses hold tokens.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urldefrag, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gov_pipelines.notify.messages import Message
from gov_pipelines.notify.routes import Receiver

WEBHOOK = "webhook+"
INSTALL = "Apprise, which reaches all but webhooks, is not installed. Run: pip install 'gov-pipelines[alerts]'"
TIMEOUT_SECONDS = 10
_GONE = 410
_MOVED = range(300, 400)
_FOR_WHAT_IT_HOLDS = frozenset({400, 413, 422})
_SECRET = "whsec_"  # noqa: S105  (how a secret begins)
_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})
_TALKATIVE = ("apprise", "urllib3")
_one_at_a_time = threading.Lock()
_heard: ContextVar[list[int]] = ContextVar("heard")  # Apprise works in threads of its own, with the caller's context


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message was not taken.

    Attributes:
        words: without address or token.
        status: of HTTP, where there was one.
    """

    words: str
    status: int | None = None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more."""
        return self.status == _GONE

    @property
    def alone(self) -> bool:
        """Whether the message was refused for what it holds, so that others may be taken."""
        return self.status in _FOR_WHAT_IT_HOLDS


def send(receiver: Receiver, message: Message, now: datetime) -> Refusal | None:
    """Send a message once. Call it within `unheard`.

    Returns:
        None where it was taken.
    """
    if receiver.url.startswith(WEBHOOK):
        return _webhook(receiver.url.removeprefix(WEBHOOK), message, now)
    try:
        import apprise  # noqa: PLC0415  (an extra, and it loads 180 services)
    except ImportError:
        return Refusal(INSTALL)
    asset = apprise.AppriseAsset(app_id="gov_pipelines", app_desc="gov_pipelines", app_url="", async_mode=False)
    channel = apprise.Apprise(asset=asset)
    statuses = list[int]()
    _heard.set(statuses)
    if not channel.add(receiver.url):
        return Refusal("Apprise cannot read its URL")
    if channel.notify(title=message.title, body=message.body, notify_type=message.colour, body_format="text"):
        return None
    return _answered(statuses[-1] if statuses else None)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The `webhook-signature` of a body under each secret, separated by commas: `v1,` and the HMAC-SHA256 in Base64.

    Raises:
        ValueError: a secret is not `whsec_` and Base64.
    """
    keys = [base64.b64decode(each.removeprefix(_SECRET), validate=True) for each in secret.split(",")]
    if not all(keys) or not all(each.startswith(_SECRET) for each in secret.split(",")):
        raise ValueError("not a secret")
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def post(request: Request, timeout: float) -> HTTPResponse:
    """Send a request where its owner said, and nowhere else: redirects are not followed.

    Args:
        request: its scheme is http or https.
        timeout: for each step of the way, in seconds.

    Raises:
        OSError: not reached; `HTTPError` for any answer but success.
        HTTPException: the answer is no HTTP.
        ValueError: the address cannot be read.
    """
    answer: HTTPResponse = build_opener(_Stay).open(request, timeout=timeout)
    return answer


def _webhook(address: str, message: Message, now: datetime) -> Refusal | None:
    url, secret = urldefrag(address)
    timestamp, body = str(int(now.timestamp())), json.dumps(message.payload(now), ensure_ascii=False).encode()
    try:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _NEAR):
            return Refusal("a webhook's address is https, unless it is on this host")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "gov_pipelines",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(secret, message.id, timestamp, body),
        }
        request = Request(url, body, headers)  # noqa: S310  (the scheme was just looked at)
    except (ValueError, binascii.Error):
        return Refusal("its address cannot be read; write webhook+https://HOST/PATH#whsec_SECRET, the secret in Base64")
    try:
        with post(request, TIMEOUT_SECONDS):
            return None
    except HTTPError as error:
        error.close()
        return _answered(error.code)
    except (OSError, HTTPException, ValueError):  # their text may repeat the address
        return _answered(None)


def _answered(status: int | None) -> Refusal:
    if status is None:
        return Refusal("not reached, or it did not take the message")
    words = f"answered with HTTP status {status}"
    if status == _GONE:
        words += ": it wants nothing more. Take its address away; `gov alerts test` starts it again if it answers"
    if status in _MOVED:
        words += ": it has moved, and redirects are not followed. Change its address"
    return Refusal(words, status)


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: what is sent goes where its owner said, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Listener(logging.Handler):
    """Keeps the one thing that Apprise says only in its log and that holds no secret: the HTTP status."""

    def emit(self, record: logging.LogRecord) -> None:
        status = re.search(r"\berror=(\d{3})\b", record.getMessage())
        if record.levelno >= logging.WARNING and status:
            _heard.get([]).append(int(status[1]))


@contextmanager
def unheard() -> Iterator[None]:
    """Keep Apprise's log, and that of the HTTP library under it, to ourselves: both write addresses with their tokens."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    with _one_at_a_time:
        before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
        for logger in loggers:
            logger.handlers, logger.propagate = [_Listener()], False
        try:
            yield
        finally:
            for logger, handlers, propagate in before:
                logger.handlers, logger.propagate = handlers, propagate
