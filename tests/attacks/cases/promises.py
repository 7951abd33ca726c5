"""What must hold whoever attacks: of salts, proofs, erasures, witnesses and crashes."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import product
from unittest import mock

import pytest
from attacks.case import KEY, LAST, ROOT, STAMP, WITNESS, promise, verified
from attacks.cases.roots import third_root
from attacks.forging import Story, entries_of, shift, sixth
from bank import FIRST, Bank

from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import LEAVES, canonical, decision_leaf, new_salt, read_leaves
from gov_pipelines.evidence.entries import act_entry
from gov_pipelines.evidence.roots import parse_root
from gov_pipelines.evidence.time_rules import AUTHORITY_TRUSTED, NO_AUTHORITY
from gov_pipelines.evidence.tlog import ledger, merkle, witness
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.evidence.verification import NOT_PROVEN
from gov_pipelines.evidence.verify import verify
from gov_pipelines.people import authority_of, hand_of, order_erasure, roster_of
from gov_pipelines.pipeline.erasing import erase
from gov_pipelines.pipeline.proving import open_day
from gov_pipelines.store import reading, snapshot_of


def _leaves(world):
    return {
        file.parent.relative_to(world.evidence): read_leaves(file.read_bytes())
        for file in world.evidence.glob(f"*/*/r*/{LEAVES}")
    }


@promise(14)
def a_path_holds_for_one_size(world):
    """The same leaf, path and root, said to be of a day of any other size up to 512: the size is signed, so none is accepted."""
    proof = parse_proof(world.proof.read_bytes())
    extra = canonical.loads(proof.extra)
    signed = extra["entry"]["decisions"]["treeSize"]
    for size in {*range(1, 513)} - {signed}:
        extra["entry"]["decisions"]["treeSize"] = size
        world.proof.write_bytes(replace(proof, extra=canonical.dumps(extra)).to_bytes())
        assert not verified(world, world.proof, (KEY,)).ok


@promise(19)
def nobody_finds_an_id_from_its_leaf(world):
    """Who knows every id and every value of a day matches no leaf of it: each hides a salt of 128 bits, drawn once."""
    listed = {each for leaves in _leaves(world).values() for each in leaves}
    verdicts = {"house/SMALL": "within"}
    guesses = 0
    for system, day, n, decision, sex in product(
        ("loans", "cards"), range(1, 6), range(16), ("granted", "denied"), "fmab"
    ):
        at = datetime.fromisoformat(f"2026-09-{day:02}T09:{n:02}:00+00:00")
        said = {"decision_id": f"{system}-{day}-{n:02}", "decided_at": at, "decision": decision, "model_version": None}
        for salt in ("", said["decision_id"], new_salt()):
            guesses += 1
            assert decision_leaf({**said, "sex": sex}, salt, verdicts) not in listed
    assert guesses == 3 * 1280


@promise(20)
def no_two_days_share_a_hash(world):
    """The same rows on five days have no hash in common, nor the same fields twice; only a day's own revisions have."""
    days = {}
    for place, leaves in _leaves(world).items():
        days.setdefault(place.parts[:2], set()).update(json.loads(leaf)["_sd"][0] for leaf in leaves)
    assert len(set.union(*days.values())) == sum(map(len, days.values()))
    leaves = _leaves(world)
    first, second = (leaves[world.package(1, revision).relative_to(world.evidence)] for revision in (1, 2))
    assert {*first} < {*second}
    assert decision_leaf({"decision_id": "1"}, new_salt(), {}) != decision_leaf({"decision_id": "1"}, new_salt(), {})


@promise(21)
def a_proof_shows_no_more_than_was_asked(world):
    """The proof's bytes hold nothing of the fields that are not disclosed, however they are decoded; what salts it shows
    lead to no other field."""
    data = world.proof.read_bytes()
    extra = json.loads(parse_proof(data).extra)
    opened = [json.loads(base64.urlsafe_b64decode(each + "==")) for each in extra["disclosures"]]
    assert [each[1] for each in opened[1:]] == ["decision", "decision_id"]
    everything = data.decode() + json.dumps(extra) + json.dumps(opened)
    for hidden in ("sex", '"f"', "model_version", "decided_at", "09:02", "amount", "denied"):
        assert hidden not in everything
    salts = [each[0] for each in opened]
    for name, value, salt in product(("sex", "decided_at"), ("f", "m", "2026-09-01T09:02:00Z"), salts):
        guess = base64.urlsafe_b64encode(json.dumps([salt, name, value], separators=(",", ":")).encode())
        digest = base64.urlsafe_b64encode(sha256(guess.rstrip(b"=")).digest()).rstrip(b"=").decode()
        assert digest not in opened[0][2]["_sd"]


@promise(22)
def an_erased_decision_cannot_be_shown_and_all_others_can(world):
    """After an erasure no file that was signed has changed, every other decision of the day is proved as before, and of the
    erased one nothing can be proved any more."""
    bank = Bank(world.evidence.parent / "bank").audit()
    one, key = bank.night(), bank.root / ".gov" / "keys" / "signing.pub.json"
    package = one.home.snapshot_dir("loans", FIRST, 1)
    before = {file.name: file.read_bytes() for file in package.iterdir()}
    now = datetime.now(UTC)

    def order(connection, counts, acts):
        roster = roster_of(connection, authority_of(one.home))
        hand = hand_of(connection, roster, "own", bank.keys["own"], now)
        return order_erasure(hand, one.declaration, counts, acts, "Request 17.", now)

    erase(one.home, one.store, one.declaration, order, reason="", now=now, decision="B")
    with reading(one.store) as connection:
        signed = snapshot_of(connection, "loans", FIRST)
    day = open_day(one, signed)
    with pytest.raises(WrongUse):
        day.prove("B")
    for decision in "ACDEFG":
        file = world.evidence.parent / "proof"
        file.write_bytes(day.prove(decision))
        assert verify(file, trust=key).ok
    assert before == {file.name: file.read_bytes() for file in package.iterdir()}


@promise(2, 7, 9)
def a_witness_refuses_another_history_and_proves_it(world):
    """A witness that saw the ledger does not cosign one in which the past is another, and keeps a proof of it that anybody
    can check; of two checkpoints that go together nobody can make one."""
    home, seen = world.evidence.parent / "witness", (world.ledger / "checkpoint").read_bytes()
    home.mkdir()
    pin = witness.pin_root((world.auditor / "2.root.json").read_bytes())
    assert witness.answer(home, world.ledger, world.witnesses[0], 1_790_000_000, pin).note
    story = Story.of(world)
    story.night(3).said["asOf"] = "2026-09-04T03:00:00Z"
    story.write()
    said = witness.answer(home, world.ledger, world.witnesses[0], 1_790_000_001)
    assert (said.note, said.status) == (None, witness.INCONSISTENT)
    for trust in ("key.json", "2.root.json"):
        assert verify(said.fraud, trust=world.auditor / trust).ok
    proof = canonical.loads(said.fraud.read_bytes())
    honest = {"older": (world.auditor / "last").read_text(), "newer": seen.decode()}
    for change in (
        honest,
        {"newer": proof["older"]},
        {"older": honest["older"]},
        {"kind": "slander"},
        {"v": 2},
        {"older": "x\n\n"},
    ):
        said.fraud.write_bytes(canonical.dumps(proof | change))
        assert not verify(said.fraud, trust=world.auditor / "key.json").ok


@promise(2)
def a_day_that_is_passed_over_is_told(world):
    """A day without a snapshot, and without the snapshot of a missed window, between others is named under *Not proven*; it
    is no failure, as days may be audited by hand."""
    story = Story.of(world)
    shift(sixth(story), 1)
    story.write()
    found = verified(world, world.evidence, (ROOT, LAST, WITNESS))
    assert found.ok
    assert any("2026-09-06" in each and "no snapshot" in each for each in found.not_proven)


@promise(7)
def an_expired_root_is_told(world):
    """Where the newest version of the root of trust had expired when a night was signed, that is named under *Not proven*."""
    story = Story.of(world)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    story.roots.append(third_root(story, world.owners[:2], expires=yesterday))
    story.told.append(3)
    sixth(story)
    story.write()
    found = verified(world, world.evidence, (ROOT, LAST, WITNESS))
    assert found.ok
    assert any(each.startswith("who may sign") and "expired" in each for each in found.not_proven)


@promise(27)
def no_second_root_after_a_crash_at_any_write(world):
    """An append is cut off at each of its writes. The ledger verifies as it lies there; the next append finishes the first,
    and for one size there is one root."""
    entries = [act_entry("review", f"{number:064}") for number in range(3)]
    origin, roots = parse_root((world.auditor / "2.root.json").read_bytes()).origin, set()
    for cut in range(6):
        copy = world.copy(world.evidence.parent / f"cut{cut}")
        write, left = ledger.replace_file, [cut]

        def cut_off(target, content, left=left, write=write):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            write(target, content)

        with mock.patch.object(ledger, "replace_file", cut_off):
            try:
                ledger.append(copy.ledger, origin, entries[:2], copy.online)
            except KeyboardInterrupt:
                assert left == [0]
        assert verified(copy, copy.evidence, (ROOT, LAST, WITNESS)).ok
        grown = ledger.append(copy.ledger, origin, entries[2:] if cut else entries, copy.online)
        assert verified(copy, copy.evidence, (ROOT, LAST, WITNESS)).ok
        hashes = merkle.leaf_hashes(entries_of(copy.ledger))
        assert len(set(hashes)) == len(hashes) == grown.size
        roots.add(merkle.root(hashes[:17]))
    assert len(roots) == 1


@promise(24)
def what_cannot_be_shown_is_said(world):
    """Sound evidence says at each verification that completeness at the source, and the word of the time authority, are not
    proven; and that the tail could have been cut off, unless a checkpoint was kept."""
    told = verified(world, world.evidence, (KEY,)).not_proven
    assert {*NOT_PROVEN, AUTHORITY_TRUSTED} <= {*told}
    assert any(each.startswith("what came after the witnesses looked") for each in told)
    assert NO_AUTHORITY not in told
    assert any(each.startswith("the tail") for each in told)
    assert not any(each.startswith("the tail") for each in verified(world, world.evidence, (LAST, STAMP)).not_proven)
