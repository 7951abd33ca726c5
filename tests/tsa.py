"""A time authority of our own: certificates made here, stamps by `openssl ts`, served over HTTP on this host."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """
[tsa]
default_tsa = clock
[clock]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
certs = {folder}/also.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class TimeAuthority:
    """An authority: its root in PEM, its signer's certificate in PEM, and what it answers.

    `certificate(usage, critical=..., until=...)` is one more for the signer's name, number and key.
    """

    folder: Path
    root: bytes
    signer: bytes
    certificate: Callable[..., bytes]

    def reply(self, query: bytes) -> bytes:
        """What `openssl ts -reply` answers to a request."""
        command = [openssl(), "ts", "-reply", "-config", self.folder / "tsa.cnf", "-queryfile", "/dev/stdin"]
        return subprocess.run(command, input=query, capture_output=True, check=True).stdout

    def stamp(self, message: bytes, *, carry: bool = True) -> bytes:
        """A token over a message, as `openssl ts` alone makes it; `carry` the signer's certificate in it."""
        query = [openssl(), "ts", "-query", "-data", "/dev/stdin", "-sha256", *["-cert"][:carry]]
        return self.reply(subprocess.run(query, input=message, capture_output=True, check=True).stdout)


def openssl() -> str:
    found = shutil.which("openssl")
    if not found:
        pytest.skip("openssl is not installed: no time authority can be set up")
    return found


def time_authority(
    folder: Path, *, name: str = "Clock", until: timedelta = timedelta(days=1), also: bytes = b""
) -> TimeAuthority:
    """Set one up in a folder.

    Args:
        folder: to make.
        name: of its root.
        until: when the signer's certificate ends, from now; it began four days ago.
        also: certificates in PEM that each token carries along.
    """
    openssl()
    folder.mkdir()
    root_key, signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    numbers = {key: x509.random_serial_number() for key in (root_key, signer_key)}
    now = datetime.now(UTC)

    def issued(subject, key, ends, *extensions):
        made = x509.CertificateBuilder(named(name), named(subject), key.public_key(), numbers[key])
        made = made.not_valid_before(now - timedelta(days=4)).not_valid_after(now + ends)
        for extension, critical in extensions:
            made = made.add_extension(extension, critical=critical)
        return made.sign(root_key, SHA256()).public_bytes(Encoding.PEM)

    def certificate(*usage, critical=True, until=until):
        extended = [(x509.ExtendedKeyUsage(usage), critical)] if usage else []
        return issued("signer", signer_key, until, (x509.BasicConstraints(ca=False, path_length=None), True), *extended)

    root = issued(name, root_key, timedelta(days=9), (x509.BasicConstraints(ca=True, path_length=None), True))
    signer = certificate(ExtendedKeyUsageOID.TIME_STAMPING)
    pem = signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {"signer.pem": signer, "signer.key": pem, "also.pem": also or signer, "serial": b"01\n"}
    for file, content in {**files, "tsa.cnf": CONFIG.format(folder=folder).encode()}.items():
        (folder / file).write_bytes(content)
    return TimeAuthority(folder, root, signer, certificate)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@contextmanager
def served(answer: Callable[[bytes], tuple[int, bytes | Iterable[bytes]]]) -> Iterator[str]:
    """Serve an authority on this host, and give its address: `answer` makes status and body, or its parts, of a request."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            with suppress(ConnectionError):  # the other side may have had enough
                for part in [body] if isinstance(body, bytes) else body:
                    self.wfile.write(part)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
