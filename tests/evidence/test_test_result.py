"""The second line of a bundle: the standard test-result, and what it must not be."""

import json
import shutil

import in_toto_attestation.predicates.test_result.v0.test_result_pb2 as oracle
import in_toto_attestation.v1.statement_pb2 as statements
import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from gov_pipelines.evidence import ENVELOPE, build_predicate, canonical, dsse
from gov_pipelines.evidence.package import parse_bundle
from gov_pipelines.evidence.predicate import VERDICTS, statement
from gov_pipelines.evidence.test_result import PREDICATE_TYPE, result_statement
from gov_pipelines.evidence.verify import verify

LINE_2 = f"{ENVELOPE}, line 2"


@pytest.fixture
def said(content, control):
    """Makes the result of a snapshot with controls of some verdicts."""

    def make(*verdicts, **changes):
        controls = [control(f"house/{verdict}", verdict) for verdict in verdicts]
        return result_statement(statement(build_predicate(content(controls=controls, **changes))))["predicate"]

    return make


def test_a_control_is_in_the_list_of_its_verdict_or_in_none(said):
    found = said(*VERDICTS)
    assert found["passedTests"] == ["house/pass"]
    assert found["warnedTests"] == ["house/insufficient", "house/warn"]
    assert found["failedTests"] == ["house/fail", "house/missing"]


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        (["pass", "report_only"], "PASSED"),
        (["pass", "not_applicable"], "PASSED"),
        (["pass", "warn"], "WARNED"),
        (["pass", "insufficient"], "WARNED"),
        (["pass", "warn", "fail"], "FAILED"),
        (["pass", "missing"], "FAILED"),
        (["report_only", "not_applicable"], "WARNED"),  # nothing was tested, so nothing passed
        ([], "WARNED"),
    ],
)
def test_nothing_passes_out_of_ignorance(said, verdicts, result):
    assert said(*verdicts)["result"] == result


def test_a_missed_window_has_failed_whatever_its_controls(said):
    assert said("pass", missed={"reason": "no answer"})["result"] == "FAILED"


def test_the_configuration_is_what_the_package_holds(said, files):
    by_name = {each["name"]: each["digest"]["sha256"] for each in said()["configuration"]}
    assert by_name.keys() == {"policy.house@3.json", "declaration"}
    assert by_name.keys() & files.keys() == {"policy.house@3.json"}


def test_in_toto_reads_and_validates_both_lines(package):
    one, two = parse_bundle((package / ENVELOPE).read_bytes())
    for envelope in (one, two):
        parsed = json_format.Parse(envelope.payload, statements.Statement())
        Statement.copy_from_pb(parsed).validate()
        assert parsed.subject[0].name == "decisions/loans/2026-10-01"
    assert parsed.predicate_type == PREDICATE_TYPE
    result = json_format.Parse(json_format.MessageToJson(parsed.predicate), oracle.TestResult())
    assert result.result == "FAILED"
    assert [*result.failed_tests] == ["house/FL-1"]
    assert len(result.configuration) == 2
    for each in result.configuration:
        ResourceDescriptor.copy_from_pb(each).validate()


@pytest.mark.parametrize(
    "change",
    [
        lambda one, two: one,
        lambda one, two: two,
        lambda one, two: one + two + two,
        lambda one, two: one + b"\n" + two,
        lambda one, two: one + two + b"\n",
        lambda one, two: one + two[:-1],
        lambda one, two: one.replace(b"\n", b"\r\n") + two,
        lambda one, two: one + b" " + two,
        lambda one, two: one[:-1] + two,
        lambda one, two: one + two.replace(b'"payload":', b'"payload": '),
    ],
    ids=["first", "second", "three", "gap", "more", "cut", "crlf", "space", "joined", "loose"],
)
def test_a_bundle_of_another_spelling_is_refused(package, change):
    lines = (package / ENVELOPE).read_bytes().splitlines(keepends=True)
    (package / ENVELOPE).write_bytes(change(*lines))
    assert (ENVELOPE, "envelope-canonical") in rules(verify(package))


def rules(verification):
    return {(check.file, check.rule) for check in verification.failures}


def test_lines_in_the_other_order_are_refused(package):
    one, two = (package / ENVELOPE).read_bytes().splitlines(keepends=True)
    (package / ENVELOPE).write_bytes(two + one)
    assert (ENVELOPE, "predicate-type") in rules(verify(package))


def test_the_result_of_another_night_is_refused(chain, tmp_path):
    package = tmp_path / "r1"
    shutil.copytree(chain / "2026-10-01" / "r1", package)
    mine, other = (
        (each / ENVELOPE).read_bytes().splitlines(keepends=True) for each in (package, chain / "2026-10-02" / "r1")
    )
    (package / ENVELOPE).write_bytes(mine[0] + other[1])
    assert rules(verify(package)) == {(LINE_2, "test-result-agrees")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("result", "PASSED"),
        ("failedTests", []),
        ("passedTests", ["house/FL-1"]),
        ("configuration", []),
        ("url", "https://x.example"),
    ],
)
def test_a_result_that_says_otherwise_is_refused_whoever_signs(package, signer, name, value):
    one, two = parse_bundle((package / ENVELOPE).read_bytes())
    document = json.loads(two.payload)
    document["predicate"][name] = value
    (package / ENVELOPE).write_bytes(one.to_bytes() + dsse.sign(canonical.dumps(document), signer))
    assert rules(verify(package)) == {(LINE_2, "test-result-agrees")}


def test_another_signer_of_the_second_line_is_refused(package, other_signer):
    one, two = parse_bundle((package / ENVELOPE).read_bytes())
    (package / ENVELOPE).write_bytes(one.to_bytes() + dsse.sign(two.payload, other_signer))
    assert (LINE_2, "signature") in rules(verify(package))
    (package / ENVELOPE).write_bytes(one.to_bytes() + dsse.sign(two.payload, other_signer, "application/json"))
    assert (LINE_2, "payload-type") in rules(verify(package))
