"""Alarms of a real project: which nights count, who shares the error, and that a day audited again corrects the evidence."""

import os
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from gov_pipelines.pipeline import measuring
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import alarms_of_year, load_declaration, load_policies
from gov_pipelines.store import Home

DEFS = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: {system}
  owner: team:credit
  purpose: Decide on loans.
  risk: high
  zone: UTC
  starts: 2025-12-01
  source: {{path: loans.parquet}}
  columns: {{decision_id: id, decided_at: at, decision: d}}
  outcomes: {{favorable: [yes], unfavorable: [no]}}
  protected_attributes: {{sex: {{}}}}
  fields: {{region: {{type: category}}}}
  policies: [house]
"""
POLICY = """\
policy: house
version: {version}
in_force: {{from: {since}{until}}}
owner: credit
document: {{title: House rules}}
clauses:
  - id: H-1
    text: Women's approval rate is not below four fifths of men's.
    level: runtime
    control: {{kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, window: 7 days, test: {{error_over: {over}}}}}
  - id: H-2
    text: Regions stay as in December.
    level: runtime
    control:
      kind: drift
      of: [region]
      at_most: 0.05
      window: 7 days
      reference: {{from: 2025-12-28, until: 2026-01-01}}
      test: {{error_over: year}}
"""
FIRST, DAYS = date(2025, 12, 28), 15
CHANGED = date(2026, 1, 5)


def rows(day, women):
    """Fifty decisions a day: of 25 men 16 are approved, and of 25 women so many; from one day on all women live in the north."""
    for number in range(50):
        woman = number % 2
        approved = number // 2 < (women if woman else 16)
        region = "north" if day >= CHANGED and woman else "south" if number % 4 else "north"
        at = datetime(day.year, day.month, day.day, 9, number, tzinfo=UTC)
        yield f"{day}-{number}", at, "yes" if approved else "no", "fm"[1 - woman], region


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Two systems under one policy, of which the second is never audited; the first for some weeks around New Year."""
    root = tmp_path_factory.mktemp("project")
    for system in ("loans", "leases"):
        (root / "assets" / system).mkdir(parents=True)
        (root / "assets" / system / "defs.yaml").write_text(DEFS.format(system=system))
    (root / "expectations").mkdir()
    (root / "expectations" / "house.yaml").write_text(
        POLICY.format(version=1, since="2025-01-01", until="", over="year")
    )
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        audit(root, day, 7 if day >= CHANGED else 15)
    return root


def night(root, day):
    policies, mistakes = load_policies(root / "expectations")
    assert not mistakes
    declaration = load_declaration(root / "assets" / "loans" / "defs.yaml")
    as_of = datetime(2026, 3, 1, tzinfo=UTC)
    environ = dict(os.environ) | {"GOV_STORE_URL": ""}
    return Night(Home(root / ".gov"), root, declaration, policies, day, as_of=as_of, environ=environ)


def audit(root, day, women):
    schema = {"id": pl.String, "at": pl.Datetime("us", "UTC"), "d": pl.String, "sex": pl.String, "region": pl.String}
    pl.DataFrame(list(rows(day, women)), schema=schema, orient="row").write_parquet(root / "loans.parquet")
    one = night(root, day)
    for step in (steps.read_decisions, steps.judge, steps.read_access, measuring.tally):
        step(one)


def measured(root, day):
    """The rows of women and of regions on one night."""
    one = night(root, day)
    measuring.measure_fairness(one)
    measuring.measure_shift(one)
    (woman,) = (row for row in one.read_json("fairness_metrics.json")["house/H-1"] if row["group"] == {"sex": "f"})
    (region,) = one.read_json("distribution_shift.json")["measurements"]["house/H-2"]
    return woman, region


def test_the_year_of_a_night_is_its_own_and_all_controls_of_all_systems_share_it(project):
    newest = night(project, FIRST + timedelta(days=DAYS - 1)).year
    assert min(newest.counted) == date(2026, 1, 1)
    assert (len(newest.counted), len(newest.nights), newest.shared, newest.first) == (11, 365, 4, 4)
    old = night(project, date(2025, 12, 31)).year
    assert (len(old.counted), len(old.nights)) == (4, 31)  # the system began in December


def test_a_change_alarms_says_when_it_began_and_goes_when_the_days_are_audited_again(project):
    before, _ = measured(project, CHANGED - timedelta(days=1))
    assert before["p_adjusted"] == 1
    woman, region = measured(project, FIRST + timedelta(days=DAYS - 1))
    for row in (woman, region):
        assert row["p_adjusted"] <= 0.05
        assert row["p_adjusted"] == pytest.approx(8 / row["e_value"])
        assert "changed about 2026-01-0" in row["note"]
        assert "of 365 nights of the year shared by 4 alarms" in row["method"]
    for number in range(DAYS):
        if (day := FIRST + timedelta(days=number)) >= CHANGED:
            audit(project, day, 15)
    woman, _ = measured(project, FIRST + timedelta(days=DAYS - 1))
    assert woman["p_adjusted"] == 1


def test_a_system_that_joins_counts_from_its_first_day_and_leaves_what_was_before(project):
    late = project / "assets" / "late"
    late.mkdir()
    try:
        text = DEFS.format(system="late").replace("2025-12-01", "2026-01-08")
        (late / "defs.yaml").write_text(text)
        years = [night(project, date(2026, 1, day)).year for day in (7, 8)]
        assert [(year.shared, year.first) for year in years] == [(4, 4), (6, 4)]
        assert [year.divisor for year in years] == [8, 18]
    finally:
        (late / "defs.yaml").unlink()
        late.rmdir()


def test_a_night_audited_late_takes_its_own_place_in_the_year(project):
    last, gap = FIRST + timedelta(days=DAYS - 1), date(2026, 1, 3)
    folder = night(project, gap).folder
    there, _ = measured(project, last)
    (folder / "tally.json").rename(folder / "tally.later")
    before = measured(project, gap - timedelta(days=1))[0]
    without, _ = measured(project, last)
    (folder / "tally.later").rename(folder / "tally.json")
    assert measured(project, gap - timedelta(days=1))[0] == before
    assert measured(project, last)[0] == there != without
    assert "10 of 365 nights" in without["method"]


def test_what_a_control_has_spent_in_a_year_stays_spent(project):
    declared = [load_declaration(project / "assets" / name / "defs.yaml") for name in ("loans", "leases")]
    folder = project / "versions"
    folder.mkdir()
    versions = [(1, "2025-01-01", ", until: 2026-05-01", "year"), (2, "2026-05-01", "", "night")]
    for version, since, until, over in versions:
        text = POLICY.format(version=version, since=since, until=until, over=over)
        (folder / f"house-{version}.yaml").write_text(text)
    policies, mistakes = load_policies(folder)
    assert not mistakes
    days = (date(2024, 12, 31), date(2026, 4, 30), date(2026, 12, 31), date(2027, 1, 1))
    assert [alarms_of_year(policies, declared, day) for day in days] == [0, 4, 4, 2]
