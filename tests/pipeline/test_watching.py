"""The schedule's ticks, the sensors, the report's automation."""

import warnings
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from gov_pipelines.definitions import load
from gov_pipelines.errors import WrongUse
from gov_pipelines.pipeline import audit
from gov_pipelines.store import Alert, enqueue, pending, reading

from .conftest import add_system

NIGHT = datetime(2026, 9, 3, 6, 30, tzinfo=UTC)  # 02:30 in New York


def tick(definitions, at, home, system="hiring"):
    schedule = definitions.resolve_schedule_def(f"nightly_{system}")
    with dg.build_schedule_context(scheduled_execution_time=at, resources={"audit": home}) as context:
        return list(schedule(context))


def test_the_tick_audits_yesterday_in_the_systems_zone(loaded, home):
    (request,) = tick(loaded, NIGHT, home)
    assert (request.partition_key, request.run_key) == ("2026-09-02", "2026-09-02")
    schedule = loaded.resolve_schedule_def("nightly_hiring")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * *", "America/New_York")
    assert schedule.job_name == "audit_hiring"


def test_the_tick_asks_again_for_days_whose_pending_decisions_ran_out_of_time(loaded, home, monkeypatch):
    asked = {}

    def found(files, declaration, policies, **when):
        asked.update(when)
        return {date(2026, 9, 1): "a clock ran out"}

    monkeypatch.setattr("gov_pipelines.pipeline.overdue.overdue", found)
    usual, again = tick(loaded, NIGHT, home)
    assert asked == {"before": date(2026, 9, 2), "as_of": NIGHT}
    assert (usual.partition_key, usual.tags.get("gov/as_of")) == ("2026-09-02", None)
    assert (again.partition_key, again.tags["gov/as_of"]) == ("2026-09-01", NIGHT.isoformat())
    assert again.run_key != usual.run_key


@pytest.mark.parametrize("at", [datetime(2026, 9, 1, 6, 30, tzinfo=UTC), datetime(2026, 9, 5, 6, 30, tzinfo=UTC)])
def test_the_tick_requests_nothing_before_the_start_or_after_the_end(loaded, home, at):
    (skipped,) = tick(loaded, at, home)
    assert isinstance(skipped, dg.SkipReason)
    assert "no partition of hiring" in skipped.skip_message


def test_a_schedule_is_on_where_days_are_to_come_and_off_where_they_are_past(project, home):
    add_system(project.root, "ongoing", ends=None)
    add_system(project.root, "future", starts="2999-01-01", ends="2999-01-03")
    quiet = add_system(project.root, "quiet", ends=None) / "defs.yaml"
    quiet.write_text(quiet.read_text().replace('{at: "02:30"}', '{at: "02:30", enabled: false}'))
    definitions = load(project, {}, home)
    status = {
        name: definitions.resolve_schedule_def(f"nightly_{name}").default_status.value
        for name in ("hiring", "ongoing", "future", "quiet")
    }
    assert status == {"hiring": "STOPPED", "ongoing": "RUNNING", "future": "RUNNING", "quiet": "STOPPED"}
    assert "Off" in definitions.resolve_schedule_def("nightly_hiring").description


def test_what_watches_is_on_by_itself(loaded):
    sensors = {sensor.name: sensor.default_status.value for sensor in loaded.get_repository_def().sensor_defs}
    expected = {"alerts_on_success", "alerts_on_failure", "alerts_on_canceled", "alerts_waiting", "reports", "catch_up"}
    assert sensors == dict.fromkeys(expected, "RUNNING")


def fire(definitions, instance, home, status, run_id):
    run = instance.get_run_by_id(run_id)
    events = [record.event_log_entry.dagster_event for record in instance.get_records_for_run(run_id).records]
    last = next(each for each in reversed(events) if each and each.event_type_value.startswith("PIPELINE"))
    name = f"alerts_on_{status}"
    with dg.build_run_status_sensor_context(name, last, instance, run, resources={"audit": home}) as context:
        return definitions.resolve_sensor_def(name)(context)


def waiting(home):
    with reading(home.store()) as connection:
        return [(row.alert.transition, row.alert.partition, row.alert.control) for row in pending(connection)]


def run_job(definitions, instance, tags=None):
    job = definitions.resolve_job_def("audit_hiring")
    return job.execute_in_process(partition_key="2026-09-01", instance=instance, raise_on_error=False, tags=tags).run_id


def test_a_good_run_leaves_no_alert(loaded, home, instance):
    fire(loaded, instance, home, "success", run_job(loaded, instance))
    assert waiting(home) == []


def test_a_failed_run_is_a_missed_window_and_firing_twice_tells_once(loaded, home, plan, instance):
    plan.raises["tally"] = ValueError("no")
    run_id = run_job(loaded, instance)
    fire(loaded, instance, home, "failure", run_id)
    fire(loaded, instance, home, "failure", run_id)
    assert waiting(home) == [("missed_window", date(2026, 9, 1), None)]
    assert plan.missed[0][:2] == ("hiring", date(2026, 9, 1))
    assert "hiring__tally: Unforeseen: ValueError in " in plan.missed[0][2]


def test_what_an_error_quotes_is_not_kept(loaded, home, plan, instance):
    def fails(*_):
        try:
            int("a row of Ann Lee")
        except ValueError as error:
            raise WrongUse("a column is missing") from error

    for error in (ValueError("a row of Ann Lee"), None):
        plan.raises["tally"] = error
        with pytest.MonkeyPatch.context() as patch:
            if error is None:
                patch.setattr("gov_pipelines.pipeline.measuring.tally", fails)
            run_id = run_job(loaded, instance)
        fire(loaded, instance, home, "failure", run_id)
        kept = [str(record.event_log_entry) for record in instance.get_records_for_run(run_id).records]
        assert any("STEP_FAILURE" in text and "hiring__tally" in text for text in kept)
        assert "Ann Lee" not in "".join(kept)
    with reading(home.store()) as connection:
        assert "Ann Lee" not in str(pending(connection))


def test_a_run_that_dagster_will_retry_is_not_told(loaded, home, plan, instance):
    plan.raises["tally"] = ValueError("no")
    skipped = fire(loaded, instance, home, "failure", run_job(loaded, instance, {"dagster/will_retry": "true"}))
    assert isinstance(skipped, dg.SkipReason)
    assert waiting(home) == []


def test_a_canceled_run_is_a_missed_window(loaded, home, plan, instance):
    keys = loaded.resolve_job_def("audit_hiring").asset_layer.executable_asset_keys
    canceled(loaded, instance, home, keys, "2026-09-01")
    assert waiting(home) == [("missed_window", date(2026, 9, 1), None)]
    assert "canceled" in plan.missed[0][2]


def test_of_an_asset_without_days_no_audit_of_a_day_is_advised(loaded, home, instance):
    canceled(loaded, instance, home, [dg.AssetKey(["people", "register"])], None)
    with reading(home.store()) as connection:
        (body,) = (row.alert.body for row in pending(connection) if row.alert.control == "register")
    assert "materialize it again in Dagster" in body


def canceled(definitions, instance, home, keys, partition):
    """Plan assets in a run that is canceled before it does anything, and let the sensor see it."""
    run = instance.create_run_for_job(
        definitions.resolve_job_def("audit_hiring"),
        tags={"dagster/partition": partition} if partition else {},
        status=dg.DagsterRunStatus.STARTED,
    )
    for key in keys:
        instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
                job_name=run.job_name,
                event_specific_data=_planned(key, partition),
            ),
            run_id=run.run_id,
        )
    instance.report_run_canceled(run)
    fire(definitions, instance, home, "canceled", run.run_id)


def _planned(key, partition):
    from dagster._core.events import AssetMaterializationPlannedData  # noqa: PLC0415  (Dagster's own, for a made-up event)

    return AssetMaterializationPlannedData(key, partition=partition)


def test_a_planned_check_without_result_is_told_by_the_success_sensor(project, home, instance):
    (project.assets / "hiring" / "mine.py").write_text(SILENT)
    definitions = load(project, {}, home)
    run_id = run_job(definitions, instance)
    assert instance.get_run_by_id(run_id).is_success, "Dagster fails open here"
    fire(definitions, instance, home, "success", run_id)
    assert waiting(home) == [("due", date(2026, 9, 1), "silent")]


SILENT = """
import dagster as dg

from gov_pipelines.pipeline import this_system

graph = this_system(__file__)
specs = [dg.AssetCheckSpec(name, asset=graph.key("tally"), partitions_def=graph.partitions) for name in ("told", "silent")]


@dg.multi_asset_check(specs=specs, can_subset=True)
def some():
    yield dg.AssetCheckResult(passed=True, check_name="told", asset_key=graph.key("tally"))
"""


def test_what_waits_is_sent_when_the_receivers_answer_again(loaded, home, tmp_path, monkeypatch):
    monkeypatch.delenv("GOV_ALERT_URLS", raising=False)
    alert = Alert(
        key="k",
        system="hiring",
        control=None,
        partition=date(2026, 9, 1),
        transition="missed_window",
        severity="critical",
        notify=(),
        title="t",
        body="b",
        raised_at=NIGHT,
    )
    with home.store().begin() as connection:
        enqueue(connection, [alert])
    sensor = loaded.resolve_sensor_def("alerts_waiting")
    with dg.build_sensor_context(resources={"audit": home}) as context:
        told = sensor(context)
    assert told.skip_message.startswith("0 delivered, 0 failed, 1 waiting")


def test_the_report_is_written_once_the_days_in_flight_are_signed(project, home, instance):
    definitions = load(project, {}, home)
    report = dg.AssetKey(["hiring", "report"])

    def requested(cursor=None):
        with warnings.catch_warnings():  # what Dagster's own evaluation uses
            warnings.filterwarnings("ignore", "Parameter `include_sources`", category=dg.BetaWarning)
            warnings.filterwarnings("ignore", "Parameter `execution_type`", category=dg.BetaWarning)
            found = dg.evaluate_automation_conditions(definitions, instance=instance, cursor=cursor)
        return found.get_num_requested(report), found.cursor

    count, cursor = requested()
    assert count == 0
    audit("hiring", [date(2026, 9, 1), date(2026, 9, 2)], instance, definitions=definitions, home=home, report=False)
    count, cursor = requested(cursor)
    assert count == 1
    count, _ = requested(cursor)
    assert count == 0
