import base64
import json
from datetime import UTC, datetime
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, decision_leaf, leaves, new_salt
from gov_pipelines.evidence.leaves import disclosure_digest, field_disclosure, leaf_verdicts, whole_disclosure
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.pipeline.leaves import SALT, in_polars, in_python, leaves_of

VERDICTS = st.dictionaries(
    st.text(min_size=1), st.sampled_from(["within", "outside", "pending", "undecidable"]), max_size=4
)
A_HASH = b"A" * 43
FIELDS = {
    "decision_id": "A-1",
    "decided_at": datetime(2026, 9, 1, 12, tzinfo=UTC),
    "decision": "denied",
    "model_version": None,
    "sex": "F",
}


def opened(disclosure):
    return json.loads(base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))


@given(st.text(), VERDICTS)
def test_a_leaf_is_canonical_and_says_its_verdicts(decision_id, verdicts):
    leaf = decision_leaf({"decision_id": decision_id}, "c2FsdHNhbHRzYWx0c2FsdA", verdicts)
    assert canonical.loads(leaf)["v"] == verdicts == leaf_verdicts(leaf)
    assert b"\n" not in leaf


def test_hashes_are_those_that_the_rfc_publishes():
    # RFC 9901 section 4.2.3: the digest of this disclosure.
    published = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert disclosure_digest(published) == "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"


def test_a_leaf_opens_to_a_list_of_hashes_and_each_of_them_to_a_field():
    whole = whole_disclosure("salt", FIELDS)
    assert json.loads(decision_leaf(FIELDS, "salt", {}))["_sd"] == [disclosure_digest(whole)]
    _, name, held = opened(whole)
    assert (name, held.keys()) == ("decision", {"_sd"})
    shown = {
        disclosure_digest(each): opened(each)[1:] for each in (field_disclosure("salt", *one) for one in FIELDS.items())
    }
    assert held["_sd"] == sorted(shown, key=lambda digest: shown[digest][0])
    assert dict(shown.values()) == FIELDS | {"decided_at": "2026-09-01T12:00:00Z"}


def test_what_is_shown_tells_no_other_salt():
    salt = new_salt()
    salts = [opened(field_disclosure(salt, name, value))[0] for name, value in FIELDS.items()]
    salts.append(opened(whole_disclosure(salt, FIELDS))[0])
    assert len(set(salts)) == len(FIELDS) + 1
    assert not any(salt in each or len(each) != 32 for each in salts)


def test_nobody_finds_a_decision_without_its_salt():
    salts = [new_salt() for _ in range(100)]
    assert len(set(salts)) == 100
    assert all(len(salt) == 22 for salt in salts)
    assert decision_leaf(FIELDS, salts[0], {}) != decision_leaf(FIELDS, salts[1], {})
    assert b"A-1" not in decision_leaf(FIELDS, salts[0], {})


def test_every_field_changes_the_leaf():
    changed = [FIELDS | {name: "other"} for name in FIELDS]
    written = {decision_leaf(fields, "salt", {}) for fields in [FIELDS, *changed]}
    assert len(written) == len(FIELDS) + 1


HOSTILE = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from('"\\\b\f\n\r\t\0\x1f\x7f\u2028>?~/+\U0001f600'))
)
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
SAID = st.none() | st.sampled_from(["within", "outside", "pending", "undecidable"])
ROWS = st.lists(
    st.tuples(
        st.text("AZaz09-_"), HOSTILE, st.none() | MOMENTS, st.none() | HOSTILE,
        st.none() | st.floats(allow_nan=False, allow_infinity=False), st.none() | st.integers(-(2**53) + 1, 2**53 - 1), SAID, SAID,
    ),
    max_size=5,
)  # fmt: skip
NAMES = ("decision_id", "decided_at", 'naïve "group"', "score", "count")
CONTROLS = ("house/FL-2\U0001f600", "house/FL-2\uff5e")


@pytest.mark.parametrize("hashing", [in_polars, in_python])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_a_frame_gives_the_same_leaves_as_one_decision_after_the_other(hashing, rows):
    if hashing is in_polars:
        pytest.importorskip("polars_hash", reason="the extra `evidence` is not installed")
    types = (pl.String, pl.String, pl.Datetime("us", "UTC"), pl.String, pl.Float64, pl.Int64, pl.String, pl.String)
    frame = pl.DataFrame(rows, dict(zip((SALT, *NAMES, *CONTROLS), types, strict=True)), orient="row")
    expected = [
        decision_leaf(
            dict(zip(NAMES, fields, strict=True)),
            salt,
            {key: verdict for key, verdict in zip(CONTROLS, verdicts, strict=True) if verdict},
        )
        for salt, *fields, first, second in rows
        for verdicts in [(first, second)]
    ]
    assert leaves_of(frame, NAMES, CONTROLS, hashing) == expected


def test_leaves_of_decisions_that_no_rule_judges_and_of_no_decisions():
    frame = pl.DataFrame({SALT: ["salt"], "decision_id": ["A-1"]})
    assert leaves_of(frame, ["decision_id"], []) == [decision_leaf({"decision_id": "A-1"}, "salt", {})]
    assert leaves_of(frame.clear(), ["decision_id"], []) == []


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{"a":"within","a":"outside"}}' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{"b":"within","a":"outside"}}' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{"a":"fine"}}' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{"a":["within"]}}' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{}} ' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{},"w":1}' % A_HASH,
        b'{"_sd":["%b\\ud800"],"_sd_alg":"sha-256","v":{}}' % A_HASH[:-1],
        b'{"_sd":["%b","%b"],"_sd_alg":"sha-256","v":{}}' % (A_HASH, A_HASH),
        b'{"_sd":["%b"],"_sd_alg":"md5","v":{}}' % A_HASH,
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{}}' % A_HASH[1:],
        b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{}}' % (A_HASH + b"A"),
    ],
)
def test_other_leaves_are_refused(leaf):
    with pytest.raises(EvidenceError):
        leaf_verdicts(leaf)
    with pytest.raises(EvidenceError):
        leaves.verdict_counts([decision_leaf(FIELDS, "salt", {}), leaf])


def test_a_hash_of_other_characters_is_refused_where_leaves_are_counted():
    with pytest.raises(EvidenceError, match="base64url"):
        leaves.verdict_counts([b'{"_sd":["%b"],"_sd_alg":"sha-256","v":{}}' % (b"+" * 43)])


def test_a_verdict_that_does_not_exist_is_not_written():
    with pytest.raises(EvidenceError, match="undecidable"):
        decision_leaf(FIELDS, "salt", {"house/FL-1": "pass"})


def test_the_section_sums_up_the_leaves():
    written = [
        decision_leaf({"decision_id": str(number)}, "salt", {"c": "within" if number else "outside"})
        for number in range(3)
    ]
    assert leaves.decisions_section(written) == {
        "treeSize": 3,
        "rootHash": merkle.root(merkle.leaf_hashes(written)).hex(),
        "leafFormat": "sd-leaf/v2",
        "counts": {"c": {"outside": 1, "within": 2}},
    }
    assert leaves.decisions_section([])["rootHash"] == sha256().hexdigest()


def test_the_file_gives_back_its_leaves():
    for written in ([], [b"{}"], [b"a", b"b"]):
        assert leaves.read_leaves(leaves.write_leaves(written)) == written
    assert leaves.read_leaves(b"a\nb") == [b"a", b"b"]
    assert leaves.read_leaves(b"a\n\n") == [b"a", b""]
