"""What was in force when, how controls act, and the digests of what was written."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import ConfigurationError
from gov_pipelines.policy import (
    Policy,
    bound_clauses,
    control_keys,
    controls_in_force,
    declaration_digest,
    in_force,
    load_declaration,
    load_policy,
    policy_digest,
    policy_text,
)
from gov_pipelines.policy.declaration import Intake


def version(number, start, until=None, controls=("approved_model",), name="house-hiring"):
    clauses = [
        {"id": f"C-{place}", "text": "x", "level": "intake", "control": {"kind": kind}}
        for place, kind in enumerate(controls)
    ]
    return Policy.model_validate(
        {
            "policy": name,
            "version": number,
            "in_force": {"from": start, "until": until},
            "owner": "x",
            "document": {"title": "x"},
            "clauses": [*clauses, {"id": "bare", "text": "x", "level": "output"}],
        }
    )


FIRST = date(2026, 9, 1)
VERSIONS = [version(1, FIRST, date(2026, 10, 1)), version(2, date(2026, 10, 1)), version(1, FIRST, name="other")]


@pytest.mark.parametrize(
    ("on", "number"), [("2026-08-31", None), ("2026-09-01", 1), ("2026-09-30", 1), ("2026-10-01", 2), ("2030-01-01", 2)]
)
def test_from_is_inclusive_and_until_exclusive(on, number):
    found = in_force(VERSIONS, "house-hiring", date.fromisoformat(on))
    assert (found and found.version) == number


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 250))
def test_on_every_day_at_most_the_one_version_that_covers_it(lengths, offset):
    starts = [FIRST + timedelta(days=sum(lengths[:place])) for place in range(len(lengths) + 1)]
    versions = [version(n, *pair) for n, pair in enumerate(pairwise(starts), start=1)]
    day = FIRST + timedelta(days=offset)
    found = in_force(versions, "house-hiring", day)
    assert [found] == [each for each in versions if each.in_force.from_ <= day < each.in_force.until] or found is None
    assert (found is None) == (offset >= sum(lengths))


def test_controls_in_force_are_those_of_the_systems_policies_on_that_date(declaration):
    versions = [
        version(1, FIRST, date(2026, 10, 1), controls=("approved_model", "decision_scope")),
        version(2, date(2026, 10, 1)),
        version(1, FIRST, name="other"),
    ]
    assert [bound.key for bound in controls_in_force(versions, declaration, FIRST)] == [
        "house-hiring/C-0",
        "house-hiring/C-1",
    ]
    later = controls_in_force(versions, declaration, date(2026, 10, 1))
    assert [(bound.key, bound.policy.version) for bound in later] == [("house-hiring/C-0", 2)]
    assert controls_in_force(versions, declaration, date(2026, 8, 1)) == []
    assert control_keys(versions, declaration) == ["house-hiring/C-0", "house-hiring/C-1"]


@pytest.mark.parametrize(
    ("control", "acts", "on_fail"),
    [
        ({"kind": "approved_model"}, "holds", "hold_decision"),
        ({"kind": "decision_scope"}, "holds", "hold_decision"),
        ({"kind": "human_review", "role": "r"}, "holds", "hold_decision"),
        ({"kind": "human_review", "role": "r", "on_fail": "alert"}, "detects", "alert"),
        ({"kind": "decision_rule", "must": "amount > 1"}, "detects", "alert"),
        ({"kind": "decision_rule", "must": "amount > 1", "on_fail": "hold_all", "approver": "x"}, "holds", "hold_all"),
        ({"kind": "fairness", "metric": "impact_ratio", "by": ["sex"]}, "detects", "alert"),
        ({"kind": "fairness", "metric": "impact_ratio", "by": ["sex"], "on_fail": "suspend"}, "holds", "suspend"),
        ({"kind": "data_access"}, "detects", "alert"),
    ],
)
def test_acts_follows_from_kind_and_on_fail(declaration, control, acts, on_fail):
    policy = version(1, FIRST).model_dump(by_alias=True)
    policy["clauses"] = [{"id": "A", "text": "x", "level": "intake", "control": control}]
    (bound,) = controls_in_force([Policy.model_validate(policy)], declaration, FIRST)
    assert (bound.acts, bound.on_fail) == (acts, on_fail)


@pytest.mark.parametrize(
    ("on_fail", "intake", "acts"),
    [
        ({}, {"database_role": "model", "database_url_env": "LOANS_URL"}, "prevents"),
        ({}, {"database_role": "model"}, "detects"),
        ({}, {"database_url_env": "LOANS_URL"}, "detects"),
        ({"on_fail": "suspend"}, {"database_role": "model", "database_url_env": "LOANS_URL"}, "holds"),
    ],
)
def test_a_database_that_is_named_with_its_role_prevents(declaration, on_fail, intake, acts):
    policy = version(1, FIRST).model_dump(by_alias=True)
    policy["clauses"] = [{"id": "A", "text": "x", "level": "intake", "control": {"kind": "data_access"} | on_fail}]
    system = declaration.model_copy(update={"intake": Intake(**intake)})
    (bound,) = controls_in_force([Policy.model_validate(policy)], system, FIRST)
    assert bound.acts == acts
    (alone,) = bound_clauses(Policy.model_validate(policy))
    assert alone.acts == ("holds" if on_fail else "detects")


def test_what_is_declared_to_prevent_is_asked_of_each_system(files):
    files.control("{kind: data_access, acts: prevents}")
    load_policy(files.policy)
    assert any("nothing prevents a read" in mistake.problem for mistake in files.lint())


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("{kind: approved_model, acts: prevents}", "declares `prevents`, but `approved_model` with `on_fail: hold_decision` holds"),
        ("{kind: data_access, acts: holds}", "Write `acts: detects`, or leave it out."),
        ("{kind: drift, of: [decision], reference: {from: 2026-09-01, until: 2026-09-02}, on_fail: hold_decision}", "Write `on_fail: alert`"),
        ("{kind: data_access, on_fail: hold_decision}", "needs verdicts of single decisions"),
        ('{kind: decision_rule, must: "amount > 1", on_fail: hold_all}', "Name who may, such as `approver: head-of-credit`."),
    ],
)  # fmt: skip
def test_a_control_that_disagrees_with_itself_is_refused(files, control, words):
    files.control(control)
    with pytest.raises(ConfigurationError) as refused:
        load_policy(files.policy)
    assert len(refused.value.mistakes) == 1
    assert words in str(refused.value)


def test_a_condition_on_single_decisions_is_refused_where_none_is_judged(files):
    files.control("{kind: data_access}", applies='{when: "amount > 1"}')
    with pytest.raises(ConfigurationError, match="judges none"):
        load_policy(files.policy)


def test_the_digest_is_of_what_is_written_not_of_its_layout(files):
    before = load_policy(files.policy)
    files.change(files.policy, "owner: people\n", "# who answers\n\nowner:   'people'\n")
    assert policy_digest(load_policy(files.policy)) == policy_digest(before)
    files.change(files.policy, "at_least: 0.8", "at_least: 0.81")
    assert policy_digest(load_policy(files.policy)) != policy_digest(before)


def test_the_text_is_canonical_and_reads_back_as_the_policy(files):
    policy = load_policy(files.policy)
    text = policy_text(policy)
    assert Policy.model_validate_json(text) == policy
    assert (
        rfc8785.dumps(Policy.model_validate_json(text).model_dump(mode="json", by_alias=True, exclude_unset=True))
        == text
    )
    assert b"min_group_size" not in text  # a default nobody wrote; a later default must not change this text


def test_a_declarations_digest_changes_with_it(files):
    before = declaration_digest(load_declaration(files.defs))
    files.change(files.defs, "up_to: 100", "up_to: 101")
    assert declaration_digest(load_declaration(files.defs)) != before
