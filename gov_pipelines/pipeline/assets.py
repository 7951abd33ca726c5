"""The graph of one system: one asset per step of its night.

decision_log ─┬─> decision_verdicts ──────────────┐
              └─> tally ─┬─> fairness_metrics ────┼─> control_verdicts ─> compliance_snapshot ─┬─> cleared_decisions ─> held_decisions
access_log ──> access_patterns  └─> distribution_shift ┘                                          └─> report

Dagster orders and shows the steps; what they do is in `night.py` and `measuring.py`, and what they conclude is read back from the store.
"""

# No deferred annotations here: Dagster compares that of `context` with its classes, as it stands.
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pkgutil import resolve_name
from typing import Any

import dagster as dg

from gov_pipelines import __version__
from gov_pipelines.errors import SourceUnreachable, unquoted
from gov_pipelines.pipeline.checks import partitioned_checks
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.metadata import shown
from gov_pipelines.pipeline.names import SNAPSHOT
from gov_pipelines.policy import partition_of

RETRIES = 3
"""Times a source is asked again before its window is missed."""

FIRST_WAIT = 2.0
"""Seconds before the first retry; twice as many before each further one."""

AS_OF = "gov/as_of"
"""Run tag: the instant the partition is judged from, ISO 8601 with zone, where it is not the usual one."""

REPORT = "report"


@dataclass(frozen=True, slots=True)
class Step:
    """One asset.

    Attributes:
        name: last part of the asset's key.
        does: module in this room and function, found when the step runs: loading definitions imports none of them.
        after: the assets it stands on.
        kinds: what the UI shows on it; three at most.
        says: the asset's description.
        check: name and description of the check the step answers itself, if any.
        reads: whether it asks the source; runs that ask one source at once are limited by Dagster's pools.
    """

    name: str
    does: str
    after: tuple[str, ...]
    kinds: tuple[str, ...]
    says: str
    check: tuple[str, str] | None = None
    reads: bool = False


STEPS = (
    Step(
        "decision_log", "night:read_decisions", (), ("sql", "polars", "parquet"),
        "The day's decisions in canonical columns. Every source row is accepted, quarantined or a duplicate.",
        ("rows_add_up", "Accepted, quarantined and duplicate rows add up to the source's count."),
        reads=True,
    ),
    Step(
        "decision_verdicts", "night:judge", ("decision_log",), ("polars", "parquet"),
        "Within, outside, pending or undecidable: each decision under each rule in force when it was made.",
    ),
    Step(
        "access_log", "night:read_access", (), ("sql", "polars", "parquet"),
        "The day's reads of data: who, by which role, which field.",
        reads=True,
    ),
    Step(
        "access_patterns", "measuring:compare_access", ("access_log",), ("polars", "json"),
        "Reads outside what the system's intake declares.",
    ),
    Step(
        "tally", "measuring:tally", ("decision_log",), ("polars", "json"),
        "Counts per cell of protected attributes, strata and outcome. Windows are sums of these; rows are not read again.",
    ),
    Step(
        "fairness_metrics", "measuring:measure_fairness", ("tally",), ("json",),
        "Selection rates, ratios and differences by group over each window that ends here, with intervals and tests.",
        ("second_opinion_agrees", "fairlearn, asked the same, answers the same to 1e-9."),
    ),
    Step(
        "distribution_shift", "measuring:measure_shift", ("tally",), ("json",),
        "How far decisions and features have moved from their reference.",
    ),
    Step(
        "control_verdicts", "verdicts:reach_verdicts",
        ("decision_verdicts", "fairness_metrics", "distribution_shift", "access_patterns"), ("greatexpectations",),
        "One verdict per control, by the compiled suites, in the store.",
    ),
    Step(
        SNAPSHOT, "signing:sign", ("control_verdicts",), ("json",),
        "The signed statement of the day: signed also when controls fail. Its checks show each control's verdict.",
    ),
    Step(
        "cleared_decisions", "clearing:clear", (SNAPSHOT,), ("polars", "parquet"),
        "The decisions that may go downstream, under the signed snapshot. Written again whenever somebody reviews.",
        ("gate", "The system may be live: controls bound, their data there, audited once, owner and approver signed."),
    ),
    Step(
        "held_decisions", "clearing:tell_held", ("cleared_decisions",), ("polars", "parquet"),
        "The decisions that wait: which control holds each, why, and whose signature releases it.",
    ),
)  # fmt: skip


def system_assets(graph: SystemGraph) -> list[dg.AssetsDefinition]:
    """All generated assets of a system."""
    return [*(_asset(graph, step) for step in STEPS), _report(graph)]


def _asset(graph: SystemGraph, step: Step) -> dg.AssetsDefinition:
    key = graph.key(step.name)
    with partitioned_checks():
        specs = [
            dg.AssetCheckSpec(name, asset=key, description=says, partitions_def=graph.partitions)
            for name, says in filter(None, [step.check])
        ]

    @dg.asset(
        key=key,
        deps=[graph.key(name) for name in step.after],
        partitions_def=graph.partitions,
        group_name=graph.system,
        owners=[graph.declaration.owner],
        kinds=set(step.kinds),
        description=step.says,
        code_version=__version__,
        check_specs=specs,
        pool=graph.declaration.source.url_env if step.reads else None,
    )
    def run(context: dg.AssetExecutionContext, audit: AuditHome) -> Iterator[Any]:
        at = context.run.tags.get(AS_OF)
        as_of = datetime.fromisoformat(at) if at else None
        try:
            with unquoted():
                night = audit.night(graph, partition_of(context.partition_key), run_id=context.run.run_id, as_of=as_of)
                result = resolve_name(f"{__package__}.{step.does}")(night)
        except SourceUnreachable as error:
            # Only a source that does not answer is worth asking again; a mistake stays a mistake.
            raise dg.RetryRequested(RETRIES, FIRST_WAIT * 2**context.retry_number) from error
        yield dg.MaterializeResult(metadata=shown(result.metadata))
        for spec in specs:
            said = result.answer
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=spec.name,
                passed=said is not None and said.passed,
                severity=dg.AssetCheckSeverity[said.severity if said else "ERROR"],
                description=said.description if said else "missing: the step gave no answer",
                metadata=shown(said.metadata if said else {}),
            )

    return run


def _report(graph: SystemGraph) -> dg.AssetsDefinition:
    """The pages, which show all days at once: not a partition of their own, and not part of a night's job.

    As a member of the job a backfill of a year would write them 365 times. They are written when the days in flight
    are done.
    """
    condition = dg.AutomationCondition
    settled = condition.any_deps_updated().since_last_handled() & ~condition.any_deps_in_progress()

    @dg.asset(
        key=graph.key(REPORT),
        deps=[graph.key(SNAPSHOT)],
        group_name=graph.system,
        owners=[graph.declaration.owner],
        kinds={"html"},
        description="Self-contained pages, gaps first: what the signed days show.",
        code_version=__version__,
        automation_condition=settled & ~condition.in_progress(),
    )
    def run(context: dg.AssetExecutionContext, audit: AuditHome) -> dg.MaterializeResult[Any]:
        record = context.instance.get_run_record_by_id(context.run.run_id)
        first = audit.place.home / "report" / "index.html"
        if record and first.is_file() and first.stat().st_mtime > record.create_timestamp.timestamp():
            # The report of another system was asked for in the same night, and has written the pages of all.
            return dg.MaterializeResult(metadata=shown({"pages": 0, "first page": first}))
        write = resolve_name(f"{__package__}.pages:write_pages")
        with unquoted():
            pages = write(audit.place, audit.store(), graph.policies, datetime.now(UTC))
        return dg.MaterializeResult(metadata=shown({"pages": len(pages), "first page": pages[0]}))

    return run
