import json

import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import policy_digest
from gov_pipelines.validate import compile_suites, stale_suites, write_suites
from gov_pipelines.validate.suites import control_of

NOT_THE_LIMIT = ("acts", "on_fail", "notify", "severity")


def suite_of(policy):
    (text,) = compile_suites([policy]).values()
    return json.loads(text)


def test_one_suite_a_version_and_one_expectation_a_control(house_policy):
    suites = compile_suites([house_policy])
    assert list(suites) == ["house-fair-lending@1.json"]
    suite = json.loads(suites["house-fair-lending@1.json"])
    assert suite["name"] == "house-fair-lending@1"
    assert [each["meta"]["control"] for each in suite["expectations"]] == [
        f"house-fair-lending/{clause.id}" for clause in house_policy.clauses if clause.control
    ]


def test_the_text_is_canonical(house_policy, policy_of):
    other = policy_of({"kind": "freshness", "within": "6 hours"})
    text = compile_suites([house_policy])["house-fair-lending@1.json"]
    assert text == (json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    assert compile_suites([house_policy, other]) == compile_suites([other, house_policy])


def test_a_reader_sees_the_limit(policy_of):
    suite = suite_of(
        policy_of(
            {
                "kind": "fairness",
                "metric": "impact_ratio",
                "by": ["race", ["race", "sex"]],
                "at_least": 0.8,
                "window": "90 days",
                "severity": "critical",
                "notify": ["oncall"],
            }
        )
    )
    (expectation,) = suite["expectations"]
    assert expectation["type"] == "expect_control_to_hold"
    assert expectation["severity"] == "critical"
    assert expectation["kwargs"] == {
        "control": "house/A-1",
        "parameters": {
            "kind": "fairness",
            "metric": "impact_ratio",
            "by": ["race", ["race", "sex"]],
            "at_least": 0.8,
            "among": {},
            "min_group_size": 30,
            "test": {"against": "equality", "confidence": 0.95, "adjust": "holm", "error_over": "night"},
            "window": "90 days",
        },
    }


def test_meta_data_say_what_stands_behind(policy_of):
    policy = policy_of(
        {"kind": "decision_rule", "must": "amount > 0", "on_fail": "hold_decision"},
        {"kind": "data_access"},
        {"kind": "freshness", "within": "6 hours"},
        {"kind": "human_review", "role": "senior"},
        in_force={"from": "2026-09-01", "until": "2027-01-01"},
    )
    suite = suite_of(policy)
    assert [each["meta"]["acts"] for each in suite["expectations"]] == ["holds", "detects", "detects", "holds"]
    assert suite["expectations"][0]["meta"] == {
        "control": "house/A-1",
        "clause": "A-1",
        "text": "Sentence 1.",
        "level": "runtime",
        "kind": "decision_rule",
        "acts": "holds",
        "on_fail": "hold_decision",
        "notify": [],
        "policy_digest": policy_digest(policy),
    }
    assert suite["meta"] == {
        "policy": "house",
        "version": 1,
        "in_force": {"from": "2026-09-01", "until": "2027-01-01"},
        "digest": policy_digest(policy),
        "compiled_by": "gov compile",
    }


def test_a_native_expectation_is_compiled_to_itself(policy_of):
    arguments = {"column": "value", "min_value": 0.1}
    suite = suite_of(
        policy_of({"kind": "expectation", "expect": "expect_column_values_to_be_between", "arguments": arguments})
    )
    (expectation,) = suite["expectations"]
    assert (expectation["type"], expectation["kwargs"]) == ("expect_column_values_to_be_between", arguments)
    assert expectation["meta"]["kind"] == "expectation"


def test_every_control_reads_back_from_its_suite(house_policy):
    controls = {f"house-fair-lending/{each.id}": each.control for each in house_policy.clauses if each.control}
    for expectation in suite_of(house_policy)["expectations"]:
        declared = controls[expectation["meta"]["control"]]
        restored = control_of(expectation["kwargs"]["parameters"])
        assert type(restored) is type(declared)
        assert restored.model_dump(exclude=NOT_THE_LIMIT) == declared.model_dump(exclude=NOT_THE_LIMIT)


def test_the_same_version_twice_is_refused(policy_of):
    one, other = policy_of({"kind": "data_access"}), policy_of({"kind": "freshness", "within": "6 hours"})
    with pytest.raises(WrongUse, match="house@1 is written twice"):
        compile_suites([one, other])


def test_write_then_nothing_is_stale(policy_of, tmp_path):
    policy = policy_of({"kind": "data_access"})
    assert write_suites([policy], tmp_path / "suites") == [tmp_path / "suites" / "house@1.json"]
    assert stale_suites([policy], tmp_path / "suites") == []
    assert write_suites([policy], tmp_path / "suites") == []


def test_missing_different_and_orphaned_suites_are_named(policy_of, tmp_path):
    rule = {"kind": "log_quality", "metric": "duplicate_share", "at_most": 0.01}
    versions = [policy_of(rule, version=version) for version in (1, 2, 3)]
    write_suites(versions, tmp_path)
    (tmp_path / "README.json").write_text("{}", encoding="utf-8")
    (tmp_path / "house@1.json").unlink()
    laxer = (tmp_path / "house@2.json").read_text(encoding="utf-8").replace("0.01", "0.10")
    (tmp_path / "house@2.json").write_text(laxer, encoding="utf-8")

    found = stale_suites(versions[:2], tmp_path)
    assert [(each.field, each.problem.split(":")[0]) for each in found] == [
        ("house@1", "missing"),
        ("house@2", "different"),
        ("house@3", "orphaned"),
    ]
    assert found[0].file == str(tmp_path / "house@1.json")
    assert "gov compile" in found[0].remedy

    assert [path.name for path in write_suites(versions[:2], tmp_path)] == [f"house@{n}.json" for n in (1, 2, 3)]
    assert stale_suites(versions[:2], tmp_path) == []
    assert (tmp_path / "README.json").exists()


def test_a_folder_that_is_not_there_is_all_missing(policy_of, tmp_path):
    (only,) = stale_suites([policy_of({"kind": "data_access"})], tmp_path / "absent")
    assert only.problem.startswith("missing")
