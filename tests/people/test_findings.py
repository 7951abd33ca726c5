"""Findings: what opens, joins, closes and reopens them; nights simulated, acts and store real."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from crew import Crew
from stored import verdict_row

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.people import (
    accept,
    assign,
    events_of_night,
    finding_id,
    known_findings,
    may_accept,
    raise_concern,
    report_incident,
    start_clock,
)
from gov_pipelines.people.findings import findings_of
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.kinds import DecisionRule, LogQuality
from gov_pipelines.store import FindingEvent, findings_recorded, open_store, reading, record_findings

NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)  # a Monday
POPULATION = LogQuality(kind="log_quality", metric="quarantined_share", at_most=0.1)
DECISIONS = DecisionRule(kind="decision_rule", must="amount > 0")
NAME = finding_id("lending", "house/FL-1")


def day(number):
    return date(2026, 10, number)


@dataclass
class Nights:
    """The nights of one control: what is signed last of a day is its latest revision."""

    engine: object
    crew: Crew
    control: object
    latest: dict = field(default_factory=dict)
    now: datetime = NOW

    def sign(self, number, verdict, breaches=0, severity="critical"):
        """Sign a night; says which events are new."""
        revision = self.latest[day(number)].revision + 1 if day(number) in self.latest else 1
        row = verdict_row(
            partition=day(number), revision=revision, verdict=verdict, breaches=breaches, severity=severity
        )
        self.latest[day(number)] = row
        self.now += timedelta(hours=1)
        return self.follow(row)

    def follow(self, row):
        history = [self.latest[each] for each in sorted(self.latest)]
        events = events_of_night(
            self.finding, row, history, self.control and self.control.judges,
            incident=self.control and self.control.incident, owner="team:credit-risk", snapshot=f"{row.partition}r{row.revision}", now=self.now, today=self.now.date(),
        )  # fmt: skip
        with self.engine.begin() as connection:
            new = record_findings(connection, events)
        assert new in (0, len(events))
        return [event.event for event in events] if new else []

    @property
    def finding(self):
        with reading(self.engine) as connection:
            return known_findings(connection, self.crew.roster).get(NAME)


@pytest.fixture
def engine(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path}/store.db")
    yield engine
    engine.dispose()


@pytest.fixture
def crew(engine, tmp_path):
    crew = Crew(engine, tmp_path / "keys")
    crew.enrol("ann", "credit-risk")
    crew.enrol("ben", "underwriters")
    return crew


@pytest.fixture
def population(engine, crew):
    return Nights(engine, crew, POPULATION)


@pytest.fixture
def decisions(engine, crew):
    return Nights(engine, crew, DECISIONS)


@pytest.fixture
def declaration():
    return SystemDeclaration.model_validate(
        {
            "system": "lending", "owner": "team:credit-risk", "purpose": "Lend.", "risk": "high", "zone": "UTC",
            "starts": "2026-09-01", "source": {"path": "x.csv"}, "policies": ["house"],
            "outcomes": {"favorable": ["yes"], "unfavorable": ["no"]}, "protected_attributes": {"sex": {}},
        }
    )  # fmt: skip


# ---- what nights do


@pytest.mark.parametrize("verdict", ["fail", "missing"])
@pytest.mark.parametrize("control", [POPULATION, DECISIONS])
def test_a_failing_and_a_missing_control_open_a_finding(engine, crew, control, verdict):
    nights = Nights(engine, crew, control)
    assert nights.sign(1, verdict) == ["opened"]
    found = nights.finding
    assert (found.state, found.owner, found.partition, found.snapshot) == (
        "open", "team:credit-risk", day(1), "2026-10-01r1",
    )  # fmt: skip
    assert (found.occurrences, found.reopened, found.closed_at) == (1, (), None)


@pytest.mark.parametrize("verdict", ["pass", "warn", "insufficient", "report_only", "not_applicable"])
def test_nothing_else_opens_one(population, verdict):
    assert population.sign(1, verdict) == []
    assert population.finding is None


@pytest.mark.parametrize(("severity", "due"), [("critical", 9), ("warning", 30), ("info", None)])
def test_it_is_due_by_severity_in_working_days(population, severity, due):
    population.sign(1, "fail", severity=severity)
    assert population.finding.due == (date(2026, 11, due) if due else date(2027, 1, 25))


def test_more_days_join_and_the_same_again_is_nothing_new(population):
    population.sign(1, "fail")
    assert population.sign(2, "fail") == ["joined"]
    assert population.sign(2, "missing") == ["joined"]  # another revision of the same day
    assert population.follow(population.latest[day(2)]) == []
    assert population.follow(population.latest[day(1)]) == []
    assert population.finding.occurrences == 2


def test_of_a_population_the_newest_window_heals(population):
    population.sign(1, "fail")
    population.sign(2, "fail")
    assert population.sign(1, "pass") == []  # the newest still fails
    for verdict in ("warn", "insufficient", "not_applicable"):
        assert population.sign(3, verdict) == []
    assert population.sign(3, "pass") == ["closed"]
    assert population.finding.state == "closed"
    assert "2026-10-03" in population.finding.evidence


def test_a_clean_later_day_heals_no_breach(decisions):
    decisions.sign(1, "fail", 2)
    decisions.sign(2, "fail", 1)
    assert decisions.sign(3, "pass") == []
    assert decisions.sign(1, "pass") == []  # the second day still has one
    assert decisions.sign(2, "insufficient") == []  # which cannot tell
    assert decisions.sign(2, "missing") == ["joined"]
    assert decisions.sign(2, "pass", 1) == ["joined"]  # whatever its verdict, a breach is one
    assert decisions.sign(2, "pass") == ["closed"]


def test_a_day_audited_again_without_the_control_is_no_evidence(decisions):
    decisions.sign(1, "fail", 2)
    del decisions.latest[day(1)]  # the clause was deleted, the day audited again, the clause put back
    assert decisions.sign(2, "fail", 1) == ["joined"]
    assert decisions.sign(2, "pass") == []


def test_reopening_is_visible(decisions):
    decisions.sign(1, "fail", 1)
    decisions.sign(1, "pass")
    closed = decisions.finding.closed_at
    assert decisions.sign(4, "fail", 1) == ["reopened"]
    found = decisions.finding
    assert (found.state, len(found.reopened), found.closed_at, found.evidence) == ("open", 1, None, None)
    assert found.reopened[0] > closed
    assert found.snapshot == "2026-10-01r1"  # that opened it first
    decisions.sign(4, "pass")
    decisions.sign(1, "fail", 1)
    assert len(decisions.finding.reopened) == 2


def test_a_backfill_before_a_passing_window_reopens_nothing(population):
    population.sign(5, "fail")
    population.sign(6, "pass")
    assert population.sign(2, "fail") == ["joined"]
    assert (population.finding.state, population.finding.occurrences) == ("closed", 2)


def test_a_backfill_that_failed_is_on_record_though_the_newest_window_passes(population):
    population.sign(6, "pass")
    assert population.sign(2, "fail") == ["opened", "closed"]


def test_days_open_are_of_the_last_opening(population):
    population.sign(1, "fail")
    found = population.finding
    assert found.days_open(found.opened_at + timedelta(days=3, hours=5)) == 3
    population.now += timedelta(days=2)
    population.sign(2, "pass")
    assert population.finding.days_open(NOW + timedelta(days=99)) == 2


# ---- what people do


def act(nights, deed, *arguments, person="ann", **more):
    nights.now += timedelta(hours=1)
    with nights.engine.begin() as connection:
        deed(nights.crew.hand(connection, person, nights.now), nights.finding, *arguments, nights.now, **more)


def test_an_acceptance_closes_until_more_is_found(decisions, declaration):
    entitled = may_accept(declaration, None)
    decisions.sign(1, "fail", 2)
    act(decisions, accept, entitled, "Corrected by letter.")
    found = decisions.finding
    assert (found.state, found.evidence, found.accepted) == (
        "closed", "accepted by credit-risk: Corrected by letter.", {day(1): 2},
    )  # fmt: skip
    assert decisions.sign(1, "fail", 2) == []  # the day again, with what was accepted
    assert decisions.sign(1, "fail", 1) == []
    assert decisions.sign(1, "fail", 3) == ["reopened"]
    assert decisions.sign(1, "fail", 2) == ["closed"]  # back to what was accepted
    assert decisions.sign(2, "fail", 1) == ["reopened"]
    assert decisions.sign(2, "pass") == ["closed"]  # the accepted day needs no other evidence


def test_the_wrong_role_may_not_accept(decisions, declaration):
    decisions.sign(1, "fail", 2)
    with decisions.engine.begin() as connection:
        assign(connection, decisions.finding, owner="ben", action=None, due=None, today=NOW.date(), now=NOW)
    assert decisions.finding.owner == "ben"
    with pytest.raises(WrongUse, match="ben may not accept"):
        act(decisions, accept, may_accept(declaration, None), "why not", person="ben")
    assert decisions.finding.state == "open"


def test_an_approver_may_accept(decisions, declaration):
    decisions.sign(1, "fail", 2)
    named = declaration.model_copy(update={"approver": "ben"})
    act(decisions, accept, may_accept(named, None), "seen", person="ben")
    assert decisions.finding.evidence == "accepted by underwriters: seen"


@pytest.mark.parametrize("signature", ["0" * 64, None])
def test_an_acceptance_without_its_signature_counts_for_nothing(decisions, signature):
    decisions.sign(1, "fail", 2)
    forged = FindingEvent(
        key="x", finding=NAME, event="accepted", system="lending", control="house/FL-1", act=signature, at=NOW, said={}
    )
    with decisions.engine.begin() as connection:
        record_findings(connection, [forged])
    assert decisions.finding.state == "open"


def test_an_acceptance_counts_once_and_for_its_finding_only(decisions, declaration, engine):
    decisions.sign(1, "fail", 2)
    act(decisions, accept, may_accept(declaration, None), "seen")
    decisions.sign(2, "fail", 1)
    with reading(engine) as connection:
        taken = next(each for each in findings_recorded(connection) if each.event == "accepted")
    again = FindingEvent(
        key="again", finding=NAME, event="accepted", system="lending", act=taken.act, at=NOW, said={}
    )  # the signature of before, put in by hand
    with engine.begin() as connection:
        other = raise_concern(connection, declaration, "odd", None, None, NOW)
        elsewhere = FindingEvent(
            key="elsewhere", finding=other, event="accepted", system="lending", act=taken.act, at=NOW, said={}
        )
        record_findings(connection, [again, elsewhere])
    assert decisions.finding.state == "open"
    with reading(engine) as connection:
        assert known_findings(connection, decisions.crew.roster)[other].state == "open"


def test_an_acceptance_of_another_finding_counts_for_nothing(decisions, crew, engine):
    decisions.sign(1, "fail", 2)
    said = {"finding": "F-other", "why": "seen", "breaches": {"2026-10-01": 2}}
    with engine.begin() as connection:
        act = crew.hand(connection, "ann", NOW).sign("accept", "credit-risk", "lending", said, NOW)
        event = FindingEvent(key="x", finding=NAME, event="accepted", system="lending", act=act, at=NOW, said={})
        record_findings(connection, [event])
    assert decisions.finding.state == "open"


def test_what_is_closed_or_unsaid_cannot_be_accepted(decisions, declaration):
    entitled = may_accept(declaration, None)
    decisions.sign(1, "fail", 2)
    with pytest.raises(WrongUse, match="reason is empty"):
        act(decisions, accept, entitled, "  ")
    act(decisions, accept, entitled, "seen")
    with pytest.raises(WrongUse, match="closed already"):
        act(decisions, accept, entitled, "seen again")


def test_an_assignment_changes_what_it_names(population):
    population.sign(1, "fail")
    with population.engine.begin() as connection:
        today = NOW.date()
        assign(connection, population.finding, owner=None, action="Retrain", due=None, today=today, now=NOW)
        due = date(2026, 12, 1)
        assign(connection, population.finding, owner="models", action=None, due=due, today=today, now=NOW)
    found = population.finding
    assert (found.owner, found.action, found.due) == ("models", "Retrain", date(2026, 12, 1))
    with population.engine.begin() as connection, pytest.raises(WrongUse, match="is past"):
        assign(connection, found, owner=None, action=None, due=date(2026, 11, 1), today=NOW.date(), now=NOW)


# ---- incidents


@pytest.mark.parametrize(("kind", "due"), [("widespread", 4), ("death", 12), ("serious", 17)])
def test_a_control_with_an_incident_starts_its_clock(engine, crew, kind, due):
    nights = Nights(engine, crew, DECISIONS.model_copy(update={"incident": kind}))
    nights.sign(1, "fail", 1)
    (clock,) = nights.finding.clocks
    assert (clock.kind, clock.aware, clock.due) == (kind, date(2026, 11, 2), date(2026, 11, due))
    assert not clock.overdue(date(2026, 11, due))
    assert clock.overdue(date(2026, 11, due + 1))


def test_a_clock_runs_on_after_the_finding_is_closed_until_it_is_reported(engine, crew, declaration):
    nights = Nights(engine, crew, DECISIONS.model_copy(update={"incident": "serious"}))
    nights.sign(1, "fail", 1)
    nights.sign(1, "pass")
    nights.sign(2, "fail", 1)  # the same duty still runs
    assert [clock.reported for clock in nights.finding.clocks] == [None]
    with pytest.raises(WrongUse, match="ben may not report"):
        act(nights, report_incident, may_accept(declaration, None), "authority", person="ben")
    act(nights, report_incident, may_accept(declaration, None), "Market surveillance authority")
    (clock,) = nights.finding.clocks
    assert (clock.authority, clock.reported, clock.late(UTC)) == ("Market surveillance authority", nights.now, False)
    assert nights.finding.state == "open"  # reported is not mended
    with pytest.raises(WrongUse, match="No incident clock"):
        act(nights, report_incident, may_accept(declaration, None), "authority")
    nights.sign(2, "pass")
    nights.sign(3, "fail", 1)
    assert [clock.reported is None for clock in nights.finding.clocks] == [False, True]  # another incident


def test_a_clock_can_be_started_by_hand_once_a_kind(population):
    population.sign(1, "fail")

    def start(kind, aware):
        with population.engine.begin() as connection:
            start_clock(connection, population.finding, kind, aware, NOW.date(), NOW)

    start("serious", date(2026, 10, 30))
    start("death", date(2026, 11, 1))
    assert [clock.due for clock in population.finding.clocks] == [date(2026, 11, 14), date(2026, 11, 11)]
    with pytest.raises(WrongUse, match="running already"):
        start("death", date(2026, 11, 2))
    with pytest.raises(WrongUse, match="yet to come"):
        start("widespread", date(2026, 11, 3))


# ---- concerns


def test_a_concern_is_a_finding_of_its_own(engine, crew, declaration):
    with engine.begin() as connection:
        names = [raise_concern(connection, declaration, " It looks wrong. ", "D-1", None, NOW) for _ in range(2)]
    with reading(engine) as connection:
        known = known_findings(connection, crew.roster, "lending")
    assert list(known) == names
    found = known[names[0]]
    assert (found.control, found.text, found.decision, found.by, found.owner) == (
        None, "It looks wrong.", "D-1", None, "team:credit-risk",
    )  # fmt: skip
    assert found.due == date(2026, 11, 30)


@pytest.mark.parametrize("more", [("x" * 10_001, None), (None, "x" * 10_001)])
def test_a_concern_keeps_no_enormous_id_or_name(engine, declaration, more):
    with engine.begin() as connection, pytest.raises(WrongUse, match="10,001 characters"):
        raise_concern(connection, declaration, "odd", *more, NOW)


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001])
def test_an_empty_or_enormous_concern_is_refused(engine, declaration, text):
    with engine.begin() as connection, pytest.raises(WrongUse, match="text"):
        raise_concern(connection, declaration, text, None, None, NOW)


def test_a_finding_whose_opening_was_removed_is_told(decisions):
    decisions.sign(1, "fail", 2)
    decisions.sign(2, "fail", 1)
    with reading(decisions.engine) as connection:
        _, *rest = findings_recorded(connection)
    with pytest.raises(EvidenceError, match="not that it was opened"):
        findings_of(rest, [])


def test_no_events_are_no_findings():
    assert findings_of([], []) == {}
