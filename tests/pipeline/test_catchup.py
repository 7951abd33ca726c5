"""What is owed after an outage, runs that died without a word, one audit of a system at a time, a clock set back."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from bank import Bank

from gov_pipelines.definitions import load
from gov_pipelines.pipeline import home as homes
from gov_pipelines.pipeline.catchup import owed, sweep
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.store import Home, SnapshotRow, pending, reading, record_snapshot

from .conftest import add_system
from .test_watching import waiting

TODAY = datetime.now(UTC).date()
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 20, tzinfo=UTC)  # hours after the night of every system here


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def system(project):
    """A system that began 40 days ago and goes on."""
    add_system(project.root, "ongoing", starts=ago(40).isoformat(), ends=None)
    return read_graph(project.declaration_file("ongoing"), project.expectations)


@pytest.fixture
def signed(home, system):
    """Put a snapshot into the ledger, signed the morning after its day unless said otherwise."""
    chain = []

    def sign(day: date, *, at=None, missed=False, revision=1):
        path = f"evidence/{day}/r{revision}"
        folder = Home(home.place.home).root / path
        folder.mkdir(parents=True)
        if not missed:
            (folder / "tally.json").write_text("{}")
        number = f"{len(chain) + 1:064}"
        row = SnapshotRow(
            system="ongoing", partition=day, revision=revision, sequence=len(chain) + 1,
            previous_sha256=chain[-1] if chain else None, payload_sha256=number, content_digest=number, path=path,
            key_id="k", signed_at=at or system.as_of(day) + timedelta(minutes=1), as_of=system.as_of(day), retroactive=False,
        )  # fmt: skip
        with home.store().begin() as connection:
            record_snapshot(connection, row)
        chain.append(number)

    return sign


def test_a_system_that_was_never_audited_owes_nothing(system, home):
    assert owed(system, home, NOW) == ([], True)


def test_days_without_a_snapshot_since_the_first_signature_are_owed_oldest_first(system, home, signed):
    signed(ago(30), at=system.as_of(ago(6)) - timedelta(hours=1))  # history, audited just before the sixth day was due
    signed(ago(5))
    assert owed(system, home, NOW) == ([ago(6), ago(4), ago(3), ago(2), ago(1)], True)
    before_tonights_hour = system.as_of(ago(1)) - timedelta(minutes=1)
    assert owed(system, home, before_tonights_hour)[0][-1] == ago(2)


def test_nothing_older_than_two_weeks_is_owed(system, home, signed):
    signed(ago(39))
    assert owed(system, home, NOW)[0] == [ago(days) for days in range(15, 0, -1)]


def test_a_day_signed_as_missed_is_owed_until_a_revision_audits_it(system, home, signed):
    signed(ago(3))
    signed(ago(2), missed=True)
    signed(ago(1), missed=True)
    assert owed(system, home, NOW) == ([ago(2), ago(1)], False)
    signed(ago(2), revision=2)
    assert owed(system, home, NOW) == ([ago(1)], True)


def requests(project, home, instance):
    definitions = load(project, {}, home)
    with dg.build_sensor_context(instance=instance, resources={"audit": home}, definitions=definitions) as context:
        found = definitions.resolve_sensor_def("catch_up").evaluate_tick(context)
    return [(each.job_name, each.partition_key) for each in found.run_requests]


def test_the_sensor_asks_for_what_is_owed(project, home, instance, signed):
    signed(ago(3))
    assert requests(project, home, instance) == [("audit_ongoing", str(ago(2))), ("audit_ongoing", str(ago(1)))]


def test_while_the_source_is_away_only_the_oldest_day_is_asked_for(project, home, instance, signed):
    for days in (3, 2, 1):
        signed(ago(days), missed=True)
    assert requests(project, home, instance) == [("audit_ongoing", str(ago(3)))]


def test_a_system_at_work_is_not_asked_again(project, home, instance, signed):
    signed(ago(3))
    instance.create_run_for_job(
        load(project, {}, home).resolve_job_def("audit_ongoing"), status=dg.DagsterRunStatus.STARTED
    )
    assert requests(project, home, instance) == []


def test_a_system_whose_schedule_is_off_is_not_asked(project, home, instance, signed):
    signed(ago(3))
    file = project.declaration_file("ongoing")
    file.write_text(file.read_text().replace('{at: "02:30"}', '{at: "02:30", enabled: false}'))
    assert requests(project, home, instance) == []


def started(loaded, instance):
    """A run of which nothing was heard but that it began."""
    job = loaded.resolve_job_def("audit_hiring")
    tags = {"dagster/partition": "2026-09-01"}
    return instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)


def test_a_run_whose_process_died_is_ended_and_told_once(loaded, home, instance, plan):
    run = started(loaded, instance)
    now = datetime.now(UTC)
    assert sweep(instance, home, now + timedelta(minutes=1)) == []
    (dead,) = sweep(instance, home, now + timedelta(minutes=3))
    assert (dead.run_id, dead.status) == (run.run_id, dg.DagsterRunStatus.FAILURE)
    settle_now(instance, dead, home)
    settle_now(instance, dead, home)
    assert waiting(home) == [("missed_window", date(2026, 9, 1), None)]
    assert {missed[:2] for missed in plan.missed} == {("hiring", date(2026, 9, 1))}
    assert sweep(instance, home, now + timedelta(hours=3)) == []


def settle_now(instance, run, home):
    from gov_pipelines.pipeline.watch import settle  # noqa: PLC0415

    settle(instance, run, home, datetime.now(UTC))


def test_a_window_that_was_audited_since_the_run_died_is_not_told(project, home, instance, signed):
    definitions = load(project, {}, home)
    job = definitions.resolve_job_def("audit_ongoing")
    instance.create_run_for_job(job, tags={"dagster/partition": str(ago(1))}, status=dg.DagsterRunStatus.STARTED)
    signed(ago(1), at=datetime.now(UTC) + timedelta(seconds=1))
    (dead,) = sweep(instance, home, datetime.now(UTC) + timedelta(minutes=3))
    settle_now(instance, dead, home)
    assert waiting(home) == []


def test_while_somebody_audits_the_system_its_runs_are_given_an_hour(loaded, home, instance):
    started(loaded, instance)
    now = datetime.now(UTC)
    with home.auditing(["hiring"]):
        assert sweep(instance, home, now + timedelta(minutes=30)) == []
        assert len(sweep(instance, home, now + timedelta(minutes=61))) == 1


def test_two_audits_of_one_system_wait_for_each_other(loaded, home, instance, monkeypatch, plan):
    monkeypatch.setattr(homes.AuditHome.auditing.__wrapped__, "__kwdefaults__", {"wait": 0.1})
    job = loaded.resolve_job_def("audit_hiring")
    with home.auditing(["hiring"]):
        second = job.execute_in_process(partition_key="2026-09-01", instance=instance, raise_on_error=False)
    assert not second.success
    assert plan.ran == []
    assert job.execute_in_process(partition_key="2026-09-01", instance=instance).success


def test_a_clock_set_back_is_told_and_the_ledger_goes_on(tmp_path):
    bank = Bank(tmp_path).audit()
    store = bank.night().store
    with store.begin() as connection:
        ahead = datetime.now(UTC) + timedelta(days=1)
        connection.execute(sa.text("UPDATE snapshots SET signed_at = :ahead"), {"ahead": ahead.isoformat()})
    bank.audit(date(2026, 9, 2))
    with reading(store) as connection:
        (told,) = [row.alert for row in pending(connection) if row.alert.key.startswith("clock|")]
    assert "snapshot 1 was signed at" in told.body


@pytest.mark.parametrize(
    ("zone", "at", "day", "moment"),
    [
        ("America/New_York", "02:30", "2026-03-07", "2026-03-08T06:30Z"),  # 02:00 becomes 03:00 at 07:00 UTC
        ("America/Havana", "00:30", "2026-03-07", "2026-03-08T05:00Z"),  # 00:00 becomes 01:00: as the day ends
        ("America/New_York", "01:30", "2026-10-31", "2026-11-01T05:30Z"),  # comes twice: at the first
        ("America/Havana", "00:00", "2026-10-31", "2026-11-01T04:00Z"),
        ("America/Havana", "00:30", "2026-03-08", "2026-03-09T04:30Z"),
    ],
)
def test_a_night_on_which_clocks_change_is_judged_after_its_day_and_not_ahead_of_its_schedule(
    system, zone, at, day, moment
):
    schedule = system.declaration.schedule.model_copy(update={"at": time.fromisoformat(at)})
    declaration = system.declaration.model_copy(update={"zone": zone, "schedule": schedule})
    assert replace(system, declaration=declaration).as_of(date.fromisoformat(day)) == datetime.fromisoformat(moment)
