"""Did you mean: the nearest known name, for every remedy that corrects a spelling."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 12
_NEAR = 0.65  # two letters exchanged in a word of three still find it


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "Known here") -> str:
    """One sentence: the nearest of `known`, else all of them (or how many there are, beyond a dozen).

    Examples:
        >>> did_you_mean("favourable", ["favorable", "unfavorable"])
        'Did you mean `favorable`?'
    """
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1, cutoff=_NEAR) or get_close_matches(
        name.lower(), names, n=1, cutoff=_NEAR
    )
    if near:
        return f"Did you mean `{near[0]}`?"
    if not names:
        return f"{otherwise}: none."
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{otherwise}: {', '.join(f'`{known_name}`' for known_name in names[:_SHOWN])}{more}."
