"""The graph of one system: one asset per step of its night.

decision_log ─┬─> decision_verdicts ──────────────┐
              └─> tally ─┬─> fairness_metrics ────┼─> control_verdicts ─> compliance_snapshot ─> report
access_log ──> access_patterns  └─> distribution_shift ┘

`cleared_decisions` and `held_decisions` will stand on `compliance_snapshot`, beside `report`: two more rows of `STEPS`.
Dagster orders and shows the steps; what they do is in `night.py`, and what they conclude is read back from the store.
"""

# No deferred annotations here: Dagster compares that of `context` with its classes, as it stands.
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from gov_pipelines import __version__
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.pipeline.checks import rows_result, rows_spec, second_opinion_result, second_opinion_spec
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.metadata import shown
from gov_pipelines.pipeline.names import SNAPSHOT

RETRIES = 3
"""Times a source is asked again before its window is missed."""

FIRST_WAIT = 2.0
"""Seconds before the first retry; twice as many before each further one."""

AS_OF = "gov/as_of"
"""Run tag: the instant the partition is judged from, ISO 8601 with zone, where it is not the usual one."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check that the step itself answers, made of its `data`."""

    spec: Callable[[SystemGraph], dg.AssetCheckSpec]
    result: Callable[[SystemGraph, Any], dg.AssetCheckResult]


@dataclass(frozen=True, slots=True)
class Step:
    """One asset.

    Attributes:
        name: last part of the asset's key.
        does: the function in `night.py`.
        after: the assets it stands on.
        kinds: what the UI shows on it; three at most.
        says: the asset's description.
        asks: whether it reads a source outside, and so is tried again when the source does not answer.
        check: the check it answers, if any.
    """

    name: str
    does: str
    after: tuple[str, ...]
    kinds: frozenset[str]
    says: str
    asks: bool = False
    check: Check | None = None


STEPS = (
    Step(
        "decision_log",
        "read_decisions",
        (),
        frozenset({"sql", "polars", "parquet"}),
        "The day's decisions in canonical columns. Every source row is accepted, quarantined or a duplicate.",
        asks=True,
        check=Check(rows_spec, rows_result),
    ),
    Step(
        "decision_verdicts",
        "judge",
        ("decision_log",),
        frozenset({"polars", "parquet"}),
        "Within, outside, pending or undecidable: each decision under each rule in force when it was made.",
    ),
    Step(
        "access_log",
        "read_access",
        (),
        frozenset({"sql", "polars", "parquet"}),
        "The day's reads of data: who, by which role, which field.",
        asks=True,
    ),
    Step(
        "access_patterns",
        "compare_access",
        ("access_log",),
        frozenset({"polars", "json"}),
        "Reads outside what the system's intake declares.",
    ),
    Step(
        "tally",
        "tally",
        ("decision_log",),
        frozenset({"polars", "json"}),
        "Counts per cell of protected attributes, strata and outcome. Windows are sums of these; rows are not read again.",
    ),
    Step(
        "fairness_metrics",
        "measure_fairness",
        ("tally",),
        frozenset({"json"}),
        "Selection rates, ratios and differences by group over each window that ends here, with intervals and tests.",
        check=Check(second_opinion_spec, second_opinion_result),
    ),
    Step(
        "distribution_shift",
        "measure_shift",
        ("tally",),
        frozenset({"json"}),
        "How far decisions and features have moved from their reference.",
    ),
    Step(
        "control_verdicts",
        "reach_verdicts",
        ("decision_verdicts", "fairness_metrics", "distribution_shift", "access_patterns"),
        frozenset({"greatexpectations"}),
        "One verdict per control, by the compiled suites, in the store.",
    ),
    Step(
        SNAPSHOT,
        "sign",
        ("control_verdicts",),
        frozenset({"json"}),
        "The signed statement of the day: signed also when controls fail. Its checks show each control's verdict.",
    ),
)

REPORT = "report"
GENERATED = frozenset((step.name,) for step in STEPS)
"""Names of the assets whose artifacts the night writes itself."""


def system_assets(graph: SystemGraph) -> list[dg.AssetsDefinition]:
    """All generated assets of a system."""
    return [*(_asset(graph, step) for step in STEPS), _report(graph)]


def job_name(system: str) -> str:
    """The job that audits one partition of a system."""
    return f"audit_{system}"


def report_job_name(system: str) -> str:
    """The job that writes a system's report."""
    return f"report_{system}"


def _asset(graph: SystemGraph, step: Step) -> dg.AssetsDefinition:
    @dg.asset(
        key=graph.key(step.name),
        deps=[graph.key(name) for name in step.after],
        partitions_def=graph.partitions,
        group_name=graph.system,
        owners=graph.owners(),
        kinds=set(step.kinds),
        description=step.says,
        code_version=__version__,
        check_specs=[step.check.spec(graph)] if step.check else None,
    )
    def run(context: dg.AssetExecutionContext, audit: AuditHome) -> Iterator[Any]:
        night = audit.night(
            graph, date.fromisoformat(context.partition_key), run_id=context.run.run_id, as_of=_as_of(context.run.tags)
        )
        try:
            result = getattr(audit.steps, step.does)(night)
        except SourceUnreachable as error:
            if not step.asks:
                raise
            # Only a source that does not answer is worth asking again; a mistake stays a mistake.
            raise dg.RetryRequested(RETRIES, FIRST_WAIT * 2**context.retry_number) from error
        yield dg.MaterializeResult(metadata=shown(result.metadata))
        if step.check:
            yield step.check.result(graph, result.data)

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
        owners=graph.owners(),
        kinds={"html"},
        description="Self-contained pages, gaps first: what the signed days show.",
        code_version=__version__,
        automation_condition=settled & ~condition.in_progress(),
    )
    def run(context: dg.AssetExecutionContext, audit: AuditHome) -> dg.MaterializeResult[Any]:
        last = graph.last(datetime.now(UTC))
        if last is None:
            raise WrongUse(
                f"{graph.system} starts on {graph.declaration.starts}; no day of it is over, so there is nothing to report."
            )
        night = audit.night(graph, last, run_id=context.run.run_id)
        return dg.MaterializeResult(metadata=shown(audit.steps.write_report(night).metadata))

    return run


def _as_of(tags: Mapping[str, str]) -> datetime | None:
    return datetime.fromisoformat(tags[AS_OF]) if AS_OF in tags else None
