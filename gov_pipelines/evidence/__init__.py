"""Prove it: canonical JSON, Merkle leaves, signed snapshots in a chain, and a verifier that needs nothing else.

The verifier is the module `verify`. Nothing here may need more than the standard library, `cryptography` and `rfc8785`.
"""

from __future__ import annotations

from gov_pipelines.evidence.founding import found
from gov_pipelines.evidence.keys import DEMO_KEY_NAME, PublicKey, Signer, load_public, load_trust
from gov_pipelines.evidence.leaves import decision_leaf, decisions_section, new_salt, read_leaves, write_leaves
from gov_pipelines.evidence.package import ENVELOPE, LEAVES, discard_package, read_package, sign_package
from gov_pipelines.evidence.predicate import build_predicate
from gov_pipelines.evidence.signers import generate, load_signer

__all__ = [
    "DEMO_KEY_NAME", "ENVELOPE", "LEAVES", "PublicKey", "Signer", "build_predicate", "decision_leaf",
    "decisions_section", "discard_package", "found", "generate", "load_public", "load_signer", "load_trust", "new_salt",
    "read_leaves", "read_package", "sign_package", "write_leaves",
]  # fmt: skip
