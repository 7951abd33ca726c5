"""Scores held against the median of everyone: the scoring rate. It needs the rows, so no tally can recompute it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from gov_pipelines.measure.counting.tallies import Tally, cell_schema, summed

SCORING = frozenset({"scoring_rate", "scoring_impact_ratio"})


def scored_tally(tally: Tally, log: pl.DataFrame) -> Tally:
    """A window's tally whose outcome is the score: favorable strictly above the median of everyone scored.

    The median is over people of unknown groups too; a score at the median is not above it, so that at most half are.
    Rows without a score count as undecided.

    Args:
        tally: of the window; those of its dimensions are kept that the log has.
        log: the accepted rows of the same window, with `score`.

    Source: 6 RCNY 5-300, "scoring rate".
    """
    above = (
        pl.when(pl.col("score") > pl.col("score").median()).then(pl.lit("favorable")).otherwise(pl.lit("unfavorable"))
    )
    outcome = pl.when(pl.col("score").is_null()).then(pl.lit("undecided")).otherwise(above)
    names = [name for name in tally.dimensions if name in log.columns]
    dimensions = [pl.col(name).cast(pl.String) for name in names]
    none = dict.fromkeys(("decision", "label", "proposed"), pl.lit(None, pl.String))
    rows = log.select(*dimensions, **none, outcome=outcome, reviewed=pl.lit(value=False), n=pl.lit(1))
    return replace(tally, cells=summed([rows], cell_schema(names)))
