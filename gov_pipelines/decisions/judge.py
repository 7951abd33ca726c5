"""A verdict per decision and rule, by the policy in force when it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from gov_pipelines.decisions.clocks import clock_between
from gov_pipelines.decisions.rules import RULES, VERDICT, Hearing, Ruling
from gov_pipelines.measure import Measurement
from gov_pipelines.policy import BoundClause, SystemDeclaration, partition_key

REASONS_SCHEMA = {
    "decision_id": pl.String(),
    "control": pl.String(),
    "policy_version": pl.Int64(),
    "verdict": VERDICT,
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of the decisions of a partition.

    Attributes:
        verdicts: one row per decision, in the order of the log: `decision_id`, then for each control that judges
            decisions a column of its key and of type `VERDICT`, null where the rule does not concern the decision.
        reasons: why a decision is not within: one row per decision and control that found it `outside`, `pending` or
            `undecidable`, with `policy_version` and `reason`, sorted by decision and control.
    """

    verdicts: pl.DataFrame
    reasons: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Rule:
    bound: BoundClause
    ruling: Ruling
    concerned: pl.Expr

    @property
    def verdict(self) -> pl.Expr:
        undecidable = pl.lit("undecidable", VERDICT)
        said = pl.when(self.concerned).then(self.ruling.verdict).when(self.concerned.is_null()).then(undecidable)
        return said.otherwise(None).alias(self.bound.key)

    def reasons(self, rows: pl.DataFrame, *, within: bool) -> pl.DataFrame:
        """Why the verdicts of judged rows are what they are."""
        verdict = pl.col(self.bound.key)
        unknown = pl.lit("cannot tell whether the rule applies")
        return rows.filter(verdict.is_not_null() if within else verdict != "within").select(
            "decision_id",
            pl.lit(self.bound.key).alias("control"),
            pl.lit(self.bound.policy.version, dtype=pl.Int64).alias("policy_version"),
            verdict.alias("verdict"),
            pl.when(self.concerned).then(self.ruling.reason).otherwise(unknown).alias("reason"),
        )


def judge_decisions(
    log: pl.LazyFrame | pl.DataFrame,
    bound: Sequence[BoundClause],
    declaration: SystemDeclaration,
    *,
    partition: date,
    as_of: datetime,
    explain_within: bool = False,
) -> Judged:
    """Judge each decision of a partition by each clause whose control judges decisions, in one scan of the log.

    A rule says nothing of decisions its `when` or the clause's `applies` leaves out; where those cannot be told, the
    verdict is `undecidable`.

    Args:
        log: the canonical log of the partition.
        bound: the clauses in force on that day; those that judge populations or accesses are passed over.
        declaration: the system's.
        partition: the local day; decisions of another one are refused, since other versions may bind them.
        as_of: moments after it have not happened yet; timezone-aware.
        explain_within: whether to give the reasons of `within` too: for single decisions, since most are.

    Raises:
        ValueError: the log holds decisions of another day.
        PredicateError: a rule reads a column the log does not have.
    """
    rows = log.lazy()
    start, end = declaration.calendar.span(partition)
    columns = rows.collect_schema()
    moments = [pl.col(name).dt.epoch("us") for name, dtype in columns.items() if dtype.is_temporal()]
    now = pl.lit(as_of.astimezone(UTC)).dt.epoch("us")
    facts = rows.select(
        ours=pl.col("decided_at").is_between(start, end, closed="left").all(),
        requesters=pl.col("requester").is_not_null().any(),
        first=pl.min_horizontal(now, *(moment.min() for moment in moments)),
        last=pl.max_horizontal(now, *(moment.max() for moment in moments)),
    )
    ours, requesters, first, last = facts.collect(engine="streaming").row(0)
    if not ours:
        raise ValueError(f"the log holds decisions outside {partition_key(partition)} in {declaration.zone}")
    asked = requesters or "requester" in declaration.columns
    clock = clock_between(declaration.zone, first, last)
    hearing = Hearing(declaration, partition, as_of, columns, asked, clock)
    rules = [_rule(clause, hearing) for clause in bound if clause.control.judges == "decision"]
    keys = [rule.bound.key for rule in rules]
    read = {name for rule in rules for said in (rule.verdict, rule.ruling.reason) for name in said.meta.root_names()}
    judged = rows.select("decision_id", *sorted(read - {"decision_id"}), *(rule.verdict for rule in rules))
    told = pl.any_horizontal(pl.lit(value=explain_within), *(pl.col(key) != "within" for key in keys))
    # Polars scans once for both; reasons are texts, so they are made for the few rows that need one.
    verdicts, exceptions = pl.collect_all(
        [judged.select("decision_id", *keys), judged.filter(told)], engine="streaming"
    )
    reasons = [rule.reasons(exceptions, within=explain_within) for rule in rules]
    return Judged(verdicts, pl.concat([pl.DataFrame(schema=REASONS_SCHEMA), *reasons]).sort("decision_id", "control"))


def _rule(bound: BoundClause, hearing: Hearing) -> _Rule:
    ruling = RULES[bound.control.kind](bound.control, replace(hearing, holidays=bound.policy.holidays))
    applies = bound.clause.applies
    conditions = [text for text in (ruling.when, applies.when if applies else None) if text is not None]
    concerned = pl.all_horizontal(pl.lit(value=True), *(hearing.predicate(text).expression() for text in conditions))
    return _Rule(bound, ruling, concerned)


def judged_controls(verdicts: pl.DataFrame | pl.LazyFrame) -> list[str]:
    """The keys of the controls in a frame of verdicts."""
    return [name for name, dtype in verdicts.lazy().collect_schema().items() if dtype == VERDICT]


def verdicts_under(verdicts: pl.DataFrame, control_key: str) -> pl.DataFrame:
    """`decision_id` and `verdict` of the decisions one control concerns; empty where it was not in force."""
    if control_key not in verdicts.columns:
        return pl.DataFrame(schema={"decision_id": pl.String(), "verdict": VERDICT})
    return verdicts.select("decision_id", verdict=pl.col(control_key)).drop_nulls("verdict")


def decision_measurements(verdicts: pl.DataFrame | pl.LazyFrame, control_key: str) -> list[Measurement]:
    """Counts of the four verdicts under one control: `decisions_within` and so on; n is the decisions judged.

    Args:
        verdicts: of one day, or of the days of a window below one another; the control may be absent from it.
        control_key: the control.
    """
    counts: dict[str | None, int] = {}
    if control_key in judged_controls(verdicts):
        counted = verdicts.lazy().group_by(control_key).len().collect(engine="streaming")
        counts = dict(counted.iter_rows())
    counts.pop(None, None)
    total = sum(counts.values())
    return [
        Measurement(
            metric=f"decisions_{verdict}",
            value=float(counts.get(verdict, 0)),
            n=total,
            method="count of all decisions judged",
        )
        for verdict in VERDICT.categories
    ]
