"""Whose signatures count as the home's: what its root of trust says, version by version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gov_pipelines.evidence import PublicKey
from gov_pipelines.evidence.roots import TARGETS, Root, current_roots
from gov_pipelines.store import Home


@dataclass(frozen=True, slots=True)
class Authority:
    """A home, as those see it who must know what it signed.

    Attributes:
        roots: all versions of its root of trust, the first one first.
    """

    roots: tuple[Root, ...]

    @property
    def home(self) -> str:
        """What names this home and no other, whatever becomes of its keys: the digest of its first root."""
        return self.roots[0].sha256

    @property
    def keys(self) -> Mapping[str, PublicKey]:
        """Every key that ever signed for the home, by keyid."""
        return {key.keyid: key for root in self.roots for key in root.keys_of(TARGETS)}

    def keys_at(self, at: datetime) -> list[PublicKey]:
        """The keys that sign for the home at an instant. The first version counts from ever."""
        standing = [root for root in self.roots[1:] if root.since <= at]
        return [*self.roots[:1], *standing][-1].keys_of(TARGETS)


def authority_of(home: Home) -> Authority:
    """Read whose signatures count as a home's.

    Raises:
        WrongUse: the home has no root of trust.
        EvidenceError: its versions do not follow from each other.
    """
    return Authority(tuple(current_roots(home.roots_dir)))
