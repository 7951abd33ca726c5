"""The coverage matrix: every gap has its reason, a failing control is red and no gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from gov_pipelines.policy import LastVerdict, coverage_matrix, last_verdict, load_declaration, load_policy

TODAY = date(2026, 10, 5)
DUE = date(2026, 10, 4)


@dataclass
class Row:
    partition: date
    verdict: str
    breaches: int = 0
    window: timedelta = timedelta(days=1)

    window_end = datetime(2026, 11, 1, tzinfo=UTC)

    @property
    def window_start(self):
        return self.window_end - self.window


WAIVED = "until 2026-10-31 by k.ito, countersigned by m.osei: the reviewers' tool is down"


def matrix(files, *, last=None, today=TODAY, waived=()):
    policy, declaration = load_policy(files.policy), load_declaration(files.defs)
    verdicts = {("hiring", f"house-hiring/{clause}"): verdict for clause, verdict in (last or {}).items()}
    waivers = {("hiring", f"house-hiring/{clause}"): WAIVED for clause in waived}
    cells = coverage_matrix([policy], [declaration], verdicts, today=today, waivers=waivers)
    return {cell.clause: cell for cell in cells}


def fresh(verdict="pass", **more):
    return LastVerdict(verdict, DUE, DUE - timedelta(days=3), partitions=4, **more)


def test_every_clause_of_a_named_policy_is_a_cell(files):
    cells = matrix(files)
    assert list(cells) == ["H-1", "H-2", "H-3"]
    assert {(cell.system, cell.policy) for cell in cells.values()} == {("hiring", "house-hiring")}


def test_a_control_with_a_fresh_verdict_is_no_gap(files):
    cell = matrix(files, last={"H-2": fresh()})["H-2"]
    assert (cell.state, cell.risk, cell.waiver) == ("working", 0, None)
    assert (cell.gap, cell.acts, cell.control_kind, cell.verdict) == (None, "holds", "human_review", "pass")
    assert (cell.last_partition, cell.age_days) == (DUE, 0)
    assert cell.sentence == "H-2 in hiring: human_review holds; pass since 2026-10-01."


def test_a_failing_control_is_red_and_not_a_gap(files):
    red = fresh("fail", breaches=2, last_breach=DUE, breach_days=1)
    cell = matrix(files, last={"H-2": red})["H-2"]
    assert (cell.state, cell.gap, cell.verdict, cell.breaches) == ("failing", None, "fail", 2)
    assert cell.since == date(2026, 10, 1)
    assert cell.last_breach == DUE
    assert (
        cell.sentence == "H-2 in hiring: human_review holds; fail since 2026-10-01; 2 decisions outside, on 2026-10-04."
    )


def test_a_breach_does_not_heal_because_the_next_day_is_clean(files):
    days = [date(2026, 9, day) for day in range(22, 27)]
    rows = [Row(day, "fail" if count else "pass", count) for day, count in zip(days, [1, 1, 1, 0, 0], strict=True)]
    verdict = last_verdict(rows)
    assert (verdict.verdict, verdict.since, verdict.partitions) == ("pass", days[3], 2)
    assert (verdict.breaches, verdict.last_breach, verdict.breach_days) == (3, days[2], 3)
    cell = matrix(files, last={"H-2": verdict}, today=date(2026, 9, 27))["H-2"]
    assert (cell.verdict, cell.breaches, cell.last_breach, cell.gap) == ("pass", 3, days[2], None)
    assert cell.sentence == (
        "H-2 in hiring: human_review holds; pass since 2026-09-25; "
        "3 decisions outside on 3 days, the last on 2026-09-24."
    )


def test_longer_windows_overlap_so_only_the_newest_counts(files):
    days = [date(2026, 10, day) for day in (3, 4)]
    rows = [Row(day, "fail", 4, timedelta(days=30)) for day in days]
    verdict = last_verdict(rows)
    assert (verdict.breaches, verdict.last_breach) == (4, days[1])
    assert last_verdict([*rows, Row(date(2026, 10, 5), "pass", 0, timedelta(days=30))]).last_breach is None
    sentence = matrix(files, last={"H-1": verdict})["H-1"].sentence
    assert sentence.endswith("4 decisions outside in the window (30 days) that ends with 2026-10-04.")


def test_an_obligation_alone_is_a_gap(files):
    cell = matrix(files)["H-3"]
    assert (cell.gap, cell.obligation, cell.acts) == ("human only", "recruiters", None)
    assert "recruiters owe an attestation every 1 year" in cell.sentence


def test_nothing_at_all_is_a_gap(files):
    files.change(files.policy, "    obligation: {who: recruiters, every: 1 year}\n", "")
    cell = matrix(files)["H-3"]
    assert (cell.gap, cell.obligation) == ("no control", None)


@pytest.mark.parametrize(
    ("age", "gap"), [(0, None), (2, None), (3, "stale")], ids=["as due", "two days behind", "three days behind"]
)
def test_a_verdict_more_than_two_days_behind_is_stale(files, age, gap):
    partition = DUE - timedelta(days=age)
    cell = matrix(files, last={"H-2": LastVerdict("pass", partition, partition)})["H-2"]
    assert (cell.gap, cell.age_days) == (gap, age)


def test_a_control_that_never_spoke_is_stale(files):
    cell = matrix(files)["H-1"]
    assert (cell.gap, cell.verdict) == ("stale", None)
    assert "has never given a verdict" in cell.sentence


def test_the_newest_partition_due_is_the_last_before_the_system_ends(files):
    files.change(files.defs, "starts: 2026-09-01", "starts: 2026-09-01\n  ends: 2026-09-11")
    last = {"H-2": LastVerdict("pass", date(2026, 9, 10), date(2026, 9, 1), partitions=10)}
    assert matrix(files, last=last, today=date(2027, 1, 1))["H-2"].gap is None


@pytest.mark.parametrize(("partitions", "gap"), [(29, None), (30, "long insufficient")])
def test_thirty_partitions_without_an_answer_are_a_gap(files, partitions, gap):
    days = [DUE - timedelta(days=number) for number in range(partitions)]
    verdict = last_verdict([Row(day, "insufficient") for day in days])
    assert matrix(files, last={"H-1": verdict})["H-1"].gap == gap


@pytest.mark.parametrize("newest", ["insufficient", "not_applicable"])
def test_days_without_a_case_between_them_do_not_hide_that(files, newest):
    days = [DUE - timedelta(days=number) for number in range(70)]
    other = {"insufficient": "not_applicable", "not_applicable": "insufficient"}[newest]
    verdict = last_verdict([Row(day, other if place % 2 else newest) for place, day in enumerate(days)])
    cell = matrix(files, last={"H-1": verdict})["H-1"]
    assert cell.gap == "long insufficient"
    assert "for 35 partitions in a row, since 2026-07-2" in cell.sentence


def test_a_control_without_a_limit_cannot_fail(files):
    files.control("{kind: fairness, metric: impact_ratio, by: [sex]}")
    assert matrix(files, last={"H-1": fresh("report_only")})["H-1"].gap == "unable to fail"


@pytest.mark.parametrize(
    ("control", "can"),
    [
        ("{kind: human_review, role: r}", False),
        ("{kind: human_review, role: r, before: notice_sent_at}", True),
        ("{kind: decision_scope, may_decide: {role: recommends}}", False),
        ("{kind: decision_scope}", True),
        ("{kind: freshness, within: 25 hours}", False),
        ("{kind: freshness, within: 2 days}", False),
        ("{kind: freshness, within: 12 hours}", True),
        ("{kind: freshness, within: 2 days, window: 7 days}", True),
        ("{kind: log_quality, metric: quarantined_share}", False),
        ("{kind: drift, of: [years], reference: {from: 2026-09-01, until: 2026-09-02}}", False),
        ("{kind: data_access}", True),
        ("{kind: approved_model}", True),
        ('{kind: decision_rule, must: "years > 1"}', True),
        ("{kind: operating_range}", True),
        ("{kind: deadline, from: completed_at, to: notice_sent_at, within: 30 days}", True),
    ],
)
def test_a_control_that_nothing_could_make_fail_says_so(files, control, can):
    files.control(control)
    assert (matrix(files, last={"H-1": fresh()})["H-1"].gap != "unable to fail") == can


@pytest.mark.parametrize(("level", "gap"), [("intake", "only detects"), ("output", None)])
def test_detecting_where_a_bar_at_intake_was_asked_is_a_gap(files, level, gap):
    files.control("{kind: data_access}")
    files.change(files.policy, "level: runtime", f"level: {level}")
    assert matrix(files, last={"H-1": fresh()})["H-1"].gap == gap


def test_a_policy_of_which_no_version_is_in_force_is_all_gaps(files):
    files.change(files.policy, "{from: 2026-09-01}", "{from: 2027-01-01}")
    assert {cell.state for cell in matrix(files, last={"H-1": fresh("fail")}).values()} == {"stale"}
    assert "no version of house-hiring is in force on 2026-10-04" in matrix(files)["H-1"].sentence


def test_the_last_verdict_counts_its_unbroken_run():
    days = [date(2026, 9, day) for day in range(1, 7)]
    said = ["fail", "pass", "fail", "insufficient", "insufficient", "insufficient"]
    rows = [Row(*pair) for pair in zip(days, said, strict=True)]
    assert last_verdict(rows[::-1]) == LastVerdict(
        "insufficient", days[5], days[3], partitions=3, untold=3, untold_since=days[3]
    )
    assert last_verdict(rows[:1]) == LastVerdict("fail", days[0], days[0], partitions=1)
    assert last_verdict([]) is None


@pytest.mark.parametrize("verdict", ["fail", "missing"])
def test_a_failure_outlives_the_days_that_were_not_judged(files, verdict):
    old = LastVerdict(verdict, DUE - timedelta(days=5), DUE - timedelta(days=5))
    cell = matrix(files, last={"H-2": old})["H-2"]
    assert (cell.state, cell.gap) == ("failing", None)
    assert "last judged for 2026-09-29, 5 days before the newest partition due" in cell.sentence


@pytest.mark.parametrize(("earlier", "state"), [("not_applicable", "not_applicable"), ("pass", "working")])
def test_a_day_without_a_case_is_not_a_control_without_one(files, earlier, state):
    said = last_verdict([Row(DUE - timedelta(days=1), earlier), Row(DUE, "not_applicable")])
    cell = matrix(files, last={"H-2": said})["H-2"]
    assert (cell.state, cell.verdict, cell.gap, cell.risk) == (state, "not_applicable", None, 0)


@pytest.mark.parametrize("beneath", ["fail", "pass", "nothing"])
def test_a_waiver_is_shown_with_what_lies_beneath_it(files, beneath):
    if beneath == "nothing":
        files.change(files.policy, "    obligation: {who: recruiters, every: 1 year}\n", "")
    clause = "H-3" if beneath == "nothing" else "H-2"
    cell = matrix(files, last={"H-2": fresh(beneath)}, waived=[clause])[clause]
    assert (cell.state, cell.gap) == ("waived", None)
    assert cell.waiver == WAIVED
    assert f"waived {cell.waiver}. Beneath it: " in cell.sentence
    said = "nothing stands behind it" if beneath == "nothing" else f"human_review holds; {beneath} since 2026-10-01"
    assert said in cell.sentence


def test_a_waiver_is_of_one_clause_in_one_system(files):
    cells = matrix(files, last={"H-2": fresh("fail")}, waived=["H-1"])
    assert {name: cell.state for name, cell in cells.items()} == {
        "H-1": "waived", "H-2": "failing", "H-3": "human_only"
    }  # fmt: skip


def test_deleting_a_control_leaves_the_policy_itself(files):
    files.change(files.policy, "    control: {kind: human_review, role: recruiter, before: notice_sent_at}\n", "")
    cell = matrix(files, last={"H-2": fresh("fail")})["H-2"]  # what it said of old no longer speaks for the clause
    assert (cell.state, cell.verdict) == ("none", None)
    assert cell.sentence == "H-2 in hiring: nothing stands behind it but the policy itself."


def ranked(files, **given):
    cells = matrix(files, **given)
    return sorted(cells, key=lambda clause: -cells[clause].risk)


def test_the_worst_comes_first(files):
    last = {"H-1": LastVerdict("insufficient", DUE, DUE, untold=30), "H-2": fresh("fail")}
    assert ranked(files, last=last) == ["H-2", "H-1", "H-3"]
    assert matrix(files, last=last)["H-2"].risk == 8 * 2 * 3
    files.change(files.policy, "at_least: 0.8", "at_least: 0.8, severity: critical")
    assert ranked(files, last=last | {"H-1": fresh("fail")}) == ["H-1", "H-2", "H-3"]
    files.change(files.defs, "risk: high", "risk: minimal")
    assert matrix(files, last=last)["H-2"].risk == 8 * 2 * 1
