"""Groups compared within strata, so that a difference between strata is not taken for one between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.rates.confusion import RATES, Counts, Key, Rate, Values, confusion, over


def by_strata(
    tally: Tally, by: Sequence[str], strata: Sequence[str], among: Mapping[str, str] | None = None
) -> tuple[tuple[Key, ...], tuple[Key, ...], Counts]:
    """The counts of each group in each known stratum.

    Args:
        tally: what was counted.
        by: one attribute, or several for their intersection.
        strata: the columns that define the strata.
        among: keeps the cells with these values.

    Returns:
        The strata's keys, the known groups' keys, and `[L, G, 6]`.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    found = confusion(tally, [*strata, *by], among)
    known = [at for at, key in enumerate(found.keys) if None not in key]
    parts = [(found.keys[at][: len(strata)], found.keys[at][len(strata) :]) for at in known]
    rows, columns = (sorted({part[side] for part in parts}, key=str) for side in (0, 1))
    row, column = ({key: at for at, key in enumerate(keys)} for keys in (rows, columns))
    counts: Counts = np.zeros((len(rows), len(columns), 6), np.int64)
    if known:
        counts[[row[part[0]] for part in parts], [column[part[1]] for part in parts]] = found.counts[known]
    return tuple(rows), tuple(columns), counts


def demographic_disparity(counts: Counts) -> Values:
    """Each group's share of the refused less its share of the favored, `[..., G, 6]` to `[..., G]`; above 0 it fares badly."""
    favored, decided = RATES["selection_rate"].of(counts)
    refused = decided - favored
    return over(refused, refused.sum(-1, keepdims=True)) - over(favored, favored.sum(-1, keepdims=True))


def conditional_demographic_disparity(counts: Counts) -> Values:
    """The mean of it over strata, each weighing what it decided, `[..., L, G, 6]` to `[..., G]`.

    Strata that favored or refused everybody compare nobody, and are left out.

    Source: Wachter, Mittelstadt and Russell (2021), Why Fairness Cannot Be Automated, Computer Law & Security Review 41.
    """
    disparity = demographic_disparity(counts)
    n = RATES["selection_rate"].of(counts)[1].sum(-1, keepdims=True)
    told = np.isfinite(disparity)
    return over((np.where(told, disparity, 0.0) * n).sum(-2), (told * n).sum(-2))


def standardized_rates(counts: Counts, rate: Rate) -> tuple[Values, Values, Values]:
    """Each group's rate if it had everybody's strata, what it rests on, `[..., L, G, 6]` to `[..., G]`, and the share of rows that tell.

    Direct standardization: the rates of the strata weighed by everybody in them, over the strata in which each of the
    groups has somebody; the others tell nothing of at least one group. It tells as much as that many rows of a simple
    rate (Kish).
    """
    x, n = rate.of(counts)
    weights = (n.sum(-1) * (n > 0).all(-1)).astype(float)
    total = weights.sum(-1)
    share = over(weights, total[..., None])[..., None]
    value = np.nan_to_num(over(x, n) * share).sum(-2)
    told = over(1.0, np.nan_to_num(over(share**2, n)).sum(-2))
    return np.where(total[..., None] > 0, value, np.nan), told, over(total, n.sum((-2, -1)))
