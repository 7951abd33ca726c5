"""What each rule says, case by case. Decisions are made on 2026-09-08 at noon in New York; the audit looks a day later."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest

from gov_pipelines.decisions import decision_measurements, judge_decisions, judged_controls, verdicts_under

DAY = date(2026, 9, 8)
AS_OF = datetime(2026, 9, 9, 6, tzinfo=UTC)
DENIED = "decision = 'denied'"


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def verdict(declare, bind, log_of):
    """The verdict and reason of one clause on one decision."""

    def judged(control, *, applies=None, as_of=AS_OF, declared=None, **values):
        declaration = declare(**(declared or {}))
        clause = {"control": control} | ({"applies": {"when": applies}} if applies else {})
        log = log_of(declaration, **{name: [value] for name, value in values.items()} or {"decision": ["denied"]})
        rows = judge_decisions(
            log, bind(declaration, clause), declaration, partition=DAY, as_of=as_of, explain_within=True
        ).reasons
        assert rows.height <= 1
        return rows.row(0)[3:] if rows.height else None

    return judged


NEEDS_AMOUNT = "a needed value is missing: amount"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (10.0, ("within", "the rule holds")),
        (10.5, ("outside", "the rule does not hold")),
        (None, ("undecidable", NEEDS_AMOUNT)),
    ],
)
def test_decision_rule(verdict, amount, expected):
    assert verdict({"kind": "decision_rule", "must": "amount <= 10"}, amount=amount) == expected


@pytest.mark.parametrize(
    ("when", "applies", "amount", "expected"),
    [
        ("amount > 5", None, 4.0, None),
        ("amount > 5", None, 6.0, "outside"),
        ("amount > 5", None, None, "undecidable"),
        (None, "amount > 5", 4.0, None),
        (None, "amount > 5", None, "undecidable"),
        ("amount > 5", "decision = 'approved'", None, None),
        ("amount > 5", DENIED, None, "undecidable"),
        ("amount > 5", DENIED, 6.0, "outside"),
    ],
)
def test_a_rule_is_silent_where_it_does_not_apply(verdict, when, applies, amount, expected):
    control = {"kind": "decision_rule", "must": "score > 1"} | ({"when": when} if when else {})
    said = verdict(control, applies=applies, amount=amount, score=0.0)
    assert (said and said[0]) == expected
    if expected == "undecidable":
        assert said[1] == "cannot tell whether the rule applies"


@pytest.mark.parametrize(
    ("limit", "start", "end", "as_of", "expected"),
    [
        # Day clocks count local dates: the whole thirtieth day is in time.
        ("30 days", "2026-08-09T04:00", "2026-09-09T03:59", "2026-09-10", ("within", "after 30 days, limit 30 days")),
        ("30 days", "2026-08-09T03:59", "2026-09-09T03:59", "2026-09-10", ("outside", "after 31 days, limit 30 days")),
        ("30 days", "2026-08-09T04:00", None, "2026-09-09T03:59", ("pending", "notice_sent_at is open, limit 30 days")),
        ("30 days", "2026-08-09T04:00", None, "2026-09-09T04:00", ("outside", "notice_sent_at is missing after 31 days, limit 30 days")),
        ("30 days", None, "2026-09-09", "2026-09-10", ("undecidable", "completed_at is missing")),
        # Sent after the audit looked: not sent yet.
        ("30 days", "2026-09-01", "2026-09-12", "2026-09-10", ("pending", "notice_sent_at is open, limit 30 days")),
        ("30 days", "2026-08-01", "2026-09-12", "2026-09-10", ("outside", "notice_sent_at is missing after 40 days, limit 30 days")),
        # Hours are elapsed time, also over a change of clocks (2026-11-01, New York).
        ("24 hours", "2026-10-31T16:00", "2026-11-01T16:00", "2026-11-03", ("within", "after 24.0 hours, limit 24 hours")),
        ("24 hours", "2026-10-31T16:00", "2026-11-01T16:00:01", "2026-11-03", ("outside", "after 24.1 hours, limit 24 hours")),
        ("1 day", "2026-10-31T16:00", "2026-11-02T04:30", "2026-11-03", ("within", "after 1 days, limit 1 day")),
        # Friday 2026-09-04 and Saturday 2026-09-05: the first working day after is Monday.
        ("1 working day", "2026-09-04T16:00", "2026-09-08T03:00", "2026-09-10", ("within", "after 3 days, limit 1 working day")),
        ("1 working day", "2026-09-05T16:00", "2026-09-08T03:00", "2026-09-10", ("within", "after 2 days, limit 1 working day")),
        ("1 working day", "2026-09-04T16:00", "2026-09-08T16:00", "2026-09-10", ("outside", "after 4 days, limit 1 working day")),
        # A month from January 31 ends with February.
        ("1 month", "2026-01-31T16:00", "2026-02-28T16:00", "2026-09-10", ("within", "after 28 days, limit 1 month")),
        ("1 month", "2026-01-31T16:00", "2026-03-01T16:00", "2026-09-10", ("outside", "after 29 days, limit 1 month")),
        ("1 year", "2025-09-08T16:00", None, "2026-09-08T16:00", ("pending", "notice_sent_at is open, limit 1 year")),
    ],
)  # fmt: skip
def test_deadline(verdict, limit, start, end, as_of, expected):
    control = {"kind": "deadline", "from": "completed_at", "to": "notice_sent_at", "within": limit}
    said = verdict(control, as_of=at(as_of), completed_at=at(start), notice_sent_at=at(end))
    assert said == expected


def test_the_instant_of_the_audit_may_be_given_in_any_zone(verdict):
    control = {"kind": "deadline", "from": "completed_at", "to": "notice_sent_at", "within": "1 day"}
    at_six = AS_OF.astimezone(timezone(timedelta(hours=-4)))
    assert verdict(control, as_of=at_six, completed_at=AS_OF)[0] == "pending"


def test_deadline_takes_only_decisions_that_meet_when(verdict):
    control = {"kind": "deadline", "from": "completed_at", "to": "notice_sent_at", "within": "1 day", "when": DENIED}
    assert verdict(control, decision="approved") is None


REVIEW = {"kind": "human_review", "role": "senior", "before": "notice_sent_at", "when": DENIED}
EARLY, NOTICE, LATE, FUTURE = "2026-09-08T17:00", "2026-09-08T18:00", "2026-09-08T19:00", "2026-09-10T12:00"
UNTOLD = ("undecidable", "reviewer, role or requester is missing")


@pytest.mark.parametrize(
    ("reviewed", "role", "reviewer", "requester", "told", "expected"),
    [
        (EARLY, "senior", "rita", "omar", NOTICE, ("within", "reviewed by senior")),
        (NOTICE, "senior", "rita", "omar", NOTICE, ("within", "reviewed by senior")),
        (LATE, "senior", "rita", "omar", NOTICE, ("outside", "reviewed after notice_sent_at")),
        (None, None, None, "omar", NOTICE, ("outside", "not reviewed before notice_sent_at")),
        (FUTURE, "senior", "rita", "omar", NOTICE, ("outside", "not reviewed before notice_sent_at")),
        (EARLY, "junior", "rita", "omar", NOTICE, ("outside", "reviewed by junior, not by senior")),
        (EARLY, "senior", "omar", "omar", NOTICE, ("outside", "reviewed by the requester")),
        (EARLY, "senior", "Omar", " omar", NOTICE, ("outside", "reviewed by the requester")),
        (EARLY, None, "rita", "omar", NOTICE, UNTOLD),
        (EARLY, "senior", None, "omar", NOTICE, UNTOLD),
        (None, None, None, "omar", None, ("pending", "no proper review yet")),
        (None, None, None, "omar", FUTURE, ("pending", "no proper review yet")),
        (FUTURE, "senior", "rita", "omar", FUTURE, ("pending", "no proper review yet")),
        (EARLY, "junior", "rita", "omar", None, ("pending", "no proper review yet")),
        (EARLY, "senior", "rita", "omar", None, ("within", "reviewed by senior")),
        (EARLY, "senior", "rita", "omar", FUTURE, ("within", "reviewed by senior")),
        (EARLY, None, "rita", "omar", None, UNTOLD),
    ],
)
def test_human_review(verdict, reviewed, role, reviewer, requester, told, expected):
    said = verdict(
        REVIEW, reviewed_at=at(reviewed), reviewer_role=role, reviewer=reviewer, requester=requester,
        notice_sent_at=at(told),
    )  # fmt: skip
    assert said == expected


@pytest.mark.parametrize(("columns", "expected"), [({}, "within"), ({"requester": "asked_by"}, "undecidable")])
def test_an_unknown_requester_matters_where_requesters_are_kept(verdict, columns, expected):
    base = {"decision_id": "id", "decided_at": "decided_on", "decision": "action"}
    values = {"reviewed_at": at(EARLY), "reviewer_role": "senior", "reviewer": "rita", "notice_sent_at": at(NOTICE)}
    assert verdict(REVIEW, declared={"columns": base | columns}, **values)[0] == expected


def test_human_review_takes_the_declared_need(verdict):
    control = {key: value for key, value in REVIEW.items() if key != "when"}
    declared = {"intake": {"needs_review": "amount > 5"}}
    assert verdict(control, declared=declared, amount=4.0) is None
    assert verdict(control, declared=declared, amount=6.0) == ("pending", "no proper review yet")


@pytest.mark.parametrize(
    ("product", "amount", "expected"),
    [
        ("home_loan", 1_000_000.0, ("within", "in scope")),
        ("home_loan", 1_000_000.5, ("outside", "amount above 1000000")),
        ("car_loan", None, ("outside", "product car_loan is not in scope")),
        (None, 2e6, ("outside", "amount above 1000000")),
        (None, 1.0, ("undecidable", "product is missing")),
        ("home_loan", None, ("undecidable", "amount is missing")),
    ],
)
def test_decision_scope(verdict, product, amount, expected):
    declared = {"intake": {"may_decide": {"products": ["home_loan"], "amount": {"up_to": 1000000}}}}
    assert verdict({"kind": "decision_scope"}, declared=declared, product=product, amount=amount) == expected


def test_a_control_without_anything_declared_is_undecidable(verdict):
    assert verdict({"kind": "decision_scope"}) == ("undecidable", "no scope is declared")
    assert verdict({"kind": "approved_model"}) == ("undecidable", "no approved models are declared")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1", "outside"),  # until the day of the decision, exclusive
        ("v2", "within"),  # from the day of the decision, inclusive
        ("v3", "outside"),  # from tomorrow
        ("v9", "outside"),
        (None, "undecidable"),
    ],
)
def test_approved_model(verdict, version, expected):
    models = [
        {"version": "v1", "approved_from": "2026-01-01", "approved_until": "2026-09-08"},
        {"version": "v2", "approved_from": "2026-09-08"},
        {"version": "v3", "approved_from": "2026-09-09"},
    ]
    # 02:00 UTC on the 9th is still the 8th in New York.
    moment = datetime(2026, 9, 9, 2, tzinfo=UTC)
    said = verdict(
        {"kind": "approved_model"}, declared={"intake": {"models": models}}, model_version=version, decided_at=moment
    )
    assert said[0] == expected
    assert (version or "model_version") in said[1]


def test_verdicts_stand_in_a_column_a_control_and_reasons_where_a_decision_is_not_within(declare, bind, log_of):
    declaration = declare()
    log = log_of(declaration, amount=[1.0, 20.0, None, 2.0])
    bound = bind(
        declaration,
        {"control": {"kind": "decision_rule", "must": "amount < 10"}},
        {"control": {"kind": "decision_rule", "must": "amount < 10", "when": "amount > 5"}},
        {"control": {"kind": "fairness", "metric": "impact_ratio", "by": ["sex"]}},
    )
    judged = judge_decisions(log.lazy(), bound, declaration, partition=DAY, as_of=AS_OF)
    verdicts = judged.verdicts
    assert verdicts.rows(named=True) == [
        {"decision_id": "D0", "house/C-1": "within", "house/C-2": None},
        {"decision_id": "D1", "house/C-1": "outside", "house/C-2": "outside"},
        {"decision_id": "D2", "house/C-1": "undecidable", "house/C-2": "undecidable"},
        {"decision_id": "D3", "house/C-1": "within", "house/C-2": None},
    ]
    assert judged_controls(verdicts) == ["house/C-1", "house/C-2"]
    assert verdicts_under(verdicts, "house/C-2").rows() == [("D1", "outside"), ("D2", "undecidable")]
    assert verdicts_under(verdicts, "house/C-3").is_empty()
    assert judged.reasons.rows() == [
        ("D1", "house/C-1", 2, "outside", "the rule does not hold"),
        ("D1", "house/C-2", 2, "outside", "the rule does not hold"),
        ("D2", "house/C-1", 2, "undecidable", NEEDS_AMOUNT),
        ("D2", "house/C-2", 2, "undecidable", "cannot tell whether the rule applies"),
    ]
    counts = {(m.metric, m.value, m.n) for m in decision_measurements(verdicts, "house/C-1")}
    assert counts == {
        ("decisions_within", 2.0, 4),
        ("decisions_outside", 1.0, 4),
        ("decisions_pending", 0.0, 4),
        ("decisions_undecidable", 1.0, 4),
    }


def test_an_empty_day_and_a_policy_without_rules_give_an_empty_table(declare, bind, log_of):
    declaration = declare()
    rule = {"control": {"kind": "decision_rule", "must": "amount < 10"}}
    full = log_of(declaration, amount=[1.0])
    for log, clauses, columns in ((full[:0], [rule], ["decision_id", "house/C-1"]), (full, [], ["decision_id"])):
        judged = judge_decisions(log, bind(declaration, *clauses or [{}]), declaration, partition=DAY, as_of=AS_OF)
        assert judged.verdicts.columns == columns
        assert judged.verdicts.height == log.height
        assert judged.reasons.is_empty()
        assert {m.n for m in decision_measurements(judged.verdicts, "house/C-1")} == {0}


def test_decisions_of_another_day_are_refused(declare, bind, log_of):
    declaration = declare()
    log = log_of(declaration, amount=[1.0])
    with pytest.raises(ValueError, match="2026-09-09"):
        judge_decisions(log, bind(declaration, {}), declaration, partition=DAY + timedelta(days=1), as_of=AS_OF)


def test_reasons_hold_no_protected_values(declare, bind, log_of):
    declaration = declare(protected_attributes={"sex": {}, "race": {}})
    secret = "Klingon"
    log = log_of(declaration, sex=[secret, secret], race=[secret, None], amount=[1.0, None])
    rules = [
        {"control": {"kind": "decision_rule", "must": f"race <> '{secret}' OR amount > 5"}},
        {"control": {"kind": "human_review", "role": "senior", "when": f"sex = '{secret}'"}},
        {"control": {"kind": "decision_scope"}},
    ]
    reasons = judge_decisions(
        log, bind(declaration, *rules), declaration, partition=DAY, as_of=AS_OF, explain_within=True
    ).reasons
    assert reasons.height == 6
    assert not reasons.select(pl.col("reason").str.contains(secret).any()).item()
