"""Great Expectations itself reads what we compile."""

import json
from importlib import import_module

import pytest

from gov_pipelines.validate import compile_suites

NATIVE = {
    "kind": "expectation",
    "expect": "expect_column_max_to_be_between",
    "arguments": {"column": "value", "max_value": 0.25},
    "severity": "info",
}


@pytest.fixture
def gx():
    import_module("gov_pipelines.validate.expectations")  # registers expect_control_to_hold
    gx = import_module("great_expectations")  # here, not above: collecting the tests need not wait for it
    gx.get_context(mode="ephemeral")
    return gx


def written_again(gx, compiled):
    """The suite through Great Expectations and back, without the version that it stamps."""
    loaded = gx.ExpectationSuite(**json.loads(compiled))
    again = json.loads(json.dumps(loaded.to_json_dict()))
    again["meta"].pop("great_expectations_version")
    assert again.pop("id") is None
    return loaded, again


def test_the_house_policy_round_trips(gx, house_policy):
    (compiled,) = compile_suites([house_policy]).values()
    loaded, again = written_again(gx, compiled)
    assert len(loaded.expectations) == sum(each.control is not None for each in house_policy.clauses)
    assert again == json.loads(compiled)


def test_a_native_expectation_round_trips(gx, policy_of):
    (compiled,) = compile_suites([policy_of(NATIVE, {"kind": "data_access"})]).values()
    loaded, again = written_again(gx, compiled)
    assert [type(each).__name__ for each in loaded.expectations] == [
        "ExpectColumnMaxToBeBetween",
        "ExpectControlToHold",
    ]
    assert loaded.expectations[0].severity == "info"
    assert again == json.loads(compiled)
