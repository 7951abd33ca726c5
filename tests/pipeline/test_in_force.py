"""Which text governs a day, and what becomes of audited days when another one does: whole nights on a small real system."""

from datetime import UTC, date, datetime, timedelta

import pytest
from command import told

from gov_pipelines.errors import GovError
from gov_pipelines.evidence import read_package, verify
from gov_pipelines.pipeline.overdue import overdue
from gov_pipelines.pipeline.revisions import revision_reasons
from gov_pipelines.store import reading, record_policy, snapshot_of

from .test_real_nights import FIRST, POLICY, audit, days, night, project, row, said, write

__all__ = ["project"]  # the fixture
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
OPEN = "in_force: {from: 2026-01-01}"


def change(folder, until=None, begins=None, **second):
    """Close version 1, and write version 2."""
    (folder / "expectations" / "house.yaml").write_text(
        POLICY.replace(OPEN, f"in_force: {{from: 2026-01-01, until: {until}}}") if until else POLICY
    )
    if begins:
        text = POLICY.replace("version: 1", "version: 2").replace(OPEN, f"in_force: {{from: {begins}}}")
        for old, new in second.items():
            text = text.replace(old, new)
        (folder / "expectations" / "house2.yaml").write_text(text)


def signed(folder, day):
    one = night(folder, day)
    with reading(one.store) as connection:
        found = snapshot_of(connection, "loans", day)
    return found, read_package(one.home.root / found.path).predicate


def again(folder, **options):
    one = night(folder)
    asked = {"before": date(2026, 9, 4), "as_of": datetime(2026, 9, 4, 2, tzinfo=UTC)} | options
    return overdue(one.home, one.declaration, one.policies, **asked)


@pytest.mark.parametrize(("hours", "retroactive"), [(-1, False), (0, False), (1, True)])
def test_a_policy_recorded_after_the_windows_end_makes_a_snapshot_retroactive(project, hours, retroactive):
    # Version 2 begins with the window's last day, which ends at midnight; its control looks back over three days.
    change(project, until=THIRD, begins=THIRD)
    for day in days(2):
        audit(project, day)
    one = night(project, THIRD)
    end = datetime(2026, 9, 4, tzinfo=UTC)
    with one.store.begin() as connection:
        for policy in one.policies:
            record_policy(connection, policy, end + timedelta(hours=hours))
    audit(project, THIRD)
    found, predicate = signed(project, THIRD)
    assert (found.retroactive, predicate["retroactive"]) == (retroactive, retroactive)
    control = said(project, THIRD)["H-1"]
    assert (control.policy_version, control.window_start.date()) == (2, FIRST)  # in force at the window's end
    assert said(project, SECOND)["H-1"].policy_version == 1
    assert signed(project, SECOND)[1]["revisionReasons"] == []


def test_a_version_that_begins_in_the_past_has_its_days_audited_again_and_each_says_so(project):
    for day in days(3):
        audit(project, day)
    assert not again(project)
    change(project, until=SECOND, begins=SECOND, **{"at_most: 0.1": "at_most: 0.2"})
    assert again(project) == dict.fromkeys([SECOND, THIRD], "policy changed: house@2")
    assert [*again(project, before=THIRD)] == [SECOND]
    for day in (SECOND, THIRD):
        audit(project, day)
        found, predicate = signed(project, day)
        assert (found.revision, found.retroactive) == (2, True)
        assert predicate["revisionReasons"] == ["policy house: version 1 -> version 2"]
        assert said(project, day)["H-1"].policy_version == 2
    assert not again(project)
    assert signed(project, FIRST)[0].revision == 1  # closing version 1 changed nothing for its own days
    checked = verify.verify(project / ".gov" / "evidence")
    assert checked.ok, checked.failures


def test_a_closed_policy_leaves_its_days_and_they_say_so(project):
    for day in days(2):
        audit(project, day)
    change(project, until=SECOND)
    assert again(project) == {SECOND: "policy changed: house@1 no longer in force"}
    audit(project, SECOND)
    assert signed(project, SECOND)[1]["revisionReasons"] == ["policy house: version 1 -> none"]
    assert not again(project)
    audit(project)  # asked for: the text is the same, but its end is new
    assert signed(project, FIRST)[1]["revisionReasons"] == ["policy house: version 1 in force until open -> 2026-09-02"]


def test_a_removed_policy_is_found_and_a_missed_day_is_not_asked_for(project):
    from gov_pipelines.pipeline import signing  # noqa: PLC0415  (only here)

    audit(project)
    signing.sign_missed(night(project, SECOND), "the disk was full")
    one = night(project)
    (one.folder.parent / SECOND.isoformat()).mkdir()
    (project / "expectations" / "house.yaml").unlink()
    assert [*again(project)] == [FIRST]


def test_a_later_audit_names_the_days_that_another_text_governs_and_why_before_it_audits_them(project):
    for day in days(3):
        audit(project, day)
    change(project, until=SECOND, begins=SECOND)
    asked, announced, unasked = told(
        "audit", "loans", "--date", THIRD, home=project / ".gov", cwd=project, check=0
    ).stdout.splitlines()[:3]
    assert asked.startswith(f"{THIRD}  signed")
    assert announced == "loans  earlier partitions to audit again: 1; policy changed: house@2 (1)"
    assert unasked.startswith(f"{SECOND}  signed")
    assert unasked.endswith("(again: policy changed: house@2)")
    assert signed(project, SECOND)[1]["revisionReasons"] == [
        "policy house: version 1 -> version 2",
        "as of: 2026-09-03T02:00:00Z -> 2026-09-04T02:00:00Z",
    ]


def test_a_range_finds_the_clocks_that_ran_out_within_it(project):
    policy = project / "expectations" / "house.yaml"
    policy.write_text(POLICY.replace("within: 10 days", "within: 24 hours"))
    write(project, [row(n, told="never" if n in {4, 24} else "same day") for n in range(30)])
    home = project / ".gov"
    done = told("audit", "loans", "--from", FIRST, "--to", THIRD, home=home, cwd=project, check=1)
    *asked, announced, unasked = done.stdout.splitlines()[:5]
    assert [line.split()[0] for line in asked] == [str(day) for day in days(3)]
    assert announced == "loans  earlier partitions to audit again: 1; a clock ran out (1)"
    assert unasked.startswith(f"{FIRST}  signed")
    assert [said(project, day)["H-2"].verdict for day in days(3)] == ["fail", "pass", "pass"]  # the third's clock runs


def test_a_revision_names_its_data_its_declaration_and_its_instant(project):
    audit(project)
    write(project, [row(n) for n in range(31)] + [row(31, day=0)])
    defs = project / "assets" / "loans" / "defs.yaml"
    defs.write_text(defs.read_text().replace("risk: high", "risk: minimal"))
    audit(project, as_of=datetime(2026, 9, 5, tzinfo=UTC))
    assert signed(project, FIRST)[1]["revisionReasons"] == [
        "decisions: 1 late",
        "input loans.csv: 10 rows -> 11 rows",
        "declaration: changed",
        "as of: 2026-09-02T02:00:00Z -> 2026-09-05T00:00:00Z",
    ]
    write(project, [row(n, told="later") for n in range(31)] + [row(31, day=0)])
    audit(project, as_of=datetime(2026, 9, 6, tzinfo=UTC))
    assert signed(project, FIRST)[1]["revisionReasons"][:2] == [
        "decisions: 10 corrected",
        "input loans.csv: other content in 11 rows",
    ]


def test_a_revision_without_any_such_change_says_where_else_to_look(project):
    audit(project)
    predicate = signed(project, FIRST)[1]
    (told,) = revision_reasons(predicate, predicate, {})
    assert "other days of its windows" in told
    (told,) = revision_reasons({**predicate, "missed": {"reason": "x"}}, predicate, {})
    assert told == "audited: the day was missed before"


def test_a_version_that_governed_earlier_days_cannot_be_edited_unseen(project):
    change(project, until=SECOND, begins=SECOND)
    for day in days(2):
        audit(project, day)
    first = project / "expectations" / "house.yaml"
    first.write_text(first.read_text().replace("at_most: 0.1", "at_most: 0.9"))
    with pytest.raises(GovError, match="house version 1 was changed after it was used"):
        audit(project, THIRD)  # version 2 governs it
