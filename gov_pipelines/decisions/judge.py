"""A verdict per decision and rule, by the policy in force when it was made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from gov_pipelines.decisions.rules import RULES, Hearing
from gov_pipelines.measure import Measurement, partition_window
from gov_pipelines.policy import BoundClause, SystemDeclaration

VERDICT_SCHEMA = {
    "decision_id": pl.String(),
    "control": pl.String(),
    "policy_version": pl.Int64(),
    "verdict": pl.String(),
    "reason": pl.String(),
}
DECISION_VERDICTS = ("within", "outside", "pending", "undecidable")


def judge_decisions(
    log: pl.DataFrame, bound: Sequence[BoundClause], declaration: SystemDeclaration, *, partition: date, as_of: datetime
) -> pl.DataFrame:
    """Judge each decision of a partition by each clause whose control judges decisions.

    Args:
        log: the canonical log of the partition.
        bound: the clauses in force on that day; those that judge populations or accesses are passed over.
        declaration: the system's.
        partition: the local day; decisions of another one are refused, since other versions may bind them.
        as_of: moments after it have not happened yet; timezone-aware.

    Returns:
        One row per decision and control: `decision_id`, `control`, `policy_version`, `verdict` (`within`, `outside`,
        `pending`, `undecidable`) and `reason`, sorted. A rule says nothing of decisions its `when` or the clause's
        `applies` leaves out; where those cannot be told, the verdict is `undecidable`.

    Raises:
        ValueError: the log holds decisions of another day.
        PredicateError: a rule reads a column the log does not have.
    """
    start, end = partition_window(partition, declaration.zone)
    if not log["decided_at"].is_between(start, end, closed="left").all():
        raise ValueError(f"the log holds decisions outside {partition.isoformat()} in {declaration.zone}")
    carried = frozenset(name for name in log.columns if log[name].null_count() < log.height)
    hearing = Hearing(declaration, as_of, log.schema, carried)
    judged = [_judged(log.lazy(), clause, hearing) for clause in bound if clause.control.judges == "decision"]
    frames = pl.collect_all(judged)
    return pl.concat([pl.DataFrame(schema=VERDICT_SCHEMA), *frames]).sort("decision_id", "control")


def _judged(log: pl.LazyFrame, bound: BoundClause, hearing: Hearing) -> pl.LazyFrame:
    ruling = RULES[bound.control.kind](bound.control, hearing)
    applies = bound.clause.applies
    conditions = [text for text in (ruling.when, applies.when if applies else None) if text is not None]
    concerned = pl.all_horizontal(pl.lit(value=True), *(hearing.predicate(text).expression() for text in conditions))
    known = pl.col("__concerned").is_not_null()
    return (
        log.select(
            "decision_id",
            pl.lit(bound.key).alias("control"),
            pl.lit(bound.policy.version, dtype=pl.Int64).alias("policy_version"),
            ruling.verdict.alias("verdict"),
            ruling.reason.alias("reason"),
            concerned.alias("__concerned"),
        )
        .filter(pl.col("__concerned").fill_null(value=True))
        .with_columns(
            pl.when(known).then("verdict").otherwise(pl.lit("undecidable")).alias("verdict"),
            pl.when(known).then("reason").otherwise(pl.lit("cannot tell whether the rule applies")).alias("reason"),
        )
        .select(*VERDICT_SCHEMA)
    )


def decision_measurements(verdicts: pl.DataFrame, control_key: str) -> list[Measurement]:
    """Counts of the four verdicts under one control: `decisions_within` and so on; n is the decisions judged."""
    counts = dict(verdicts.filter(pl.col("control") == control_key).group_by("verdict").len().iter_rows())
    total = sum(counts.values())
    return [
        Measurement(
            metric=f"decisions_{verdict}",
            value=float(counts.get(verdict, 0)),
            n=total,
            method="count of all decisions judged",
        )
        for verdict in DECISION_VERDICTS
    ]
