"""A snapshot's verdicts as the in-toto predicate that other programs know: test-result v0.1.

Source: in-toto attestation framework, `spec/predicates/test-result.md`. It is computed from the snapshot and from
nothing else, so that whoever has one can tell what the other must say.

A test is a control. `pass` is a test that passed; `warn` and `insufficient` (too few decisions to tell) are warnings;
`fail` and `missing` (not measured) are failures. What nobody set a limit to (`report_only`) and what does not apply
(`not_applicable`) is no test, and in no list: the lists are optional and name tests that ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"

_LISTS = {"passedTests": {"pass"}, "warnedTests": {"warn", "insufficient"}, "failedTests": {"fail", "missing"}}


def result_statement(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Say of a snapshot's Statement what the standard predicate can.

    Args:
        snapshot: an in-toto Statement whose predicate has the shape of `predicate.FIELDS`.

    Returns:
        A Statement about the same subject. `result` is FAILED where a test failed or the window was missed; PASSED
        where at least one test passed and none warned; else WARNED, also where there was no test. `configuration` names
        the policies' files in the package, and the declaration.
    """
    said = snapshot["predicate"]
    lists = {
        name: sorted(each["control"] for each in said["controls"] if each["verdict"] in verdicts)
        for name, verdicts in _LISTS.items()
    }
    if lists["failedTests"] or said["missed"]:
        result = "FAILED"
    else:
        result = "PASSED" if lists["passedTests"] and not lists["warnedTests"] else "WARNED"
    digests = {f"policy.{each['name']}@{each['version']}.json": each["sha256"] for each in said["policies"]}
    digests["declaration"] = said["declaration"]["sha256"]
    configuration = [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()]
    return {
        "_type": snapshot["_type"],
        "subject": snapshot["subject"],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"result": result, "configuration": configuration, **lists},
    }
