"""How the keys of a home change: a draft of the next version of its root of trust, signed, and put in force."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence.durable import flush, replace_file, write_folder
from gov_pipelines.evidence.keys import PUBLIC_KEY, SIGNING_KEY, PublicKey, load_public
from gov_pipelines.evidence.roots import ROLES, SNAPSHOT, TARGETS, Root, current_roots, new_root, walk
from gov_pipelines.evidence.signers import ELSEWHERE
from gov_pipelines.evidence.tlog.policy import parse_policy

NEXT = "next"
"""Folder, beside a home's key, of the key that is to follow it."""

RETIRED = "retired"
"""Folder, beside a home's key, of those that it followed, each in a folder named by its keyid. None is deleted."""


def holders(root: Root) -> dict[str, tuple[list[PublicKey], int]]:
    """Keys and threshold of each role, as `next_root` takes them."""
    return {role: (root.keys_of(role), root.roles[role].threshold) for role in ROLES}


def replaced(root: Root, old: PublicKey, new: PublicKey) -> dict[str, tuple[list[PublicKey], int]]:
    """Keys and threshold of each role, with one key in the place of another."""
    return {
        role: ([new if key.keyid == old.keyid else key for key in keys], threshold)
        for role, (keys, threshold) in holders(root).items()
    }


def next_root(
    before: Root,
    now: datetime,
    roles: Mapping[str, tuple[Collection[PublicKey], int]],
    *,
    expires: datetime | None = None,
    witnesses: str | None = None,
    authorities: Sequence[bytes] | None = None,
) -> bytes:
    """Write the version after one, not signed yet; what is not given stays as it was.

    Raises:
        EvidenceError: a role that its keys cannot fill, or witnesses that are no tlog-policy.
    """
    if witnesses is not None:
        parse_policy(witnesses.encode())
    return new_root(
        before.version + 1,
        max(now, before.since),
        expires or before.expires,
        roles,
        before.origin,
        before.witnesses if witnesses is None else witnesses,
        before.authorities if authorities is None else authorities,
    )


def publish(keys: Path, roots: Path, data: bytes) -> Root:
    """Put the next version of a root of trust in force, and the home's next key in its place where it names that.

    Args:
        keys: folder of the home's key.
        roots: folder of the root of trust.
        data: the version, signed.

    Returns:
        The version.

    Raises:
        EvidenceError: it is not the next one, or too few keys of it or of the version before signed it.
        WrongUse: it names neither the home's key nor its next one, so that the home could sign nothing.
    """
    root = walk(current_roots(roots)[-1], [data])[-1]
    ours = {load_public(folder).keyid for folder in (keys, keys / NEXT) if (folder / PUBLIC_KEY).exists()}
    if not ours & root.roles[TARGETS].keyids & root.roles[SNAPSHOT].keyids:
        raise WrongUse(f"version {root.version} lets no key of this home sign snapshots and the ledger; see `rotate`")
    target, waiting = roots / f"{root.version}.root.json", roots / f".{root.version}.root.json"
    replace_file(waiting, data)
    try:
        os.link(waiting, target)  # unlike a rename, never over another's
    except FileExistsError as error:
        raise EvidenceError(f"{target} is already there and is never overwritten") from error
    finally:
        waiting.unlink()
    flush(roots)
    settle(keys, root)
    return root


def settle(keys: Path, root: Root) -> None:
    """Let a home's next key follow its key, once the root of trust names it; a call that a crash ended is gone on with."""
    if not (keys / NEXT / PUBLIC_KEY).exists() or load_public(keys / NEXT).keyid not in root.roles[TARGETS].keyids:
        return
    retired = keys / RETIRED / load_public(keys).keyid

    def is_old(name: str) -> bool:
        return all((place / name).exists() for place in (keys, retired)) and (
            (keys / name).read_bytes() == (retired / name).read_bytes()
        )

    if not retired.exists():
        names = [name for name in (SIGNING_KEY, ELSEWHERE, PUBLIC_KEY) if (keys / name).exists()]
        write_folder(retired, {name: (keys / name).read_bytes() for name in names}, file_mode=0o600)
    for name in (SIGNING_KEY, ELSEWHERE):
        if (keys / NEXT / name).exists():
            (keys / NEXT / name).replace(keys / name)
        elif is_old(name):  # the new key is kept in another way
            (keys / name).unlink()
    (keys / NEXT / PUBLIC_KEY).replace(keys / PUBLIC_KEY)  # last: until then, this goes on where it was ended
    (keys / NEXT).rmdir()
    flush(keys)
