"""Group membership guessed from a name and an address: probabilities, to be used as weights and never as labels."""

from __future__ import annotations

import math
from collections.abc import Mapping


def bisg(
    surname: Mapping[str, float], place: Mapping[str, float], prior: Mapping[str, float]
) -> dict[str, float] | None:
    """Bayesian Improved Surname Geocoding: P(group | surname, place), proportional to P(g | surname) P(g | place) / P(g).

    Args:
        surname: probability of each group given the surname.
        place: probability of each group given where the person lives.
        prior: share of each group in the population that both tables come from; positive.

    Returns:
        Probabilities that add to one, or None where surname and place exclude every group.

    Source: Elliott et al. (2009), Health Services and Outcomes Research Methodology 9, 69-83; CFPB (2014), Using
    publicly available information to proxy for unidentified race and ethnicity.
    """
    weights = {group: surname[group] * place[group] / share for group, share in prior.items()}
    total = math.fsum(weights.values())
    return {group: weight / total for group, weight in weights.items()} if total else None
