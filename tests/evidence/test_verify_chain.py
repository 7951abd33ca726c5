import json
import shutil
from datetime import date, timedelta
from hashlib import sha256

import pytest
from ledgers import Book

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import build_predicate, canonical, sign_package
from gov_pipelines.evidence.verify import last_seen, verify

FIRST = date(2026, 10, 1)


@pytest.fixture
def trust(tmp_path, signer):
    path = tmp_path / "trusted.json"
    path.write_bytes(signer.public.to_json())
    return path


def rules(verification):
    return {check.rule for check in verification.failures}


def test_a_sound_chain_verifies_wherever_it_lies(chain, trust, tmp_path):
    found = verify(chain, trust=trust)
    assert found.ok, found.to_text()
    assert found.trusted
    assert verify(chain.parent, trust=trust).trusted
    shutil.copytree(chain.parent, tmp_path / "copy" / "evidence")
    assert verify(tmp_path / "copy" / "evidence" / "loans", trust=trust).trusted
    assert sum(check.rule == "chain-sequence" for check in found.checked) == 4


def test_a_deleted_night_is_a_hole(chain):
    shutil.rmtree(chain / "2026-10-02")
    found = verify(chain)
    assert rules(found) == {"chain-sequence", "chain-previous", "ledger-complete"}
    after, logged = "2026-10-03/r1/snapshot.intoto.jsonl", "ledger, entry 3"
    assert {check.file for check in found.failures} == {after, logged}
    assert [check.got for check in found.failures if check.file == logged] == ["loans/2026-10-02/r1 is not here"]
    assert [check.got for check in found.failures if check.rule == "chain-sequence"] == ["3 (sequence 2 is missing)"]


def test_the_text_first_says_what_was_verified(chain, signer, write_chain):
    key = f"signed by house key {signer.public.keyid[:8]}..."
    first, *_ = verify(chain).to_text().splitlines()
    assert first == f"4 snapshots of loans, 2026-10-01 to 2026-10-03, sequence 1 to 4, {key}, 0 missed windows"
    first, *_ = verify(chain / "2026-10-01" / "r2").to_text().splitlines()
    assert first == f"1 snapshot of loans, 2026-10-01, revision 2, sequence 4, {key}, 0 missed windows"
    (chain / "2026-10-02" / "r1" / "key.json").unlink()
    shutil.rmtree(chain / "2026-10-03")
    first, *_ = verify(chain).to_text().splitlines()
    assert first.endswith(f"sequence 1 to 4, {key}, 1 without a signature that verifies, 0 missed windows")


def test_a_window_counts_as_missed_until_a_revision_finds_it(tmp_path, content, files, signer):
    folder, previous, replaced = tmp_path / "loans", None, None
    covered = {name: each for name, each in files.items() if name != "tally.json"}
    for revision, missed in enumerate([{"reason": "no rows"}, None], start=1):
        said = {"sequence": revision, "previous": previous, "revision": revision, "supersedes": replaced}
        found = build_predicate(content(**said, missed=missed, tally=None))
        signed = sign_package(folder / "2026-10-01" / f"r{revision}", covered, found, signer).payload_sha256
        assert verify(folder).to_text().splitlines()[0].endswith(f", {2 - revision} missed window{'s'[2 - revision :]}")
        previous = {"sequence": revision, "payloadSha256": signed}
        replaced = {"revision": revision, "payloadSha256": signed}


def test_failures_speak_json_and_not_python(chain):
    shutil.rmtree(chain / "2026-10-01" / "r1")
    found = {check.rule: check for check in verify(chain).failures}
    assert json.loads(found["chain-revision"].expected) == {"revision": 1, "supersedes": None}
    assert json.loads(found["chain-revision"].got)["revision"] == 2
    assert json.loads(found["chain-previous"].expected) is None


def test_a_night_emptied_but_not_removed_is_named(chain):
    shutil.rmtree(chain / "2026-10-02" / "r1")
    assert rules(verify(chain)) == {"chain-sequence", "chain-previous", "chain-place", "ledger-complete"}


def test_the_first_night_cannot_be_deleted(chain):
    shutil.rmtree(chain / "2026-10-01" / "r1")
    assert {"chain-sequence", "chain-previous", "chain-revision"} <= rules(verify(chain))


def test_yesterdays_package_copied_to_today_is_named(chain, trust):
    shutil.rmtree(chain / "2026-10-02")
    shutil.copytree(chain / "2026-10-01" / "r1", chain / "2026-10-02" / "r1")
    found = verify(chain, trust=trust)
    assert {"chain-place", "chain-sequence", "chain-previous"} <= rules(found)
    assert any("2026-10-02/r1" in check.file and check.rule == "chain-place" for check in found.failures)


def test_two_packages_changing_places_are_named(chain):
    (chain / "2026-10-02").rename(chain / "x")
    (chain / "2026-10-03").rename(chain / "2026-10-02")
    (chain / "x").rename(chain / "2026-10-03")
    assert rules(verify(chain)) == {"chain-place"}


def test_a_renumbered_chain_needs_the_key(tmp_path, write_chain, other_signer, trust):
    rewritten = write_chain(tmp_path / "rewritten" / "loans", [(0, 1), (2, 1), (0, 2)], by=other_signer)
    assert verify(rewritten).ok  # consistent with its own key, and nobody vouched for that
    found = verify(rewritten, trust=trust)
    assert rules(found) == {"trusted-key", "checkpoint-signature"}
    assert len(found.failures) == 3 * 2 + 1  # both lines of each bundle, and the ledger


def test_a_chain_rewritten_by_its_own_key_is_caught_by_who_looked_before(chain, tmp_path, write_chain, trust):
    kept = tmp_path / "last"
    kept.write_bytes(last_seen(chain))
    assert verify(chain, trust=trust, last=kept).ok
    rewritten = write_chain(tmp_path / "rewritten" / "loans", [(0, 1), (2, 1), (1, 1), (0, 2)])
    assert verify(rewritten, trust=trust).ok
    found = verify(rewritten, trust=trust, last=kept)
    assert rules(found) == {"ledger-last"}
    assert not found.trusted


def test_a_cut_tail_is_a_hole_in_the_ledger_and_cut_there_too_is_caught_by_who_looked_before(
    chain, tmp_path, write_chain
):
    kept = tmp_path / "last"
    kept.write_bytes(last_seen(chain))
    shutil.rmtree(chain / "2026-10-01" / "r2")
    assert rules(verify(chain)) == {"ledger-complete"}
    cut = write_chain(tmp_path / "cut" / "loans", [(0, 1), (1, 1), (2, 1)])
    found = verify(cut)
    assert found.ok
    assert any("cut off" in item for item in found.not_proven)
    found = verify(cut, last=kept)
    assert rules(found) == {"ledger-last"}
    assert "only 5 entries" in found.failures[0].got


def test_growing_keeps_what_was_seen(tmp_path, write_chain):
    plan = [(0, 1), (1, 1), (2, 1)]
    kept = tmp_path / "last"
    kept.write_bytes(last_seen(write_chain(tmp_path / "a" / "loans", plan[:2])))
    grown = write_chain(tmp_path / "b" / "loans", plan)
    assert verify(grown, last=kept).ok
    assert verify(grown / "2026-10-03" / "r1", last=kept).ok


@pytest.mark.parametrize("note", [b"", b"[]", b"house-key/00\n1\nAA==\n\n", b"\xff"])
def test_a_spoilt_checkpoint_is_a_failed_check(chain, tmp_path, note):
    (tmp_path / "last").write_bytes(note)
    assert rules(verify(chain, last=tmp_path / "last")) == {"given-file"}


def test_a_checkpoint_is_kept_of_sound_evidence_only(chain):
    assert last_seen(chain) == (chain.parent / "ledger" / "checkpoint").read_bytes() == last_seen(chain.parent)
    (chain / "2026-10-02" / "r1" / "tally.json").write_text("{}")
    with pytest.raises(EvidenceError, match="manifest-sha256"):
        last_seen(chain)


def test_what_speaks_of_the_ledger_fails_where_there_is_none(package, chain, tmp_path):
    kept = tmp_path / "last"
    kept.write_bytes(last_seen(chain))
    assert rules(verify(package, last=kept)) == {"ledger-last"}
    shutil.rmtree(chain.parent / "ledger")
    assert rules(verify(chain)) == {"ledger-present"}


@pytest.mark.parametrize(
    ("plan", "failing"),
    [([(0, 1), (0, 3)], "chain-revision"), ([(0, 2), (0, 1)], "chain-revision"), ([(0, 2)], "chain-revision")],
)
def test_revisions_follow_one_another(tmp_path, content, files, signer, plan, failing):
    before, book = None, Book(tmp_path, signer)
    for sequence, (_, revision) in enumerate(plan, start=1):
        previous = {"sequence": sequence - 1, "payloadSha256": before} if before else None
        supersedes = {"revision": revision - 1, "payloadSha256": before or "0" * 64} if revision > 1 else None
        reasons = ["decisions: 1 late"] if sequence > 1 else []
        found = content(revision=revision, supersedes=supersedes, sequence=sequence, previous=previous)
        found["revisionReasons"] = reasons
        before = book.sign(tmp_path / "loans" / "2026-10-01" / f"r{revision}", files, found).payload_sha256
    assert rules(verify(tmp_path / "loans")) == {failing}


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"clauses": [{"id": "FL-4"}]}, {"policy-digest-per-version"}),
        ({"in_force": {"from": "2026-10-01", "until": "2027-01-01"}}, set()),
        ({"version": 4, "clauses": []}, set()),
    ],
    ids=["edited", "closed", "next version"],
)
def test_a_policy_edited_under_its_version_is_named(tmp_path, content, files, policy, signer, change, failing):
    previous, book = None, Book(tmp_path, signer)
    for sequence, said in enumerate([policy, policy | change], start=1):
        text = canonical.dumps(said)
        known = content()["policies"][0] | {"version": said["version"], "sha256": sha256(text).hexdigest()}
        day = FIRST + timedelta(sequence)
        found = content(day, sequence=sequence, previous=previous, policies=[known])
        covered = {name: each for name, each in files.items() if not name.startswith("policy.")}
        covered[f"policy.house@{said['version']}.json"] = text
        signed = book.sign(tmp_path / "loans" / day.isoformat() / "r1", covered, found)
        previous = {"sequence": sequence, "payloadSha256": signed.payload_sha256}
    assert rules(verify(tmp_path / "loans")) == failing


def test_strange_things_in_the_folders_are_named(chain, tmp_path):
    (chain / "notes.txt").write_text("")
    (chain / "2026-10-01" / "r02").mkdir()
    (chain / "2026-10-04").symlink_to(chain / "2026-10-03")
    (chain / "2026-10-02" / ".r2.partial-abc").mkdir()
    (chain.parent / "empty").mkdir()
    found = verify(chain.parent)
    assert rules(found) == {"chain-place"}
    assert {check.file for check in found.failures} == {
        "empty",
        "loans/notes.txt",
        "loans/2026-10-01/r02",
        "loans/2026-10-04",
    }
    assert any(".r2.partial-abc" in item and "crash" in item for item in found.not_proven)


def test_a_folder_that_bears_another_systems_name_is_named(chain):
    chain.rename(chain.parent / "cards")
    assert rules(verify(chain.parent)) == {"chain-place"}


def test_many_systems_are_checked_each_by_itself(tmp_path, chain, write_chain):
    shutil.copytree(chain, chain.parent / "cards")
    found = verify(chain.parent)
    assert {check.file.split("/")[0] for check in found.failures if check.rule.startswith("chain")} == {"cards"}


def test_a_path_without_evidence_is_wrong_use(tmp_path, chain):
    for path in (tmp_path / "absent", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(WrongUse, match="no evidence"):
            verify(path)
    with pytest.raises(WrongUse, match="not read"):
        verify(chain, last=tmp_path / "absent.json")


def test_every_package_unreadable_is_no_success(chain):
    for envelope in chain.rglob("snapshot.intoto.jsonl"):
        envelope.write_bytes(b"")
    assert {"envelope-canonical", "chain-sequence"} <= rules(verify(chain))


def test_certificates_that_are_none_are_a_failed_check(chain, tmp_path):
    (tmp_path / "tsa").write_bytes(b"garbage")
    assert "given-file" in rules(verify(chain, authority=tmp_path / "tsa"))


@pytest.mark.parametrize(
    ("data", "rule"), [(b"", "proof-format"), (b"index 0\n", "proof-format"), (b"{}", "fraud-format")]
)
def test_a_file_that_is_no_proof_is_said_to_be_none(tmp_path, data, rule):
    (tmp_path / "file").write_bytes(data)
    assert rules(verify(tmp_path / "file")) == {rule}
