"""The ledger's writer where nothing crashes: sizes, layout, sameness, refusals, cost."""

import errno
import os
import re
import shutil
from random import Random

import pytest
from crasher import ORIGIN, calls, entry, notes, noting
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.keys import PublicKey, Signer
from gov_pipelines.evidence.tlog import ledger, merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import log_verifier, parse_note
from gov_pipelines.evidence.tlog.tiles import read_entries

EMPTY = merkle.root([])


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch):
    """Nothing crashes here, and waiting for the disk is most of what an append costs."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ledger"


@pytest.fixture
def append(folder, signer):
    """Appends the entries of these numbers."""

    def act(numbers, by=signer, **arguments):
        return ledger.append(folder, ORIGIN, [entry(number) for number in numbers], by, **arguments)

    return act


@pytest.fixture
def findings(folder, signer):
    return lambda key=signer.public: ledger.check(folder, [log_verifier(ORIGIN, key)])


def held(folder):
    return parse_checkpoint(parse_note((folder / "checkpoint").read_bytes()).text)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_size_to_600_has_the_root_of_its_entries(append, folder, findings):
    hashes = [merkle.leaf_hash(entry(number)) for number in range(600)]
    for size in range(1, 601):
        told = append([size - 1])
        assert (told.size, told.root, told.indices) == (size, merkle.root(hashes[:size]), (size - 1,))
        said = held(folder)
        assert (said.origin, said.size, said.root) == (ORIGIN, size, told.root)
        if size % 16 == 0 or size % 256 in {1, 255}:
            assert read_entries(folder, size) == [entry(number) for number in range(size)]
            assert findings() == []


@pytest.mark.parametrize("seed", range(6))
def test_random_batches_give_what_one_batch_gives(append, folder, findings, tmp_path, signer, seed):
    random, size = Random(seed), 0
    while size < 600:
        batch = random.choice((1, 2, 7, 30, 255, 256, 257, 300))
        told = append(range(size, size := size + batch))
        assert told.indices == tuple(range(size - batch, size))
        assert read_entries(folder, size) == [entry(number) for number in range(size)]
    assert findings() == []
    whole = ledger.append(tmp_path / "whole", ORIGIN, [entry(number) for number in range(size)], signer)
    assert whole.root == told.root
    mine, once = files(folder), files(tmp_path / "whole")
    assert once.items() <= mine.items()
    assert all(".p/" in path for path in mine.keys() - once.keys()), "only partial tiles of older sizes may be more"


def test_the_layout_of_70000_is_that_of_the_specification(folder, signer, findings):
    ledger.append(folder, ORIGIN, [str(number).encode() for number in range(70_000)], signer)
    found = sorted(path for path in files(folder) if path != "checkpoint")
    full = [f"{number:03d}" for number in range(273)]
    expected = [f"tile/{level}/{name}" for level in ("entries", "0") for name in [*full, "273.p/112"]]
    assert found == sorted([*expected, "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"])
    assert findings() == []


def test_256_is_a_full_tile_and_one_hash_above(append, folder):
    append(range(256))
    assert sorted(files(folder)) == ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


def test_partial_tiles_of_signed_sizes_stay_until_the_full_one_is_there(append, folder):
    append(range(3))
    append(range(3, 250))
    assert {"tile/0/000.p/3", "tile/0/000.p/250", "tile/entries/000.p/3"} <= files(folder).keys()
    append(range(250, 260))
    assert not any("000.p" in path for path in files(folder) if "tile/1/" not in path)


def test_full_tiles_are_never_written_again(append, folder):
    append(range(300))
    before = {path: path.stat().st_ino for path in (folder / "tile").glob("*/000")}
    assert len(before) == 2
    append(range(300, 900))
    assert {path: path.stat().st_ino for path in before} == before


def test_what_is_there_keeps_its_place_also_within_a_batch(append, findings):
    append([5, 6, 7])
    told = append([9, 6, 9, 5, 8, 8])
    assert (told.size, told.indices) == (5, (3, 1, 3, 0, 4, 4))
    assert append([8, 7]).indices == (4, 2)
    assert findings() == []


def test_what_is_there_already_is_neither_signed_nor_written_again(append, folder, signer, tmp_path):
    first = append([1, 2])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = append([2, 1], by=noting(signer, tmp_path / "signed"))
    assert (again.size, again.root, again.indices) == (2, first.root, (1, 0))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert notes(tmp_path / "signed") == []


def test_a_ledger_begins_with_its_first_entry(append, folder, findings, signer):
    assert append([]) == ledger.Appended(0, EMPTY, ())
    assert ledger.append(folder, ORIGIN, (), signer) == ledger.Appended(0, EMPTY, ())
    assert not folder.exists()
    assert findings() == []


@pytest.mark.parametrize(
    "wrong",
    [b"", b"{", b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b"\xff", b'"' + b"x" * 65_534 + b'"', b"1.0", b"NaN"],
    ids=["nothing", "half", "order", "space", "newline", "not UTF-8", "65,536 bytes", "number", "NaN"],
)
def test_entries_that_are_not_canonical_json_of_65535_bytes_are_refused(folder, signer, wrong):
    with pytest.raises(EvidenceError):
        ledger.append(folder, ORIGIN, [entry(1), wrong], signer)
    assert not folder.exists()


def test_an_entry_of_65535_bytes_is_kept(folder, signer, findings):
    largest = b'"' + b"x" * 65_533 + b'"'
    ledger.append(folder, ORIGIN, [largest] * 2 + [entry(1)], signer)
    assert read_entries(folder, 2) == [largest, entry(1)]
    assert findings() == []


def test_a_key_on_p256_signs_as_well(append, findings):
    private = ec.generate_private_key(ec.SECP256R1())
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signer = Signer(PublicKey("p256", spki), lambda message: private.sign(message, ec.ECDSA(SHA256())))
    append([1], by=signer)
    assert append([2, 1], by=signer).indices == (1, 0)
    assert findings(signer.public) == []


def test_another_key_goes_on_where_the_earlier_one_is_named(append, folder, signer, other_signer):
    append([1])
    with pytest.raises(EvidenceError, match="no known key signed"):
        append([2], by=other_signer)
    assert append([2], by=other_signer, earlier=[signer.public]).size == 2
    assert ledger.check(folder, [log_verifier(ORIGIN, other_signer.public)]) == []


@pytest.mark.parametrize("device", ["refuses", "signs wrongly"])
def test_what_a_device_did_not_sign_is_signed_by_the_next_append(append, folder, findings, signer, device):
    def sign(message):
        if device == "refuses":
            raise EvidenceError("the device is locked")
        return signer.sign(message + b"!")

    first = append([1])
    with pytest.raises(EvidenceError):
        append([2], by=Signer(signer.public, sign))
    assert held(folder).root == first.root
    assert findings() == []
    assert append([3]).indices == (2,)
    assert append([2]).indices == (1,)
    assert findings() == []


@pytest.mark.parametrize("before", [[], range(5), range(254)], ids=["nothing", "a few", "almost a tile"])
def test_a_disk_that_is_full_at_any_call_loses_nothing(signer, tmp_path, before):
    def go(numbers, full_at=0):
        count = 0

        def act(name, call, *arguments):
            nonlocal count
            count += 1
            if count == full_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return None if name == "fsync" else call()

        with calls(act):
            told = ledger.append(tmp_path / str(at), ORIGIN, [entry(number) for number in numbers], signer)
        return told, count < full_at  # making a folder that is there may fail unseen

    at, ended = 0, False
    while not ended:
        at += 1
        go(before)
        try:
            _, ended = go([1000, 1001, 1002], full_at=at)
        except OSError:
            assert ledger.check(tmp_path / str(at), [log_verifier(ORIGIN, signer.public)]) == []
        told, _ = go([1001, 1003, *before])
        assert told.size in {len(before) + 4, len(before) + 2}
        assert ledger.check(tmp_path / str(at), [log_verifier(ORIGIN, signer.public)]) == []
    assert at > 20


def flip(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def newest(folder, level):
    return max((folder / f"tile/{level}/001.p").iterdir(), key=lambda path: int(path.name))


# What somebody changed, of a ledger of 300 entries and 20 more; what append says, and what check says.
CHANGES = {
    "leaf hash in a full tile": (lambda f: flip(f / "tile/0/000"), "not the root of", "not what the entries give"),
    "leaf hash at the edge": (lambda f: flip(newest(f, 0)), "do not give the root", "not what the entries give"),
    "entry at the edge": (lambda f: flip(newest(f, "entries")), "do not give the root", "do not give the root"),
    "entry in a full bundle": (lambda f: flip(f / "tile/entries/000"), None, "do not give the root"),
    "bundle cut": (lambda f: newest(f, "entries").write_bytes(b"\0"), "ends within an entry", "ends within an entry"),
    "tile cut": (lambda f: newest(f, 0).write_bytes(b"\0" * 32), "expected 64 hashes", "not what the entries give"),
    "tile deleted": (lambda f: newest(f, 0).unlink(), "No such file", "is missing"),
    "full tile deleted": (lambda f: (f / "tile/0/000").unlink(), "No such file", "is missing"),
    "bundle deleted": (lambda f: newest(f, "entries").unlink(), "No such file", "No such file"),
    "tile above": (lambda f: flip(f / "tile/1/000.p/1"), "not the root of", "not what the entries give"),
    "older partial tile": (lambda f: flip(f / "tile/0/001.p/44"), None, "not what the entries give"),
    "file more": (lambda f: (f / "tile/0/002").write_bytes(b""), None, "not what the entries give"),
    "file of a strange name": (lambda f: (f / "tile/0/1").write_bytes(b""), None, "not what the entries give"),
    "checkpoint deleted": (lambda f: (f / "checkpoint").unlink(), "set back", "set back"),
    "checkpoint emptied": (lambda f: (f / "checkpoint").write_bytes(b""), "a note is", "a note is"),
    "checkpoint's signature": (lambda f: flip_line(f / "checkpoint"), "does not hold|base64", "does not hold|base64"),
    "checkpoint set back": (lambda f: shutil.copy(f.parent / "old", f / "checkpoint"), "set back", "set back"),
    "pending of another": (lambda f: (f / "pending").write_bytes(b"0 00 00\n"), "damaged", "damaged"),
    "pending emptied": (lambda f: (f / "pending").write_bytes(b""), "damaged", "damaged"),
}


def flip_line(path):
    lines = path.read_text().splitlines()
    lines[-1] = lines[-1][:-10] + ("A" if lines[-1][-10] != "A" else "B") + lines[-1][-9:]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("change", CHANGES)
def test_what_others_changed_is_never_signed_over(append, folder, findings, signer, tmp_path, change):
    act, refused, told = CHANGES[change]
    append(range(300))
    shutil.copy(folder / "checkpoint", tmp_path / "old")
    append(range(300, 320))
    act(folder)
    assert any(re.search(told, finding) for finding in findings()), findings()
    if refused is not None:
        with pytest.raises(EvidenceError, match=refused):
            append([1000], by=noting(signer, tmp_path / "signed"))
        with pytest.raises(EvidenceError, match=refused):
            append([7], by=noting(signer, tmp_path / "signed"))
        assert notes(tmp_path / "signed") == []


def test_a_ledger_of_another_origin_is_refused(append, folder, signer):
    append([1])
    with pytest.raises(EvidenceError):
        ledger.append(folder, "another.example/ledger", [entry(2)], signer)
