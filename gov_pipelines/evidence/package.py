"""A snapshot package: a folder with two signed envelopes, the files they cover, and the public key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import canonical, dsse
from gov_pipelines.evidence.durable import flush, sweep, unfinished, write_folder
from gov_pipelines.evidence.keys import Signer, parse_public
from gov_pipelines.evidence.predicate import predicate_misfits, statement
from gov_pipelines.evidence.test_result import result_statement

ENVELOPE = "snapshot.intoto.jsonl"
KEY = "key.json"
LEAVES = "decision_leaves.jsonl"
TALLY = "tally.json"
DISCLOSED_TALLY = "tally.disclosed.json"
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}\Z")
"""Names a covered file may have: no separators, no leading dot, so that no name leads out of the package."""


@dataclass(frozen=True, slots=True)
class Package:
    """A signed package.

    Attributes:
        predicate: what was signed.
        payload_sha256: digest of the payload, hex, which names the snapshot.
        signature: the envelope's `keyid` and `sig`.
    """

    predicate: dict[str, Any]
    payload_sha256: str
    signature: Mapping[str, str]

    @property
    def key_id(self) -> str:
        """Of the key that signed."""
        return self.signature["keyid"]


def sign_package(directory: Path, files: Mapping[str, bytes], predicate: Mapping[str, Any], signer: Signer) -> Package:
    """Sign a predicate and write its package, whole or not at all.

    Args:
        directory: the package's final folder, `<evidence>/<system>/<partition>/r<revision>`. The caller holds the
            lock of that ledger.
        files: covered files by name. `decision_leaves.jsonl` must be among them; `key.json` is added.
        predicate: from `build_predicate`; `manifest` is added here.
        signer: the key.

    Returns:
        What was signed, the manifest in its predicate.

    Raises:
        EvidenceError: a package is already there, a file name is unsafe, or the leaves are absent.
    """
    if wrong := [name for name in files if not FILE_NAME.match(name) or name in {ENVELOPE, KEY}]:
        raise EvidenceError(f"{wrong} cannot be names of covered files; use letters, digits and . _ @ + -")
    if LEAVES not in files:
        raise EvidenceError(f"{LEAVES} is not among the covered files; write it with `write_leaves`")
    covered = {**files, KEY: signer.public.to_json()}
    manifest = [
        {"name": name, "sha256": sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in sorted(covered.items())
    ]
    signed = {**predicate, "manifest": manifest}
    said = statement(signed)
    payload = canonical.dumps(said)
    envelope = dsse.parse(dsse.sign(payload, signer))
    bundle = envelope.to_bytes() + dsse.sign(canonical.dumps(result_statement(said)), signer)
    sweep(directory)
    write_folder(directory, {**covered, ENVELOPE: bundle})
    return Package(signed, sha256(payload).hexdigest(), envelope.signature)


def parse_bundle(data: bytes) -> tuple[dsse.Envelope, dsse.Envelope]:
    """Read an in-toto bundle of two lines: the snapshot's envelope, and that of its test result. Nothing is verified.

    Raises:
        EvidenceError: other than two lines, or one that is no envelope in its one spelling.
    """
    first, *more = data.split(b"\n", 2)  # no further, however many lines there are
    if len(more) != 2 or more[1]:
        raise EvidenceError("expected two lines, each ending in a newline: a snapshot and its test result")
    return dsse.parse(first + b"\n"), dsse.parse(more[0] + b"\n")


def read_package(directory: Path) -> Package:
    """Read a package back, for its producer: to adopt one that a crash left unrecorded, or to find a leaf.

    The snapshot is verified with the key in the package; its test result and the covered files are not (`verify` does
    that).

    Raises:
        WrongUse: there is no package.
        EvidenceError: the bundle is malformed, or its snapshot not signed by the package's key.
    """
    try:
        bundle, key = (directory / ENVELOPE).read_bytes(), (directory / KEY).read_bytes()
    except OSError as error:
        raise WrongUse(f"no snapshot package in {directory}: {error.strerror}") from error
    public = parse_public(key)
    envelope = parse_bundle(bundle)[0]
    payload = dsse.verify(envelope.to_bytes(), [public])
    document = canonical.loads(payload)
    predicate = document.get("predicate") if isinstance(document, dict) else None
    if wrong := predicate_misfits(predicate):
        raise EvidenceError(f"{directory / ENVELOPE} is not a snapshot: {'; '.join(wrong)}")
    assert isinstance(predicate, dict)  # predicate_misfits named no departure
    return Package(predicate, sha256(payload).hexdigest(), envelope.signature)


def discard_package(directory: Path) -> None:
    """Remove a package that was signed but never recorded, so that it can be signed again.

    Only for the ledger's one writer, and only for the newest package: removing another breaks the chain. The package
    is at no moment half there under its own name.
    """
    doomed = unfinished(directory)
    directory.rename(doomed / directory.name)
    flush(directory.parent)
    shutil.rmtree(doomed)
