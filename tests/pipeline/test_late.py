"""Thirty nights over a source that changes afterwards: late labels, corrections, deletions, a decision dated anew."""

import json
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from copy import copy
from datetime import date, timedelta
from functools import partial

import dagster as dg
import pytest
from command import ROOT, fresh_modules, gov
from projects import declared, found_home, house, night_of, signed, write_project

from gov_pipelines.decisions.sqlite import Sqlite
from gov_pipelines.definitions import load
from gov_pipelines.evidence import read_package, verify
from gov_pipelines.people import finding_id, known_findings, roster_of
from gov_pipelines.pipeline import audit as run_audit
from gov_pipelines.pipeline import signing
from gov_pipelines.pipeline.assets import AS_OF
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.lookback import changed_since_audited
from gov_pipelines.pipeline.overdue import overdue
from gov_pipelines.project import Project
from gov_pipelines.store import Home, pending, read_frame, reading, snapshot_of

DEFS = declared(
    """\
  source: {url_env: LOANS_URL, table: decisions}
  columns: {decision_id: id, decided_at: at, decision: action}
  outcomes: {favorable: [granted], unfavorable: [denied]}
  protected_attributes: {sex: {table: people, key: person}}
  reviews: {table: reviews, key: id, columns: {reviewer: who, reviewed_at: at}}
  label: {column: repaid, positive: 1, matures_after: 7 days}
"""
)
POLICY = house(
    """\
  - {id: DAY, text: Fair by day., level: runtime, control: {kind: fairness, metric: impact_ratio, at_least: 0.8, test: none}}
  - {id: WEEK, text: Fair by week., level: runtime, control: {kind: fairness, metric: impact_ratio, at_least: 0.8, test: none, window: 7 days}}
  - {id: REPAID, text: Who is granted repays., level: output, control: {kind: decision_rule, when: "decision = 'granted'", must: "label = '1'"}}
"""
)
SCRIPT = """
CREATE TABLE decisions (id TEXT, at DATETIME, action TEXT, amount REAL, repaid INTEGER);
CREATE TABLE people (person TEXT, sex TEXT);
CREATE TABLE reviews (id TEXT, who TEXT, at DATETIME);
"""
FIRST = date(2026, 9, 1)
EACH = 20
CONTROLS = {"house/DAY", "house/REPAID"}


def day(number):
    return FIRST + timedelta(days=number)


class Lender:
    """A source that goes on living, and its audit; counts what it writes and what is read."""

    def __init__(self, folder):
        self.folder = folder
        write_project(folder, DEFS, POLICY, key=False)
        self.home, self.written = Home(folder / ".gov"), 0
        self.draw = random.Random(7)
        self.write(SCRIPT)
        self.new_home(".gov")

    def new_home(self, name):
        self.home = Home(self.folder / name)
        found_home(self.home.root)

    def write(self, statement, rows=None):
        with closing(sqlite3.connect(self.folder / "loans.db")) as connection, connection:
            if rows is None:
                return connection.executescript(statement).rowcount
            self.written += connection.executemany(statement, rows).rowcount
            return None

    def decide(self, number):
        """The decisions of a day, who they are about, and two reviews."""
        ids = [f"L{number:02}-{n:02}" for n in range(EACH)]
        action = [self.draw.choice(["granted", "denied"]) for _ in ids]
        at = [f"{day(number)} 09:{n:02}:00" for n in range(EACH)]
        loans = [(i, t, a, 100.5 + n, None) for n, (i, t, a) in enumerate(zip(ids, at, action, strict=True))]
        self.write("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", loans)
        self.write("INSERT INTO people VALUES (?, ?)", [(i, "fm"[n % 2]) for n, i in enumerate(ids)])
        self.write("INSERT INTO reviews VALUES (?, 'jane', ?)", [(i, f"{day(number)} 11:00:00") for i in ids[:2]])

    def mature(self, number):
        """It becomes known who repaid."""
        known = [(int(self.draw.random() < 0.8), f"L{number:02}-{n:02}") for n in range(EACH)]
        self.write("UPDATE decisions SET repaid = ? WHERE id = ?", known)

    def night(self, number, as_of=None):
        environ = {"LOANS_URL": "sqlite:///loans.db"}
        return night_of(self.folder, day(number), as_of=as_of, environ=environ, home=self.home)

    def audit(self, number, as_of=None):
        one = self.night(number, as_of)
        signed(one)
        return json.loads((one.folder / "reading.json").read_bytes())["fetched"]

    def touched(self, number):
        one = self.night(number)
        looked = {"before": one.partition, "project": self.folder, "environ": one.environ}
        found = changed_since_audited(one.home, one.declaration, **looked)
        found += overdue(one.home, one.declaration, one.policies, before=one.partition, as_of=one.as_of)
        return [(each - FIRST).days for each in dict.fromkeys(found)]

    def sleep(self, number):
        """A whole night: yesterday, then what has changed; says which days were audited again, and how many rows fetched."""
        fetched, again = self.audit(number), self.touched(number)
        return again, fetched + sum(self.audit(each, self.night(number).as_of) for each in again)

    def revisions(self, days):
        return {number: self.signed(number).revision for number in days}

    def alerts(self):
        with reading(self.night(0).store) as connection:
            told = [row.alert for row in pending(connection)]
        return [alert for alert in told if alert.control == "loans/vanished_decisions"]

    def changes(self, number):
        return read_frame(self.night(number).folder / "changes.parquet").to_dicts()

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        other = copy(self)
        other.folder, other.home = folder, Home(folder / self.home.root.name)
        return other

    def restate(self, days):
        """As the command does, step by step: no row has changed, and longer windows are said again."""
        for number in days:
            self.audit(number, self.signed(number).as_of)

    def restate_by_command(self, days):
        """`gov audit --from --to`, as a person would."""
        shutil.copyfile(ROOT / "dagster.yaml", self.folder / "dagster.yaml")
        environ = {"LOANS_URL": "sqlite:///loans.db", "GOV_PIPELINES_PROJECT": str(self.folder)}
        asked = (
            "audit",
            "loans",
            "--from",
            day(days[0]),
            "--to",
            day(days[-1]),
            "--as-of",
            f"{day(days[-1] + 2)}T02:00:00Z",
        )
        assert gov(*asked, home=self.home.root, cwd=self.folder, env=environ).returncode in {0, 1}

    def ends(self):
        """What stands in the end, but for what a clock or a key says."""
        return [
            (self.signed(number).revision, self.signed(number).content_digest, self.statement(number)["revisionReasons"],
             self.changes(number) if number == 0 else None, dict(self.finding().red))
            for number in range(2)
        ]  # fmt: skip

    def signed(self, number):
        with reading(self.night(0).store) as connection:
            return snapshot_of(connection, "loans", day(number))

    def statement(self, number):
        return read_package(self.home.root / self.signed(number).path).predicate

    def measured(self, number, controls=CONTROLS):
        """The measurements of some controls, and all counts, as they stand."""
        stated = self.statement(number)
        return (
            [each for each in stated["measurements"] if each["control"] in controls],
            stated["ingest"],
            stated["tally"],
        )

    def finding(self):
        one = self.night(0)
        with reading(one.store) as connection:
            roster = roster_of(connection, signing._signer(one).public)
            return known_findings(connection, roster).get(finding_id("loans", "loans/vanished_decisions"))


@pytest.fixture
def lender(tmp_path):
    return Lender(tmp_path)


@pytest.fixture
def sent(monkeypatch):
    """Rows that the source sends, by whether they are whole rows or fingerprints."""
    counted, fetch = Counter(), Sqlite.fetch

    def counting(self, query):
        for frame in fetch(self, query):
            kind = "rows" if {"id", "person"} & set(frame.columns) and "fingerprint" not in frame.columns else "marks"
            counted[kind] += frame.height
            yield frame

    monkeypatch.setattr(Sqlite, "fetch", counting)
    return counted


@pytest.mark.parametrize(
    ("nights", "restate"),
    [
        (10, Lender.restate),
        pytest.param(30, Lender.restate_by_command, marks=[pytest.mark.faults, pytest.mark.timeout(900)]),
    ],
)
def test_nights_revise_exactly_what_was_touched_and_end_where_an_audit_from_scratch_ends(lender, sent, nights, restate):
    days = range(nights)
    deleted = {8: "L06-03", nights - 2: "L02-04", nights - 1: f"L{nights - 3:02}-05"}
    corrected = {}  # one of a hundred, some nights after it was made
    for loan in lender.draw.sample(range((nights - 1) * EACH), nights * EACH // 100):
        number = loan // EACH
        night = lender.draw.choice([each for each in range(number + 1, nights) if each not in corrected])
        corrected[night] = f"L{number:02}-{loan % EACH:02}"
    revised, fetched = Counter(days), 0
    for number in days:
        lender.decide(number)
        expected = set()
        if number >= 7:
            lender.mature(number - 7)
            expected.add(number - 7)
        if loan := corrected.get(number):
            lender.write("UPDATE decisions SET action = 'denied', amount = -1 WHERE id = ?", [(loan,)])
            expected.add(int(loan[1:3]))
        if loan := deleted.get(number):
            lender.write("DELETE FROM decisions WHERE id = ?", [(loan,)])
            expected.add(int(loan[1:3]))
        again, rows = lender.sleep(number)
        assert set(again) == expected, f"night {number}"
        revised.update(again)
        fetched += rows
    assert lender.revisions(days) == dict(revised)
    assert fetched == sent["rows"] <= 1.2 * lender.written, (fetched, sent, lender.written)
    print(
        f"{nights} nights: {lender.written} rows new, changed or labelled, {fetched} fetched, {sent['marks']} compared"
    )
    assert set(lender.finding().red) == {day(int(loan[1:3])) for loan in deleted.values()}
    as_it_stands = [lender.measured(number) for number in days]
    restate(lender, days)
    restated = [lender.measured(number, {"house/WEEK"}) for number in days]
    checked = verify.verify(lender.home.root / "evidence")
    assert checked.ok, checked.failures
    lender.new_home(".fresh")
    for number in days:
        lender.audit(number)
    assert [lender.measured(number) for number in days] == as_it_stands
    assert [lender.measured(number, {"house/WEEK"}) for number in days] == restated


def begin(lender, count=3):
    for number in range(count):
        lender.decide(number)
        lender.audit(number)


def test_a_night_on_which_nothing_changed_reads_nothing_again(lender, sent):
    begin(lender)
    before = sent["rows"]
    assert lender.touched(2) == []
    assert sent["rows"] == before


def test_a_revision_counts_what_became_of_decisions(lender):
    begin(lender)
    lender.write("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", [("late", f"{FIRST} 10:00:00", "denied", 1.0, None)])
    lender.write("UPDATE decisions SET amount = 7 WHERE id = ?", [("L00-05",)])
    lender.write("UPDATE decisions SET repaid = 1 WHERE id = ?", [("L00-06",), ("L00-07",)])
    lender.write("DELETE FROM reviews WHERE id = ?", [("L00-00",)])
    lender.write("DELETE FROM decisions WHERE id = ?", [("L00-09",)])
    assert lender.sleep(2)[0] == [0]
    assert (
        lender.statement(0)["revisionReasons"][0]
        == "decisions: 1 corrected, 2 labelled, 1 late, 1 reviewed, 1 vanished"
    )
    assert lender.sleep(2)[0] == []


def test_a_decision_that_is_dated_anew_stands_on_its_new_day_alone_and_has_not_vanished(lender):
    begin(lender)
    lender.write("UPDATE decisions SET at = ? WHERE id = ?", [(f"{FIRST} 12:00:00", "L01-03")])
    assert lender.sleep(2)[0] == [1, 0]  # what lost rows first, so that the decision stands nowhere twice meanwhile
    reasons = [lender.statement(number)["revisionReasons"][0] for number in (0, 1)]
    assert reasons == ["decisions: 1 late", "decisions: 1 moved"]
    assert [lender.statement(number)["ingest"]["accepted"] for number in (0, 1)] == [EACH + 1, EACH - 1]
    assert lender.finding() is None


def test_vanished_decisions_are_a_finding_told_by_number_and_closed_when_they_return(lender):
    begin(lender)
    with closing(sqlite3.connect(lender.folder / "loans.db")) as connection:
        (row,) = connection.execute("SELECT * FROM decisions WHERE id = 'L01-03'").fetchall()
    lender.write("DELETE FROM decisions WHERE id = ?", [("L01-03",), ("L00-04",)])
    lender.sleep(2)
    found = lender.finding()
    assert (found.state, found.severity, dict(found.red)) == ("open", "critical", {day(0): 1, day(1): 1})
    told = lender.alerts()
    assert [(each.partition, each.transition) for each in told] == [(day(0), "failing"), (day(1), "warning")]
    assert not any("L01-03" in str(each) or "L00-04" in str(each) for each in told)
    named = [row for row in lender.changes(1) if row["change"] == "vanished"]
    assert named == [{"decision_id": "L01-03", "change": "vanished", "since": 1}]
    lender.write("UPDATE decisions SET amount = 3 WHERE id = ?", [("L01-05",)])
    lender.sleep(2)
    assert lender.statement(1)["revisionReasons"][0] == "decisions: 1 corrected"  # it was told before
    assert dict(lender.finding().red) == {day(0): 1, day(1): 1}
    lender.write("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", [row])
    lender.sleep(2)
    assert lender.finding().state == "open"  # the other is still gone
    lender.write("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", [("L00-04", *row[1:])])
    lender.write("UPDATE decisions SET at = ? WHERE id = ?", [(f"{FIRST} 09:04:00", "L00-04")])
    lender.sleep(2)
    assert lender.finding().state == "closed"
    assert lender.alerts()[-1].transition == "recovered"


def test_a_label_is_looked_for_when_it_matures_however_long_that_takes(lender):
    defs = lender.folder / "assets" / "loans" / "defs.yaml"
    defs.write_text(DEFS.replace("7 days", "12 months") + "  look_back: 3 days\n")
    begin(lender, 8)
    lender.mature(2)
    lender.mature(6)
    assert lender.touched(7) == lender.touched(7) == [6]  # until it was audited again
    lender.audit(6)
    a_year_on = (date(2027, 9, 3) - FIRST).days
    assert lender.touched(a_year_on - 2) == []
    lender.write("UPDATE decisions SET repaid = 5 WHERE id LIKE 'L02%' OR id LIKE 'L06%'")
    assert lender.touched(a_year_on - 1) == [2]
    assert lender.touched(a_year_on + 2) == [2]
    lender.audit(2)
    assert lender.touched(a_year_on + 3) == [6]


def test_a_look_back_begins_where_the_last_one_ended_its_own_however_long_ago(lender):
    defs = lender.folder / "assets" / "loans" / "defs.yaml"
    october = (date(2026, 10, 20) - FIRST).days
    defs.write_text(DEFS.replace("2026-09-01", "2026-09-01\n  only_on: ['09-01', '10-20']"))
    lender.decide(0)
    assert lender.sleep(0)[0] == []
    lender.write("UPDATE decisions SET amount = 7 WHERE id = 'L00-05'")
    lender.decide(october)
    assert lender.sleep(october)[0] == [0]


def test_a_label_that_the_source_had_before_its_moment_counts_from_then_on(lender):
    defs, joined = lender.folder / "assets" / "loans" / "defs.yaml", "{path: repaid.csv, key: id, at: known, column: ok"
    defs.write_text(DEFS.replace("{column: repaid", joined))
    (lender.folder / "repaid.csv").write_text("id,ok,known\nL00-03,1,2026-09-04T01:30\n")
    begin(lender, 2)
    assert [lender.touched(number) for number in (1, 2)] == [[], [0]]
    lender.audit(0, lender.night(2).as_of)
    labels = read_frame(lender.night(0).folder / "decision_log.parquet")["label"]
    assert labels.drop_nulls().to_list() == ["1"]
    assert lender.touched(2) == []
    (lender.folder / "repaid.csv").write_text("id,ok,known\nL00-03,0,2026-09-04T01:30\n")
    assert lender.touched(2) == [0]


def test_decisions_of_many_days_that_vanish_at_once_are_one_page(lender):
    begin(lender, 3)
    lender.write("DELETE FROM decisions WHERE id LIKE '%-07'")
    lender.audit(2)
    assert lender.sleep(2)[0] == [0, 1]
    assert [alert.transition for alert in lender.alerts()] == ["failing", "warning", "warning"]
    assert set(lender.finding().red) == {day(0), day(1), day(2)}


def test_a_look_back_whose_source_does_not_answer_asks_again_tomorrow(lender):
    begin(lender)
    lender.write("UPDATE decisions SET amount = 7 WHERE id = ?", [("L00-05",)])
    (lender.folder / "loans.db").rename(lender.folder / "away.db")
    assert lender.touched(2) == []
    (lender.folder / "away.db").rename(lender.folder / "loans.db")
    assert lender.touched(2) == [0]


class Killed(BaseException):
    """As SIGKILL: nothing of ours catches it."""


FILES = (
    "changes.parquet",
    "fingerprints.parquet",
    "quarantine.parquet",
    "rows.json",
    "reading.json",
    "decision_log.parquet",
    "tally.json",
)


@pytest.fixture(scope="module")
def changed_source(tmp_path_factory):
    """Two days, audited; then changes of every kind; and what an undisturbed night makes of them."""
    one = Lender(tmp_path_factory.mktemp("kills") / "before")
    begin(one, 2)
    one.write("UPDATE decisions SET repaid = 1 WHERE id = ?", [("L00-06",)])
    one.write("UPDATE decisions SET action = 'perhaps' WHERE id = ?", [("L00-05",)])
    one.write("DELETE FROM decisions WHERE id = ?", [("L00-09",)])
    undisturbed = one.copy(one.folder.parent / "undisturbed")
    undisturbed.sleep(1)
    return one, undisturbed.ends()


@pytest.mark.parametrize(
    ("name", "when"), [*((name, "before") for name in FILES), ("rows.json", "after"), ("decision_log.parquet", "after")]
)
def test_a_second_reading_that_is_killed_is_finished_by_the_next_night(
    changed_source, tmp_path, monkeypatch, name, when
):
    lender, expected = changed_source[0].copy(tmp_path / "killed"), changed_source[1]
    rename = type(tmp_path).replace

    def replace(self, target):
        mine = target.name == name and target.parent.name == str(FIRST)
        if mine and when == "before":
            raise Killed
        rename(self, target)
        if mine:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(tmp_path), "replace", replace)
        with pytest.raises(Killed):
            lender.sleep(1)
    assert lender.touched(1) == [0]
    lender.audit(0, lender.night(1).as_of)
    assert lender.ends() == expected
    assert lender.touched(1) == []


def test_a_cursor_finds_what_was_written_beyond_the_look_back(lender):
    file = lender.folder / "assets" / "loans" / "defs.yaml"
    short = DEFS.replace("  policies:", "  look_back: 2 days\n  policies:").replace(
        "  label: {column: repaid, positive: 1, matures_after: 7 days}\n", ""
    )
    file.write_text(short)
    for number in range(6):
        lender.decide(number)
    lender.write("ALTER TABLE decisions ADD COLUMN written DATETIME; UPDATE decisions SET written = at")
    for number in range(6):
        lender.audit(number)
    lender.write("UPDATE decisions SET amount = 7, written = '2026-09-06 12:00:00' WHERE id = 'L00-03'")
    assert lender.touched(5) == []
    file.write_text(short.replace("table: decisions}", "table: decisions, cursor: written}"))
    assert lender.touched(5) == [0]  # without a cursor of before it looks at everything
    lender.audit(0)
    assert lender.touched(5) == []
    lender.write("UPDATE decisions SET amount = 9, written = '2026-09-06 15:00:00' WHERE id = 'L01-03'")
    assert lender.touched(2) == [1]  # an older night leaves the cursor to the newest
    assert lender.touched(5) == [1]
    lender.write("UPDATE decisions SET written = '2026-09-20 12:00:00' WHERE id = 'L05-03'")
    assert lender.touched(5) == [1]  # as nobody has audited it since, though the cursor has passed it
    lender.write("UPDATE decisions SET amount = 8 WHERE id = 'L02-03'")
    assert lender.touched(5) == [1]  # what does not raise the cursor is found in the look-back alone


@fresh_modules()
def test_the_run_of_the_newest_day_notes_what_changed_and_command_and_sensor_ask_for_it(lender, monkeypatch, instance):
    monkeypatch.setenv("LOANS_URL", "sqlite:///loans.db")
    defs = lender.folder / "assets" / "loans" / "defs.yaml"
    defs.write_text(DEFS.replace("2026-09-01", "2026-09-01\n  ends: 2026-09-04"))
    for number in range(3):
        lender.decide(number)
    home = AuditHome.of(Project(lender.folder, lender.home.root))
    definitions = load(home.place, {}, home)
    audit = partial(run_audit, "loans", instance=instance, definitions=definitions, home=home, report=False)
    assert [run.partition for run in audit([day(number) for number in range(3)])] == [day(0), day(1), day(2)]
    lender.write("UPDATE decisions SET amount = 7 WHERE id = ?", [("L01-05",)])
    assert [run.partition for run in audit([day(2)])] == [day(2), day(1)]
    assert lender.statement(1)["revisionReasons"][0] == "decisions: 1 corrected"
    lender.write("UPDATE decisions SET amount = 8 WHERE id = ?", [("L00-05",)])
    job = definitions.resolve_job_def("audit_loans")  # as the schedule has it run
    assert job.execute_in_process(partition_key=str(day(2)), instance=instance).success
    with dg.build_sensor_context(instance=instance, resources={"audit": home}, definitions=definitions) as context:
        asked = definitions.resolve_sensor_def("catch_up").evaluate_tick(context).run_requests
    (request,) = [each for each in asked if "changed" in each.run_key]
    assert (request.partition_key, request.job_name) == (str(day(0)), "audit_loans")
    assert request.tags[AS_OF] == lender.night(2).as_of.isoformat()
