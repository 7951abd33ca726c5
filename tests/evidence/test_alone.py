"""A night that travels alone: its place in the ledger is checked, and nothing else may lie beside it."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from ledgers import Book
from tsa import time_authority

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.entries import root_entry
from gov_pipelines.evidence.roots import current_roots, new_root, sign_root
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.ledger import append
from gov_pipelines.evidence.tlog.notes import log_verifier, parse_note
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.evidence.tlog.tiles import read_entries
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline.bundling import bundle_night

PROOF = "snapshot.tlog-proof"


@pytest.fixture
def night(chain, tmp_path):
    bundle_night(chain.parent, "loans", "2026-10-03", tmp_path / "night", published=False)
    return tmp_path / "night"


@pytest.fixture
def root(chain):
    return chain.parent / "ledger" / "root" / "1.root.json"


def rules(found):
    return {check.rule for check in found.failures}


def test_a_night_alone_is_verified_with_its_place(night, root, signer, tmp_path):
    (tmp_path / "key.json").write_bytes(signer.public.to_json())
    for trust in (None, root, tmp_path / "key.json"):
        found = verify(night, trust=trust)
        assert found.ok, found.to_text()
        assert found.trusted == (trust is not None)
    assert {"ledger-snapshot", "proof-entry", "checkpoint-signature", "key-role"} <= {
        each.rule for each in found.checked
    }
    assert any("rest of the ledger" in each for each in found.not_proven)
    assert any("no witness cosigned" in each for each in found.not_proven)


def test_somebody_elses_root_or_key_is_not_trusted(night, other_signer, tmp_path, write_chain):
    other = (
        write_chain(tmp_path / "other" / "loans", [(0, 1)], by=other_signer).parent / "ledger" / "root" / "1.root.json"
    )
    (tmp_path / "other.json").write_bytes(other_signer.public.to_json())
    assert "root-trusted" in rules(verify(night, trust=other))
    assert {"trusted-key", "checkpoint-signature"} <= rules(verify(night, trust=tmp_path / "other.json"))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda said: said.update(revision=2), "ledger-snapshot"),
        (lambda said: said.update(payloadSha256="0" * 64), "ledger-snapshot"),
    ],
)
def test_the_entry_of_something_else_is_refused(night, change, rule):
    proof = parse_proof((night / PROOF).read_bytes())
    said = json.loads(proof.extra)
    change(said)
    forged = type(proof)(canonical.dumps(said), proof.index, proof.hashes, proof.note)
    (night / PROOF).write_bytes(forged.to_bytes())
    assert rules(verify(night)) == {rule}


def test_another_place_in_the_ledger_is_refused(night):
    proof = parse_proof((night / PROOF).read_bytes())
    for index, hashes in (
        (proof.index - 1, proof.hashes),
        (proof.index, proof.hashes[:-1]),
        (proof.index, proof.hashes[::-1]),
    ):
        (night / PROOF).write_bytes(type(proof)(proof.extra, index, hashes, proof.note).to_bytes())
        assert rules(verify(night)) == {"proof-entry"}


def test_the_proof_of_another_night_is_refused(chain, night, tmp_path):
    bundle_night(chain.parent, "loans", "2026-10-02", tmp_path / "before", published=False)
    shutil.copy(tmp_path / "before" / PROOF, night)
    assert rules(verify(night)) == {"ledger-snapshot", "proof-entry"}


@pytest.mark.parametrize("missing", [PROOF, "root"])
def test_a_part_of_the_way_to_the_ledger_is_refused(night, missing):
    path = night / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert rules(verify(night)) & {"proof-format", "root-chain"}


@pytest.mark.parametrize("name", ["2.root.json", "more.txt", ".hidden", "1.root.json~"])
def test_only_versions_of_the_root_lie_with_them(night, name):
    (night / "root" / name).write_bytes((night / "root" / "1.root.json").read_bytes())
    assert "root-chain" in rules(verify(night))


@pytest.fixture
def stamped(tmp_path, openssl, content, files, signer):
    """A night that was stamped sixty hours after it was made, and the authority's certificate."""
    clock = time_authority(tmp_path / "tsa")
    book = Book(tmp_path / "evidence", signer)
    made = datetime.now(UTC) - timedelta(hours=60)
    book.sign(tmp_path / "evidence" / "loans" / "2026-10-01" / "r1", files, content(timeCreated=made))
    note = parse_note((book.ledger / "checkpoint").read_bytes())
    (book.ledger / "timestamps").mkdir()
    (book.ledger / "timestamps" / f"{book.standing['size']}.tsr").write_bytes(clock.stamp(note.text.encode()))
    bundle_night(book.ledger.parent, "loans", "2026-10-01", tmp_path / "night", published=False)
    (tmp_path / "tsa.pem").write_bytes(clock.root)
    return tmp_path / "night", tmp_path / "tsa.pem"


def test_a_stamp_bounds_the_time_where_somebody_named_the_authority(stamped):
    night, authority = stamped
    found = verify(night)
    assert found.ok, found.to_text()
    assert any("was not looked at" in each for each in found.not_proven)
    found = verify(night, authority=authority)
    assert found.ok, found.to_text()
    assert {"time-token", "time-limit"} <= {check.rule for check in found.checked}
    flipped = bytearray((night / "checkpoint.tsr").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (night / "checkpoint.tsr").write_bytes(flipped)
    assert "time-token" in rules(verify(night, authority=authority))


def test_a_night_that_claims_to_be_younger_than_its_stamp_is_refused(stamped, tmp_path, content, files, signer):
    _, authority = stamped
    book = Book(tmp_path / "later", signer)
    book.sign(
        book.ledger.parent / "loans" / "2026-10-01" / "r1",
        files,
        content(timeCreated=datetime.now(UTC) + timedelta(hours=1)),
    )
    note = parse_note((book.ledger / "checkpoint").read_bytes())
    (book.ledger / "timestamps").mkdir()
    token = time_authority(tmp_path / "tsa2")
    (book.ledger / "timestamps" / f"{book.standing['size']}.tsr").write_bytes(token.stamp(note.text.encode()))
    bundle_night(book.ledger.parent, "loans", "2026-10-01", tmp_path / "late", published=False)
    authority.write_bytes(token.root)
    assert rules(verify(tmp_path / "late", authority=authority)) == {"time-limit"}


@pytest.fixture
def rotated(chain, signer, other_signer):
    """The chain's ledger after its key was replaced by another."""
    ledger = chain.parent / "ledger"
    (first,) = current_roots(ledger / "root")
    roles = dict.fromkeys(first.roles, ([other_signer.public], 1))
    second = new_root(2, first.since, first.expires, roles, first.origin)
    for each in (signer, other_signer):
        second = sign_root(second, each)
    (ledger / "root" / "2.root.json").write_bytes(second)
    before = (ledger / "checkpoint").read_bytes()
    append(ledger, first.origin, [root_entry(2, sha256(second).hexdigest())], other_signer, [signer.public])
    return ledger, before


def test_the_ledger_signs_with_its_newest_key_only(rotated, tmp_path):
    ledger, before = rotated
    (ledger / "cosigned").mkdir()
    (ledger / "cosigned" / "9").write_bytes(before)  # signed by the key that was replaced
    bundle_night(ledger.parent, "loans", "2026-10-03", tmp_path / "night", published=False)
    found = verify(tmp_path / "night", trust=ledger / "root" / "2.root.json")
    assert found.trusted, found.to_text()
    proof = parse_proof((tmp_path / "night" / PROOF).read_bytes())
    size = parse_checkpoint(parse_note(before).text).size
    path = merkle.inclusion_proof(merkle.leaf_hashes(read_entries(ledger, size)), proof.index)
    (tmp_path / "night" / PROOF).write_bytes(
        type(proof)(proof.extra, proof.index, tuple(path), parse_note(before)).to_bytes()
    )
    assert rules(verify(tmp_path / "night")) == {"checkpoint-signature"}


def test_within_a_chain_nothing_of_this_is_accepted(chain, night):
    for name in (PROOF, "root"):
        source, target = night / name, chain / "2026-10-03" / "r1" / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    found = verify(chain)
    assert {check.file.rpartition("/")[2] for check in found.failures if check.rule == "manifest-complete"} == {
        PROOF,
        "root",
    }


def test_a_policy_that_names_another_log_is_not_met_though_it_asks_for_no_witness(
    night, chain, signer, other_signer, tmp_path
):
    origin = current_roots(chain.parent / "ledger" / "root")[0].origin
    own, other = tmp_path / "own.policy", tmp_path / "other.policy"
    for file, key in ((own, signer.public), (other, other_signer.public)):
        file.write_text(f"log {log_verifier(origin, key).vkey}\nquorum none\n")
    for path in (night, chain.parent):
        assert verify(path, policy=own).ok
        assert rules(verify(path, policy=other)) == {"witness-quorum"}
