"""A night that travels alone: its place in the ledger is checked, and nothing else may lie beside it."""

import json
import shutil

import pytest

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog.proof import parse_proof
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


def test_a_stamp_that_nobody_can_read_is_refused_where_an_authority_is_named(night, tmp_path, openssl):
    (night / "checkpoint.tsr").write_bytes(b"token")
    found = verify(night)
    assert found.ok
    assert any("was not looked at" in each for each in found.not_proven)


def test_within_a_chain_nothing_of_this_is_accepted(chain, night):
    for name in (PROOF, "root"):
        source, target = night / name, chain / "2026-10-03" / "r1" / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    found = verify(chain)
    assert {check.file.rpartition("/")[2] for check in found.failures if check.rule == "manifest-complete"} == {
        PROOF,
        "root",
    }
