"""What Dagster does with checks that fail, raise or are not yielded: pinned, and beside it that ours fail closed.

Each test names its row of the truth table. The first half is Dagster's behaviour, which may change with a version and
must then be looked at; the second half, in which the night has the same accident, may never change.
"""

import warnings
from datetime import date

import dagster as dg
import pytest

from gov_pipelines.definitions import load
from gov_pipelines.pipeline import audit
from gov_pipelines.pipeline.checks import control_checks, partitioned_checks
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.store import pending, reading

DAY = date(2026, 9, 1)
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dg.asset
def upstream(): ...


@dg.asset(deps=[upstream])
def downstream(): ...


def run(*checks, instance):
    """Run the two assets and the checks on the first; (run succeeded, downstream ran, names evaluated)."""
    definitions = dg.Definitions(
        assets=[upstream, downstream],
        asset_checks=list(checks),
        jobs=[dg.define_asset_job("both", selection=dg.AssetSelection.assets("upstream", "downstream"))],
        executor=dg.in_process_executor,
    )
    result = definitions.resolve_job_def("both").execute_in_process(instance=instance, raise_on_error=False)
    made = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    return (result.success, "downstream" in made, {each.check_name for each in result.get_asset_check_evaluations()})


def check(*, blocking, severity=ERROR, raises=False):
    @dg.asset_check(asset=upstream, name="one", blocking=blocking)
    def one():
        if raises:
            raise RuntimeError("the check died")
        return dg.AssetCheckResult(passed=False, severity=severity)

    return one


def two_checks(*, can_subset):
    specs = [dg.AssetCheckSpec(name, asset="upstream", blocking=True) for name in ("one", "two")]

    @dg.multi_asset_check(specs=specs, can_subset=can_subset)
    def both():
        yield dg.AssetCheckResult(passed=True, check_name="one", asset_key="upstream")

    return both


@pytest.mark.parametrize(
    ("accident", "dagster_does"),
    [
        pytest.param({"blocking": True}, (False, False, {"one"}), id="blocking ERROR failed"),
        pytest.param({"blocking": True, "severity": WARN}, (True, True, {"one"}), id="blocking WARN failed"),
        pytest.param({"blocking": False}, (True, True, {"one"}), id="non-blocking ERROR failed"),
        pytest.param({"blocking": True, "raises": True}, (False, False, set()), id="blocking raises"),
        pytest.param({"blocking": False, "raises": True}, (False, True, set()), id="non-blocking raises"),
    ],
)
def test_dagster_on_one_check(instance, accident, dagster_does):
    assert run(check(**accident), instance=instance) == dagster_does


def test_dagster_on_a_result_that_is_not_yielded(instance):
    assert run(two_checks(can_subset=False), instance=instance) == (False, False, {"one"})
    # Fails open: the run succeeds, downstream runs, and the second check has no result.
    assert run(two_checks(can_subset=True), instance=instance) == (True, True, {"one"})


def test_dagster_consults_no_gate_where_downstream_is_selected_alone(instance):
    definitions = dg.Definitions(
        assets=[upstream, downstream],
        asset_checks=[check(blocking=True)],
        jobs=[
            dg.define_asset_job("first", selection=dg.AssetSelection.assets("upstream")),
            dg.define_asset_job("second", selection=dg.AssetSelection.assets("downstream")),
            dg.define_asset_job("bare", selection=dg.AssetSelection.all().without_checks()),
        ],
        executor=dg.in_process_executor,
    )

    def succeeds(job):
        return definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False).success

    assert not succeeds("first")
    assert succeeds("second")
    assert succeeds("bare")


def test_dagster_warns_that_partitioned_checks_are_a_preview_and_only_that_is_silenced(project):
    graph = read_graph(project.declaration_file("hiring"), project.expectations)
    with pytest.warns(dg.PreviewWarning, match="Specifying a partitions_def on an AssetCheckSpec"):
        dg.AssetCheckSpec("one", asset="upstream", partitions_def=graph.partitions)
    assert control_checks(graph) is not None
    with pytest.warns(dg.PreviewWarning, match="another"), partitioned_checks():
        warnings.warn("another preview", dg.PreviewWarning, stacklevel=1)


def test_dagster_shows_the_last_evaluation_of_any_partition_as_the_assets_state(project, home, plan, instance):
    plan.verdicts["house/H-1"] = "fail"
    definitions = load(project, {}, home)
    audit("hiring", [date(2026, 9, 1)], instance, definitions=definitions, home=home, report=False)
    plan.verdicts["house/H-1"] = "pass"
    audit("hiring", [date(2026, 9, 2)], instance, definitions=definitions, home=home, report=False)
    key = dg.AssetCheckKey(dg.AssetKey(["hiring", "compliance_snapshot"]), "house__H_1")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.status.value == "SUCCEEDED", "the failing first day is out of sight; the store and the report keep it"
    found = {
        each.partition_key: each.latest_execution_status.value
        for each in instance.event_log_storage.get_asset_check_partition_info([key])
    }
    assert found == {"2026-09-01": "FAILED", "2026-09-02": "SUCCEEDED"}


def night(project, home, instance):
    """Audit one day: its run, {check: (passed, severity)} of the controls, alerts by (transition, control)."""
    (done,) = audit("hiring", [DAY], instance, definitions=load(project, {}, home), home=home)
    records = instance.get_records_for_run(done.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    said = [each.event_log_entry.dagster_event.asset_check_evaluation_data for each in records]
    with reading(home.store()) as connection:
        alerts = {(each.alert.transition, each.alert.control) for each in pending(connection)}
    checks = {each.check_name: (each.passed, each.severity) for each in said if each.check_name.startswith("house")}
    return done, checks, alerts


@pytest.mark.parametrize("verdict", ["fail", "missing"])
def test_ours_a_failed_critical_control_does_not_stop_the_signing(project, home, plan, instance, verdict):
    plan.verdicts["house/H-1"] = verdict
    done, checks, _ = night(project, home, instance)
    assert done.signed
    assert checks["house__H_1"] == (False, ERROR)


def test_ours_a_failed_warning_control_is_shown_as_not_passed(project, home, plan, instance):
    plan.verdicts["house/H-2"] = "fail"
    _, checks, _ = night(project, home, instance)
    assert checks["house__H_2"] == (False, WARN)


def test_ours_checks_that_raise_are_told(project, home, plan, instance):
    plan.raises["verdict_rows"] = RuntimeError("the store is gone")
    done, checks, alerts = night(project, home, instance)
    assert done.signed
    assert not done.done
    assert checks == {}
    assert alerts == {("due", "house__H_1"), ("due", "house__H_2")}


def test_ours_a_verdict_that_is_not_there_is_missing_and_no_check_goes_without_result(project, home, plan, instance):
    plan.verdicts.clear()
    done, checks, _ = night(project, home, instance)
    assert done.done
    assert checks == {"house__H_1": (False, ERROR), "house__H_2": (False, ERROR)}


def test_ours_cannot_be_run_for_some_controls_only(project):
    checks = control_checks(read_graph(project.declaration_file("hiring"), project.expectations))
    assert checks.can_subset is False
    assert len(list(checks.check_specs)) == 2


def test_ours_a_snapshot_of_another_day_does_not_answer_for_this_one(project, home, plan, instance):
    plan.signed["hiring", date(2026, 9, 2)] = [object()]
    plan.raises["sign"] = ValueError("no")
    done, checks, alerts = night(project, home, instance)
    assert not done.signed
    assert checks == {}
    assert alerts == {("missed_window", None)}
