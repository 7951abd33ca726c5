"""Prove it: canonical JSON, Merkle leaves, signed snapshots in a chain, and a verifier that needs nothing else."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gov_pipelines.evidence import canonical, dsse, merkle, verify
    from gov_pipelines.evidence.keys import DEMO_KEY_NAME, PublicKey, Signer, generate, load_signer, load_trust
    from gov_pipelines.evidence.leaves import (
        decision_leaf,
        decisions_section,
        leaf_verdicts,
        new_salt,
        read_leaves,
        write_leaves,
    )
    from gov_pipelines.evidence.package import (
        DISCLOSED_TALLY,
        ENVELOPE,
        KEY,
        LEAVES,
        TALLY,
        Package,
        Signed,
        discard_package,
        read_package,
        sign_package,
    )
    from gov_pipelines.evidence.predicate import LIMITS, PREDICATE_TYPE, build_predicate, content_digest, statement
    from gov_pipelines.evidence.verification import Check, Verification

_HOME_OF = {
    name: module
    for module, names in {
        "keys": "DEMO_KEY_NAME PublicKey Signer generate load_signer load_trust",
        "leaves": "decision_leaf decisions_section leaf_verdicts new_salt read_leaves write_leaves",
        "package": "DISCLOSED_TALLY ENVELOPE KEY LEAVES TALLY Package Signed discard_package read_package sign_package",
        "predicate": "LIMITS PREDICATE_TYPE build_predicate content_digest statement",
        "verification": "Check Verification",
    }.items()
    for name in names.split()
}
_MODULES = {"canonical", "dsse", "merkle", "verify"}

__all__ = [
    "DEMO_KEY_NAME",
    "DISCLOSED_TALLY",
    "ENVELOPE",
    "KEY",
    "LEAVES",
    "LIMITS",
    "PREDICATE_TYPE",
    "TALLY",
    "Check",
    "Package",
    "PublicKey",
    "Signed",
    "Signer",
    "Verification",
    "build_predicate",
    "canonical",
    "content_digest",
    "decision_leaf",
    "decisions_section",
    "discard_package",
    "dsse",
    "generate",
    "leaf_verdicts",
    "load_signer",
    "load_trust",
    "merkle",
    "new_salt",
    "read_leaves",
    "read_package",
    "sign_package",
    "statement",
    "verify",
    "write_leaves",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
