"""The root of trust, beside python-tuf: both read what the other wrote, and agree on who signed enough."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import formats
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api import metadata
from tuf.api.exceptions import RepositoryError

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import PublicKey, Signer, canonical, olpc
from gov_pipelines.evidence.roots import ROLES, current_roots, first_root, new_root, parse_root, sign_root, walk

SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = START + timedelta(days=400)
ORIGIN = "example.com/audit"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def ed25519(name):
    private = Ed25519PrivateKey.generate()
    return Signer(PublicKey(name, private.public_key().public_bytes(*SPKI), "2026-01-05T09:00:00Z"), private.sign)


def p256(name):
    private = ec.generate_private_key(ec.SECP256R1())
    public = PublicKey(name, private.public_key().public_bytes(*SPKI), "2026-01-05T09:00:00Z")
    return Signer(public, lambda message: private.sign(message, ec.ECDSA(SHA256())))


HOME, NEXT, THIEF = ed25519("home"), ed25519("next"), ed25519("thief")
OFFLINE = [ed25519("one"), p256("two"), ed25519("three")]


def root(version, keys, threshold, online=HOME, signers=(), **changes):
    publics = [each.public for each in keys]
    roles = dict.fromkeys(ROLES, ([online.public], 1)) | {"root": (publics, threshold)}
    given = {"since": START, "expires": LATER, "roles": roles, "origin": ORIGIN} | changes
    data = new_root(version, **given)
    for each in signers:
        data = sign_root(data, each)
    return data


def changed(data, **members):
    """The same file with members of its signed part changed and its signatures taken away."""
    document = json.loads(data)
    return json.dumps({"signatures": [], "signed": document["signed"] | members}).encode()


FIRST = first_root(HOME, ORIGIN, LATER)
OUT_OF_HAND = root(2, OFFLINE, 2, signers=[HOME, *OFFLINE[:2]])
ROTATED = root(3, OFFLINE, 2, NEXT, signers=OFFLINE[1:])


def test_a_home_begins_with_one_key_in_every_role_and_hands_the_root_over():
    one, two, three = walk(parse_root(FIRST), [OUT_OF_HAND, ROTATED])
    assert [each.version for each in (one, two, three)] == [1, 2, 3]
    assert all(one.keys_of(role) == [replace(HOME.public, created="")] for role in ROLES)
    assert (one.since, one.expires, one.origin, one.witnesses) == (START, LATER, ORIGIN, "quorum none\n")
    assert {key.name for key in two.keys_of("root")} == {"one", "two", "three"}
    assert [key.keyid for key in two.keys_of("targets")] == [HOME.public.keyid]
    assert [key.keyid for key in three.keys_of("timestamp")] == [NEXT.public.keyid]
    assert two.sha256 == sha256(OUT_OF_HAND).hexdigest()


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ([ROTATED], "expected the next"),
        ([OUT_OF_HAND, OUT_OF_HAND], "expected the next"),
        ([OUT_OF_HAND, ROTATED, FIRST], "expected the next"),
        ([root(2, OFFLINE, 2, signers=OFFLINE)], "0 of the root keys of version 1"),
        ([root(2, OFFLINE, 2, signers=[HOME, OFFLINE[0]])], "1 of the root keys of version 2"),
        ([root(2, [THIEF], 1, THIEF, signers=[THIEF])], "0 of the root keys of version 1"),
        ([OUT_OF_HAND, root(3, OFFLINE, 2, THIEF, signers=[HOME, THIEF, OFFLINE[0]])], "1 of the root keys of version 2"),
        ([root(2, [HOME], 1, signers=[HOME], origin="other")], "another ledger"),
        ([root(2, [HOME], 1, signers=[HOME], since=START - timedelta(seconds=1))], "earlier time"),
    ],
)  # fmt: skip
def test_a_version_follows_from_the_one_before_or_is_refused(later, why):
    with pytest.raises(EvidenceError, match=why):
        walk(parse_root(FIRST), later)


def test_trust_may_begin_at_any_version_that_signed_itself():
    assert [each.version for each in walk(parse_root(OUT_OF_HAND), [ROTATED])] == [2, 3]
    with pytest.raises(EvidenceError, match="0 of the root keys of version 1"):
        walk(parse_root(root(1, [HOME], 1, signers=[THIEF])), [])


def test_a_threshold_counts_keys_and_not_signatures():
    once = json.loads(root(2, OFFLINE, 2, signers=[HOME, OFFLINE[0]]))
    mine = next(each for each in once["signatures"] if each["keyid"] == OFFLINE[0].public.keyid)
    by_another_name = {**mine, "keyid": OFFLINE[1].public.keyid}
    for more, why in ((mine, "occurs once"), (by_another_name, "1 of the root keys of version 2")):
        forged = json.dumps({**once, "signatures": [*once["signatures"], more]}).encode()
        with pytest.raises(EvidenceError, match=why):
            walk(parse_root(FIRST), [forged])


def test_the_same_key_under_two_names_is_refused():
    document = json.loads(FIRST)
    (said,) = document["signed"]["keys"].values()
    twice = {"keyids": [HOME.public.keyid, "0" * 64], "threshold": 2}
    doubled = document["signed"]["roles"] | {"root": twice}
    with pytest.raises(EvidenceError, match="goes by the name"):
        parse_root(changed(FIRST, keys=document["signed"]["keys"] | {"0" * 64: said}, roles=doubled))


KEYS = json.loads(FIRST)["signed"]["keys"]
ROLES_OF_ONE = json.loads(FIRST)["signed"]["roles"]
OURS = json.loads(FIRST)["signed"]["x-gov-pipelines"]
ALONE = ROLES_OF_ONE["root"]


@pytest.mark.parametrize(
    "members",
    [
        {"_type": "targets"}, {"spec_version": "2.0.0"}, {"spec_version": "1"}, {"version": 0}, {"version": True},
        {"version": 1.5}, {"expires": "2027-02-09"}, {"expires": "2027-2-09T09:00:00Z"}, {"expires": None},
        {"keys": {}}, {"keys": []}, {"keys": {str(number): {} for number in range(101)}}, {"roles": {}},
        {"keys": {HOME.public.keyid: {"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": ""}}}},
        {"keys": {HOME.public.keyid: {**KEYS[HOME.public.keyid], "keyval": {"public": "01" + "00" * 31}}}},
        {"keys": {HOME.public.keyid: {**KEYS[HOME.public.keyid], "keyval": {"public": THIEF.public.raw.hex()}}}},
        {"roles": {name: ROLES_OF_ONE[name] for name in ROLES[:3]}},
        {"roles": ROLES_OF_ONE | {"mirrors": ALONE}},
        {"roles": ROLES_OF_ONE | {"targets": {**ALONE, "threshold": 0}}},
        {"roles": ROLES_OF_ONE | {"root": {**ALONE, "threshold": 2}}},
        {"roles": ROLES_OF_ONE | {"root": {**ALONE, "threshold": True}}},
        {"roles": ROLES_OF_ONE | {"root": {"keyids": ["0" * 64], "threshold": 1}}},
        {"roles": ROLES_OF_ONE | {"root": {"keyids": ALONE["keyids"] * 2, "threshold": 1}}},
        {"roles": ROLES_OF_ONE | {"root": {"keyids": [1], "threshold": 1}}},
        {"roles": ROLES_OF_ONE | {"root": {"keyids": [], "threshold": 1}}},
        {"x-gov-pipelines": None}, {"x-gov-pipelines": OURS | {"origin": "two words"}},
        {"x-gov-pipelines": OURS | {"origin": "a+b"}}, {"x-gov-pipelines": OURS | {"timestampAuthorities": ["no PEM"]}},
        {"x-gov-pipelines": OURS | {"inForceFrom": "yesterday"}}, {"more": 1.5}, {"more": "\ud800"},
    ],
)  # fmt: skip
def test_malformed_metadata_is_refused(members):
    assert parse_root(changed(FIRST, more=["members that are not known", 1]))
    with pytest.raises(EvidenceError):
        parse_root(changed(FIRST, **members))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"\xff", FIRST[:-2], b"[" * 100_000, FIRST + b" " * 2**20,
        FIRST.replace(b'"version"', b'"version":1,"version"'), FIRST.replace(b'"sig":"', b'"sig":"AB'),
        FIRST.replace(b'"signatures":[{', b'"signatures":[1,{'),
    ],
)  # fmt: skip
def test_what_is_no_root_metadata_is_refused(data):
    with pytest.raises(EvidenceError):
        parse_root(data)


def test_a_role_of_one_signature_cannot_ask_for_two():
    roles = dict.fromkeys(ROLES, ([HOME.public, NEXT.public], 2))
    with pytest.raises(EvidenceError, match="role targets has 2 keys and the threshold 2; expected 1 to 1"):
        new_root(1, START, LATER, roles, ORIGIN)


def test_every_bit_of_the_signed_part_and_the_signatures_counts():
    for bit in range(8 * (len(FIRST) - 1)):  # the last byte ends the line
        flipped = bytearray(FIRST)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EvidenceError):
            walk(parse_root(bytes(flipped)), [])


def test_a_home_keeps_every_version(tmp_path):
    with pytest.raises(WrongUse, match="gov keys new"):
        current_roots(tmp_path)
    for number, data in ((1, FIRST), (3, ROTATED)):
        (tmp_path / f"{number}.root.json").write_bytes(data)
    with pytest.raises(EvidenceError, match="expected each from 1 on"):
        current_roots(tmp_path)
    (tmp_path / "2.root.json").write_bytes(OUT_OF_HAND)
    assert [each.version for each in current_roots(tmp_path)] == [1, 2, 3]


# python-tuf and securesystemslib: implementations that are not ours


def ours(before, new):
    try:
        return len(walk(parse_root(before), [new])) == 2
    except EvidenceError:
        return False


SIGNED_BY_ONE = root(2, OFFLINE, 2, signers=[HOME, OFFLINE[0]])


@pytest.mark.parametrize(
    ("before", "new", "taken"),
    [
        (FIRST, OUT_OF_HAND, True),
        (OUT_OF_HAND, ROTATED, True),
        (FIRST, ROTATED, False),
        (ROTATED, OUT_OF_HAND, False),
        (FIRST, FIRST, False),
        (FIRST, SIGNED_BY_ONE, False),
        (FIRST, root(2, [THIEF], 1, THIEF, signers=[THIEF]), False),
        (FIRST, root(2, [NEXT], 1, NEXT, signers=[NEXT]), False),
        (FIRST, root(2, [NEXT], 1, NEXT, signers=[NEXT, HOME, THIEF]), True),
        (FIRST, SIGNED_BY_ONE.replace(HOME.public.keyid.encode(), THIEF.public.keyid.encode()), False),
    ],
    ids=["handed over", "rotated", "skipped", "rollback", "again", "one of two", "unknown key", "without the old", "both",
         "by another name"],
)  # fmt: skip
def test_python_tuf_takes_what_we_take(before, new, taken):
    one, two = (metadata.Metadata[metadata.Root].from_bytes(data) for data in (before, new))
    try:
        one.verify_delegate("root", two)
        two.verify_delegate("root", two)
        theirs = two.signed.version == one.signed.version + 1
    except RepositoryError:
        theirs = False
    assert (ours(before, new), theirs) == (taken, taken)


def test_we_read_what_python_tuf_writes():
    def maker(private):
        key = SSlibKey.from_crypto(private.public_key())
        digest = sha256(private.public_key().public_bytes(*SPKI)).hexdigest()
        return CryptoSigner(private, SSlibKey(digest, key.keytype, key.scheme, key.keyval))

    makers = [maker(Ed25519PrivateKey.generate()), maker(ec.generate_private_key(ec.SECP256R1()))]
    signed = metadata.Root(1, expires=LATER, unrecognized_fields={"x-gov-pipelines": OURS})
    for role in ROLES:
        for each in makers:
            signed.add_key(each.public_key, role)
    signed.roles["root"].threshold = 2
    made = metadata.Metadata(signed)
    for each in makers:
        made.sign(each, append=True)
    one = parse_root(made.to_bytes())
    assert walk(one, []) == [one]
    assert {key.keyid for key in one.keys_of("root")} == {each.public_key.keyid for each in makers}
    assert {key.algorithm for key in one.keys_of("targets")} == {"ed25519", "ecdsa-p256"}
    assert one.expires == LATER
    assert one.signed == made.signed_bytes


def test_python_tuf_says_the_same_of_our_files():
    for data in (FIRST, OUT_OF_HAND, ROTATED):
        mine, theirs = parse_root(data), metadata.Metadata[metadata.Root].from_bytes(data)
        assert theirs.signed_bytes == mine.signed
        assert theirs.signed.expires == mine.expires
        for role in ROLES:
            assert {*theirs.signed.roles[role].keyids} == mine.roles[role].keyids
            assert theirs.signed.roles[role].threshold == mine.roles[role].threshold
        assert theirs.signed.is_expired(LATER)
        assert not theirs.signed.is_expired(LATER - timedelta(seconds=1))


@given(JSON)
def test_olpc_json_is_that_of_securesystemslib(value):
    try:
        expected = formats.encode_canonical(value).encode()
    except UnicodeEncodeError:
        with pytest.raises(EvidenceError, match="no OLPC"):
            olpc.dumps(value)
    else:
        assert olpc.dumps(value) == expected


def test_olpc_json_has_no_floats():
    assert olpc.dumps({"b": [True, None, -1], "a": 'say "\\\n'}) == b'{"a":"say \\"\\\\\n","b":[true,null,-1]}'
    assert olpc.dumps({"\U00010000": 1, "\uffff": 2}) == '{"\uffff":2,"\U00010000":1}'.encode()
    assert canonical.dumps({"\U00010000": 1, "\uffff": 2}) == '{"\U00010000":1,"\uffff":2}'.encode()
    for value in (1.5, {"a": [0.0]}, object(), {"a": b""}):
        with pytest.raises(EvidenceError, match="no OLPC"):
            olpc.dumps(value)
