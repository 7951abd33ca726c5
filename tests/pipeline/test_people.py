"""What nights and mornings do about people: findings follow signed nights, the register tells each thing once."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from crew import Crew
from projects import declared, house, night_of, signed, write_project

from gov_pipelines.definitions import load
from gov_pipelines.people import attest, countersign, finding_id, known_findings, known_waivers, roster_of, waive
from gov_pipelines.pipeline import signing
from gov_pipelines.pipeline.duties import REGISTER
from gov_pipelines.pipeline.register import open_books, register
from gov_pipelines.project import Project
from gov_pipelines.store import Home, open_store, pending, reading

DEFS = declared(
    """\
  source: {path: loans.csv}
  columns: {decision_id: id, decided_at: at, decision: d, completed_at: completed, notice_sent_at: told}
  outcomes: {favorable: [yes], unfavorable: [no]}
  protected_attributes: {sex: {}}
"""
)
POLICY = house(
    """\
  - id: H-1
    text: People hear within ten days.
    level: output
    control: {kind: deadline, from: completed_at, to: notice_sent_at, within: 10 days, incident: serious, notify: [oncall]}
  - id: P-1
    text: Underwriters are trained each year.
    level: people
    obligation:
      who: underwriters
      every: 1 year
      first_due: 2026-10-05
      escalate: [{to: manager, after: 5 working days}, {to: board, after: 20 working days}]
""",
    owner="credit-risk",
)
FIRST = date(2026, 9, 1)
CONTROL = finding_id("loans", "house/H-1")
NOW = datetime(2026, 10, 6, 6, tzinfo=UTC)  # a Tuesday


@pytest.fixture
def root(tmp_path):
    write_project(tmp_path, DEFS, POLICY, key=False)
    write(tmp_path)
    return tmp_path


@pytest.fixture
def crew(root):
    """The home's key is where the home keeps it; so that the nights sign with the key that enrols."""
    engine = open_store(Home(root / ".gov").store_url)
    crew = Crew(engine, root / "people")
    crew.enrol("ben", "credit-risk")
    crew.enrol("cid", "clerks")
    yield crew
    engine.dispose()


@pytest.fixture
def ann(crew):
    """The one underwriter: the only one who owes something."""
    crew.enrol("ann", "underwriters")


def write(root, late=()):
    """Two days of two decisions; who is late hears after twenty days."""
    rows = ["id,at,d,sex,completed,told"]
    for number in range(4):
        at = datetime(2026, 9, 1 + number // 2, 9, number)
        told = at + timedelta(days=20 if number in late else 1)
        rows.append(f"L{number},{at.isoformat()},yes,{'fm'[number % 2]},{at.isoformat()},{told.isoformat()}")
    (root / "loans.csv").write_text("\n".join(rows) + "\n")


def night(root, day):
    return night_of(root, day, as_of=datetime(2026, 10, 1, tzinfo=UTC))


def audit(root, day):
    signed(night(root, day))


def found(crew):
    with reading(crew.engine) as connection:
        return known_findings(connection, crew.roster, "loans")[CONTROL]


def told(crew):
    with reading(crew.engine) as connection:
        return [row.alert for row in pending(connection) if row.alert.transition == "due"]


def run(root, crew, now):
    return register(crew.engine, open_books(Project(root, root / ".gov")), crew.authority, now)


def test_findings_follow_the_nights_that_are_signed(root, crew):
    write(root, late=[0, 2])
    audit(root, FIRST)
    opened = found(crew)
    with reading(crew.engine) as connection:
        rows = signing.verdict_rows(night(root, FIRST))
        assert opened.snapshot == signing.last_snapshot(connection, "loans").payload_sha256
    assert (opened.state, opened.partition, opened.red) == ("open", FIRST, {FIRST: 1})
    assert [row.breaches for row in rows] == [1]
    assert opened.clocks[0].due == datetime.now(UTC).date() + timedelta(days=15)

    audit(root, FIRST)  # the same findings: no revision, no event
    assert found(crew) == opened

    second = FIRST + timedelta(days=1)
    audit(root, second)
    assert found(crew).occurrences == 2
    write(root, late=[0])
    audit(root, second)
    assert found(crew).state == "open"  # a clean day heals another's breach not
    write(root)
    audit(root, FIRST)
    assert found(crew).state == "closed"
    write(root, late=[3])
    audit(root, second)
    assert (found(crew).state, len(found(crew).reopened)) == ("open", 1)


def test_a_missed_window_opens_a_finding_until_it_is_audited(root, crew):
    signing.sign_missed(night(root, FIRST), "the source did not answer")
    assert found(crew).red == {FIRST: 0}
    audit(root, FIRST)
    assert found(crew).state == "closed"
    with crew.engine.connect() as connection:
        paged = [
            row.alert for row in pending(connection) if row.alert.transition not in {"warning", "undecided", "settled"}
        ]
    assert [(each.transition, each.control, each.title) for each in paged] == [
        ("audited", None, f"loans: {FIRST} was audited after all")
    ]


def test_an_escalation_is_told_once_though_the_register_runs_ten_times(root, crew, ann):
    for hour in range(10):
        assert run(root, crew, NOW + timedelta(hours=hour)) == 0
    late = NOW + timedelta(days=7)  # five working days after the fifth, and one
    assert [run(root, crew, late + timedelta(hours=hour)) for hour in range(10)] == [1] + [0] * 9
    (alert,) = told(crew)
    assert (alert.notify, alert.control, alert.system) == (("manager",), "house/P-1", "people")
    assert "somebody enrolled as underwriters" in alert.body
    assert run(root, crew, late + timedelta(days=30)) == 1
    assert told(crew)[-1].notify == ("board",)


def test_attesting_ends_it_and_the_next_year_begins_anew(root, crew, ann):
    late = NOW + timedelta(days=7)
    assert run(root, crew, late) == 1
    books = open_books(Project(root, root / ".gov"))
    with crew.engine.begin() as connection:
        attest(crew.hand(connection, "ann", late), books.policies[0], books.policies[0].clauses[1], None, late)
    assert run(root, crew, late + timedelta(days=60)) == 0
    assert run(root, crew, late + timedelta(days=365 + 8)) == 1
    assert len(told(crew)) == 2


def test_no_alert_names_a_person(root, crew, ann):
    write(root, late=[0])
    audit(root, FIRST)
    waive_it(root, crew, until=date(2026, 12, 1))
    run(root, crew, NOW + timedelta(days=400))
    alerts = told(crew)
    assert len(alerts) == 5  # two escalations, a waiver that ended, a finding past due, a clock
    for alert in alerts:
        text = f"{alert.key}\n{alert.title}\n{alert.body}".split()
        assert not {"ann", "ben", "cid"} & {word.strip(".,;()`") for word in text}


def waive_it(root, crew, until):
    books = open_books(Project(root, root / ".gov"))
    policy, declaration = books.policies[0], books.systems["loans"]
    with crew.engine.begin() as connection:
        hand = crew.hand(connection, "cid", NOW)
        waive(hand, declaration, policy, policy.clauses[0], why="x", until=until, now=NOW)
        (waiver,) = [each for each in known_waivers(connection, crew.roster, books.policies) if each.until == until]
        countersign(crew.hand(connection, "ben", NOW), waiver, {"credit-risk"}, NOW)


def test_a_waivers_end_is_told_two_weeks_before_and_when_it_comes(root, crew):
    waive_it(root, crew, until=date(2026, 12, 1))
    end = datetime(2026, 12, 1, tzinfo=UTC)
    assert run(root, crew, end - timedelta(days=14, seconds=1)) == 0
    assert [run(root, crew, end - timedelta(days=days)) for days in (14, 13, 1)] == [1, 0, 0]
    assert [run(root, crew, end + timedelta(days=days)) for days in (0, 1)] == [1, 0]
    assert [alert.title for alert in told(crew)] == [
        "loans: the waiver of house/H-1 ends on 2026-12-01",
        "loans: the waiver of house/H-1 ended on 2026-12-01",
    ]
    assert told(crew)[0].notify == ("oncall",)


def test_a_renewed_waiver_is_not_told_of(root, crew):
    waive_it(root, crew, until=date(2026, 12, 1))
    waive_it(root, crew, until=date(2027, 6, 1))
    assert run(root, crew, datetime(2026, 12, 2, tzinfo=UTC)) == 0


def test_a_finding_past_due_and_a_clock_are_told_once_each(root, crew):
    write(root, late=[0])
    audit(root, FIRST)
    opened = found(crew)

    def at(day):
        return datetime(day.year, day.month, day.day, 6, tzinfo=UTC)

    begins = opened.clocks[0].aware
    moments = [at(begins), at(begins), at(begins + timedelta(days=15)), at(begins + timedelta(days=16))]
    assert [run(root, crew, moment) for moment in moments] == [1, 0, 0, 1]
    assert [run(root, crew, at(opened.due + timedelta(days=more))) for more in (0, 1, 2)] == [0, 1, 0]
    titles = [alert.title for alert in told(crew)]
    assert [("is due by" in each, "was due by" in each, "past due" in each) for each in titles] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip


def test_a_waived_control_is_not_chased(root, crew):
    write(root, late=[0])
    audit(root, FIRST)
    due = found(crew).due
    waive_it(root, crew, until=date(2027, 9, 1))
    run(root, crew, datetime(due.year, due.month, due.day, 6, tzinfo=UTC) + timedelta(days=1))
    assert not [alert for alert in told(crew) if "past due" in alert.title]


def test_a_pack_that_no_system_names_obliges_nobody(root):
    packs = root / "expectations" / "packs"
    packs.mkdir()
    (packs / "other.yaml").write_text(POLICY.replace("policy: house", "policy: other"))
    books = open_books(Project(root, root / ".gov"))
    assert [policy.policy for policy in books.policies] == ["house"]
    defs = root / "assets" / "loans" / "defs.yaml"
    defs.write_text(DEFS.replace("[house]", "[house, other]"))
    assert [policy.policy for policy in open_books(Project(root, root / ".gov")).policies] == ["house", "other"]


def test_the_register_is_an_asset_with_a_daily_schedule_and_no_check(project, home, monkeypatch, tmp_path):
    crew = Crew(home.store(), tmp_path / "people")
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    repository = load(project, {}, home).get_repository_def()
    assert REGISTER in repository.assets_defs_by_key
    assert not list(repository.assets_defs_by_key[REGISTER].check_specs)
    schedule = repository.get_schedule_def("register_of_people_daily")
    assert (schedule.cron_schedule, schedule.default_status) == ("0 6 * * *", dg.DefaultScheduleStatus.RUNNING)
    with dg.DagsterInstance.ephemeral() as instance:
        result = repository.get_job("register_of_people").execute_in_process(instance=instance)
    (made,) = result.asset_materializations_for_node("people__register")
    assert made.metadata["new alerts"].value == 0
    with reading(crew.engine) as connection:
        assert roster_of(connection, crew.authority).enrolments == ()
