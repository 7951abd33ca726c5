"""Whole nights on a small real system: what must never pass, be lost, or be signed over."""

from datetime import UTC, date, datetime, timedelta

import pytest
from projects import STEPS, declared, house, night_of, write_project

from gov_pipelines.errors import EvidenceError, GovError, WrongUse
from gov_pipelines.evidence import verify
from gov_pipelines.pipeline import AuditHome, signing
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.overdue import overdue
from gov_pipelines.store import all_snapshots, drop_verdicts, pending, reading, verdicts_of

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
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1, window: 3 days}
  - id: H-2
    text: People hear within ten days.
    level: output
    control: {kind: deadline, from: completed_at, to: notice_sent_at, within: 10 days}
"""
)
FIRST = date(2026, 9, 1)


@pytest.fixture
def project(tmp_path):
    """Three days of ten decisions, five of each sex; everyone is told at once."""
    write_project(tmp_path, DEFS, POLICY)
    write(tmp_path, [row(n) for n in range(30)])
    return tmp_path


def row(n, *, day=None, told="same day", ident=None):
    day = day if day is not None else n // 10
    at = datetime(2026, 9, 1 + day, 9, n % 10)
    heard = {"same day": at + timedelta(hours=1), "later": at + timedelta(days=3), "never": ""}[told]
    return f"{ident or f'L{n}'},{at.isoformat()},{'yes' if n % 3 else 'no'},{'f' if n % 2 else 'm'},{at.isoformat()},{heard}"


def write(project, rows):
    (project / "loans.csv").write_text("\n".join(["id,at,d,sex,completed,told", *rows]) + "\n")


def night(project, day=FIRST, as_of=None):
    return night_of(project, day, as_of=as_of)


def reach(one):
    """Every step but the signing; the answer of the log's own check."""
    read, *_ = [step(one) for step in STEPS]
    return read.answer


def audit(project, day=FIRST, as_of=None):
    one = night(project, day, as_of)
    answer = reach(one)
    signing.sign(one)
    return answer


def said(project, day):
    one = night(project, day)
    with reading(one.store) as connection:
        return {each.clause: each for each in verdicts_of(connection, "loans", day)}


def days(count):
    return [FIRST + timedelta(days=n) for n in range(count)]


def test_a_day_on_which_nothing_arrived_is_missing_and_a_hole_in_later_windows(project):
    write(project, [row(n) for n in range(30) if n // 10 != 1])
    for day in days(3):
        audit(project, day)
    assert {each.verdict for each in said(project, FIRST + timedelta(days=1)).values()} == {"missing"}
    later = said(project, FIRST + timedelta(days=2))
    assert later["H-1"].verdict == "insufficient"
    assert "2 of the window's 3 partitions" in later["H-1"].reason
    assert later["H-2"].verdict == "pass"  # its window is the day itself


def test_undated_rows_fail_the_logs_check_and_count_as_unusable(project):
    rows = [row(n) for n in range(30)]
    write(project, [each if n % 5 else each.replace("2026-09-01T", "09/01/2026 ", 1) for n, each in enumerate(rows)])
    answer = audit(project)
    assert not answer.passed
    assert "undated rows belong to no day" in answer.description
    assert said(project, FIRST)["H-1"].verdict == "fail"


def test_a_decision_that_stands_on_two_days_is_told(project):
    audit(project)
    write(project, [*(row(n) for n in range(30)), row(3, day=1)])
    answer = audit(project, FIRST + timedelta(days=1))
    assert not answer.passed
    assert "1 also stand in the log of 2026-09-01" in answer.description


def test_a_snapshot_signed_alone_says_missing_for_every_control(project):
    one = night(project)
    reach(one)
    with one.store.begin() as connection:
        drop_verdicts(connection, "loans", FIRST, 1)
    signing.sign(one)
    assert {each.verdict for each in said(project, FIRST).values()} == {"missing"}
    with reading(one.store) as connection:
        assert {each.alert.transition for each in pending(connection)} == {"missing"}


def test_a_package_left_by_a_crash_does_not_break_the_chain_of_another_day(project, monkeypatch):
    def crash(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(signing, "record_snapshot", crash)
        with pytest.raises(RuntimeError, match="killed"):
            audit(project)
    audit(project, FIRST + timedelta(days=1))
    assert verify.verify(project / ".gov" / "evidence").ok
    audit(project)
    found = verify.verify(project / ".gov" / "evidence")
    assert found.ok, found.failures
    with reading(night(project).store) as connection:
        assert [each.sequence for each in all_snapshots(connection, "loans")] == [1, 2]


def test_a_revision_signed_and_never_recorded_is_recorded_by_the_next_night(project, monkeypatch):
    audit(project)
    audit(project, FIRST + timedelta(days=1))
    write(project, [row(n, told="later") for n in range(30)])
    with monkeypatch.context() as patched:
        patched.setattr(signing, "record_snapshot", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            audit(project)
    one = night(project)
    graph, home = SystemGraph(one.declaration, one.policies), AuditHome(project=str(project), home=str(one.home.root))
    asked = {"before": FIRST + timedelta(days=1), "as_of": one.as_of}
    assert home.overdue(graph, **asked) == {FIRST: "signed and not recorded"}
    audit(project)
    assert home.overdue(graph, **asked) == {}
    with reading(one.store) as connection:
        assert [each.revision for each in all_snapshots(connection, "loans")] == [1, 1, 2]


def test_evidence_that_the_store_does_not_know_is_never_signed_over(project):
    for day in days(3):
        audit(project, day)
    before = {path: path.read_bytes() for path in (project / ".gov" / "evidence").rglob("*") if path.is_file()}
    for file in (project / ".gov").glob("store.db*"):
        file.unlink()
    steps._opened.cache_clear()
    write(project, [row(n, told="later") for n in range(30)])
    with pytest.raises(EvidenceError, match="the store was lost or is an older copy"):
        audit(project, FIRST + timedelta(days=2))
    assert {path: path.read_bytes() for path in before} == before


def test_a_policy_edited_under_a_used_version_is_refused(project):
    audit(project)
    policy = project / "expectations" / "house.yaml"
    policy.write_text(POLICY.replace("at_most: 0.1", "at_most: 0.9"))
    with pytest.raises(GovError, match="house version 1 was changed after it was used"):
        audit(project, FIRST + timedelta(days=1))
    missed = night(project, FIRST + timedelta(days=1))
    signing.sign_missed(missed, "the policy was edited")
    found = verify.verify(project / ".gov" / "evidence")
    assert found.ok, found.failures


def test_a_control_that_is_dropped_by_a_new_version_stops_nothing(project):
    policy = project / "expectations" / "house.yaml"
    write(
        project,
        [
            *(row(n, told="later" if n < 10 else "same day") for n in range(30)),
            *["x,2026-09-01T10:00:00,maybe,f,,"] * 9,
        ],
    )
    audit(project)
    assert said(project, FIRST)["H-1"].verdict == "fail"
    policy.write_text(POLICY.replace("in_force: {from: 2026-01-01}", "in_force: {from: 2026-01-01, until: 2026-09-02}"))
    head, _, tail = POLICY.partition("  - id: H-1")
    newer = (
        head.replace("version: 1", "version: 2").replace("2026-01-01", "2026-09-02") + tail[tail.index("  - id: H-2") :]
    )
    (project / "expectations" / "house2.yaml").write_text(newer)
    audit(project, FIRST + timedelta(days=1))
    rows = said(project, FIRST + timedelta(days=1))
    assert (rows["H-1"].verdict, rows["H-1"].reason) == ("not_applicable", "Not in force on this day.")
    assert rows["H-2"].verdict == "pass"
    with reading(night(project).store) as connection:
        assert [(each.alert.control, each.alert.transition) for each in pending(connection)] == [
            ("house/H-1", "failing"),
            ("house/H-2", "undecided"),  # for the digest: its window has a single day
        ]
    assert verify.verify(project / ".gov" / "evidence").ok


def test_an_earlier_as_of_cannot_unsay_what_was_known(project):
    audit(project)
    with pytest.raises(WrongUse, match="would forget"):
        audit(project, as_of=datetime(2026, 9, 1, 12, tzinfo=UTC))


def test_pending_decisions_whose_clock_ran_out_name_their_day(project):
    write(project, [row(n, told="never" if n == 4 else "same day") for n in range(30)])
    audit(project)
    one = night(project)
    soon, late = datetime(2026, 9, 5, tzinfo=UTC), datetime(2026, 9, 20, tzinfo=UTC)
    asked = {"before": date(2026, 9, 19)}
    assert list(overdue(one.home, one.declaration, one.policies, as_of=soon, **asked)) == []
    assert list(overdue(one.home, one.declaration, one.policies, as_of=late, **asked)) == [FIRST]
    audit(project, as_of=late)
    assert said(project, FIRST)["H-2"].verdict == "fail"
    assert said(project, FIRST)["H-2"].revision == 2
    assert list(overdue(one.home, one.declaration, one.policies, as_of=late, **asked)) == []
