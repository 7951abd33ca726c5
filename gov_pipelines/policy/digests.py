"""What identifies the text of a policy and of a declaration: a digest of what was written, not of its layout."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache

import rfc8785
from pydantic import BaseModel

from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import InForce, Policy


def policy_text(policy: Policy) -> bytes:
    """The canonical JSON (RFC 8785) of a policy as written: comments, order and defaults left out.

    Defaults are left out so that a later version of this program, with more fields, gives the same text.
    """
    return _canonical(policy)


def policy_digest(policy: Policy) -> str:
    """SHA-256 of `policy_text`, in hexadecimal."""
    return hashlib.sha256(policy_text(policy)).hexdigest()


@lru_cache(maxsize=256)
def policy_of(text: bytes) -> Policy:
    """A policy read back from its text: every mapping in the order of its names, however it was written.

    Raises:
        ValueError: it is no policy.
    """
    return Policy.model_validate_json(text)


@lru_cache(maxsize=256)
def declaration_of(text: bytes) -> SystemDeclaration:
    """A declaration read back from its text, as `policy_of`.

    Raises:
        ValueError: it is no declaration.
    """
    return SystemDeclaration.model_validate_json(text)


def digest_while(policy: Policy, until: date | None) -> str:
    """The digest a policy's text has with another `until`: closing a version changes nothing that it asked before."""
    spoken = {"from": policy.in_force.from_} | ({"until": until} if until else {})
    return policy_digest(policy.model_copy(update={"in_force": InForce.model_validate(spoken)}))


def declaration_text(declaration: SystemDeclaration) -> bytes:
    """The canonical JSON (RFC 8785) of a declaration as written. Secrets are in none: it names their variables only."""
    return _canonical(declaration)


def declaration_digest(declaration: SystemDeclaration) -> str:
    """SHA-256 of `declaration_text`, in hexadecimal."""
    return hashlib.sha256(declaration_text(declaration)).hexdigest()


def _canonical(model: BaseModel) -> bytes:
    return rfc8785.dumps(model.model_dump(mode="json", by_alias=True, exclude_unset=True))
