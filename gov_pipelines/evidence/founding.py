"""Making a home that can sign: one key, and the first version of the root of trust, which gives it every role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from gov_pipelines.evidence.durable import write_folder
from gov_pipelines.evidence.keys import PUBLIC_KEY, PublicKey, Signer
from gov_pipelines.evidence.roots import first_root
from gov_pipelines.evidence.signers import generate, load_signer

LASTS = timedelta(days=5 * 365)
"""How long the first version of the root of trust may be relied on for what is new."""


def found(
    keys: Path,
    roots: Path,
    *,
    name: str,
    created: datetime,
    origin: str | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Signer:
    """Make the key of a home and version 1 of its root of trust; of a key that is there already, only that.

    Args:
        keys: folder of the key.
        roots: folder of the root of trust, `evidence/ledger/root`.
        name: what people will call the key.
        created: aware instant.
        origin: name of the ledger; of the key's name and id where none is given.
        environ: where the PIN of a key that is there already, and kept elsewhere, is.

    Returns:
        The signer.

    Raises:
        EvidenceError: key and root are both there already, or a name cannot be.
    """
    made = (keys / PUBLIC_KEY).exists() and not roots.exists()
    signer = load_signer(keys, environ) if made else generate(keys, name=name, created=created)
    named = origin or default_origin(signer.public)
    write_folder(roots, {"1.root.json": first_root(signer, named, created + LASTS)})
    return signer


def default_origin(key: PublicKey) -> str:
    """A name for a ledger that no other is likely to have: the key's name in plain letters, and its id."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.name.lower()).strip("-")[:60]
    return f"{plain or 'ledger'}/{key.keyid[:8]}"
