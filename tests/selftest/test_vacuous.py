"""Controls that look like controls and can never fail, or always do: each is told, with the reason."""

import json
import re
from datetime import date

import pytest
from pydantic import ValidationError

from gov_pipelines.pipeline.selftest import selftest, suites_as_compiled
from gov_pipelines.policy import Policy
from gov_pipelines.policy.document import InForce
from gov_pipelines.validate import write_suites

from .conftest import DAY, DECLARED, control, declared, finding, policy_of

PSI = {"type": "comparison", "column": {"name": "metric"}, "operator": "==", "parameter": "psi"}


def fields(**changes) -> dict:
    return {"fields": DECLARED["fields"] | changes}


CANNOT_FAIL = {
    "a ratio above what any window can hold": (
        control("fairness", metric="adverse_impact_ratio", by=["sex"], reference={"sex": "f"}, at_least=None, at_most=1e6),
        {}, r"no ratio is above 1e\+06",
    ),
    "a difference so near 1 that a day cannot show it": (
        control("fairness", metric="demographic_parity_difference", by=["sex"], at_least=None, at_most=0.999, window="partition",
                test={"against": "threshold"}),
        {}, "the interval crosses the limit",
    ),
    "a standardized difference larger than any": (
        control("fairness", metric="standardized_mean_difference", by=["sex"], reference={"sex": "f"}, of="score",
                denominator="population", at_least=-5),
        {}, "above -5|at least -5|inside|within",
    ),
    "a psi larger than any": (control("drift", at_most=50), {}, "no psi is above 50"),
    "a share of copies larger than any": (
        control("log_quality", metric="duplicate_share", of=None, at_most=0.9999), {}, "takes 10,00. copies a day",
    ),
    "a share of what is never missing": (control("log_quality", of=["decision_id"]), {}, "quarantined"),
    "a predicate that is always true": (
        control("decision_rule", must="amount > 5 OR amount <= 5", when=None), {}, "no decision was found that breaks",
    ),
    "a predicate true of all that the log can hold": (
        control("decision_rule", must="years BETWEEN 0 AND 60", when=None), {}, "no decision was found that breaks",
    ),
    "a predicate on a value that is quarantined": (
        control("decision_rule", must="grade IN ('1', '2') OR grade IS NULL", when=None), {}, "no decision was found that breaks",
    ),
    "a condition that contradicts itself": (
        control("decision_rule", when="amount > 10 AND amount < 5"), {}, "no decision meets `amount > 10 AND amount < 5`",
    ),
    "a condition that no value can meet": (
        control("human_review", when="years > 60"), {}, "no decision meets `years > 60`",
    ),
    "a condition that implies the rule": (
        control("decision_rule", when="amount < 100", must="amount < 500"), {}, "that meets `amount < 100` was found",
    ),
    "a group that does not exist": (
        control("fairness", metric="adverse_impact_ratio", by=["grade"], reference={"grade": "7"}), {},
        "no decision is ever about 7; known are 1; 2",
    ),
    "a reference group that nobody was ever in": (
        control("fairness", by=["race"], reference={"race": "martian"}), {"seen": {"race": frozenset({"b", "w"})}},
        "no decision is ever about martian; known are b; w",
    ),
    "a stratum that does not exist": (
        control("fairness", among={"grade": "9"}), {}, "no decision is ever among grade 9; known are 1, 2",
    ),
    "a reference for another attribute": (
        control("fairness", by=["sex"], reference={"race": "w"}), {}, "the reference names no value of it",
    ),
    "one group only": (
        control("fairness", by=["race"]), {"seen": {"race": frozenset({"w"})}}, "one group only",
    ),
    "a smallest group above what a window holds": (
        control("fairness", min_group_size=3_001), {}, "the window never holds as many rows",
    ),
    "a smallest group above what is believed": (
        control("fairness", min_group_size=1_000_000), {"operating_range": {}}, "no upper `rows_per_day` is declared",
    ),
    "a reference before the system's first day": (
        control("drift", reference={"from": "2026-08-01", "until": "2026-08-05"}), {}, "have no audit",
    ),
    "a reference still to come": (
        control("access_pattern", reference={"from": "2026-10-01", "until": "2026-10-05"}), {}, "have no audit",
    ),
    "reads compared with themselves": (
        control("access_pattern", window="30 days"), {}, "are not all before 2026-09-01",
    ),
    "a window that is its own reference": (
        control("drift", window="all", reference={"from": "2026-09-01", "until": "2026-09-21"}), {}, "is the window itself",
    ),
    "a range as wide as the casts allow": (
        control("operating_range", ranges={"years": [0, 60]}), {}, "quarantined",
    ),
    "a volume so small that none is unusual": (
        control("operating_range", ranges=None, usual=["volume"]), {"operating_range": {"rows_per_day": [1, 3]}}, "3 decisions a day",
    ),
    "a usual volume of days without an audit": (
        control("operating_range", usual=["volume"], reference={"from": "2026-08-01", "until": "2026-09-01"}), {}, "have no audit",
    ),
    "the freshness of a log that nobody keeps": (
        control("freshness", of="access_log"), {"access_log": None}, "no access log is declared",
    ),
    "a day that may hold any number of rows": (
        control("operating_range", ranges={"rows_per_day": [0, None]}), {}, "allows any number of rows",
    ),
    "a freshness longer than the window": (control("freshness", within="26 hours"), {}, "never older than 25 hours"),
    "a freshness longer than several days": (
        control("freshness", within="5 days", window="3 days"), {"operating_range": {"rows_per_day": [0, 9]}},
        "never older than 7[23] hours",
    ),
    "the freshness of a document nobody dated": (control("freshness", of="nothing"), {}, "dates no document `nothing`"),
    "a review that may always still come": (control("human_review", before=None), {}, "no moment `before`"),
    "a scope without products and amount": (
        control("decision_scope", may_decide={"role": "recommends"}), {}, "neither products nor an amount",
    ),
    "a scope of all that a row may say": (
        control("decision_scope", may_decide={"products": ["clerk", "cook"]}),
        fields(product={"type": "category", "values": ["clerk", "cook"]}), "no decision was found that breaks",
    ),
    "every model approved": (
        control("approved_model"), fields(model_version={"type": "category", "values": ["v1"]}), "no decision was found that breaks",
    ),
    "a never-list that names nothing there is": (
        control("data_access", never=["shoe_size"]), {}, "which nothing in the declaration is called",
    ),
    "an access log that nobody keeps": (
        control("data_access"), {"access_log": None, "intake": DECLARED["intake"] | {"database_url_env": None}},
        "no access log is declared",
    ),
    "patterns of a log that nobody keeps": (control("access_pattern"), {"access_log": None}, "no access log is declared"),
    "a deadline of a century": (control("deadline", within="100 years"), {}, "ten years are the longest"),
    "a deadline from a moment to itself": (control("deadline", to="completed_at"), {}, "after itself"),
    "two names for one column": (
        control("deadline"), {"columns": DECLARED["columns"] | {"completed_at": "told", "notice_sent_at": "told"}},
        "both read from `told`",
    ),
    "an expectation without an end": (
        control("expectation", arguments={"column": "value", "min_value": -1e15, "max_value": 1e15}), {},
        "no change of the measurements made it fail",
    ),
    "an expectation with null bounds": (
        control("expectation", arguments={"column": "value", "min_value": None, "max_value": None}), {},
        "no change of the measurements made it fail",
    ),
    "an expectation about a metric nobody measures": (
        control("expectation", arguments={"column": "value", "max_value": 1, "row_condition": PSI | {"parameter": "charm"}}),
        {}, "met no row",
    ),
    "an expectation of what is never null": (
        control("expectation", expect="expect_column_values_to_not_be_null", arguments={"column": "n"}), {},
        "no change of the measurements made it fail",
    ),
}  # fmt: skip

ALWAYS_FAILS = {
    "a rule that contradicts its condition": (
        control("decision_rule", when="amount > 100", must="amount < 50"), {}, "that it would let pass",
    ),
    "a rule that contradicts itself": (
        control("decision_rule", must="amount < 0 AND amount > 10", when=None), {}, "that it would let pass",
    ),
    "models approved in the far future only": (
        control("approved_model", models=[{"version": "v9", "approved_from": date(2090, 1, 1)}]), {}, "that it would let pass",
    ),
    "a scope that nothing is in": (
        control("decision_scope", may_decide={"products": ["cook"]}),
        fields(product={"type": "category", "values": ["clerk"]}), "that it would let pass",
    ),
    "fields declared that the clause never permits": (
        control("data_access", never=["years", "sex"]), {}, "declared fields are outside",
    ),
    "an expectation that contradicts itself": (
        control("expectation", arguments={"column": "value", "min_value": 2, "max_value": 3,
                                          "row_condition": PSI | {"column": {"name": "value"}, "operator": ">", "parameter": 5}}),
        {}, "",
    ),
    "a scoring rate that more than half would need": (
        control("fairness", metric="scoring_rate", at_least=0.6), {}, "a night without a breach fails too",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT_FAIL)
def test_a_control_that_cannot_fail(name):
    tested, changes, why = CANNOT_FAIL[name]
    more = {key: changes[key] for key in ("seen",) if key in changes}
    system = declared(**{key: value for key, value in changes.items() if key not in more})
    found = finding(tested, control("drift"), declaration=system, **more)
    assert found.outcome == "cannot fail", found.why
    assert found.wrong
    assert re.search(why, found.why), found.why


@pytest.mark.parametrize("name", ALWAYS_FAILS)
def test_a_control_that_always_fails(name):
    tested, changes, why = ALWAYS_FAILS[name]
    found = finding(tested, control("drift"), declaration=declared(**changes))
    assert found.outcome == "always fails", found.why
    assert found.wrong
    assert why in found.why


@pytest.mark.parametrize("kind", ["fairness", "drift", "log_quality"])
def test_a_clause_without_a_limit_reports_and_is_not_wrong(kind):
    found = finding(control(kind, at_least=None, at_most=None))
    assert found.outcome == "reports only"
    assert not found.wrong


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("decision_rule", {"must": "salary > 3"}), ("deadline", {"to": "told_at"}), ("human_review", {"before": "told_at"}),
        ("drift", {"of": ["salary"]}), ("log_quality", {"of": ["salary"]}), ("operating_range", {"ranges": {"salary": [0, 1]}}),
        ("fairness", {"by": ["salary"]}), ("fairness", {"among": {"salary": "1"}}),
    ],
)  # fmt: skip
def test_a_column_that_the_system_does_not_have_is_told_and_no_traceback(kind, more):
    found = finding(control(kind, **more))
    assert found.outcome in {"cannot fail", "not caught"}
    assert "salary" in found.why or "told_at" in found.why


def test_one_part_that_cannot_fail_is_told_beside_those_that_can():
    found = finding(control("operating_range", ranges={"years": [0, 60], "score": [0, 0.5]}))
    assert found.outcome == "caught"
    assert "but nothing breaks years" in found.why


def test_grants_are_compared_where_no_reads_are_logged():
    found = finding(control("data_access"), declaration=declared(access_log=None))
    assert found.outcome == "caught"
    assert "a grant of" in found.why
    assert "but nothing breaks reads: no access log is declared" in found.why


def test_a_policy_that_is_not_in_force_has_nothing_to_test():
    later = policy_of(control("drift")).model_copy(update={"in_force": InForce.model_validate({"from": "2090-01-01"})})
    assert list(selftest([later], declared(), DAY)) == []


def test_two_controls_of_one_key_cannot_be_written():
    """Told when the policy is read, by `gov lint`."""
    clause = {"id": "H-1", "text": "One.", "level": "runtime", "control": control("freshness")}
    twice = policy_of(control("drift")).model_dump(by_alias=True) | {"clauses": [clause, clause]}
    with pytest.raises(ValidationError, match="clause id H-1 stands more than once"):
        Policy.model_validate(twice)


def test_a_suite_emptied_by_hand_is_told(tmp_path):
    policies = [policy_of(control("drift"), control("freshness"))]
    folder = tmp_path / "suites"
    (file,) = write_suites(policies, folder)
    assert suites_as_compiled(policies, folder) == []
    suite = json.loads(file.read_bytes())
    file.write_text(json.dumps(suite | {"expectations": []}))
    (found,) = suites_as_compiled(policies, folder)
    assert (found.suite, found.expectations, found.expected) == ("house@1.json", 0, 2)
    assert "it holds 0 of 2 expectations" in found.problem
    file.write_text(json.dumps(suite | {"expectations": suite["expectations"][:1]}))
    assert "it holds 1 of 2 expectations" in suites_as_compiled(policies, folder)[0].problem
    file.write_text("nothing like it")
    assert suites_as_compiled(policies, folder)[0].expectations is None
    file.unlink()
    assert "missing" in suites_as_compiled(policies, folder)[0].problem
    folder.rmdir()
