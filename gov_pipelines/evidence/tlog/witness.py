"""A witness: it keeps the last checkpoint of each log that it saw, and cosigns only what continues it.

The rules and their numbers are those of c2sp.org/tlog-witness; requests and answers are files. What is refused changes
nothing of what the witness remembers. Its home:

    <SHA-256 of the origin>/checkpoint   the last checkpoint it cosigned, with the log's signature and its own
    <SHA-256 of the origin>/trust        by what it knows the log: its vkey, or a version of its root of trust
    fraud/<SHA-256 of the origin>-<size>.json   proof that the log told two stories
    keys/                                its own key
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.durable import flush, make_folder, replace_file
from gov_pipelines.evidence.keys import Signer
from gov_pipelines.evidence.plain_file import read_plain
from gov_pipelines.evidence.roots import SNAPSHOT, parse_root, root_files, walk
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint, read_checkpoint
from gov_pipelines.evidence.tlog.fraud import fraud_between
from gov_pipelines.evidence.tlog.notes import Note, Verifier, cosign, log_verifier, parse_note, parse_vkey, verified
from gov_pipelines.evidence.tlog.proof import parse_hashes
from gov_pipelines.evidence.tlog.tiles import read_hashes

CHECKPOINT = "checkpoint"
TRUST = "trust"
COSIGNED, MALFORMED, FORBIDDEN, UNKNOWN, CONFLICT, INCONSISTENT = 200, 400, 403, 404, 409, 422
"""What a witness answers, as HTTP would."""


@dataclass(frozen=True, slots=True)
class Request:
    """An add-checkpoint request.

    Attributes:
        old_size: size of the checkpoint that the witness cosigned last, 0 for none.
        proof: consistency proof from there; empty from 0.
        note: the checkpoint to cosign.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    def to_bytes(self) -> bytes:
        """Write the request as tlog-witness has it."""
        head = [f"old {self.old_size}", *map(lines.encoded, self.proof), "", ""]
        return "\n".join(head).encode() + self.note.to_bytes()


def parse_request(data: bytes) -> Request:
    """Read an add-checkpoint request.

    Raises:
        EvidenceError: no such request.
    """
    if len(data) > lines.MAX_BYTES:
        raise EvidenceError(f"the request has {len(data)} bytes; at most {lines.MAX_BYTES} are read")
    head, _, note = data.partition(b"\n\n")
    old, *hashes = head.decode("ascii", "replace").split("\n")
    if not old.startswith("old "):
        raise EvidenceError("a request begins with `old SIZE`; give such a file, or the ledger's folder")
    read = Request(lines.number(old.removeprefix("old "), "old size"), parse_hashes(hashes), parse_note(note))
    parse_checkpoint(read.note.text)
    return read


@dataclass(frozen=True, slots=True)
class Ledger:
    """A log's folder: its checkpoint, whose signature is not verified, and the leaf hashes that lead to its root."""

    note: Note
    checkpoint: Checkpoint
    hashes: list[bytes]

    def since(self, size: int) -> Request:
        """Ask a witness that saw so many entries for its cosignature."""
        known = 0 < size <= len(self.hashes)
        return Request(size, tuple(merkle.consistency_proof(self.hashes, size)) if known else (), self.note)


def read_ledger(folder: Path) -> Ledger:
    """Read what a witness needs of a log's folder.

    Raises:
        EvidenceError: no checkpoint, or tiles that do not lead to its root.
    """
    note, checkpoint = read_checkpoint(folder / CHECKPOINT)
    hashes = read_hashes(folder, checkpoint.size)
    if merkle.root(hashes) != checkpoint.root:
        raise EvidenceError(f"the tiles in {folder} do not lead to the root of its checkpoint")
    return Ledger(note, checkpoint, hashes)


def judge(request: Request, last: Checkpoint | None, logs: Sequence[Verifier]) -> tuple[int, str]:
    """Say whether a witness may cosign.

    Args:
        request: what is asked.
        last: what it cosigned last of that origin.
        logs: the keys it knows for that origin.

    Returns:
        The status, 200 if it may, and why not.
    """
    new = parse_checkpoint(request.note.text)
    if not logs:
        return UNKNOWN, f"the log {new.origin} is unknown to this witness; name its key with --log or --root"
    try:
        verified(request.note, logs)
    except EvidenceError as error:
        return FORBIDDEN, str(error)
    return _growth(request, new, last)


def _growth(request: Request, new: Checkpoint, last: Checkpoint | None) -> tuple[int, str]:
    seen = last.size if last else 0
    if request.old_size > new.size:
        return MALFORMED, f"the old size {request.old_size} is larger than the checkpoint's, {new.size}"
    if request.old_size != seen:
        told = f"the request starts from size {request.old_size}; this witness cosigned size {seen} last"
        return CONFLICT, f"{told}: ask with `gov ledger request --since {seen}`"
    if new.size == 0 and new.root != merkle.root([]):
        return INCONSISTENT, "the checkpoint is of an empty log, but its root is not that of an empty tree"
    if last is None or last.size == 0:
        consistent = not request.proof
    else:
        consistent = merkle.verify_consistency(last.size, last.root, new.size, new.root, request.proof)
    if not consistent:
        return INCONSISTENT, f"the proof does not show that {new.size} entries continue the {seen} cosigned last"
    return COSIGNED, ""


@dataclass(frozen=True, slots=True)
class Pin:
    """By what a witness knows a log.

    Attributes:
        origin: which log.
        content: its vkey, or a version of its root of trust.
    """

    origin: str
    content: bytes

    def logs(self, folder: Path | None) -> list[Verifier]:
        """The log's keys.

        Args:
            folder: the log's, whose later versions of the root of trust are followed; None where there is none.

        Raises:
            EvidenceError: they do not follow from the version that is known.
        """
        if not self.content.startswith(b"{"):
            return [parse_vkey(self.content.decode())]
        known = parse_root(self.content)
        later = root_files(folder / "root")[known.version :] if folder else []
        newest = walk(known, later)[-1]
        return [log_verifier(newest.origin, key) for key in newest.keys_of(SNAPSHOT)]


def pin_key(vkey: str) -> Pin:
    """Know a log by its key, whose name is the log's origin.

    Raises:
        EvidenceError: no such key.
    """
    return Pin(parse_vkey(vkey).name, vkey.encode())


def pin_root(data: bytes) -> Pin:
    """Know a log by a version of its root of trust.

    Raises:
        EvidenceError: no such root.
    """
    return Pin(parse_root(data).origin, data)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness said.

    Attributes:
        status: 200, or why not, by the numbers of tlog-witness.
        reason: empty where it cosigned.
        checkpoint: what it was asked about.
        note: the checkpoint with the log's signatures and the witness's own; None where it refused.
        fraud: file with the proof that the log told two stories; None where nothing of the kind was shown.
    """

    status: int
    reason: str
    checkpoint: Checkpoint
    note: Note | None
    fraud: Path | None


def answer(home: Path, source: Path, signer: Signer, now: int, pin: Pin | None = None) -> Answer:
    """Cosign what a request or a log's folder holds, and remember it; or refuse, and remember nothing of it.

    Args:
        home: the witness's own folder.
        source: an add-checkpoint request, or a log's folder.
        signer: the witness's key; its name is the witness's.
        now: POSIX seconds.
        pin: by what to know the log from now on, if it cosigns.

    Raises:
        EvidenceError: what was given, or what the witness remembers, cannot be read.
    """
    with _alone(home):
        ledger = read_ledger(source) if source.is_dir() else None
        request = ledger.since(0) if ledger else parse_request(read_plain(source, lines.MAX_BYTES))
        new = parse_checkpoint(request.note.text)
        state = home / sha256(new.origin.encode()).hexdigest()
        last, seen = read_checkpoint(state / CHECKPOINT) if (state / CHECKPOINT).exists() else (None, None)
        if ledger and seen:
            request = ledger.since(seen.size)
        if (pin is None or pin.origin != new.origin) and (state / TRUST).exists():
            pin = Pin(new.origin, read_plain(state / TRUST, lines.MAX_BYTES))
        logs = pin.logs(source if ledger else None) if pin and pin.origin == new.origin else []
        status, reason = judge(request, seen, logs)
        if status in (UNKNOWN, FORBIDDEN):
            return Answer(status, reason, new, None, None)
        # Only what the log's own key signed is kept: other lines may be anybody's.
        known = {(log.name, log.key_id) for log in logs}
        own = tuple(each for each in request.note.signatures if (each.name, each.key_id) in known)
        note = Note(request.note.text, own)
        if status == COSIGNED and pin:
            cosigned = cosign(note, signer.public.name, signer, now)
            _keep(state / TRUST, pin.content)
            _keep(state / CHECKPOINT, cosigned.to_bytes())
            return Answer(status, reason, new, cosigned, None)
        fraud = fraud_between(last, note, ledger.hashes if ledger else None) if last else None
        file = home / "fraud" / f"{state.name}-{new.size}.json"
        if fraud and not file.exists():
            _keep(file, fraud.to_bytes())
        return Answer(status, reason, new, None, file if fraud else None)


def _keep(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    replace_file(path, content)
    flush(path.parent)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    # Between the look at the last checkpoint and the keeping of the new one nobody else may cosign.
    with (home / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
