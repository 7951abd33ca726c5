from datetime import UTC, datetime

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import generate
from gov_pipelines.evidence.tlog.checkpoint import verify_checkpoint
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Note, Verifier, cosign, log_verifier, sign_note, verified
from gov_pipelines.evidence.tlog.policy import parse_policy, satisfied

ORIGIN = "house.example/ledger"
TEXT = f"{ORIGIN}\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signers")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return [generate(folder / f"{number}", name=f"w{number}.example", created=now) for number in range(40)]


@pytest.fixture(scope="module")
def log(signers):
    return log_verifier(ORIGIN, signers[0].public)


@pytest.fixture(scope="module")
def witnesses(signers):
    return [Verifier(signer.public.name, COSIGNATURE, signer.public) for signer in signers]


@pytest.fixture(scope="module")
def cosigned(signers):
    """Makes a checkpoint that the witnesses of those numbers cosigned."""

    def make(*numbers):
        note = sign_note(TEXT, ORIGIN, signers[0])
        for number in numbers:
            note = cosign(note, signers[number].public.name, signers[number], 1_795_000_000)
        return note

    return make


@pytest.fixture(scope="module")
def two_levels(log, witnesses):
    """The worked example of the specification, with keys."""
    rows = [f"log {log.vkey}"]
    rows += [f"witness X{number} {witnesses[number].vkey}" for number in (1, 2, 3)]
    rows += ["group X-witnesses 2 X1 X2 X3"]
    rows += [f"witness Y{number} {witnesses[number + 3].vkey}" for number in (1, 2, 3)]
    rows += ["group Y-witnesses any Y1 Y2 Y3", "group X-and-Y all X-witnesses Y-witnesses", "quorum X-and-Y"]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("numbers", "enough"),
    [
        ((1, 2, 4), True),
        ((2, 3, 6), True),
        ((1, 2, 3, 4, 5, 6), True),
        ((1, 4), False),
        ((1, 1, 1, 4), False),
        ((1, 2, 3), False),
        ((4, 5, 6), False),
        ((1, 2, 7), False),
        ((), False),
    ],
)
def test_a_quorum_of_two_levels(two_levels, cosigned, numbers, enough):
    policy = parse_policy(two_levels.encode())
    note = cosigned(*numbers)
    checkpoint, signed = verify_checkpoint(note, policy.logs, policy.witnesses.values())
    assert checkpoint.origin == ORIGIN
    assert len(signed) == 1 + len({*numbers} & {*range(1, 7)})
    assert satisfied(policy, signed) is enough


def test_every_subset_of_a_threshold(log, witnesses, cosigned):
    members = "".join(f"witness {number} {witnesses[number].vkey}\n" for number in (1, 2, 3, 4))
    for said, least in (("any", 1), ("1", 1), ("2", 2), ("3", 3), ("all", 4), ("4", 4)):
        policy = parse_policy(f"{members}group g {said} 1 2 3 4\nquorum g\n".encode())
        for mask in range(16):
            chosen = [number for number in (1, 2, 3, 4) if mask >> (number - 1) & 1]
            signed = verified(cosigned(*chosen), [log, *policy.witnesses.values()])
            assert satisfied(policy, signed) is (len(chosen) >= least)


def test_no_witness_is_asked_for_only_where_that_is_said(log, cosigned):
    policy = parse_policy(f"log {log.vkey}\nquorum none\n".encode())
    _, signed = verify_checkpoint(cosigned(), policy.logs)
    assert satisfied(policy, signed)
    assert not satisfied(policy, [])
    assert satisfied(parse_policy(b"quorum none\n"), [])
    with pytest.raises(EvidenceError, match="no known log named house"):
        verify_checkpoint(cosigned(), [])


def test_a_log_counts_only_for_its_own_origin_and_no_witness_for_a_log(log, signers, witnesses, cosigned):
    elsewhere = sign_note(TEXT.replace("house", "other"), ORIGIN, signers[0])
    with pytest.raises(EvidenceError, match="no known log named other"):
        verify_checkpoint(cosign(elsewhere, signers[1].public.name, signers[1], 1), [log], witnesses)
    with pytest.raises(EvidenceError, match="no known log"):
        verify_checkpoint(Note(TEXT, cosigned(1).signatures[1:]), [log], witnesses)


def test_what_a_policy_may_hold(two_levels, witnesses):
    text = f"# caf\u00e9\n\n \t\n\t# indented\n  witness \t \u0141ukasz\t{witnesses[8].vkey}  https://w.example \t\n{two_levels}"
    policy = parse_policy(text.encode())
    assert policy.witnesses["\u0141ukasz"] == parse_policy(text.encode()).witnesses["\u0141ukasz"]
    assert len(policy.witnesses) == 7
    opaque = f"witness \udcff {witnesses[8].vkey}\nquorum \udcff\n".encode(errors="surrogateescape")
    assert parse_policy(opaque).quorum == "\udcff"
    other = opaque.replace(b"quorum \xff", b"quorum \xfe")
    with pytest.raises(EvidenceError, match="no witness or group"):
        parse_policy(other)


def test_names_are_octets_not_letters(witnesses):
    text = f"witness K {witnesses[1].vkey}\nwitness \u212a {witnesses[2].vkey}\ngroup g all K \u212a\nquorum g\n"
    assert len(parse_policy(text.encode()).witnesses) == 2


def test_a_policy_of_many_logs_witnesses_and_groups(signers, witnesses, cosigned):
    logs = [f"log {log_verifier(f'log{number}', signer.public).vkey}" for number, signer in enumerate(signers)]
    known = [f"witness w{number} {witness.vkey}" for number, witness in enumerate(witnesses)]
    groups = ["group g0 all w0", *(f"group g{number} all w{number} g{number - 1}" for number in range(1, 40))]
    text = "\n".join([*logs, *known, *groups, "quorum g39", ""])
    policy = parse_policy(text.encode())
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (40, 40, 40)
    only = log_verifier(ORIGIN, signers[0].public)
    signed = verified(cosigned(*range(40)), [only, *policy.witnesses.values()])
    free = parse_policy("\n".join([*known, *groups, "quorum g39", ""]).encode())
    assert satisfied(free, signed)
    assert not satisfied(free, signed[:-1])
    assert not satisfied(policy, signed)  # of its logs none signed: this one has another name there


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("", "no quorum line"),
        ("quorum none\nquorum none", "line 2: .* NAME once"),
        ("quorum w", "no witness or group w"),
        ("quorum w\nwitness w {w1}", "line 1"),
        ("quorum", "expected log"),
        ("quorum none extra", "expected log"),
        ("Quorum none", "expected log"),
        ("log {log} u extra\nquorum none", "expected log"),
        ("log\nquorum none", "expected log"),
        ("log {log}\nlog {log}\nquorum none", "there already"),
        ("log {log}\nlog {renamed}\nquorum none", "there already"),
        ("witness a {w1}\nwitness b {w1}\nquorum none", "there already"),
        ("witness a {w1}\nwitness a {w2}\nquorum none", "is taken"),
        ("witness none {w1}\nquorum none", "is taken"),
        ("witness a {w1}\ngroup a any a\nquorum none", "is taken"),
        ("witness a {w1}\ngroup none any a\nquorum none", "is taken"),
        ("witness a {log}\nquorum none", "expected 0x04"),
        ("witness a {w1}\ngroup g any\nquorum none", "expected log"),
        ("group g any g\nquorum none", "no witness or group g"),
        ("group g any none\nquorum none", "no witness or group none"),
        ("group g any h\nwitness h {w1}\nquorum none", "no witness or group h"),
        ("witness a {w1}\ngroup g 0 a\nquorum none", "threshold is 0"),
        ("witness a {w1}\ngroup g 2 a\nquorum none", "threshold is 2"),
        ("witness a {w1}\ngroup g 01 a\nquorum none", "decimal"),
        ("witness a {w1}\ngroup g +1 a\nquorum none", "decimal"),
        ("witness a {w1}\ngroup g some a\nquorum none", "decimal"),
        ("witness a {w1}\ngroup g any a a\nquorum none", "member already"),
        ("witness a {w1}\ngroup g any a\ngroup h any a g\nquorum none", "member already"),
        ("quorum\u00a0none", "expected log"),
        ("quorum none\r", "0x0d"),
        ("quorum none\x7f", "0x7f"),
        ("quorum\vnone", "0x0b"),
        ("quorum none\0", "0x00"),
    ],
)
def test_what_a_policy_may_not_hold(rows, why, log, signers, witnesses):
    renamed = log_verifier("other.example", signers[0].public).vkey
    text = rows.format(log=log.vkey, renamed=renamed, w1=witnesses[1].vkey, w2=witnesses[2].vkey) + "\n"
    with pytest.raises(EvidenceError, match=why):
        parse_policy(text.encode())


def test_a_policy_cut_short_or_too_large_is_refused(two_levels):
    with pytest.raises(EvidenceError, match="is it whole"):
        parse_policy(two_levels.encode()[:-1])
    with pytest.raises(EvidenceError, match="at most 65536"):
        parse_policy(b"#" * 65_536 + b"\nquorum none\n")
