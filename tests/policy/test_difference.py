"""Stricter, laxer or changed: right for every field of every kind, mirrored when read backwards, true of decisions."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import suppress
from typing import get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gov_pipelines.policy import CANONICAL, Policy, differences, parse_predicate
from gov_pipelines.policy.document import Clause, Obligation
from gov_pipelines.policy.kinds import BoundControl, Control

S, L, C, R = "stricter", "laxer", "changed", "reworded"
MIRROR = {S: L, L: S, C: C, R: R, "added": "removed", "removed": "added"}
BASES = {
    "access_pattern": {"reference": {"from": "2026-09-01", "until": "2026-10-01"}},
    "approved_model": {},
    "data_access": {},
    "deadline": {"from": "completed_at", "to": "notice_sent_at", "within": "30 days"},
    "decision_rule": {"must": "amount <= 10"},
    "decision_scope": {},
    "drift": {"of": ["score"], "reference": {"from": "2026-09-01", "until": "2026-10-01"}},
    "expectation": {"expect": "expect_column_values_to_be_between"},
    "fairness": {"metric": "selection_rate"},
    "freshness": {"within": "24 hours"},
    "human_review": {"role": "senior"},
    "log_quality": {"metric": "quarantined_share"},
    "operating_range": {},
}
V1, V2 = ({"version": f"v{number}", "approved_from": "2026-09-01"} for number in (1, 2))
SHARED = [
    ("on_fail", None, "hold_all", S), ("on_fail", None, "suspend", S), ("on_fail", "suspend", "hold_all", L),
    ("approver", None, "head", C), ("severity", None, "critical", S), ("severity", "warning", "info", L),
    ("notify", None, ["a"], S), ("notify", ["a", "b"], ["a"], L), ("notify", ["a"], ["b"], C), ("notify", ["a", "b"], ["b", "a"], R),
    ("window", None, "90 days", C), ("window", "90 days", "30 days", C),
    ("incident", None, "serious", S), ("incident", "serious", "death", S), ("incident", "widespread", "death", L),
]  # fmt: skip
OWN = {
    "access_pattern": [
        ("watch", ["role"], ["role", "hour"], S), ("watch", ["role"], ["hour"], C), ("at_most_new", None, 3, L), ("at_most_new", 3, 2, S),
        ("reads", None, [0.5, 2], S), ("reads", [0.5, 2], [0.6, 2], S), ("reads", [0.5, 2], [0.5, None], L), ("reads", [0.5, 2], [0.4, 1], C),
        ("reference", {"from": "2026-09-01", "until": "2026-10-01"}, {"from": "2026-09-02", "until": "2026-10-01"}, C),
        ("usual", ["reads"], ["reads", "rows"], S), ("usual", None, ["rows"], S), ("one_false_alarm_in", 5000, 10000, L),
    ],
    "approved_model": [
        ("models", None, [V1], C), ("models", [V1], [V1, V2], L), ("models", [V1, V2], [V2], S), ("models", [V1], [V2], C), ("models", [V1, V2], [V2, V1], R),
        ("models", [V1], [{**V1, "approved_until": "2026-12-01"}], S), ("models", [V1], [{**V1, "approved_from": "2026-08-01"}], L),
    ],
    "data_access": [
        ("may_read", None, ["a"], S), ("may_read", ["a"], ["a", "b"], L), ("may_read", ["a", "b"], ["a"], S), ("may_read", ["a"], ["b"], C), ("may_read", ["a"], [], S),
        ("never", None, ["a"], S), ("never", ["a"], ["a", "b"], S), ("never", ["a"], ["b"], C),
    ],
    "deadline": [
        ("from", "completed_at", "decided_at", C), ("to", "notice_sent_at", "label_at", C),
        ("within", "30 days", "29 days", S), ("within", "30 days", "31 days", L), ("within", "30 days", "5 hours", S),
        ("within", "1 day", "24 hours", C), ("within", "30 days", "1 month", C), ("within", "3 days", "3 working days", C),
        ("within", "30 days", "2 months", L), ("within", "1 year", "11 months", S), ("within", "20 working days", "5 days", S), ("within", "0 days", "0 working days", C),
        ("when", None, "amount > 5", L), ("when", "amount > 5", "amount > 3", S), ("when", "amount > 5", "amount < 3", C), ("when", "amount > 5", "NOT amount <= 5", R), ("when", "amount > 5", "amount * 1 > 5", C),
    ],
    "decision_rule": [
        ("must", "amount <= 10", "amount <= 9", S), ("must", "amount <= 10", "amount < 11", L), ("must", "amount <= 10", "amount >= 10", C),
        ("must", "amount <= 10", "10 >= amount", R), ("must", "amount <= 10", "amount <= 5 + 5", C), ("must", "amount <= 10", "amount <= 10 OR amount IS NULL", L),
        ("must", "grade = 'a'", "grade IN ('a', 'b')", L), ("must", "amount <= 10", "amount <= 10 AND grade <> 'x'", S),
        ("when", None, "amount > 5", L), ("when", "amount > 5", None, S), ("when", "amount > 5", "amount > 6", L), ("when", None, "amount IS NULL OR amount IS NOT NULL", R),
    ],
    "decision_scope": [
        ("may_decide", None, {"products": ["a"]}, C), ("may_decide", {"products": ["a"]}, {"products": ["a", "b"]}, L), ("may_decide", {"products": ["a"]}, {}, L),
        ("may_decide", {"amount": {"up_to": 10}}, {"amount": {"up_to": 9}}, S), ("may_decide", {}, {"amount": {"up_to": 9}}, S),
        ("may_decide", {"role": "decides"}, {"role": "recommends"}, S), ("may_decide", {"products": ["a"], "amount": {"up_to": 9}}, {"amount": {"up_to": 8}}, C),
    ],
    "drift": [
        ("of", ["score"], ["score", "amount"], S), ("of", ["score"], ["amount"], C), ("at_most", None, 0.2, S), ("at_most", 0.2, 0.25, L), ("bins", None, 20, C),
        ("reference", {"from": "2026-09-01", "until": "2026-10-01"}, {"from": "2026-09-02", "until": "2026-10-01"}, C),
        ("test", None, "none", S), ("metric", "psi", "ks", C), ("per", [], ["sex"], C), ("min_group_size", None, 10, S),
    ],
    "expectation": [("expect", "expect_column_values_to_be_between", "expect_column_values_to_be_unique", C), ("arguments", None, {"column": "value"}, C)],
    "fairness": [
        ("metric", "selection_rate", "impact_ratio", C), ("by", ["race"], ["race", "sex"], S), ("by", ["race"], ["race", ["sex", "race"]], S), ("by", ["race"], ["sex"], C), ("by", [], ["sex"], C),
        ("at_least", None, 0.8, S), ("at_least", 0.8, 0.85, S), ("at_least", 0.8, 0.75, L), ("at_most", None, 0.9, S), ("at_most", 0.9, 0.95, L),
        ("test", "none", {"against": "equality"}, L), ("test", {"confidence": 0.95}, {"confidence": 0.99}, L), ("test", {"confidence": 0.95}, {"confidence": 0.9}, S),
        ("test", {"adjust": "holm"}, {"adjust": "bonferroni"}, L), ("test", {"against": "equality"}, {"against": "threshold"}, C),
        ("test", {"adjust": "by"}, {"adjust": "holm"}, C),
        ("test", {"confidence": 0.95, "adjust": "holm"}, {"confidence": 0.9, "adjust": "bonferroni"}, C),
        ("min_group_size", None, 10, S), ("min_group_size", 10, 50, L), ("reference", None, {"race": "white"}, C), ("among", None, {"grade": "1"}, C),
    ],
    "freshness": [("of", None, "bias_audit", C), ("within", "24 hours", "12 hours", S), ("within", "24 hours", "3 days", L)],
    "human_review": [
        ("when", None, "amount > 5", C), ("when", "amount > 5", "amount > 6", L), ("when", "amount > 5", "amount > 4", S),
        ("role", "senior", "junior", C), ("before", None, "notice_sent_at", S), ("before", "notice_sent_at", "label_at", C),
    ],
    "log_quality": [("metric", "quarantined_share", "duplicate_share", C), ("at_most", None, 0.1, S), ("at_most", 0.1, 0.2, L)],
    "operating_range": [
        ("ranges", None, {"score": [0, 1]}, C), ("ranges", {"score": [0, 1]}, {"score": [0, 0.5]}, S), ("ranges", {"score": [0, 1]}, {"score": [None, 1]}, L),
        ("ranges", {"score": [0, 1]}, {"score": [0, 1], "amount": [1, 2]}, S), ("ranges", {"score": [0, 1]}, {"score": [0, 2], "amount": [1, 2]}, C),
        ("usual", ["volume"], ["volume", "hours"], S), ("usual", None, ["volume"], C), ("new", ["product"], ["decision"], C),
        ("reference", None, {"weeks": 12}, C), ("one_false_alarm_in", None, 1000, S),
    ],
}  # fmt: skip
CASES = [(kind, *case) for kind, cases in OWN.items() for case in cases] + [("fairness", *case) for case in SHARED]
# Fields that belong to one metric each: what they say cannot be ordered.
BOUND_TO_A_METRIC = {
    "over": ({"metric": "common_odds_ratio", "reference": {"sex": "m"}}, ["a"], ["b"]),
    "of": ({"metric": "standardized_mean_difference", "reference": {"sex": "m"}, "denominator": "pooled"}, "a", "b"),
    "denominator": (
        {"metric": "standardized_mean_difference", "reference": {"sex": "m"}, "of": "a"},
        "pooled",
        "reference",
    ),
    "availability": ({"metric": "availability_z"}, {"sex": {"f": 0.4}}, {"sex": {"f": 0.5}}),
}


def policy(*clauses: dict, **fields) -> Policy:
    base = {"policy": "p", "version": 1, "in_force": {"from": "2026-09-01"}, "owner": "o", "document": {"title": "t"}}
    return Policy.model_validate({**base, "clauses": list(clauses), **fields})


def clause(control: dict | None = None, **fields) -> dict:
    return {
        "id": "A-1",
        "text": "A clause.",
        "level": "output",
        **({"control": control} if control is not None else {}),
        **fields,
    }


def control(kind: str, **fields) -> dict:
    return {"kind": kind, **BASES[kind], **{name: value for name, value in fields.items() if value is not None}}


def compared(old: dict, new: dict) -> list[tuple]:
    """The differences of two clauses; what they are backwards is checked on the way."""
    one, other = policy(old), policy(new)
    forwards, backwards = differences(one, other), differences(other, one)
    assert differences(one, one) == differences(other, other) == []
    mirrored = {(each.field, MIRROR[each.direction], each.new, each.old) for each in backwards}
    assert {(each.field, each.direction, each.old, each.new) for each in forwards} == mirrored
    return [(each.field, each.direction) for each in forwards]


@pytest.mark.parametrize(("kind", "field", "old", "new", "direction"), CASES)
def test_the_direction_of_every_field_of_every_kind(kind, field, old, new, direction):
    found = compared(clause(control(kind, **{field: old})), clause(control(kind, **{field: new})))
    assert found == [(f"control.{field}", direction)]


@pytest.mark.parametrize("field", BOUND_TO_A_METRIC)
def test_what_belongs_to_one_metric_has_changed_no_more(field):
    base, old, new = BOUND_TO_A_METRIC[field]
    found = compared(*(clause({"kind": "fairness", **base, field: value}) for value in (old, new)))
    assert found == [(f"control.{field}", C)]


def test_no_field_of_any_kind_is_left_out():
    tried = defaultdict(set)
    for kind, field, *_ in CASES:
        tried[kind].add(field)
    tried["fairness"] |= BOUND_TO_A_METRIC.keys()
    shared = set(BoundControl.model_fields) - {"acts"}  # follows from the kind and `on_fail`
    for model in get_args(Control):
        kind = get_args(model.model_fields["kind"].annotation)[0]
        one_value = {name for name, each in model.model_fields.items() if str(each.annotation).count("'") == 2}
        own = {each.alias or name for name, each in model.model_fields.items() if name not in one_value}
        assert own - {*BoundControl.model_fields} <= tried[kind] | ({"of"} if kind == "log_quality" else set()), kind
    assert shared <= tried["fairness"]


def test_the_columns_of_a_missing_share():
    shares = ({"kind": "log_quality", "metric": "missing_share", "of": of} for of in (["a"], ["a", "b"]))
    assert compared(*map(clause, shares)) == [("control.of", S)]


@pytest.mark.parametrize(
    ("field", "old", "new", "direction"),
    [
        ("who", "a", "b", C), ("every", "1 year", "6 months", S), ("every", "1 year", "2 years", L), ("every", None, "1 year", S),
        ("first_due", "2026-10-01", "2026-09-01", S), ("first_due", None, "2026-09-01", C), ("evidence", "attestation", "record", C),
        ("escalate", [], [{"to": "m", "after": "5 days"}], S), ("tools", [{"name": "a"}], [{"name": "a"}, {"name": "b"}], L),
        ("tools", [], [{"name": "a"}], C), ("never", ["a"], ["a", "b"], S), ("never", ["a"], ["b"], C), ("never", [], ["a"], C),
    ],
)  # fmt: skip
def test_obligations(field, old, new, direction):
    one, other = ({"who": "w", **({field: value} if value is not None else {})} for value in (old, new))
    assert compared(clause(obligation=one), clause(obligation=other)) == [(f"obligation.{field}", direction)]


def test_no_field_of_a_clause_an_obligation_or_a_policy_is_left_out():
    from gov_pipelines.policy import difference  # noqa: PLC0415

    assert set(difference._OBLIGATION) == set(Obligation.model_fields)
    assert set(difference._CLAUSE) | {"id", "control", "obligation"} == set(Clause.model_fields)
    assert set(difference._of_policy(same=True)) | {"version", "clauses"} == set(Policy.model_fields)
    assert set(difference._COMMON) | {"acts"} == set(BoundControl.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"applies": {"when": "amount > 1"}}, {}, [("applies", S)]),
        ({"text": "a."}, {"text": "b."}, [("text", C)]),
        ({}, {"tags": {"x": ["y"]}}, [("tags", C)]),
        ({"obligation": {"who": "w"}}, {}, [("obligation", "removed")]),
        ({}, {"control": {"kind": "approved_model"}}, [("control", "added")]),
        (
            {"control": {"kind": "approved_model"}},
            {"control": {"kind": "freshness", "within": "1 day"}},
            [("control", C)],
        ),
        ({"id": "A-2"}, {}, [("the clause", "added"), ("the clause", "removed")]),
    ],
)
def test_clauses(old, new, expected):
    assert compared(clause(**old), clause(**new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"in_force": {"from": "2026-09-01"}}, {"in_force": {"from": "2026-08-01"}}, [("in_force", S)]),
        (
            {"in_force": {"from": "2026-09-01"}},
            {"in_force": {"from": "2026-09-01", "until": "2026-12-01"}},
            [("in_force", L)],
        ),
        ({}, {"in_force": {"from": "2026-10-01"}, "version": 2}, [("in_force", C)]),
        ({}, {"holidays": ["2026-12-25"]}, [("holidays", L)]),
        ({"owner": "a"}, {"owner": "b"}, [("owner", C)]),
        ({}, {"version": 2}, []),
    ],
)
def test_a_policy_as_a_whole(old, new, expected):
    found = differences(policy(clause(), **old), policy(clause(), **new))
    assert [(each.field, each.direction) for each in found] == expected


def test_one_sentence_each_with_old_and_new():
    old, new = (policy(clause(control("deadline", within=within))) for within in ("30 days", "25 days"))
    assert str(differences(old, new)[0]) == "A-1 is stricter: control.within is 25 days, was 30 days."
    old, new = (policy(clause(control("fairness", window=window))) for window in ("30 days", None))
    assert str(differences(old, new)[0]) == (
        "A-1 changed, and which of the two is stricter cannot be told: control.window is partition, was 30 days."
    )
    old, new = (policy(clause(control("fairness", at_least=limit))) for limit in (None, 0.8))
    assert str(differences(old, new)[0]) == "A-1 is stricter: control.at_least is 0.8, was not given."


VALUES = {
    kind: {field: [*{repr(value): value for *_, name, old, new, _ in of if name == field for value in (old, new)}.values()]
           for _, field, *_ in of}
    for kind, of in {kind: [case for case in CASES if case[0] == kind] for kind in BASES}.items()
}  # fmt: skip


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_read_backwards_every_word_turns_round(data):
    kind = data.draw(st.sampled_from(sorted(BASES)))
    controls = [
        control(kind, **{field: data.draw(st.sampled_from(values)) for field, values in VALUES[kind].items()})
        for _ in range(2)
    ]
    with suppress(ValidationError):  # limits that do not fit each other
        compared(*map(clause, controls))


SCHEMA = {name: column.dtype for name, column in CANONICAL.items()}
ROWS = pl.DataFrame(
    list(itertools.product([None, -1.0, 0.0, 1.0, 1.5, 2.0, 3.0], [None, "x", "y", "z"], ["a", "b"])),
    schema={"amount": SCHEMA["amount"], "product": SCHEMA["product"], "decision": SCHEMA["decision"]},
    orient="row",
)
atoms = st.sampled_from(
    ["amount > 1", "amount <= 2", "amount = 1", "amount <> 0", "amount IS NULL", "amount BETWEEN 0 AND 2",
     "product = 'x'", "product IN ('x', 'y')", "product IS NOT NULL", "decision = 'a'", "NOT decision = 'b'", "amount + 1 > 2"]
)  # fmt: skip
rules = st.recursive(
    atoms, lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner), max_leaves=3
)
decision_rules = st.fixed_dictionaries({"must": rules, "when": st.none() | rules, "applies": st.none() | rules})


def verdicts(rule: dict) -> list[str | None]:
    """Row by row, as a decision is judged; what a rule says nothing of is None."""
    truth = {
        name: ROWS.select(parse_predicate(text, SCHEMA).expression().alias("v"))["v"].to_list()
        for name, text in rule.items()
        if text
    }
    found = []
    for place, must in enumerate(truth["must"]):
        conditions = [truth[name][place] for name in ("when", "applies") if name in truth]
        if False in conditions:
            found.append(None)
        elif None in conditions or must is None:
            found.append("undecidable")
        else:
            found.append("within" if must else "outside")
    return found


@given(decision_rules, decision_rules, st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_stricter_forgives_no_decision(one, other, data):
    other |= {name: one[name] for name in data.draw(st.sets(st.sampled_from(["must", "when", "applies"])))}
    old, new = (
        clause(
            control("decision_rule", must=rule["must"], when=rule["when"]),
            **({"applies": {"when": rule["applies"]}} if rule["applies"] else {}),
        )
        for rule in (one, other)
    )
    said = {direction for _, direction in compared(old, new)}
    outside = [{place for place, verdict in enumerate(verdicts(rule)) if verdict == "outside"} for rule in (one, other)]
    if said <= {S, R}:
        assert outside[0] <= outside[1]
    if said <= {L, R}:
        assert outside[1] <= outside[0]
