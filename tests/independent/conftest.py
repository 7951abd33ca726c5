"""Evidence made by our code, for verifiers that are not ours."""

import json
import os
import shutil
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from evidence.conftest import content, control, files, leaves, policy  # noqa: F401  (fixtures)
from ledgers import Book
from tsa import time_authority

from gov_pipelines.evidence import PublicKey, Signer, generate
from gov_pipelines.evidence.entries import act_entry
from gov_pipelines.evidence.timestamps import request, token_of
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import Note, cosign, log_verifier, parse_note
from gov_pipelines.evidence.tlog.proof import TlogProof
from gov_pipelines.evidence.tlog.tiles import read_entries

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAYLOAD_TYPE = b"application/vnd.in-toto+json"


@dataclass(frozen=True)
class House:
    """A home's evidence: one package, and a ledger of more than one tile, with an earlier checkpoint of it."""

    signer: Signer
    package: Path
    ledger: Path
    earlier: Note

    @property
    def vkey(self) -> str:
        return log_verifier(self.checkpoint.origin, self.signer.public).vkey

    @property
    def note(self) -> Note:
        return parse_note((self.ledger / "checkpoint").read_bytes())

    @property
    def checkpoint(self):
        return parse_checkpoint(self.note.text)

    @property
    def entries(self) -> list[bytes]:
        return read_entries(self.ledger, self.checkpoint.size)

    def proof(self, index: int, note: Note | None = None) -> bytes:
        hashes = merkle.leaf_hashes(self.entries)
        return TlogProof(None, index, tuple(merkle.inclusion_proof(hashes, index)), note or self.note).to_bytes()

    def growth(self) -> list[bytes]:
        earlier = parse_checkpoint(self.earlier.text).size
        return merkle.consistency_proof(merkle.leaf_hashes(self.entries), earlier)


@dataclass(frozen=True)
class Envelope:
    """One line of a package's bundle, taken apart without our code."""

    payload: bytes
    signature: bytes

    @property
    def pae(self) -> bytes:
        return b"DSSEv1 28 %b %d %b" % (PAYLOAD_TYPE, len(self.payload), self.payload)


def envelopes(package: Path) -> list[Envelope]:
    lines = map(json.loads, (package / "snapshot.intoto.jsonl").read_text().splitlines())
    return [Envelope(b64decode(line["payload"]), b64decode(line["signatures"][0]["sig"])) for line in lines]


@pytest.fixture(scope="session", params=["ed25519", "ecdsa-p256"])
def house(request, tmp_path_factory, content, files):  # noqa: F811
    folder = tmp_path_factory.mktemp(request.param)
    signer = p256() if request.param == "ecdsa-p256" else generate(folder / "keys", name="house key", created=NOON)
    book = Book(folder / "evidence", signer)
    package = folder / "evidence" / "loans" / "2026-10-01" / "r1"
    book.sign(package, files, content())
    book.add(*(act_entry("review", f"{number:064x}") for number in range(100)))
    earlier = parse_note((book.ledger / "checkpoint").read_bytes())
    book.add(*(act_entry("waive", f"{number:064x}") for number in range(200)))
    return House(signer, package, book.ledger, earlier)


def p256() -> Signer:
    """A key of the kind that key services have."""
    private = ec.generate_private_key(ec.SECP256R1())
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = PublicKey("service key", spki, "2026-11-22T12:00:00Z")
    return Signer(public, lambda message: private.sign(message, ec.ECDSA(SHA256())))


@pytest.fixture(scope="session")
def witness(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("witness") / "keys", name="witness key", created=NOON)


@pytest.fixture(scope="session")
def cosigned(house, witness):
    """The checkpoint with a witness's signature."""
    return cosign(house.note, "witness.example", witness, 1_795_000_000)


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    return time_authority(tmp_path_factory.mktemp("tsa") / "clock")


@pytest.fixture(scope="session")
def stamp(house, clock):
    """A token over the checkpoint, as it is kept."""
    asked = request(house.note.text.encode())
    return token_of(clock.reply(asked.as_bytes()), asked)


@pytest.fixture(scope="session")
def program():
    """Finds a program; without it the tests skip, or fail where CI asks that every independent verifier runs."""

    def find(name):
        return shutil.which(name) or absent(f"{name} is not installed: what it would verify is not verified by others")

    return find


def absent(reason):
    if os.environ.get("GOV_REQUIRE_INDEPENDENT"):
        pytest.fail(reason)
    pytest.skip(reason)
