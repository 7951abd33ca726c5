"""Running nights: what is executed, what the checks say, per partition; what retries and what does not."""

from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest

from gov_pipelines.definitions import load
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.pipeline import audit
from gov_pipelines.store import pending, reading

DAYS = [date(2026, 9, day) for day in (1, 2, 3)]
LOG = dg.AssetKey(["hiring", "decision_log"])
SNAPSHOT = dg.AssetKey(["hiring", "compliance_snapshot"])


@pytest.fixture
def run(loaded, home, instance):
    def audited(days=DAYS[:1], **options):
        return audit("hiring", days, instance, definitions=loaded, home=home, **options)

    return audited


def results(instance, name, asset=SNAPSHOT):
    """Partition to (passed, severity, description) of a check."""
    key = dg.AssetCheckKey(asset, name)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
    done = [record.event.dagster_event.asset_check_evaluation_data for record in records if record.event]
    return {each.partition: (each.passed, each.severity.value, each.description) for each in done}


def alerts(home):
    with reading(home.store()) as connection:
        return [each.alert for each in pending(connection)]


def test_a_night_runs_every_step_in_order_and_the_report_once(run, plan):
    (done,) = run()
    assert done.done
    assert done.signed
    order = plan.ran
    assert order.index("read_decisions") < order.index("tally") < order.index("reach_verdicts") < order.index("sign")
    assert order.index("sign") < order.index("clear") < order.index("tell_held")
    assert order.count("write_pages") == 1
    assert len(order) == 12


def test_a_backfill_records_each_check_by_partition(run, instance, plan):
    plan.verdicts["house/H-1"] = "fail"
    assert [each.done for each in run(DAYS)] == [True, True, True]
    found = results(instance, "house__H_1")
    assert set(found) == {"2026-09-01", "2026-09-02", "2026-09-03"}
    assert set(found.values()) == {(False, "ERROR", "fail: because")}
    (info,) = instance.event_log_storage.get_asset_check_partition_info([dg.AssetCheckKey(SNAPSHOT, "house__H_2")])[:1]
    assert info.partition_key in found


@pytest.mark.parametrize(
    ("verdict", "critical", "warning"),
    [
        ("pass", (True, "WARN"), (True, "WARN")),
        ("report_only", (True, "WARN"), (True, "WARN")),
        ("not_applicable", (True, "WARN"), (True, "WARN")),
        ("warn", (False, "WARN"), (False, "WARN")),
        ("insufficient", (False, "WARN"), (False, "WARN")),
        ("fail", (False, "ERROR"), (False, "WARN")),
        ("missing", (False, "ERROR"), (False, "ERROR")),
    ],
)
def test_a_verdict_is_told_in_dagsters_words(run, instance, plan, verdict, critical, warning):
    plan.verdicts = dict.fromkeys(plan.verdicts, verdict)
    (done,) = run()
    assert done.done, "a verdict never fails a run"
    for name, told in (("house__H_1", critical), ("house__H_2", warning)):
        assert results(instance, name)["2026-09-01"] == (*told, f"{verdict}: because")


def test_a_control_without_a_row_is_missing(run, instance, plan):
    del plan.verdicts["house/H-2"]
    run()
    passed, severity, told = results(instance, "house__H_2")["2026-09-01"]
    assert (passed, severity) == (False, "ERROR")
    assert told.startswith("missing")
    assert results(instance, "house__H_1")["2026-09-01"][0]


def test_a_checks_metadata_has_clause_measurement_interval_sample_and_threshold(run, instance):
    run()
    key = dg.AssetCheckKey(SNAPSHOT, "house__H_1")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    shown = {k: v.value for k, v in record.event.dagster_event.asset_check_evaluation_data.metadata.items()}
    assert shown["clause"].startswith("No group's hiring rate")
    assert (shown["value"], shown["lower"], shown["upper"], shown["sample size"]) == (0.71, 0.6, 0.82, 200)
    assert shown["threshold"] == "at least 0.8"
    assert shown["policy version"] == "1"
    assert "| sex f | selection_rate | 0.5 |" in shown["groups"]


def test_rows_that_do_not_add_up_are_an_error_and_do_not_stop_the_night(run, instance, plan):
    plan.accepted = 2
    (done,) = run()
    assert done.signed
    assert results(instance, "rows_add_up", LOG)["2026-09-01"][:2] == (False, "ERROR")
    assert "source_count 3, accepted 2" in results(instance, "rows_add_up", LOG)["2026-09-01"][2]


def test_no_row_accounting_is_missing(run, instance, plan):
    plan.accepted = None
    run()
    assert results(instance, "rows_add_up", LOG)["2026-09-01"][::2] == (False, "missing: the step gave no answer")


@pytest.mark.parametrize(
    ("opinion", "told"),
    [
        ({}, (True, "ERROR", "4 numbers agree")),
        ({"agrees": False, "disagreements": ("one",)}, (False, "ERROR", "1 of 4 numbers differ")),
        ({"compared": 0}, (False, "WARN", "insufficient: no number of ours could be compared")),
        (None, (True, "ERROR", "not_applicable: no control in force compares groups")),
    ],
)
def test_the_second_opinion_is_a_check(run, instance, plan, opinion, told):
    plan.opinion = None if opinion is None else replace(plan.opinion, **opinion)
    run()
    found = results(instance, "second_opinion_agrees", dg.AssetKey(["hiring", "fairness_metrics"]))
    assert found["2026-09-01"] == told


def test_only_an_unreachable_source_is_asked_again(run, plan, monkeypatch):
    monkeypatch.setattr("gov_pipelines.pipeline.assets.FIRST_WAIT", 0)
    plan.raises["read_decisions"] = SourceUnreachable("the database did not answer")
    (done,) = run()
    assert plan.ran.count("read_decisions") == 4
    assert not done.done
    assert not done.signed
    assert done.unreachable
    assert "the database did not answer" in done.problem


def test_a_mistake_is_not_asked_again(run, plan):
    plan.raises["read_decisions"] = WrongUse("no such column")
    (done,) = run()
    assert plan.ran.count("read_decisions") == 1
    assert not done.unreachable


def test_a_failed_night_is_a_missed_window_signed_and_told_once(run, plan, home):
    plan.raises["tally"] = ValueError("row of Jane Doe")
    first, second = run(DAYS[:2])
    assert (first.signed, second.signed) == (False, False)
    assert [(system, day) for system, day, _ in plan.missed] == [("hiring", DAYS[0]), ("hiring", DAYS[1])]
    run(DAYS[:1])
    told = alerts(home)
    assert [(each.transition, each.partition) for each in told] == [
        ("missed_window", DAYS[0]),
        ("missed_window", DAYS[1]),
    ]
    assert "Jane" not in "".join(each.body + each.title for each in told), "another's error text may quote a row"


def test_a_check_that_dies_is_told_and_the_snapshot_stands(run, plan, home):
    plan.raises["verdict_rows"] = RuntimeError("gone")
    (done,) = run()
    assert done.signed
    assert not done.done
    assert {(each.transition, each.control) for each in alerts(home)} == {("due", "house__H_1"), ("due", "house__H_2")}
    assert plan.missed == []


def test_an_extension_that_fails_is_told_and_the_night_stands(project, home, instance):
    broken = EXTENSION.replace('decision_log.select(mean=pl.col("score").mean())', "1 / 0")
    (project.assets / "hiring" / "mine.py").write_text(broken)
    (done,) = audit("hiring", DAYS[:1], instance, definitions=load(project, {}, home), home=home)
    assert (done.signed, done.done) == (True, False)
    assert {(each.transition, each.control) for each in alerts(home)} == {("due", "scores"), ("due", "mean_is_low")}
    assert "hiring__scores: ZeroDivisionError" in alerts(home)[0].body


def test_the_night_is_judged_on_its_next_morning_unless_told(run, plan):
    run()
    assert plan.nights[0].as_of == datetime(2026, 9, 2, 6, 30, tzinfo=UTC)
    run(as_of=datetime(2026, 9, 9, tzinfo=UTC))
    assert plan.nights[-2].as_of == datetime(2026, 9, 9, tzinfo=UTC)


def test_days_that_are_no_partition_are_refused_before_anything_runs(run, plan):
    with pytest.raises(WrongUse, match="2026-09-04"):
        run([DAYS[0], date(2026, 9, 4)])
    assert plan.ran == []


def test_nothing_is_printed(run, plan, capfd):
    plan.raises["tally"] = ValueError("row of Jane Doe")
    run()
    assert capfd.readouterr() == ("", "")


def test_progress_is_told_after_each_partition(run):
    seen = []
    run(DAYS, progress=lambda done: seen.append(done.partition))
    assert seen == DAYS


def test_an_extension_reads_the_log_of_its_partition(project, home, instance):
    (project.assets / "hiring" / "mine.py").write_text(EXTENSION)
    audit("hiring", DAYS[:2], instance, definitions=load(project, {}, home), home=home)
    folder = project.home / "artifacts" / "hiring" / "2026-09-02" / "extensions"
    assert pl.read_parquet(folder / "scores.parquet").to_dict(as_series=False) == {"mean": [0.3]}
    found = results(instance, "mean_is_low", dg.AssetKey(["hiring", "scores"]))
    assert found == {"2026-09-01": (True, "ERROR", None), "2026-09-02": (True, "ERROR", None)}


EXTENSION = """
import dagster as dg
import polars as pl

from gov_pipelines.pipeline import this_system

graph = this_system(__file__)


@dg.asset(
    key=graph.key("scores"),
    ins={"decision_log": dg.AssetIn(graph.key("decision_log"))},
    partitions_def=graph.partitions,
    group_name=graph.system,
)
def scores(decision_log: pl.DataFrame) -> pl.DataFrame:
    return decision_log.select(mean=pl.col("score").mean())


@dg.asset_check(asset=graph.key("scores"), partitions_def=graph.partitions)
def mean_is_low(scores: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=scores["mean"][0] < 0.5)
"""
