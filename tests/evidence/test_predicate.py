import json
import subprocess
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest

import gov_pipelines
from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import build_predicate, canonical
from gov_pipelines.evidence.code import code_digest
from gov_pipelines.evidence.predicate import (
    LIMITS,
    SCHEMA,
    VERDICTS,
    content_digest,
    predicate_misfits,
    snapshot_schema,
    statement,
)
from gov_pipelines.measure import WORST_FIRST, Measurement


def test_numbers_become_decimal_strings_and_times_instants(content):
    predicate = build_predicate(content())
    measured = predicate["measurements"][0]
    assert [measured[name] for name in ("value", "lower", "upper", "n")] == ["0.743", "0.666666666667", None, 1972]
    assert predicate["partition"]["start"] == "2026-10-01T04:00:00Z"
    assert predicate["partition"]["key"] == "2026-10-01"
    assert predicate["limits"] == LIMITS
    assert canonical.loads(canonical.dumps(predicate)) == predicate


def measured(measurement):
    return [{"control": "house/FL-1", **asdict(measurement)}]


def test_a_measurement_is_signed_whole(content):
    instant = datetime(2026, 10, 1, 4, tzinfo=UTC)
    row = Measurement("selection_rate", ("race",), {"race": None}, value=0.5, n=7, p_value=1e-9, window_start=instant)
    said = build_predicate(content(measurements=measured(row)))["measurements"][0]
    assert said.keys() == {"control", *(each.name for each in fields(Measurement))}
    assert said["attribute"] == ["race"]
    assert said["group"] == {"race": None}
    assert said["p_value"] == "0.000000001"
    assert said["window_start"] == "2026-10-01T04:00:00Z"
    assert said["minimum_detectable"] is None


def test_verdicts_are_those_that_are_measured():
    assert VERDICTS == WORST_FIRST


def test_the_digest_leaves_out_what_signing_adds(content):
    digest = build_predicate(content())["contentDigest"]
    later = datetime(2027, 1, 1, tzinfo=UTC)
    policies = [{**content()["policies"][0], "recordedAt": later}]
    for same in (
        {"timeCreated": later},
        {"revision": 2, "supersedes": {"revision": 1, "payloadSha256": "0" * 64}, "revisionReasons": ["as of: a -> b"]},
        {"sequence": 9, "previous": {"sequence": 8, "payloadSha256": "0" * 64}},
        {"ledger": {"size": 9, "rootHash": "0" * 64}},
        {"producer": {**content()["producer"], "version": "9", "codeDigest": "9" * 64, "runId": "r"}},
        {"policies": policies},
        {"decisions": {**content()["decisions"], "rootHash": "0" * 64}},
    ):
        assert build_predicate(content(**same))["contentDigest"] == digest, same


def test_the_digest_changes_with_what_was_found(content):
    digest = build_predicate(content())["contentDigest"]
    before = content()
    for change in (
        {"asOf": datetime(2027, 1, 1, tzinfo=UTC)},
        {"system": "other"},
        {"retroactive": False},
        {"policies": [{**before["policies"][0], "sha256": "f" * 64}]},
        {"policies": []},
        {"declaration": {"sha256": "f" * 64}},
        {"ingest": {**before["ingest"], "quarantined": 2}},
        {"decisions": {**before["decisions"], "counts": {}}},
        {"tally": None},
        {"measurements": []},
        {"controls": []},
        {"secondOpinion": None},
        {"missed": {"reason": "the database did not answer"}},
    ):
        assert build_predicate(content(**change))["contentDigest"] != digest, change


def test_a_predicate_with_mistakes_is_not_built(content):
    whole = content()
    with pytest.raises(EvidenceError, match=r"predicate\.tally is absent"):
        build_predicate({name: value for name, value in whole.items() if name != "tally"})
    with pytest.raises(EvidenceError, match=r"predicate\.nonsense is unknown"):
        build_predicate({**whole, "nonsense": 1})
    with pytest.raises(EvidenceError, match=r"revision is not an integer of at least 1"):
        build_predicate({**whole, "revision": True})
    with pytest.raises(EvidenceError, match=r"policies\[0\]\.version is absent"):
        build_predicate({**whole, "policies": [{}]})
    with pytest.raises(EvidenceError, match=r"predicate\.controls\[0\]\.rows is of type set"):
        build_predicate({**whole, "controls": [{"rows": {1}}]})
    with pytest.raises(EvidenceError, match=r"controls\[0\]\.verdict is not one of fail, missing"):
        build_predicate({**whole, "controls": [{**whole["controls"][0], "verdict": "passed"}]})
    with pytest.raises(EvidenceError, match=r"declaration\.sha256 is not a SHA-256"):
        build_predicate({**whole, "declaration": {"sha256": "0" * 64 + "\n"}})
    with pytest.raises(EvidenceError, match="no time zone"):
        build_predicate({**whole, "asOf": datetime(2026, 1, 1)})
    with pytest.raises(EvidenceError, match="null with a note"):
        build_predicate({**whole, "measurements": [{"value": float("nan")}]})
    with pytest.raises(EvidenceError, match="one leaf"):
        build_predicate({**whole, "ingest": {**whole["ingest"], "accepted": 6}})


def test_the_subject_is_the_root_over_the_decisions(content):
    predicate = build_predicate(content(date(2026, 10, 3)))
    (subject,) = statement(predicate)["subject"]
    assert subject == {"name": "decisions/loans/2026-10-03", "digest": {"sha256": predicate["decisions"]["rootHash"]}}


def test_measurements_may_be_changed_copies(content):
    first = Measurement("impact_ratio", value=0.7, n=10)
    one, two = (
        build_predicate(content(measurements=measured(item)))
        for item in (first, replace(first, value=0.70000000000001))
    )
    assert one["contentDigest"] == two["contentDigest"]  # twelve digits are signed
    assert content_digest(one) == one["contentDigest"]


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(json.loads(snapshot_schema()))


def test_the_schema_in_the_docs_is_this_one():
    written = Path(__file__).parents[2] / "docs" / "schemas" / SCHEMA
    assert written.read_text() == snapshot_schema(), "run `gov schema --write`"


def test_any_validator_can_read_a_snapshot_by_its_schema(content, validator):
    jsonschema.Draft202012Validator.check_schema(validator.schema)
    for found in (content(), content(missed={"reason": "no answer"}, tally=None, measurements=[], secondOpinion=None)):
        predicate = {**build_predicate(found), "manifest": [{"name": "key.json", "sha256": "0" * 64, "bytes": 1}]}
        assert not [*validator.iter_errors(statement(predicate))]
        assert predicate_misfits(predicate) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["more"], 1),
        (["sequence"], 0),
        (["sequence"], True),
        (["asOf"], "2026-10-01T04:00:00+00:00"),
        (["declaration", "sha256"], "A" * 64),
        (["partition", "key"], "2026-10-1"),
        (["partition", "zone"], None),
        (["measurements", 0, "value"], 0.743),
        (["measurements", 0, "value"], "0.7430"),
        (["measurements", 0, "value"], "-0"),
        (["measurements", 0, "value"], "1e3"),
        (["measurements", 0, "value"], "٣"),
        (["measurements", 0, "group"], {"race": 1}),
        (["measurements", 0, "attribute"], "race"),
        (["measurements", 0, "n"], -1),
        (["controls", 0, "verdict"], "compliant"),
        (["controls", 0, "policyVersion"], "3"),
        (["controls", 0], []),
        (["decisions", "counts"], {"house/FL-2": {"within": 0}}),
        (["decisions", "counts"], {"house/FL-2": 5}),
        (["ledger"], {"size": 1}),
        (["producer", "codeDigest"], None),
        (["tally", "discloseMin"], 1),
    ],
)
def test_schema_and_verifier_refuse_the_same(content, validator, place, value):
    predicate = json.loads(canonical.dumps({**build_predicate(content()), "manifest": []}))
    inner = predicate
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert predicate_misfits(predicate)
    assert not validator.is_valid(statement(predicate))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["timeCreated"], "2026-02-31T12:00:00Z"),
        (["asOf"], "2026-11-22T24:00:01Z"),
        (["policies", 0, "recordedAt"], "0000-01-01T00:00:00Z"),
        (["policies", 0, "inForceFrom"], "2026-13-01"),
        (["partition", "key"], "2026-09-01T25Z"),
    ],
)
def test_days_that_never_were_are_refused(content, place, value):
    predicate = json.loads(canonical.dumps({**build_predicate(content()), "manifest": []}))
    inner = predicate
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert len(predicate_misfits(predicate)) == 1


def test_the_code_digest_is_what_a_shell_finds():
    listed = "cd \"$1\" && find * -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    folder = Path(gov_pipelines.__file__).parent
    done = subprocess.run(["bash", "-c", listed, "-", folder], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == code_digest()
