"""The ledger as a verifier reads it: keys that may sign, entries under one signed root, what witnesses and clocks add.

Everything is recomputed from the entries; tiles and tokens are checked against them. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.entries import parse_entry
from gov_pipelines.evidence.keys import PublicKey
from gov_pipelines.evidence.roots import SNAPSHOT, Root, parse_root, root_files, walk
from gov_pipelines.evidence.timestamps import kept_token
from gov_pipelines.evidence.tlog import merkle, notes, tiles
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from gov_pipelines.evidence.tlog.policy import ANYBODY, LogPolicy, parse_policy, satisfied
from gov_pipelines.evidence.verification import Checklist

LEDGER = "ledger"
"""Folder of the ledger beside those of the systems; no system has that name."""

NO_WITNESS = "a second party: no witness cosigned; whoever holds the ledger's key could show others another ledger"

CHECKPOINT, ROOTS, COSIGNED, TIMESTAMPS = "checkpoint", "root", "cosigned", "timestamps"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an auditor brings along.

    Attributes:
        key: a public key that he trusts; must have signed everything.
        root: a root of trust that he trusts; later versions must follow from it.
        policy: his own rule of which witnesses must have cosigned, in place of the root's.
        authorities: certificates of time stamping authorities that he trusts, PEM, in place of the root's.
        last: the checkpoint that he kept, as a signed note.
    """

    key: PublicKey | None = None
    root: Root | None = None
    policy: LogPolicy | None = None
    authorities: tuple[bytes, ...] = ()
    last: notes.Note | None = None

    @property
    def trusts(self) -> bool:
        """Whether somebody outside vouches for the keys."""
        return self.key is not None or self.root is not None

    def logs(self, origin: str, roots: Iterable[Root]) -> list[notes.Verifier]:
        """Whose checkpoints count: those of the key that he trusts, else of all that versions of the root name.

        Nobody's, under an origin that no key can be named by.
        """
        if not notes.is_name(origin):
            return []
        named = (key for root in roots for key in root.keys_of(SNAPSHOT))
        return [notes.log_verifier(origin, key) for key in ([self.key] if self.key else named)]

    def witnesses(self, root: Root | None, place: str, checks: Checklist) -> LogPolicy | None:
        """Who must have cosigned: by his own rule, else by the root's; None where that is malformed, which is noted."""
        if self.policy or root is None:
            return self.policy or ANYBODY
        return checks.attempt(place, "witness-policy", "a tlog-policy", partial(parse_policy, root.witnesses.encode()))


@dataclass(frozen=True, slots=True)
class History:
    """A ledger that could be read.

    Attributes:
        size: number of entries under the signed root.
        levels: roots of complete subtrees (`merkle.subtrees`); level 0 are the leaf hashes.
        entries: what each entry says, in order.
        index: leaf hash to its place; of one that is there twice the first.
        policies: name and version of each policy, to its entries and their places: one, and one more when it is closed.
        roots: versions of the root of trust, each with the index of the entry from which it holds.
        cosigned: entries before this index stand under enough cosignatures.
        witnesses: names of those who cosigned that checkpoint, and when.
        demanded: index from which a time stamping authority is named; None where none is.
        tokens: size of a checkpoint and the time of its token, by size.
    """

    size: int
    levels: Sequence[Sequence[bytes]]
    entries: Sequence[Mapping[str, Any]]
    index: Mapping[bytes, int]
    policies: Mapping[tuple[str, int], Sequence[tuple[int, Mapping[str, Any]]]]
    roots: Sequence[tuple[int, Root]]
    cosigned: int
    witnesses: Sequence[tuple[str, datetime]]
    demanded: int | None
    tokens: Sequence[tuple[int, datetime]]

    def root_at(self, index: int) -> Root | None:
        """The root of trust that holds for an entry."""
        return next((root for since, root in reversed(self.roots) if since <= index), None)


def read_history(folder: Path, prefix: str, asked: Asked, checks: Checklist) -> History | None:
    """Check a ledger by itself.

    Args:
        folder: with `checkpoint`, `tile`, `root`, and perhaps `cosigned` and `timestamps`.
        prefix: prepended to file names in the checks.
        asked: what the auditor brings along.
        checks: receives one check a rule and file.

    Returns:
        The ledger, or None where it could not be read at all.
    """
    roots = read_roots(folder / ROOTS, f"{prefix}{ROOTS}/", asked, checks)
    place = prefix + CHECKPOINT
    parse = partial(read_checkpoint, folder / CHECKPOINT)
    held = checks.attempt(place, "checkpoint-format", "a signed checkpoint", parse)
    if not roots or held is None:
        return None
    note, named = held
    checks.equal(place, "checkpoint-origin", named.origin, roots[-1].origin)
    verify = partial(verify_checkpoint, note, asked.logs(named.origin, roots[-1:]))
    signed = checks.attempt(place, "checkpoint-signature", "signed by the ledger's key", verify)
    told = f"{named.size} entries under the root"
    read = checks.attempt(f"{prefix}tile", "ledger-tree", told, partial(_tree, folder, named))
    if read is None:
        return None
    entries, levels = read
    place = f"{prefix}tile/entries"
    said = checks.attempt(place, "ledger-entries", "entries of known kinds", lambda: [*map(parse_entry, entries)])
    if said is None:
        return None
    index = {leaf: place for place, leaf in reversed([*enumerate(levels[0])])}
    checks.equal(place, "ledger-unique", _twice(said, len(index)), "each entry once")
    since = _since(said, roots, prefix, checks)
    if asked.last:
        _last(asked.last, roots, asked, levels, checks)
    by_log = signed[1] if signed else []
    cosigned, witnesses = _witnessed(folder / COSIGNED, prefix, asked, roots, levels, by_log, checks)
    history = History(named.size, levels, said, index, _policies(said), since, cosigned, witnesses, None, [])
    demanded = next((place for place, root in since if root.authorities), None)
    if demanded is None and not asked.authorities:
        return history
    tokens = _tokens(folder, prefix, named.origin, asked, history, checks)
    if demanded is None:  # the auditor's own authority says nothing of what was before its first token
        demanded = min((size for size, _ in tokens), default=0)
    return replace(history, demanded=demanded, tokens=tokens)


def check_signatures(
    place: str, note: notes.Note, logs: Iterable[notes.Verifier], policy: LogPolicy, checks: Checklist
) -> list[notes.Signed]:
    """Check who signed a checkpoint that travels with a proof: the log, and enough witnesses."""
    verify = partial(verify_checkpoint, note, logs, policy.witnesses.values())
    found = checks.attempt(place, "checkpoint-signature", "signed by the ledger's key", verify)
    if found is None:
        return []
    _, signed = found
    names = ", ".join(each.verifier.name for each in signed if each.time is not None)
    checks.note(place, "witness-quorum", satisfied(policy, signed), names, f"the quorum {policy.quorum}")
    return signed


def read_roots(folder: Path, prefix: str, asked: Asked, checks: Checklist) -> list[Root]:
    """The versions of the root of trust, each vouched for by the one before; the first by nobody but the auditor."""

    def versions() -> list[Root]:
        files = root_files(folder)
        first = parse_root(files[0]) if files else None
        if first is None or first.version != 1:
            raise EvidenceError("no version 1 of the root of trust")
        return walk(first, files[1:])

    roots = checks.attempt(prefix, "root-chain", "versions that follow one another", versions) or []
    if asked.root and roots:
        pinned = asked.root
        found = roots[pinned.version - 1].sha256 if pinned.version <= len(roots) else "no such version"
        checks.equal(f"{prefix}{pinned.version}.root.json", "root-trusted", found, pinned.sha256)
    return roots


def _tree(folder: Path, named: Checkpoint) -> tuple[list[bytes], list[list[bytes]]]:
    """Entries and hashes of a checkpoint's tree.

    Raises:
        EvidenceError: files are absent or do not belong together.
    """
    entries = tiles.read_entries(folder, named.size)
    levels = merkle.subtrees(merkle.leaf_hashes(entries))
    if levels[0] != tiles.read_hashes(folder, named.size):
        raise EvidenceError("entries and tiles differ: the leaf hashes of the entries are not those of the tiles")
    if (root := merkle.root_at(levels, named.size)) != named.root:
        raise EvidenceError(f"the entries give the root {root.hex()}; the checkpoint says {named.root.hex()}")
    return entries, levels


def _policies(said: Sequence[Mapping[str, Any]]) -> Mapping[tuple[str, int], Sequence[tuple[int, Mapping[str, Any]]]]:
    found: dict[tuple[str, int], list[tuple[int, Mapping[str, Any]]]] = {}
    for place, entry in enumerate(said):
        if entry["kind"] == "policy":
            found.setdefault((entry["name"], entry["version"]), []).append((place, entry))
    return found


def _twice(said: Sequence[Mapping[str, Any]], leaves: int) -> str:
    """Which snapshot, or how many entries, are there twice; also two snapshots under one revision or number."""
    seen = set[tuple[Any, ...]]()
    for entry in said:
        if entry["kind"] in {"snapshot", "missed"}:
            names = [("revision", entry["partition"], entry["revision"]), ("sequence", entry["sequence"])]
            for name in names:
                if (key := (entry["system"], *name)) in seen:
                    return f"{' '.join(map(str, key))} is there twice"
                seen.add(key)
    return "each entry once" if leaves == len(said) else f"{len(said) - leaves} entries are there twice"


def _since(
    said: Sequence[Mapping[str, Any]], roots: Sequence[Root], prefix: str, checks: Checklist
) -> list[tuple[int, Root]]:
    """From which entry on each version of the root of trust holds. The ledger begins with the first."""
    logged = [(place, entry) for place, entry in enumerate(said) if entry["kind"] == "root"]
    found = [{"version": entry["version"], "sha256": entry["sha256"]} for _, entry in logged]
    wanted = [{"version": root.version, "sha256": root.sha256} for root in roots]
    begins = not logged or logged[0][0] == 0
    ok = found == wanted and begins
    checks.note(f"{prefix}{ROOTS}", "root-logged", ok, found if begins else "not the first entry", wanted)
    return [(place, root) for (place, _), root in zip(logged, roots, strict=False)] if ok else []


def _last(
    last: notes.Note, roots: Sequence[Root], asked: Asked, levels: Sequence[Sequence[bytes]], checks: Checklist
) -> None:
    """What the auditor saw before is where this ledger began."""
    verify = partial(verify_checkpoint, last, asked.logs(roots[-1].origin, roots))
    found = checks.attempt("--last", "ledger-last", "a checkpoint of this ledger's key", verify)
    if found is not None:
        _stands(f"--last, {found[0].size} entries", "ledger-last", found[0], roots[-1].origin, levels, checks)


def _stands(
    place: str, rule: str, named: Checkpoint, origin: str, levels: Sequence[Sequence[bytes]], checks: Checklist
) -> bool:
    """Note whether a checkpoint of this ledger is where its entries began."""
    there = named.size <= len(levels[0])
    found = merkle.root_at(levels, named.size).hex() if there else f"only {len(levels[0])} entries"
    got, expected = f"{named.origin}: {found}", f"{origin}: {named.root.hex()}"
    return checks.equal(place, rule, got, expected)


def _witnessed(
    folder: Path,
    prefix: str,
    asked: Asked,
    roots: Sequence[Root],
    levels: Sequence[Sequence[bytes]],
    by_log: Sequence[notes.Signed],
    checks: Checklist,
) -> tuple[int, list[tuple[str, datetime]]]:
    """Up to where enough witnesses cosigned, and who they are."""
    policy = asked.witnesses(roots[-1], f"{prefix}{ROOTS}", checks)
    if policy is None:
        return 0, []
    origin = roots[-1].origin
    logs = [*policy.logs, *asked.logs(origin, roots)]
    reached: tuple[int, list[tuple[str, datetime]]] = (0, [])
    for name, path in by_size(folder).items():
        place = f"{prefix}{COSIGNED}/{name}"

        def read(path: Path = path) -> tuple[Checkpoint, list[notes.Signed]]:
            return verify_checkpoint(read_checkpoint(path)[0], logs, policy.witnesses.values())

        found = checks.attempt(place, "ledger-cosigned", "a checkpoint signed by log and witnesses", read)
        if found is None:
            continue
        named, signed = found
        stands = _stands(place, "ledger-cosigned", named, origin, levels, checks)
        if stands and satisfied(policy, signed) and named.size > reached[0]:
            reached = (named.size, [(each.verifier.name, each.at) for each in signed if each.at is not None])
    enough = satisfied(policy, by_log) or reached[0] > 0
    got = f"quorum {policy.quorum}: the first {reached[0]} entries"
    checks.note(f"{prefix}{COSIGNED}", "witness-quorum", enough, got, "entries under enough cosignatures")
    return reached


def _tokens(
    folder: Path, prefix: str, origin: str, asked: Asked, history: History, checks: Checklist
) -> list[tuple[int, datetime]]:
    """When each stamped checkpoint stood, by the word of an authority that was named when its last entry was written."""
    found = []
    for size, path in by_size(folder / TIMESTAMPS, ".tsr").items():
        root = history.root_at(size - 1)
        authorities = asked.authorities or (root.authorities if root else ())
        if not authorities:
            continue  # kept before an authority was named: nobody can be asked what it is worth

        def stamped(path: Path = path, size: int = size, authorities: Sequence[bytes] = authorities) -> datetime:
            if not 0 < size <= history.size:
                raise EvidenceError(f"a token of {size} entries, but the ledger has {history.size}")
            checkpoint = Checkpoint(origin, size, merkle.root_at(history.levels, size))
            return kept_token(path, checkpoint.to_text(), authorities)

        expected = f"a token of a trusted authority over the checkpoint of {size} entries"
        moment = checks.attempt(f"{prefix}{TIMESTAMPS}/{path.name}", "time-token", expected, stamped)
        if moment is not None:
            found.append((size, moment))
    return found


def by_size(folder: Path, suffix: str = "") -> dict[int, Path]:
    """The files of a folder that are named by the size of a checkpoint, the smallest first; none where it is absent."""
    sizes = re.compile(rf"(0|[1-9][0-9]*){re.escape(suffix)}")
    found = {int(name[1]): path for path in folder.glob("*") if (name := sizes.fullmatch(path.name))}
    return dict(sorted(found.items()))
