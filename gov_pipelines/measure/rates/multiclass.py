"""Decisions of more than two kinds: how often each group gets each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.rates.confusion import Counts, Key, Values, cells_of, grouped
from gov_pipelines.measure.rates.representation import shares


def decisions(
    tally: Tally, by: Sequence[str], among: Mapping[str, str] | None = None
) -> tuple[tuple[Key, ...], tuple[str, ...], Counts]:
    """How many of each group got each decision, whatever it means; a missing one is left out.

    Returns:
        The groups' keys, the decisions in order, and `[G, K]`. Their shares are the frequency matrix.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    cells = cells_of(tally, by, among or {})
    kinds = tuple(cells["decision"].drop_nulls().unique().sort())
    sums = [pl.col("n").filter(pl.col("decision") == kind).sum().alias(f"({at})") for at, kind in enumerate(kinds)]
    keys, counts = grouped(cells, by, *sums)
    return keys, kinds, counts.reshape(len(keys), len(kinds))


def parity_differences(counts: Counts) -> Values:
    """The largest less the smallest share of each decision among the groups, `[..., G, K]` to `[..., K]`.

    The largest of them is the multi-class parity difference: no two groups' shares of any decision are further apart.
    """
    each = shares(counts)
    spread = np.fmax.reduce(each, -2, initial=np.nan) - np.fmin.reduce(each, -2, initial=np.nan)
    return np.asarray(np.where(np.isfinite(each).sum(-2) > 1, spread, np.nan))
