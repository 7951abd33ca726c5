import pickle
import subprocess
import sys

import pytest

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import ENVELOPE, build_predicate, discard_package, generate, read_package, sign_package
from gov_pipelines.evidence.verify import verify


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "loans" / "2026-10-01" / "r1"


def test_what_is_signed_is_read_back(folder, content, files, signer):
    predicate = build_predicate(content())
    signed = sign_package(folder, files, predicate, signer)
    read = read_package(folder)
    assert (read.payload_sha256, read.key_id) == (signed.payload_sha256, signed.key_id)
    assert {name: value for name, value in read.predicate.items() if name != "manifest"} == predicate
    assert [entry["name"] for entry in read.predicate["manifest"]] == sorted([*files, "key.json"])


def test_the_same_audit_signed_twice_is_the_same_package(tmp_path, content, files, signer):
    one, two = (sign_package(tmp_path / name, files, build_predicate(content()), signer) for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / ENVELOPE).read_bytes() == (tmp_path / "two" / ENVELOPE).read_bytes()


def test_a_package_is_never_overwritten_but_may_be_discarded(folder, content, files, signer):
    predicate = build_predicate(content())
    sign_package(folder, files, predicate, signer)
    before = (folder / ENVELOPE).read_bytes()
    with pytest.raises(EvidenceError, match="never overwritten"):
        sign_package(folder, files, build_predicate(content(retroactive=False)), signer)
    assert (folder / ENVELOPE).read_bytes() == before
    discard_package(folder)
    assert list(folder.parent.iterdir()) == []
    with pytest.raises(WrongUse, match="no snapshot package"):
        read_package(folder)
    sign_package(folder, files, build_predicate(content(retroactive=False)), signer)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "key.json", "snapshot.intoto.jsonl", "a\x00b", "ü"])
def test_unsafe_file_names_are_refused(folder, content, files, signer, name):
    with pytest.raises(EvidenceError, match="cannot be names"):
        sign_package(folder, {**files, name: b""}, build_predicate(content()), signer)
    assert not folder.exists()


def test_a_package_without_its_leaves_is_refused(folder, content, signer):
    with pytest.raises(EvidenceError, match="decision_leaves"):
        sign_package(folder, {}, build_predicate(content()), signer)


def test_a_package_of_another_kind_is_not_adopted(folder, content, files, signer):
    sign_package(folder, files, build_predicate(content()), signer)
    sound = (folder / ENVELOPE).read_bytes()
    (folder / ENVELOPE).write_bytes(sound[:-10])
    with pytest.raises(EvidenceError):
        read_package(folder)


KILLED = """
import os, pickle, sys
from pathlib import Path
from gov_pipelines.evidence import load_signer, sign_package
real, left = os.fsync, [int(sys.argv[2])]
def fsync(descriptor):
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
    real(descriptor)
os.fsync = fsync
keys, folder, files, predicate = pickle.loads(Path(sys.argv[1]).read_bytes())
sign_package(folder, files, predicate, load_signer(keys))
"""


@pytest.mark.parametrize("writes", [0, 2, 4, 7, 8])
def test_a_crash_leaves_a_whole_package_or_none(tmp_path, folder, content, files, writes):
    signer = generate(tmp_path / "keys", name="k", created=content()["asOf"])
    predicate = build_predicate(content())
    plan = tmp_path / "plan"
    plan.write_bytes(pickle.dumps((tmp_path / "keys", folder, files, predicate)))
    killed = subprocess.run([sys.executable, "-c", KILLED, plan, str(writes)], check=False)
    assert killed.returncode == 9
    if folder.exists():
        assert writes == 8  # only flushing the parent folder was left to do
    else:
        assert sign_package(folder, files, predicate, signer)
    assert [path.name for path in folder.parent.iterdir()] == ["r1"]  # nothing unfinished is left
    assert verify(folder).ok
