import json
import math
import re
import struct
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import islice

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(st.text(st.characters())))
def test_texts_are_written_as_any_value_is(values):
    try:
        assert canonical.texts(*values) == canonical.dumps(values)
    except EvidenceError:
        assert any("\ud800" <= each <= "\udfff" for value in values for each in value)


@given(JSON_VALUES)
def test_every_value_is_written_as_rfc8785_has_it(value):
    assert canonical.dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [{"\U0001f600": 1, "\uff61": 2}, {"a": [1.0, 1e21, -0.0]}, {"\x7f\u2028": '\x00\x1f"/'}]
)
def test_names_beyond_and_fractions_are_written_as_rfc8785_has_them(value):
    assert canonical.dumps(value) == rfc8785.dumps(value)


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70))


@given(
    st.recursive(
        st.none() | st.booleans() | NUMBERS | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_what_was_parsed_is_written_as_any_value_is(value):
    parsed = json.loads(json.dumps(value))
    try:
        expected = canonical.dumps(parsed)
    except EvidenceError:
        with pytest.raises(EvidenceError):
            canonical.dumps_parsed(parsed)
    else:
        assert canonical.dumps_parsed(parsed) == expected


@given(JSON_VALUES)
def test_what_is_written_can_be_read_again(value):
    data = canonical.dumps(value)
    assert canonical.dumps(canonical.loads(data)) == data


@given(st.dictionaries(st.text() | st.just("predicate"), st.dictionaries(st.text(), JSON_VALUES) | JSON_VALUES))
def test_an_object_is_read_with_how_its_members_are_written(document):
    data = canonical.dumps(document)
    value, members = canonical.loads_apart(data, "predicate")
    assert value == canonical.loads(data)
    inner = value.get("predicate")
    assert members == ({name: canonical.dumps(item) for name, item in inner.items()} if isinstance(inner, dict) else {})
    if members:
        assert canonical.join(members) == canonical.dumps(inner)


@given(st.data(), st.dictionaries(st.text(), JSON_VALUES, min_size=1))
def test_read_apart_or_whole_the_same_bytes_are_refused(data, members):
    document = bytearray(canonical.dumps({"a": 1, "predicate": members, "z": "\u00e9"}))
    document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    try:
        whole = canonical.loads(bytes(document))
    except EvidenceError:
        with pytest.raises(EvidenceError):
            canonical.loads_apart(bytes(document), "predicate")
    else:
        assert canonical.loads_apart(bytes(document), "predicate")[0] == whole


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b"[1.0]",
        b"[1e2]",
        b"[-0]",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[9007199254740993]",
        b"\xef\xbb\xbf[]",
        b"[]\n",
        b'["\\u0061"]',
        b'["\\ud800"]',
        b'["\xff"]',
        b"",
        "[]".encode("utf-16"),
        b"[" + b"1" * 5000 + b"]",
    ],
)
def test_other_spellings_are_refused(document):
    with pytest.raises(EvidenceError):
        canonical.loads_apart(b'{"predicate":%b}' % document, "predicate")
    with pytest.raises(EvidenceError):
        canonical.loads(document)


def test_depth_and_size_are_limited_before_anything_is_parsed():
    assert canonical.loads(b"[" * 64 + b"]" * 64)
    with pytest.raises(EvidenceError, match="65 levels"):
        canonical.loads(b"[" * 65 + b"]" * 65)
    with pytest.raises(EvidenceError, match="at most 64"):
        canonical.loads(b"[" * 1_000_000)
    with pytest.raises(EvidenceError, match="at most 3"):
        canonical.loads(b"[1,2]", max_bytes=3)
    assert canonical.loads(b'["' + b"[" * 100 + b'"]') == ["[" * 100]


def test_a_hostile_string_costs_linear_time():
    with pytest.raises(EvidenceError, match="not a JSON document"):
        canonical.loads(b'"' + b'\\"' * 2_000_000)


def test_what_has_no_canonical_form_is_not_written():
    for value in (math.nan, math.inf, 2**53, "\ud800", {"\ud800": 1}, {1: 2}, object(), b"x"):
        with pytest.raises(EvidenceError, match="canonical"):
            canonical.dumps(value)


def test_rfc8785_vectors(vectors):
    folder = vectors("rfc8785") / "testdata"
    names = sorted(path.name for path in (folder / "input").iterdir())
    assert len(names) == 6
    for name in names:
        expected = (folder / "output" / name).read_bytes()
        assert canonical.dumps(json.loads((folder / "input" / name).read_bytes())) == expected
        assert canonical.dumps(canonical.loads(expected)) == expected


def test_json_test_suite_is_canonical_or_reject(vectors):
    files = sorted((vectors("JSONTestSuite") / "test_parsing").glob("*.json"))
    assert len(files) == 318
    for path in files:
        data = path.read_bytes()
        try:
            value = canonical.loads(data)
        except EvidenceError:
            assert not path.name.startswith("y_") or not is_canonical(data), path.name
        else:
            assert not path.name.startswith("n_"), path.name
            assert canonical.dumps(value) == data, path.name


def test_json_test_suite_of_documents_of_others(vectors):
    """Any spelling is read, but for members said twice, in which two readers could see two documents."""
    verdicts = {}
    for path in (vectors("JSONTestSuite") / "test_parsing").glob("[yn]_*.json"):
        try:
            canonical.parse(path.read_bytes())
            verdicts[path.stem] = "y"
        except EvidenceError:
            verdicts[path.stem] = "n"
    assert len(verdicts) == 283
    twice = {"y_object_duplicated_key", "y_object_duplicated_key_and_value"}
    assert {name for name, verdict in verdicts.items() if not name.startswith(verdict)} == twice


def is_canonical(data):
    try:
        return canonical.dumps(json.loads(data)) == data
    except (ValueError, EvidenceError):
        return False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (0.743, "0.743"),
        (2 / 3, "0.666666666667"),
        (100.0, "100"),
        (1e21, "1000000000000000000000"),
        (-1e-7, "-0.0000001"),
        (0.0001220703125, "0.0001220703125"),
        (2.00000000000 + 2**-40, "2"),
        (0.5 + 2**-13, "0.500122070312"),  # an exact tie at the 13th digit goes to the even neighbour
        (0.5 + 3 * 2**-13, "0.500366210938"),
    ],
)
def test_decimal_strings(value, text):
    assert canonical.decimal_string(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_strings_hold_twelve_digits_and_no_exponent(value):
    text = canonical.decimal_string(value)
    assert not set(text) - set("-0123456789.")
    assert Decimal(text) == Decimal(format(value, ".12g"))  # C's rounding of the exact value
    assert canonical.decimal_string(float(text)) == text
    assert text != "-0"
    assert not ("." in text and text.endswith("0"))


@given(st.integers(0, 2**64 - 1))
def test_every_bit_pattern_is_written_or_refused(bits):
    value = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    if math.isfinite(value):
        assert canonical.decimal_string(value)
    else:
        with pytest.raises(EvidenceError, match="null with a note"):
            canonical.decimal_string(value)


def test_instants_name_their_zone():
    assert canonical.instant(datetime.fromisoformat("2026-11-22T02:07:12+01:00")) == "2026-11-22T01:07:12Z"
    with pytest.raises(EvidenceError, match="no time zone"):
        canonical.instant(datetime(2026, 11, 22))


def test_es6_numbers(vectors):
    # The list is generated, and the SHA-256 of its first 100,000 lines stands in the vectors' README.
    readme = (vectors("rfc8785") / "testdata" / "README.md").read_text()
    fixed = [int(word, 16) for word in re.findall("0x([0-9a-f]{16})n", readme.split("([")[1].split("])")[0])]
    lines = b"".join(es6_line(bits) for bits in islice(es6_bits(fixed), 100_000))
    assert sha256(lines).hexdigest() == "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7"


def es6_bits(fixed):
    yield from fixed
    yield from range(0x0010000000000000, 0x0010000000000000 + 2000)
    block = bytes(32)
    while True:
        block = sha256(block).digest()
        for bits in struct.unpack("<4Q", block):
            value = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
            if value and math.isfinite(value):
                yield bits


def es6_line(bits):
    value = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return b"%x,%b\n" % (bits, canonical.dumps(value))
