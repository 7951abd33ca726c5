"""What people did with what the system proposed: reviews, overrides, abstentions, and how far they moved the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.rates.confusion import Counts, Key, Rate, Values, cells_of, grouped

_PROPOSED, _KEPT = (4, 5, 6, 7), (4, 6)
HANDLING: Mapping[str, Rate] = {
    "review_rate": Rate((0,), (0, 1)),
    "abstain_rate": Rate((2,), (2, 3)),
    "override_rate": Rate((5, 7), _PROPOSED),
    "agreement_rate": Rate(_KEPT, _PROPOSED),
    "withdrawn_rate": Rate((5,), (4, 5)),
    "granted_rate": Rate((7,), (6, 7)),
    "proposed_selection_rate": Rate((4, 5), _PROPOSED),
    "final_selection_rate": Rate((4, 7), _PROPOSED),
}
"""Proportions of the counts of `handling`."""


def handling(tally: Tally, by: Sequence[str], among: Mapping[str, str] | None = None) -> tuple[tuple[Key, ...], Counts]:
    """How the decisions about each group were handled.

    Args:
        tally: what was counted.
        by: one attribute, or several for their intersection.
        among: keeps the cells with these values.

    Returns:
        The groups' keys, and `[G, 8]`: reviewed and not; undecided and decided; of those whose proposal and decision are
        known: proposed favorable and kept, and made unfavorable; proposed unfavorable and kept, and made favorable.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    proposed, final, reviewed, n = pl.col("proposed"), pl.col("outcome"), pl.col("reviewed"), pl.col("n")
    decided = final.is_in(["favorable", "unfavorable"]).fill_null(value=False)
    each = [reviewed, ~reviewed, ~decided, decided]
    each += [(proposed == then) & (final == now) for then, now in MOVES]
    sums = [n.filter(kept).sum().alias(f"({place})") for place, kept in enumerate(each)]
    return grouped(cells_of(tally, by, among or {}), by, *sums)


MOVES = (
    ("favorable", "favorable"), ("favorable", "unfavorable"), ("unfavorable", "unfavorable"), ("unfavorable", "favorable"),
)  # fmt: skip


def override_effect(own: Counts, base: Counts) -> Values:
    """How far people moved one group from another: the final difference of their selection rates less the proposed one.

    Below zero, overriding put the first group further behind. The counts are those of `handling`, `[..., 8]`.
    """
    proposed, final = HANDLING["proposed_selection_rate"], HANDLING["final_selection_rate"]
    return (final(own) - final(base)) - (proposed(own) - proposed(base))
