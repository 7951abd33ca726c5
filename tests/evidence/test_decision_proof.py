import base64
import json
from datetime import UTC, datetime

import pytest

from gov_pipelines.evidence import canonical, decision_leaf, generate
from gov_pipelines.evidence.decision_proof import DayProof, inspect_proof, make_proof
from gov_pipelines.evidence.entries import act_entry, policy_entry, snapshot_entry
from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.leaves import field_disclosure, whole_disclosure
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier, cosign, log_verifier, sign_note
from gov_pipelines.evidence.tlog.policy import parse_policy
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.evidence.verification import Checklist

ORIGIN = "gov-pipelines/bank"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
WITNESSED = 1_790_000_000
SALT = "c2FsdHNhbHRzYWx0c2FsdA"
SIZE, PLACE = 5, 3


def fields(number):
    return {
        "decision_id": f"A-{number}",
        "decided_at": AT,
        "decision": "denied",
        "model_version": None,
        "sex": "female",
    }


LEAVES = [decision_leaf(fields(number), SALT + str(number), {"house/FL-2": "outside"}) for number in range(SIZE)]


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    return {
        name: generate(folder / name, name=name, created=AT) for name in ("bank", "regulator", "council", "stranger")
    }


@pytest.fixture(scope="session")
def entry():
    """The entry of a snapshot over the leaves."""
    hashes = merkle.leaf_hashes(LEAVES)
    predicate = {
        "system": "loans", "partition": {"key": "2026-10-01"}, "revision": 2, "sequence": 7, "missed": None,
        "policies": [{"name": "house", "version": 3, "sha256": "ab" * 32}],
        "decisions": {"rootHash": merkle.root(hashes).hex(), "treeSize": SIZE},
    }  # fmt: skip
    return snapshot_entry(predicate, "cd" * 32, {"keyid": "ef" * 32, "sig": "c2ln"})


@pytest.fixture(scope="session")
def day(keys, entry):
    """Where that entry stands, the third of four; cosigned by two witnesses."""
    return standing(
        keys, [act_entry("review", "0" * 64), act_entry("waive", "1" * 64), entry, act_entry("enrol", "2" * 64)]
    )


def standing(keys, entries, index=2, log="bank"):
    hashes = merkle.leaf_hashes(entries)
    note = sign_note(Checkpoint(ORIGIN, len(entries), merkle.root(hashes)).to_text(), ORIGIN, keys[log])
    for witness in ("regulator", "council"):
        note = cosign(note, witness, keys[witness], WITNESSED)
    path = tuple(merkle.inclusion_proof(hashes, index))
    return DayProof(entries[index], index, path, note, log_verifier(ORIGIN, keys[log].public))


def proof_of(day, *shown, number=PLACE):
    said, salt = fields(number), SALT + str(number)
    opened = [field_disclosure(salt, name, said[name]) for name in sorted(shown)]
    path = merkle.inclusion_proof(merkle.leaf_hashes(LEAVES), number)
    return make_proof(day, LEAVES[number], [whole_disclosure(salt, said), *opened], number, path)


@pytest.fixture(scope="session")
def policy(keys):
    """Whoever wants every signature: the log's, and both witnesses'."""
    lines = [f"log {log_verifier(ORIGIN, keys['bank'].public).vkey}"]
    names = ("regulator", "council")
    lines += [f"witness {name} {Verifier(name, COSIGNATURE, keys[name].public).vkey}" for name in names]
    return parse_policy("\n".join([*lines, "group both all regulator council", "quorum both", ""]).encode())


def failed(data, asked=None):
    checks = Checklist()
    proves, _ = inspect_proof("one.tlog-proof", data, asked or Asked(), checks)
    wrong = {check.rule for check in checks.checks if not check.ok}
    assert bool(proves) != bool(wrong)
    return wrong


def test_a_proof_says_what_it_proves_and_what_not(day, keys, policy):
    checks = Checklist()
    asked = Asked(policy=policy)
    proves, not_proven = inspect_proof("p", proof_of(day, "decision_id", "sex", "model_version"), asked, checks)
    assert all(check.ok for check in checks.checks)
    said = " ".join(proves)
    for words in (
        "snapshot of loans for 2026-10-01, revision 2, leaf 3 of 5 is decision A-3: model_version is not known; sex is female.",
        "judged: house/FL-2 outside. Policies in force: house version 3 (sha256 abababababab...).",
        f"entry 2 in the ledger {ORIGIN} at its size 4, signed by {ORIGIN} ({keys['bank'].public.keyid[:12]}...)",
        "cosigned by regulator at 2026-09-21T14:13:20Z, council at 2026-09-21T14:13:20Z.",
    ):
        assert words in said
    for words in ("inputs were right", "a later revision", "witnesses' own clocks"):
        assert words in " ".join(not_proven)


def test_only_what_is_asked_is_shown(day):
    proof = parse_proof(proof_of(day, "decision_id"))
    extra = json.loads(proof.extra)
    shown = b"".join(base64.urlsafe_b64decode(each + "==") for each in extra["disclosures"])
    assert b"A-3" in shown
    assert not any(hidden in shown + proof.extra for hidden in (b"female", b"denied", SALT.encode(), b"A-2"))


def test_without_anybody_trusted_a_proof_is_held_against_its_own_key(day, keys):
    checks = Checklist()
    _, not_proven = inspect_proof("p", proof_of(day, "decision_id"), Asked(), checks)
    assert all(check.ok for check in checks.checks)
    assert "trusted-key" not in {check.rule for check in checks.checks}
    assert "no witness that you know cosigned it" in " ".join(not_proven)
    assert failed(proof_of(day, "decision_id"), Asked(key=keys["bank"].public)) == set()


def test_a_stolen_key_shows_by_its_witnesses_and_a_strange_one_at_once(day, keys, entry, policy):
    alone = standing(keys, [entry], 0)
    alone = DayProof(alone.entry, 0, (), sign_note(alone.checkpoint.text, ORIGIN, keys["bank"]), alone.log)
    assert failed(proof_of(alone), Asked(key=keys["bank"].public)) == set()
    assert failed(proof_of(alone), Asked(policy=policy)) == {"witness-quorum"}
    strange = standing(keys, [entry], 0, log="stranger")
    assert failed(proof_of(strange), Asked(key=keys["bank"].public)) == {"trusted-key"}
    assert failed(proof_of(strange)) == set()


def changed(data, **members):
    proof = parse_proof(data)
    extra = json.loads(proof.extra)
    extra |= {name: change(extra) for name, change in members.items()}
    return type(proof)(canonical.dumps(extra), proof.index, proof.hashes, proof.note).to_bytes()


def other_leaf(extra):
    return extra["leaf"] | {"v": {"house/FL-2": "within"}}


def claimed(name, value, salt="0" * 32):
    return base64.urlsafe_b64encode(canonical.dumps([salt, name, value])).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("rules", "members"),
    [
        ({"proof-leaf"}, {"leaf": other_leaf}),
        ({"proof-disclosure", "proof-leaf"}, {"leaf": lambda extra: extra["leaf"] | {"w": 1}}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: extra["disclosures"][1:]}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: [*extra["disclosures"], extra["disclosures"][-1]]}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: [*extra["disclosures"], claimed("sex", "male")]}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: [extra["disclosures"][1], extra["disclosures"][0]]}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: [claimed("decision", {"_sd": []})]}),
        ({"proof-disclosure"}, {"disclosures": lambda extra: [*extra["disclosures"], "\u00e9"]}),
        ({"proof-leaf"}, {"index": lambda extra: 2}),
        ({"proof-extra-canonical"}, {"index": lambda extra: True}),
        ({"proof-extra-canonical"}, {"index": lambda extra: 2.0**60}),
        ({"proof-leaf"}, {"index": lambda extra: -1}),
        ({"proof-leaf"}, {"path": lambda extra: [*extra["path"], extra["path"][0]]}),
        ({"proof-extra-canonical"}, {"path": lambda extra: extra["path"] * 40}),
        ({"proof-extra-canonical"}, {"path": lambda extra: [1]}),
        ({"proof-extra-canonical"}, {"more": lambda extra: 1}),
        ({"proof-entry"}, {"entry": lambda extra: extra["entry"] | {"revision": 1}}),
        ({"proof-entry", "proof-leaf"}, {"entry": lambda extra: extra["entry"] | {"decisions": {"rootHash": "0" * 64, "treeSize": 5}}}),
        ({"proof-entry", "proof-entry-format"}, {"entry": lambda extra: extra["entry"] | {"decisions": {"rootHash": "zz", "treeSize": 5}}}),
        ({"proof-entry", "proof-entry-format"}, {"entry": lambda extra: extra["entry"] | {"kind": "missed"}}),
        ({"proof-log"}, {"log": lambda extra: "nobody"}),
    ],
)  # fmt: skip
def test_each_lie_is_caught_by_its_rule(day, policy, rules, members):
    assert failed(changed(proof_of(day, "decision_id"), **members), Asked(policy=policy)) == rules


def test_another_key_named_as_the_log_is_not_the_one_that_signed(day, keys, policy):
    lie = changed(proof_of(day), log=lambda extra: log_verifier(ORIGIN, keys["stranger"].public).vkey)
    assert failed(lie) == {"checkpoint-signature"}
    assert failed(lie, Asked(policy=policy)) == {"checkpoint-signature", "trusted-key"}
    lie = changed(proof_of(day), log=lambda extra: log_verifier("other", keys["bank"].public).vkey)
    assert failed(lie) == {"proof-log"}


def test_an_entry_of_another_kind_proves_no_decision(keys):
    policies = {"name": "p", "version": 1, "sha256": "0" * 64, "inForceFrom": "2026-01-01", "inForceUntil": None}
    entry = policy_entry(policies | {"recordedAt": "2026-01-01T00:00:00Z"})
    assert failed(proof_of(standing(keys, [entry], 0))) == {"proof-entry-format"}


def test_what_is_no_proof_is_refused_in_words(day):
    assert failed(b"") == {"proof-format"}
    proof = parse_proof(proof_of(day))
    assert failed(type(proof)(None, proof.index, proof.hashes, proof.note).to_bytes()) == {"proof-extra-canonical"}
    deep = b"[" * 100 + b"]" * 100
    assert failed(type(proof)(deep, proof.index, proof.hashes, proof.note).to_bytes()) == {"proof-extra-canonical"}


def test_no_flipped_bit_is_accepted(day, policy):
    proof, asked = proof_of(day, "decision_id", "sex"), Asked(policy=policy)
    assert failed(proof, asked) == set()
    accepted = 0
    for place in range(len(proof) * 8):
        data = bytearray(proof)
        data[place // 8] ^= 1 << place % 8
        accepted += not failed(bytes(data), asked)
    print(f"\n{len(proof) * 8} single-bit flips of a proof of {len(proof)} bytes, {accepted} accepted")
    assert accepted == 0
