from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import build_predicate, canonical
from gov_pipelines.evidence.predicate import LIMITS, content_digest, statement
from gov_pipelines.measure import Measurement


def test_numbers_become_decimal_strings_and_times_instants(content):
    predicate = build_predicate(content())
    measured = predicate["measurements"][0]
    assert measured == {"metric": "impact_ratio", "value": "0.743", "lower": "0.666666666667", "upper": None, "n": 1972}
    assert predicate["partition"]["start"] == "2026-10-01T04:00:00Z"
    assert predicate["partition"]["key"] == "2026-10-01"
    assert predicate["limits"] == LIMITS
    assert canonical.loads(canonical.dumps(predicate)) == predicate


def test_dataclasses_become_objects(content):
    measurement = Measurement("selection_rate", attribute=("race",), group={"race": None}, value=0.5, n=7, p_value=1e-9)
    said = build_predicate(content(measurements=[measurement]))["measurements"][0]
    assert said["attribute"] == ["race"]
    assert said["group"] == {"race": None}
    assert said["pValue"] == "0.000000001"
    assert said["minimumDetectable"] is None


def test_the_digest_leaves_out_what_signing_adds(content):
    digest = build_predicate(content())["contentDigest"]
    later = datetime(2027, 1, 1, tzinfo=UTC)
    policies = [{**content()["policies"][0], "recordedAt": later}]
    for same in (
        {"timeCreated": later},
        {"revision": 2, "supersedes": {"revision": 1, "payloadSha256": "0"}, "revisionReasons": ["as of: a -> b"]},
        {"sequence": 9, "previous": {"sequence": 8, "payloadSha256": "0"}},
        {"producer": {**content()["producer"], "version": "9", "runId": "r"}},
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
    with pytest.raises(EvidenceError, match=r"revision is not of type int"):
        build_predicate({**whole, "revision": True})
    with pytest.raises(EvidenceError, match=r"policies\[0\]\.version is absent"):
        build_predicate({**whole, "policies": [{}]})
    with pytest.raises(EvidenceError, match=r"predicate\.controls\[0\]\.rows is of type set"):
        build_predicate({**whole, "controls": [{"rows": {1}}]})
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
        build_predicate(content(measurements=[item])) for item in (first, replace(first, value=0.70000000000001))
    )
    assert one["contentDigest"] == two["contentDigest"]  # twelve digits are signed
    assert content_digest(one) == one["contentDigest"]
