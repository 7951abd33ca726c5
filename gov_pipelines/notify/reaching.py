"""Whether the server behind a receiver answers, without sending it anything."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gov_pipelines.errors import WrongUse
from gov_pipelines.notify.channels import INSTALL, WEBHOOK, unheard
from gov_pipelines.notify.routes import Receiver

_READY = b"220"  # RFC 5321: what a mail server says first


@dataclass(frozen=True, slots=True)
class Server:
    """Where a receiver is: host, port, and whether it speaks first, as mail servers do."""

    host: str = field(repr=False)
    port: int
    greets: bool = False


def unanswered(server: Server, seconds: float) -> str | None:
    """Connect to a server, and hear whether a mail server is ready.

    Returns:
        None where it answers; else why not, in words without an address.
    """
    try:
        with socket.create_connection((server.host, server.port), timeout=seconds) as connection:
            if server.greets and connection.recv(3) != _READY:
                return "its mail server is not ready"
    except OSError as error:
        return f"its server does not answer ({type(error).__name__})"
    return None


def server_of(receiver: Receiver) -> Server | None:
    """The server behind a receiver; None where its URL does not say.

    Raises:
        WrongUse: the receiver is reached through Apprise, which is not installed.
    """
    if receiver.url.startswith(WEBHOOK):
        return _of(receiver.url.removeprefix(WEBHOOK))
    try:
        import apprise  # noqa: PLC0415  (an extra, and it loads 180 services)
    except ImportError:
        raise WrongUse(INSTALL) from None
    with unheard():
        channel: Any = apprise.Apprise.instantiate(receiver.url)
    if channel is None:
        return None
    if mail := getattr(channel, "smtp_host", None):
        return Server(mail, channel.port, channel.secure_mode != "ssl")
    if any("{host}" in template for template in channel.templates):  # else `host` is a token
        return Server(channel.host, channel.port or (443 if channel.secure else 80))
    urls = (getattr(channel, name, None) for name in ("notify_url", "webhook_url", "api_url"))
    return next((_of(url) for url in urls if isinstance(url, str)), None)


def _of(url: str) -> Server | None:
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Server(parts.hostname, port) if parts.hostname and "{" not in parts.hostname else None
