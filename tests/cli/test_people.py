"""The commands of people, run as people would: real keys, a real store, a night that failed."""

import json
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from command import gov
from crew import Crew
from projects import declared, house, night_of, write_project

from gov_pipelines.cli import main
from gov_pipelines.evidence import generate
from gov_pipelines.people import finding_id
from gov_pipelines.pipeline import signing
from gov_pipelines.store import Home, open_store, pending, reading

DEFS = declared(
    """\
  source: {path: loans.csv}
  outcomes: {favorable: [yes], unfavorable: [no]}
  protected_attributes: {sex: {}}
"""
)
POLICY = house(
    """\
  - id: H-1
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1}
  - id: P-1
    text: Underwriters are trained each year.
    level: people
    obligation: {who: underwriters, every: 1 year, first_due: 2026-02-02}
  - id: P-2
    text: Only approved assistants are used.
    level: people
    obligation:
      who: traders
      tools: [{name: Helper, for: letters, approved_until: 2026-02-01}, {name: Other}]
""",
    owner="credit-risk",
    version=3,
)
NAME = finding_id("loans", "house/H-1")
SECRET = "Mr Jones of 5 High Street got a no"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project in which one night was missed, and three people are enrolled."""
    root = tmp_path_factory.mktemp("people")
    write_project(root, DEFS, POLICY, key=False)
    home = Home(root / ".gov")
    crew = Crew(open_store(home.store_url), root / "people")
    for person, role in (("ann", "underwriters"), ("ben", "credit-risk"), ("cid", "credit")):
        crew.enrol(person, role)
    signing.sign_missed(night_of(root, date(2026, 9, 1)), "the source did not answer")
    yield crew
    crew.engine.dispose()


@pytest.fixture
def run(place, monkeypatch):
    """The command in this process, which spares a second of imports a call."""
    root = place.folder.parent
    monkeypatch.chdir(root)
    monkeypatch.setenv("GOV_HOME", str(root / ".gov"))
    for name in ("GOV_STORE_URL", "GOV_PIPELINES_PROJECT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments, check=0):
        said, complained = StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(complained), pytest.raises(SystemExit) as end:
            main([str(each) for each in arguments])
        assert end.value.code == check, complained.getvalue()
        return SimpleNamespace(stdout=said.getvalue(), stderr=complained.getvalue())

    return call


@pytest.fixture
def as_(place):
    """The options with which somebody signs."""
    return lambda person: ("--as", person, "--key", str(place.folder / person))


def shown(run, name=NAME):
    return json.loads(run("findings", "show", name, "--json").stdout)


def test_a_finding_is_listed_assigned_made_an_incident_reported_and_accepted(run, as_):
    (listed,) = json.loads(run("findings", "list", "--json").stdout)
    assert (listed["id"], listed["state"], listed["owner"], listed["occurrences"]) == (NAME, "open", "team:credit", 1)
    assert (listed["partition"], listed["due"] > listed["opened_at"][:10]) == ("2026-09-01", True)
    assert NAME in run("findings").stdout
    assert NAME in run("findings", "loans").stdout

    run("findings", "assign", NAME, "--owner", "models", "--action", "Mend the source")
    assert (shown(run)["owner"], shown(run)["action"]) == ("models", "Mend the source")

    today = datetime.now(UTC).date()
    started = run("findings", "incident", NAME, "--kind", "death", "--aware", today - timedelta(days=11)).stdout
    assert f"death incident, report by {today - timedelta(days=1)} OVERDUE" in started
    refused = run("findings", "report", NAME, "--to", "the authority", *as_("ann"), check=2)
    assert "ann may not report" in refused.stderr
    assert "reported LATE" in run("findings", "report", NAME, "--to", "the authority", *as_("cid")).stdout

    assert "ann may not accept" in run("findings", "accept", NAME, "--why", "x", *as_("ann"), check=2).stderr
    run("findings", "accept", NAME, "--why", "the source is gone", *as_("cid"))
    assert (shown(run)["state"], shown(run)["evidence"]) == ("closed", "accepted by credit: the source is gone")
    assert NAME not in run("findings").stdout
    assert NAME in run("findings", "--all").stdout
    assert "closed already" in run("findings", "accept", NAME, "--why", "x", *as_("cid"), check=2).stderr


def test_a_concern_is_read_by_who_asks_for_it_and_by_nobody_else(run, place):
    name = json.loads(
        run(
            "concern", "--system", "loans", "--text", f"{SECRET}\x08", "--decision", "D-77", "--as", "zoe", "--json"
        ).stdout
    )["finding"]
    assert (shown(run, name)["text"], shown(run, name)["decision"]) == (f"{SECRET}\x08", "D-77")
    said = run("findings", "show", name).stdout
    assert SECRET in said
    assert "\x08" not in said
    listed = run("findings").stdout + run("findings", "list", "--all", "--json").stdout
    assert name in listed
    with reading(place.engine) as connection:
        told = [str(row.alert) for row in pending(connection)]
    assert sum(name in each for each in told) == 1
    for word in (SECRET, "D-77", "zoe"):
        assert word not in listed
        assert not [each for each in told if word in each]


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_000])
def test_an_empty_or_enormous_concern_is_refused(run, text):
    assert "The text" in run("concern", "--system", "loans", "--text", text, check=2).stderr


def test_a_concern_about_no_system_is_refused(run):
    assert "There is no system `lones`" in run("concern", "--system", "lones", "--text", "x", check=2).stderr


def test_obligations_are_shown_attested_and_told(run, as_):
    words = run("obligations").stdout
    assert "house/P-1  periodic duty, underwriters: Underwriters are trained each year." in words
    assert "never attested; escalated to credit-risk" in words
    assert "tool: Helper, for letters: RAN OUT on 2026-02-01" in words
    assert "tool: Other: approved" in words
    assert "nobody is enrolled as traders" in words
    duty, tools = json.loads(run("obligations", "--json").stdout)
    assert (duty["person"], duty["state"], duty["due"], duty["working_days_overdue"] > 100) == (
        "ann", "overdue", "2026-02-02", True,
    )  # fmt: skip
    assert (tools["state"], tools["tools"][0]["name"]) == ("nobody enrolled", "Helper")

    assert "1 new alerts" in run("obligations", "--tell").stdout
    assert "0 new alerts" in run("obligations", "--tell").stdout

    assert "ben may not attest" in run("attest", "house/P-1", *as_("ben"), check=2).stderr
    done = json.loads(run("attest", "house/P-1", *as_("ann"), "--note", "course 17", "--json").stdout)
    assert (done["version"], done["next_due"][:4]) == (3, str(datetime.now(UTC).year + 1))
    assert json.loads(run("obligations", "--json").stdout)[0]["state"] == "done"


def test_wrong_clauses_keys_and_people_are_told(run, as_, place, tmp_path):
    assert "Did you mean" in run("attest", "house/P-11", *as_("ann"), check=2).stderr
    assert "zoe is not enrolled" in run("attest", "house/P-1", "--as", "zoe", *as_("ann")[2:], check=2).stderr
    assert "not the one ann is enrolled with" in run("attest", "house/P-1", *as_("ben"), "--as", "ann", check=2).stderr
    generate(tmp_path / "other", name="ann", created=datetime.now(UTC))
    run("attest", "house/P-1", "--as", "ann", "--key", tmp_path / "other", check=2)
    run("attest", "house/P-1", "--as", "ann", "--key", tmp_path / "absent", check=2)
    assert "There is no finding F-0" in run("findings", "show", "F-0", check=2).stderr


def test_a_waiver_takes_two_people(run, as_):
    until = datetime.now(UTC).date() + timedelta(days=90)
    ask = ("waive", "house/H-1", "--system", "loans", "--why", "no rows yet")
    asked = run(*ask, "--until", until, *as_("ann")).stdout
    (waiver,) = json.loads(run("waive", "list", "--json").stdout)
    short = waiver["id"][:12]
    assert short in asked
    assert waiver["state"] == "waits for a second signature"
    assert "cid may not countersign" in run("waive", "countersign", short, *as_("cid"), check=2).stderr
    assert "Another person countersigns" in run("waive", "countersign", short, *as_("ann"), check=2).stderr
    run("waive", "countersign", short, *as_("ben"))
    listed = run("waive", "list").stdout
    assert "in force" in listed
    assert "ann, countersigned by ben" in listed
    assert "countersigned by ben already" in run("waive", "countersign", short, *as_("ben"), check=2).stderr

    for day in (date(2026, 1, 1), until + timedelta(days=400)):
        assert "a year at most" in run(*ask, "--until", day, *as_("ann"), check=2).stderr
    wrong = ("waive", "house/H-7", "--system", "loans", "--why", "x", "--until", until, *as_("ann"))
    assert "has a clause `house/H-7`" in run(*wrong, check=2).stderr
    assert "There is no waiver" in run("waive", "countersign", "0" * 12, *as_("ben"), check=2).stderr


def test_a_home_without_a_key_is_told_so_and_gets_no_store(place):
    root = place.folder.parent
    done = gov("obligations", home=root / "elsewhere", cwd=root, env={"GOV_STORE_URL": ""}, check=2)
    assert "no root of trust" in done.stderr
    assert not Path(root / "elsewhere" / "store.db").exists()
