"""The asset checks: one per control on the snapshot, read back from the store.

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
from typing import TYPE_CHECKING, Any

import dagster as dg

from gov_pipelines.errors import unquoted
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.metadata import markdown_table, shown
from gov_pipelines.pipeline.names import SNAPSHOT
from gov_pipelines.policy import BoundClause, partition_of

if TYPE_CHECKING:
    from gov_pipelines.measure.measurement import Measurement
    from gov_pipelines.store import VerdictRow


def control_checks(graph: SystemGraph) -> dg.AssetChecksDefinition | None:
    """One check per control the system's policies bind, in any version; None where they bind none."""
    if not graph.checks:
        return None
    key = graph.key(SNAPSHOT)
    with partitioned_checks():
        specs = [
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=f"{control}: {_newest_text(graph, control)}",
                partitions_def=graph.partitions,
            )
            for name, control in graph.checks.items()
        ]

    # No can_subset: a result that is not yielded would pass in silence.
    @dg.multi_asset_check(name=f"controls_of_{graph.system}", specs=specs)
    def controls(context: dg.AssetCheckExecutionContext, audit: AuditHome) -> Iterator[dg.AssetCheckResult]:
        from gov_pipelines.pipeline.measuring import measurements_of  # noqa: PLC0415  (not needed to load definitions)
        from gov_pipelines.pipeline.signing import verdict_rows  # noqa: PLC0415  (as above)
        from gov_pipelines.validate import outcome  # noqa: PLC0415  (as above)

        with unquoted():
            night = audit.night(graph, partition_of(context.partition_key), run_id=context.run.run_id)
            rows = {row.control: row for row in verdict_rows(night)}
            measured = measurements_of(night) if rows else {}
        bound = {each.key: each for each in night.bound}
        for name, control in graph.checks.items():
            row = rows.get(control)
            text = bound[control].clause.text if control in bound else _newest_text(graph, control)
            said = outcome(row.verdict if row else "missing", row.severity if row else "critical")  # type: ignore[arg-type]  # the store holds what the declaration admits
            absent = "missing: no verdict of this control is in the last signed snapshot of this partition"
            facts = _facts(row, measured.get(control, ()), bound.get(control)) if row else {}
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=said.passed,
                severity=dg.AssetCheckSeverity[said.severity],
                description=f"{row.verdict}: {row.reason}" if row else absent,
                metadata=shown({"clause": text, **facts}),
            )

    return controls


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


def _newest_text(graph: SystemGraph, control: str) -> str:
    """The clause in the words of the newest version that has it."""
    newest_first = sorted(graph.policies, key=lambda policy: -policy.version)
    return next(
        clause.text for policy in newest_first for clause in policy.clauses if f"{policy.policy}/{clause.id}" == control
    )


def _facts(row: "VerdictRow", measured: "Sequence[Measurement]", bound: BoundClause | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "verdict": row.verdict,
        "acts": row.acts,
        "policy version": str(row.policy_version),  # as text: Dagster would plot a number over time
        "threshold": row.threshold or "none",
        "window": f"{row.window_start.isoformat()} to {row.window_end.isoformat()}",
        "as of": row.as_of,
        "revision": str(row.revision),
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
    if row.verdict in {"fail", "warn"} and row.kind == "fairness" and bound and (drawn := _chart(bound, measured)):
        facts["chart"] = drawn
    return facts


def _chart(bound: BoundClause, measured: "Sequence[Measurement]") -> str | None:
    """A small chart where somebody must look: groups with intervals and the limit. None without the extra `charts`."""
    from gov_pipelines.report import charts_installed, forest, limit_of, svg  # noqa: PLC0415  (Altair: half a second)

    if not charts_installed():
        return None
    limit, side = limit_of(bound.control)
    groups = [each for each in measured if each.group is not None]
    drawn = svg(forest(groups or measured, limit, bound.key, limit_is=side))
    return f"\n![{bound.key}](data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()})"


def _named(group: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{column} {value or 'unknown'}" for column, value in group.items()) if group else "all"
