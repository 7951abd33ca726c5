"""The asset checks: one per control on the snapshot, read back from the store, and two on the steps before it.

None blocks: a bad night is signed like a good one. Dagster fails open in several ways (a check that raises or is not
yielded leaves no result, and the page looks fine), so a control's check is answered from our own verdict rows, exactly
one result per control, and no row is `missing`: not passed, ERROR. A step that dies before it answers leaves planned
checks without evaluation; `watch` raises an alert for those.
"""

# No deferred annotations here: Dagster compares that of `context` with its classes, as it stands.
import warnings
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.metadata import markdown_table, shown
from gov_pipelines.pipeline.names import SNAPSHOT
from gov_pipelines.policy import controls_in_force
from gov_pipelines.policy.kinds import Fairness

if TYPE_CHECKING:
    from gov_pipelines.measure.measurement import Measurement
    from gov_pipelines.store import VerdictRow
    from gov_pipelines.validate import SecondOpinion

ROWS_ADD_UP = "rows_add_up"
SECOND_OPINION = "second_opinion_agrees"
_MISSING = "missing: no verdict of this control is in the last signed snapshot of this partition"


def control_checks(graph: SystemGraph) -> dg.AssetChecksDefinition | None:
    """One check per control the system's policies bind, in any version; None where they bind none."""
    if not graph.checks:
        return None
    with partitioned_checks():
        specs = [
            dg.AssetCheckSpec(
                name,
                asset=graph.key(SNAPSHOT),
                description=f"{control}: {_clause_text(graph, control, None)}",
                partitions_def=graph.partitions,
            )
            for name, control in graph.checks.items()
        ]

    # No can_subset: a result that is not yielded would pass in silence.
    @dg.multi_asset_check(name=f"controls_of_{graph.system}", specs=specs)
    def controls(context: dg.AssetCheckExecutionContext, audit: AuditHome) -> Iterator[dg.AssetCheckResult]:
        night = audit.night(graph, date.fromisoformat(context.partition_key), run_id=context.run.run_id)
        rows = {row.control: row for row in audit.steps.verdict_rows(night)}
        measured = audit.steps.control_measurements(night) if rows else {}
        for name, control in graph.checks.items():
            yield control_result(graph, name, rows.get(control), measured.get(control, ()))

    return controls


def control_result(
    graph: SystemGraph, name: str, row: "VerdictRow | None", measured: "Sequence[Measurement]"
) -> dg.AssetCheckResult:
    """What a check says of a control.

    Args:
        graph: the system.
        name: of the check.
        row: the control's verdict in the latest signed revision, None where there is none.
        measured: the measurements it was judged by.
    """
    from gov_pipelines.validate import outcome  # noqa: PLC0415  (not needed to load definitions)

    if row is None:
        return dg.AssetCheckResult(
            asset_key=graph.key(SNAPSHOT),
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_MISSING,
            metadata=shown({"clause": _clause_text(graph, graph.checks[name], None)}),
        )
    said = outcome(row.verdict, row.severity)  # type: ignore[arg-type]  # the store holds what the declaration admits
    return dg.AssetCheckResult(
        asset_key=graph.key(SNAPSHOT),
        check_name=name,
        passed=bool(said.passed),
        severity=dg.AssetCheckSeverity[said.severity],
        description=f"{row.verdict}: {row.reason}",
        metadata=shown(_facts(graph, row, measured)),
    )


def rows_spec(graph: SystemGraph) -> dg.AssetCheckSpec:
    """The check that every source row was accepted, quarantined or a duplicate."""
    return _spec(
        graph, "decision_log", ROWS_ADD_UP, "Accepted, quarantined and duplicate rows add up to the source's count."
    )


def rows_result(graph: SystemGraph, rows: Any) -> dg.AssetCheckResult:
    """Answer it from the log's row accounting; no accounting is not passed."""
    counts = {} if rows is None else {name: int(count) for name, count in rows.to_dict().items()}
    adds_up = rows is not None and bool(rows.adds_up)
    told = ", ".join(f"{name} {count}" for name, count in counts.items()) or "missing: no row accounting"
    return _answer(graph, "decision_log", ROWS_ADD_UP, passed=adds_up, description=told, metadata=counts)


def second_opinion_spec(graph: SystemGraph) -> dg.AssetCheckSpec:
    """The check that fairlearn computes the same numbers."""
    return _spec(graph, "fairness_metrics", SECOND_OPINION, "fairlearn, asked the same, answers the same to 1e-9.")


def second_opinion_result(graph: SystemGraph, opinion: "SecondOpinion | None") -> dg.AssetCheckResult:
    """Answer it from fairlearn's opinion of the day's metrics; None where no control in force compares groups."""
    if opinion is None:
        told = "not_applicable: no control in force compares groups"
        return _answer(graph, "fairness_metrics", SECOND_OPINION, passed=True, description=told, metadata={})
    apart = len(opinion.disagreements)
    told = f"{apart} of {opinion.compared} numbers differ" if apart else f"{opinion.compared} numbers agree"
    if not opinion.compared:  # agreeing on nothing is not agreeing; nor is it a difference
        told = "insufficient: no number of ours could be compared"
    return _answer(
        graph,
        "fairness_metrics",
        SECOND_OPINION,
        passed=bool(opinion.agrees) and not apart and opinion.compared > 0,
        severity=dg.AssetCheckSeverity.ERROR if apart or opinion.compared else dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={
            "compared": opinion.compared,
            "differ": apart,
            "largest difference": float(opinion.largest_difference),
            "given": opinion.rows,
            "fairlearn": opinion.fairlearn,
        },
    )


@contextmanager
def partitioned_checks() -> Iterator[None]:
    """Silence Dagster's warning that partitions of asset checks are a preview, and nothing else.

    Known and wanted: Dagster is pinned to 1.13 and tests/pipeline/test_dagster_truths.py pins the behaviour.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning
        )
        yield


def _spec(graph: SystemGraph, asset: str, name: str, description: str) -> dg.AssetCheckSpec:
    with partitioned_checks():
        return dg.AssetCheckSpec(name, asset=graph.key(asset), description=description, partitions_def=graph.partitions)


def _answer(
    graph: SystemGraph,
    asset: str,
    name: str,
    *,
    passed: bool,
    description: str,
    metadata: Mapping[str, Any],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=graph.key(asset),
        check_name=name,
        passed=passed,
        severity=severity,
        description=description,
        metadata=shown(metadata),
    )


def _clause_text(graph: SystemGraph, control: str, version: int | None) -> str:
    """The clause in the words of one version of its policy, the newest unless one is named."""
    name, _, clause_id = control.partition("/")
    versions = sorted(
        (p for p in graph.policies if p.policy == name and version in {None, p.version}), key=lambda p: -p.version
    )
    texts = (clause.text for policy in versions for clause in policy.clauses if clause.id == clause_id)
    return next(texts, "the policy version that holds this clause is not in expectations/")


def _facts(graph: SystemGraph, row: "VerdictRow", measured: "Sequence[Measurement]") -> dict[str, Any]:
    facts: dict[str, Any] = {
        "clause": _clause_text(graph, row.control, row.policy_version),
        "verdict": row.verdict,
        "acts": row.acts,
        "policy version": row.policy_version,
        "threshold": row.threshold or "none",
        "window": f"{row.window_start.isoformat()} to {row.window_end.isoformat()}",
        "as of": row.as_of,
        "revision": row.revision,
    }
    if row.metric:
        facts |= {"metric": row.metric, "group": _named(row.group), "compared with": _named(row.reference_group)}
        facts |= {"value": row.value, "lower": row.lower, "upper": row.upper, "sample size": row.n}
    if row.breaches:
        facts["decisions outside"] = row.breaches
    groups = [
        {"group": _named(m.group), "metric": m.metric, "value": m.value, "lower": m.lower, "upper": m.upper, "n": m.n}
        for m in measured
        if m.group is not None
    ]
    if groups:
        facts["groups"] = markdown_table(groups)
    if row.verdict in {"fail", "warn"} and (drawn := _chart(graph, row, measured)):
        facts["chart"] = drawn
    return facts


def _chart(graph: SystemGraph, row: "VerdictRow", measured: "Sequence[Measurement]") -> str | None:
    """A small chart where somebody must look: groups with intervals and the limit. None without the extra `charts`."""
    from gov_pipelines.report import charts_installed, forest, svg  # noqa: PLC0415  (Altair takes half a second)

    control = next(
        (
            bound.control
            for bound in controls_in_force(graph.policies, graph.declaration, row.partition)
            if bound.key == row.control
        ),
        None,
    )
    if not isinstance(control, Fairness) or not charts_installed():
        return None
    limit = control.at_most if control.at_least is None else control.at_least
    side: Literal["at_least", "at_most"] = "at_most" if control.at_least is None else "at_least"
    drawn = svg(forest(measured, limit, row.control, limit_is=side))
    return f"\n![{row.control}](data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()})"


def _named(group: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{column} {value or 'unknown'}" for column, value in group.items()) if group else "all"
