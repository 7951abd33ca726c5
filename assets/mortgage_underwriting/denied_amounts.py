"""The extension point, by example: an asset and a check of this system's own, on the generated graph.

Any Python file beside `defs.yaml` is loaded with the system. `graph` gives the keys and partitions to stand on.
"""

import dagster as dg
import polars as pl

from gov_pipelines.pipeline import this_system

graph = this_system(__file__)


@dg.asset(
    key=graph.key("denied_amounts"),
    ins={"decision_log": dg.AssetIn(key=graph.key("decision_log"))},
    partitions_def=graph.partitions,
    group_name=graph.system,
    kinds={"polars"},
    description="How many loans were denied each day, and how much money they asked for.",
)
def denied_amounts(decision_log: pl.DataFrame) -> pl.DataFrame:
    """One row: `denied` (decisions), `amount` (sum asked for, in the log's currency)."""
    denied = decision_log.filter(pl.col("decision") == "denied")
    return denied.select(pl.len().alias("denied"), pl.col("amount").sum())


@dg.asset_check(
    asset=graph.key("denied_amounts"),
    partitions_def=graph.partitions,
    metadata={"clause": "house-fair-lending/FL-11"},  # a check that names none is listed by `gov gaps`
)
def denials_ask_for_money(denied_amounts: pl.DataFrame) -> dg.AssetCheckResult:
    """A day with denials has an amount above zero: else the amounts did not arrive."""
    row = denied_amounts.row(0, named=True)
    return dg.AssetCheckResult(
        passed=row["denied"] == 0 or row["amount"] > 0, metadata={"denied": row["denied"], "amount": row["amount"]}
    )
