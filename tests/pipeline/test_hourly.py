"""An hourly system, from its rows to its signed snapshots, checks, pages and sensor."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from projects import found_home

from gov_pipelines.definitions import load
from gov_pipelines.evidence import read_package
from gov_pipelines.evidence.verify import verify
from gov_pipelines.people import authority_of
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.lookback import is_due
from gov_pipelines.pipeline.runs import audit
from gov_pipelines.policy import Calendar, partition_of
from gov_pipelines.project import Project
from gov_pipelines.report import gather
from gov_pipelines.store import Home, reading, verdict_history, verdicts_of

DEFS = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: cards
  owner: team:cards
  purpose: Decide on credit card limits.
  risk: high
  zone: America/New_York
  starts: {starts}
  partitions: hourly
  source: {{url_env: CARDS_URL, table: decisions, zone: UTC}}
  columns: {{decision_id: id, decided_at: at, decision: d}}
  outcomes: {{favorable: [yes], unfavorable: [no]}}
  protected_attributes: {{sex: {{}}}}
  operating_range: {{rows_per_hour: [1, 40]}}
  schedule: {{minute: 5, on_arrival: true}}
  policies: [house]
"""
POLICY = """\
policy: house
version: {version}
in_force: {{{span}}}
owner: cards
document: {{title: House rules}}
clauses:
  - id: H-1
    text: Few rows are unusable.
    level: runtime
    control: {{kind: log_quality, metric: quarantined_share, at_most: 0.1, window: 2 days}}
  - id: H-2
    text: As many as usual.
    level: runtime
    control: {{kind: operating_range}}
"""
MIDNIGHT = datetime(2026, 11, 2, 5, tzinfo=UTC)  # in New York, where the day before had 25 hours


@pytest.fixture
def bank(tmp_path, monkeypatch):
    (tmp_path / "assets" / "cards").mkdir(parents=True)
    (tmp_path / "expectations").mkdir()
    for version, span in ((1, "from: 2026-01-01, until: 2026-11-02"), (2, "from: 2026-11-02")):
        text = POLICY.format(version=version, span=span)
        (tmp_path / "expectations" / f"house-{version}.yaml").write_text(text)
    declare(tmp_path, date(2026, 11, 1))
    found_home(tmp_path / ".gov")
    monkeypatch.setenv("CARDS_URL", f"sqlite:///{tmp_path / 'cards.db'}")
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    with sqlite3.connect(tmp_path / "cards.db") as database:
        database.execute("CREATE TABLE decisions (id TEXT, at TIMESTAMP, d TEXT, sex TEXT)")
    return tmp_path


def declare(root, starts):
    (root / "assets" / "cards" / "defs.yaml").write_text(DEFS.format(starts=starts))


def decide(root, hour, rows=10):
    """Decisions of one hour; `d` is one of the declared ones."""
    times = [(hour + timedelta(minutes=n)).strftime("%Y-%m-%d %H:%M:%S.%f") for n in range(rows)]
    with sqlite3.connect(root / "cards.db") as database:
        made = [(f"{at}", at, "no" if n % 3 else "yes", "f" if n % 2 else "m") for n, at in enumerate(times)]
        database.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?)", made)


def home_of(root):
    return AuditHome.of(Project(root, root / ".gov"))


def graph_of(root):
    return read_graph(root / "assets" / "cards" / "defs.yaml", root / "expectations")


def audited(root, *keys):
    home = home_of(root)
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = load(home.place, {}, home)
        partitions = [partition_of(key) for key in keys]
        runs = audit("cards", partitions, instance, definitions=definitions, home=home, report=False)
        checks = instance.get_records_for_run(
            runs[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
        return runs, {each.event_log_entry.get_dagster_event().asset_check_evaluation_data.partition for each in checks}


def test_an_hour_is_read_judged_signed_and_shown_for_itself(bank):
    for hours in (-2, -1, 0):
        decide(bank, MIDNIGHT + timedelta(hours=hours))
    runs, partitions = audited(bank, "2026-11-02T03Z", "2026-11-02T04Z", "2026-11-02T05Z", "2026-11-02T06Z")
    assert [(run.done, run.signed) for run in runs] == [(True, True)] * 4
    assert partitions == {"2026-11-02T03Z"}
    home, place = home_of(bank), Home(bank / ".gov")
    package = place.snapshot_dir("cards", partition_of("2026-11-02T04Z"), 1)
    said = read_package(package).predicate
    assert said["partition"] == {
        "key": "2026-11-02T04Z", "zone": "America/New_York", "start": "2026-11-02T04:00:00Z", "end": "2026-11-02T05:00:00Z",
    }  # fmt: skip
    assert said["asOf"] == "2026-11-02T05:05:00Z"
    assert said["ingest"]["accepted"] == 10
    assert verify(place.evidence_dir("cards")).ok
    with reading(home.store()) as connection:
        # The version of the local day of the hour's start, and the window of two local days up to the hour.
        versions = [verdicts_of(connection, "cards", run.partition)[0].policy_version for run in runs]
        quality = verdicts_of(connection, "cards", partition_of("2026-11-02T05Z"))[0]
        assert versions == [1, 1, 2, 2]
        assert (quality.window_start, quality.window_end) == (
            datetime(2026, 11, 1, 4, tzinfo=UTC),
            MIDNIGHT + timedelta(hours=1),
        )
        assert quality.reason.startswith("3 of the window's 26 partitions were audited")
        silent = verdicts_of(connection, "cards", partition_of("2026-11-02T06Z"))
        assert {row.verdict for row in silent} == {"missing"}
        assert silent[1].reason == "No decision arrived for 2026-11-02T06Z; expected at least 1 an hour."
        assert len(verdict_history(connection, "cards", "house/H-2")) == 4
        graph = graph_of(bank)
        drawn_up, authority = MIDNIGHT + timedelta(hours=5), authority_of(place)
        page = gather(connection, place, {"cards": graph.declaration}, graph.policies, drawn_up, authority).systems[0]
    assert [str(each) for each in page.missed][-3:] == ["2026-11-02T07Z", "2026-11-02T08Z", "2026-11-02T09Z"]
    assert {str(day): row.source_count for day, row in page.rows.items()} == {"2026-11-01": 20, "2026-11-02": 10}
    cell = next(each for each in page.controls if each.clause == "H-2")
    assert (str(cell.last_partition), cell.age_days, cell.state) == ("2026-11-02T06Z", 0, "failing")


class Watch:
    """The sensor of the arrivals, as a daemon evaluates it: with the cursor of the look before."""

    def __init__(self, root, instance):
        self.home = home_of(root)
        self.definitions = load(self.home.place, {}, self.home)
        self.instance, self.cursor = instance, None

    def look(self):
        """The keys of the runs asked for, and why none is."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"audit": self.home}, definitions=self.definitions
        )
        with context:
            found = self.definitions.resolve_sensor_def("arrivals_cards").evaluate_tick(context)
        self.cursor = found.cursor
        return {each.run_key: each for each in found.run_requests}, found.skip_message

    def due(self, moment):
        """What the schedule asks for at a moment."""
        schedule = self.definitions.resolve_schedule_def("nightly_cards")
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            resources={"audit": self.home},
            repository_def=self.definitions.get_repository_def(),
        )
        with context:
            found = schedule.evaluate_tick(context)
        return [each.partition_key for each in found.run_requests], found.skip_message


def test_what_has_arrived_is_audited_once_it_stands_still_and_again_when_it_changes(bank, instance):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    declare(bank, hour.date() - timedelta(days=2))
    watch, key = Watch(bank, instance), f"{hour:%Y-%m-%dT%HZ}"
    assert watch.look() == ({}, "0 of the newest 3 partitions are others than when audited.")
    decide(bank, hour)
    decide(bank, hour + timedelta(hours=1))  # the hour that still runs
    assert watch.look()[0] == {}, "rows may still pour in"
    first, _ = watch.look()
    assert [each.partition_key for each in first.values()] == [key]
    assert watch.look()[0].keys() == first.keys(), "the same run key, which Dagster runs once, also after a restart"
    assert watch.due(hour + timedelta(hours=1, minutes=5)) == ([key], None), "nobody has audited it yet"
    audited(bank, key)
    assert watch.look() == ({}, "0 of the newest 3 partitions are others than when audited.")
    asked, why = watch.due(hour + timedelta(hours=1, minutes=5))
    assert (asked, why) == ([], f"{key} was audited when its rows arrived, and they are the same now.")
    decide(bank, hour + timedelta(minutes=30), rows=1)
    assert watch.look()[0] == {}
    second, _ = watch.look()
    assert [each.partition_key for each in second.values()] == [key]
    assert not second.keys() & first.keys()
    assert watch.due(hour + timedelta(hours=1, minutes=5))[0] == [key]


def test_a_run_before_the_scheduled_minute_is_judged_from_the_end_of_the_hour(bank, instance, monkeypatch):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    declare(bank, hour.date() - timedelta(days=2))
    decide(bank, hour)
    graph = graph_of(bank)
    early, late = (graph.as_of(partition_of(f"{hour:%Y-%m-%dT%HZ}")) + timedelta(minutes=n) for n in (-1, 1))
    for now, tags in ((early, {"gov/as_of": (hour + timedelta(hours=1)).isoformat()}), (late, {})):
        monkeypatch.setattr(
            "gov_pipelines.pipeline.arrivals.datetime", type("Clock", (), {"now": lambda _, now=now: now})
        )
        watch = Watch(bank, instance)
        watch.look()
        (request,) = watch.look()[0].values()
        assert {name: text for name, text in request.tags.items() if name.startswith("gov/")} == tags


def test_a_source_that_does_not_answer_is_said_without_its_secrets_and_left_to_the_schedule(
    bank, instance, monkeypatch
):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    declare(bank, hour.date() - timedelta(days=2))
    watch = Watch(bank, instance)
    monkeypatch.setenv("CARDS_URL", "postgresql+psycopg://reader:hunter2@127.0.0.1:9/cards")
    asked, why = watch.look()
    assert asked == {}
    assert why.startswith("The source does not answer: ")
    assert "hunter2" not in why
    assert watch.due(hour + timedelta(hours=1, minutes=5))[0] == [f"{hour:%Y-%m-%dT%HZ}"]


def test_a_system_that_does_not_ask_for_it_has_no_such_sensor(bank):
    file = bank / "assets" / "cards" / "defs.yaml"
    file.write_text(file.read_text().replace(", on_arrival: true", ""))
    assert not [each for each in load(home_of(bank).place, {}).sensors if each.name.startswith("arrivals")]


def test_the_schedule_of_an_hourly_system_is_hourly(bank):
    schedule = load(home_of(bank).place, {}).resolve_schedule_def("nightly_cards")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("5 * * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    keys = graph_of(bank).partitions.get_partition_keys(current_time=datetime(2026, 11, 2, 6, 30, tzinfo=UTC))
    assert (keys[0], keys[-1], len(keys)) == ("2026-11-01T04Z", "2026-11-02T05Z", 26)


def test_an_hour_looks_back_where_the_last_one_of_the_day_before_came_too_late_to():
    new_york, hour = Calendar(date(2026, 9, 1), "America/New_York", hourly=True), timedelta(hours=1)
    last = [*new_york.between(date(2026, 11, 1), date(2026, 11, 1))][-1]
    assert last == MIDNIGHT - hour
    assert is_due(new_york, last, None)
    assert not is_due(new_york, last - hour, None)
    for looked, due in ((last, False), (last - 25 * hour, True), (last - 24 * hour, True), (last + 2 * hour, False)):
        assert is_due(new_york, last + 3 * hour, looked) is due


def test_only_some_days_are_partitions_to_dagster_too(bank):
    file = bank / "assets" / "cards" / "defs.yaml"
    text = file.read_text().replace("partitions: hourly", "only_on: [11-05, 02-29]").replace("minute: 5, ", "")
    file.write_text(text.replace("rows_per_hour", "rows_per_day"))
    graph = graph_of(bank)
    found = graph.partitions.get_partition_keys(current_time=datetime(2028, 12, 1, tzinfo=UTC))
    assert found == ["2026-11-05", "2027-11-05", "2028-02-29", "2028-11-05"]
    assert graph.goes_on(datetime(2099, 1, 1, tzinfo=UTC))
    watch = Watch(bank, dg.DagsterInstance.ephemeral())
    assert watch.due(datetime(2026, 11, 6, 7, tzinfo=UTC)) == (["2026-11-05"], None)
    assert watch.due(datetime(2026, 11, 7, 7, tzinfo=UTC))[0] == []
