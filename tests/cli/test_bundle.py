"""Evidence copied for whoever checks it elsewhere: whole chains, one night, and what may be published."""

import shutil
from datetime import timedelta

import pytest
from bank import FIRST, ROWS, Bank

from gov_pipelines.cli import main
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import load_signer
from gov_pipelines.evidence.entries import parse_entry, snapshot_entry
from gov_pipelines.evidence.package import read_package
from gov_pipelines.evidence.roots import current_roots
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.ledger import append
from gov_pipelines.evidence.tlog.notes import parse_note
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.evidence.verify import verify
from gov_pipelines.measure import tally_from_json
from gov_pipelines.pipeline.bundling import Bundled, bundle, bundle_night
from gov_pipelines.store import Home

DAY = FIRST.isoformat()


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """A bank with two nights audited; its evidence is read, never changed."""
    bank = Bank(tmp_path_factory.mktemp("bank") / "bank")
    day = FIRST + timedelta(days=1)
    bank.rows |= {f"2{name}": f"2{row.replace(DAY, day.isoformat(), 1)}" for name, row in ROWS.items()}
    return bank.audit().audit(day)


@pytest.fixture
def evidence(bank):
    return bank.root / ".gov" / "evidence"


@pytest.fixture
def run(bank, monkeypatch, capsys):
    """Runs the command in the bank; returns exit code and what it said."""
    monkeypatch.chdir(bank.root)
    monkeypatch.setenv("GOV_HOME", str(bank.root / ".gov"))
    monkeypatch.delenv("GOV_STORE_URL", raising=False)

    def called(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["bundle", *map(str, arguments)])
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    return called


@pytest.fixture
def behind(evidence, tmp_path):
    """A copy of the evidence whose ledger ends before the second night."""
    copy = tmp_path / "behind"
    shutil.copytree(evidence, copy, ignore=shutil.ignore_patterns("checkpoint", "tile"))
    signer, package = load_signer(Home(evidence.parent).keys_dir), read_package(copy / "loans" / DAY / "r1")
    entry = snapshot_entry(package.predicate, package.payload_sha256, package.signature)
    append(copy / "ledger", current_roots(copy / "ledger" / "root")[-1].origin, [entry], signer)
    return copy


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_published_copy_holds_merged_counts_and_verifies(evidence, published):
    copied, whole = files(published), evidence / "loans" / DAY / "r1"
    assert copied.keys() ^ files(whole).keys() == {"tally.json", "tally.disclosed.json"}
    assert all(
        content == (whole / name).read_bytes() for name, content in copied.items() if name != "tally.disclosed.json"
    )
    tally = tally_from_json(copied["tally.disclosed.json"])
    assert (tally.merged_below, tally.rows) == (5, 7)
    found = verify(published.parents[1])
    assert found.ok, found.to_text()
    assert "no measurement can be recomputed" in (published.parents[3] / "README.txt").read_text()


@pytest.fixture
def published(evidence, tmp_path):
    bundle(evidence, ["loans"], tmp_path / "published", published=True)
    return tmp_path / "published" / "evidence" / "loans" / DAY / "r1"


def rules(found):
    return {(check.file, check.rule) for check in found.failures}


def test_a_merged_tally_other_than_the_signed_one_is_refused(published):
    assert verify(published).ok
    path = published / "tally.disclosed.json"
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))
    assert ("tally.disclosed.json", "tally-digest") in rules(verify(published))


def test_a_tally_is_missed_where_nothing_stands_for_it(published, evidence):
    (published / "tally.disclosed.json").unlink()
    assert ("tally.json", "manifest-sha256") in rules(verify(published))
    (published / "tally.disclosed.json").symlink_to(evidence / "loans" / DAY / "r1" / "tally.json")
    assert ("tally.disclosed.json", "tally-digest") in rules(verify(published))


def test_a_link_that_leads_nowhere_is_no_absent_tally(published):
    (published / "tally.json").symlink_to("nowhere")
    assert ("tally.json", "manifest-sha256") in rules(verify(published))


def test_no_other_file_may_be_left_out(published):
    (published / "rows.json").unlink()
    assert rules(verify(published)) == {("rows.json", "manifest-sha256")}


def test_a_merged_tally_beside_the_whole_one_is_one_file_too_many(published, evidence):
    shutil.copy(evidence / "loans" / DAY / "r1" / "tally.json", published)
    assert rules(verify(published)) == {("tally.disclosed.json", "manifest-complete")}


def test_the_ledger_goes_along(run, evidence, tmp_path):
    code, said = run("--out", tmp_path / "out")
    assert (code, f"2 snapshots are in {tmp_path / 'out' / 'evidence'}: consistent with" in said) == (0, True), said
    assert files(tmp_path / "out" / "evidence") == files(evidence)
    assert "not for publication" in (tmp_path / "out" / "README.txt").read_text()


def test_what_the_ledger_lacks_is_left_to_the_next_copy(behind, tmp_path):
    second = (FIRST + timedelta(days=1)).isoformat()
    made = bundle(behind, ["loans"], tmp_path / "out", published=False)
    assert made == Bundled(1, (f"loans/{second}/r1",))
    assert not (tmp_path / "out" / "evidence" / "loans" / second).exists()
    with pytest.raises(WrongUse, match="not in the ledger yet"):
        bundle_night(behind, "loans", second, tmp_path / "night", published=False)


def test_one_night_travels_with_the_proof_that_it_is_in_the_ledger(run, evidence, tmp_path):
    out = tmp_path / "out"
    code, said = run("--out", out, "--date", DAY)
    assert code == 0, said
    beside = set(files(out)) - set(files(evidence / "loans" / DAY / "r1"))
    assert beside == {"snapshot.tlog-proof", "root/1.root.json"}
    proof = parse_proof((out / "snapshot.tlog-proof").read_bytes())
    entry = parse_entry(proof.extra)
    assert (entry["kind"], entry["partition"], entry["payloadSha256"]) == (
        "snapshot",
        DAY,
        read_package(out).payload_sha256,
    )
    assert proof.includes(merkle.leaf_hash(proof.extra), parse_checkpoint(proof.note.text))


def test_the_checkpoint_of_a_night_is_the_one_that_was_stamped(evidence, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(evidence, copy)
    size = parse_checkpoint(parse_note((copy / "ledger" / "checkpoint").read_bytes()).text).size
    (copy / "ledger" / "timestamps").mkdir(exist_ok=True)
    (copy / "ledger" / "timestamps" / f"{size}.tsr").write_bytes(b"token")
    bundle_night(copy, "loans", DAY, tmp_path / "out", published=False)
    assert (tmp_path / "out" / "checkpoint.tsr").read_bytes() == b"token"


@pytest.mark.parametrize("name", ["more.txt", "checkpoint", "tally.disclosed.json"])
def test_beside_a_night_lies_nothing_else(evidence, tmp_path, name):
    bundle_night(evidence, "loans", DAY, tmp_path / "out", published=False)
    assert "manifest-complete" not in {rule for _, rule in rules(verify(tmp_path / "out"))}
    (tmp_path / "out" / name).write_text("")
    assert "manifest-complete" in {rule for _, rule in rules(verify(tmp_path / "out"))}


def test_wrong_use_says_what_to_do(run, tmp_path, bank):
    assert run("--out", bank.root)[0] == 2
    code, said = run("--out", tmp_path / "out", "--system", "lonas")
    assert (code, "there is: loans" in said) == (2, True)
    code, said = run("--out", tmp_path / "out", "--date", "2026-08-01")
    assert (code, "no snapshot of loans 2026-08-01" in said) == (2, True)
